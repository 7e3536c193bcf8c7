"""Contract of `vitals.ports.alerting.AlertEngine`, run on every implementation there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from tests.unit.alerts.stored import MINUTE, SECOND, Store, group, sample
from vitals.events import PatientContext, PatientHistory
from vitals.ports.alerting import AlertEngine, HistoryTooShort

T0 = 1_700_000_000 * SECOND
CONTEXT = {1: PatientContext(1, "p")}
FEVER = [sample(T0 + i * MINUTE, 38.5, "body_temp") for i in range(3)]
WELL = sample(T0 + 10 * MINUTE, 36.5, "body_temp")

ENGINES: list[Callable[[], AlertEngine]] = [lambda: OnlineEngine(shipped_rules())]


@pytest.fixture(params=ENGINES, ids=["online"])
def engine(request: pytest.FixtureRequest) -> AlertEngine:
    make: Callable[[], AlertEngine] = request.param
    return make()


def test_an_unknown_patient_is_asked_for_once(engine: AlertEngine) -> None:
    (request,) = engine.needs(group(FEVER[0]), CONTEXT)
    assert request.patient == 1 and request.from_us < T0 < request.to_us
    Store(CONTEXT).take(engine, group(FEVER[0]), T0)
    assert engine.needs(group(FEVER[1]), CONTEXT) == []


def test_asking_changes_nothing(engine: AlertEngine) -> None:
    assert engine.needs(group(FEVER[0]), CONTEXT) == engine.needs(group(FEVER[0]), CONTEXT)


def test_open_clear_and_what_they_say(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    (opened,) = store.take(engine, group(*FEVER), T0)
    (cleared,) = store.take(engine, group(WELL), T0)
    assert (opened.change, cleared.change) == ("opened", "cleared")
    assert opened.alert.id == cleared.alert.id
    assert opened.because == opened.alert.readings[0] and cleared.because == cleared.alert.clearing
    assert (cleared.alert.opened_us, cleared.alert.cleared_us) == (T0, T0 + 10 * MINUTE)


@pytest.mark.parametrize("extends", [True, False])
def test_a_dropped_patient_comes_back_as_it_was(engine: AlertEngine, extends: bool) -> None:
    store = Store(CONTEXT, extends=extends)
    store.take(engine, group(*FEVER), T0)
    engine.drop(frozenset({1}))
    (change,) = store.take(engine, group(WELL), T0)
    assert change.change == "cleared"


def test_a_rolled_back_group_can_be_taken_again(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WELL), T0)
    later = group(sample(T0 + 11 * MINUTE, 39.5, "body_temp"))
    lost = engine.apply(later, CONTEXT, {}, T0)
    engine.drop(frozenset({1}))
    assert store.take(engine, later, T0) == lost


def test_short_history_changes_nothing_and_names_what_is_wanted(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(*FEVER), T0)
    engine.drop()
    much_later = group(sample(T0 + 100 * MINUTE, 36.5, "body_temp"))
    (request,) = engine.needs(much_later, CONTEXT)
    stored = store.history(1, request.from_us, request.to_us, 0)
    short = PatientHistory(CONTEXT[1], request.from_us, request.to_us, stored.samples[:0], stored.alerts)
    with pytest.raises(HistoryTooShort) as caught:
        engine.apply(much_later, CONTEXT, {1: short}, T0)
    (wanted,) = caught.value.requests
    assert wanted.patient == 1 and wanted.from_us < T0
    assert engine.needs(much_later, CONTEXT)[0].from_us == wanted.from_us


def test_late_readings_ask_for_their_stretch(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WELL), T0)
    (request,) = engine.needs(group(FEVER[0]), CONTEXT)
    assert request.from_us <= T0
    (change,) = store.take(engine, group(FEVER[0]), T0)
    assert change.change == "opened" and change.alert.late and change.alert.condition == "cleared"
