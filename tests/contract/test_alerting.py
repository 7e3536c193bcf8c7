"""Contract of `vitals.ports.alerting.AlertEngine`, run on every implementation there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.online import OnlineEngine
from alerts.rules import Limit
from tests.unit.alerts.stored import DAY, HOUR, MINUTE, SECOND, Store, group, rule, sample
from vitals.events import Enrolment, PatientContext, PatientHistory
from vitals.ports.alerting import AlertEngine, HistoryTooShort
from vitals.reading import Flag

T0 = 1_700_000_000 * SECOND
CONTEXT = {1: PatientContext(1, "p")}
FEVER = [sample(T0 + i * MINUTE, 38.5, "body_temp") for i in range(3)]
WELL = sample(T0 + 10 * MINUTE, 36.5, "body_temp")
WEIGHT = sample(T0, 80.0, "body_weight")
TOO_LATE = sample(T0 + HOUR, 80.0, "body_weight", flags=int(Flag.TOO_LATE))
#: A weight is expected every day, with six hours of grace.
DUE = 30 * HOUR
RULES = (
    rule("fever", "threshold", "body_temp", Limit(">=", 38.1), cleared=Limit("<", 38.0)),
    rule("no-weight", "absence", "body_weight", every_us=DAY, for_us=DUE),
    rule("low-copd", "threshold", "spo2", Limit("<", 88), programme="copd"),
)

ENGINES: list[Callable[[], AlertEngine]] = [lambda: OnlineEngine(RULES)]


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
    much_later = group(sample(T0 + 100 * DAY, 36.5, "body_temp"))
    (request,) = engine.needs(much_later, CONTEXT)
    stored = store.history(1, request.earliest_us, request.to_us)
    short = PatientHistory(CONTEXT[1], request.earliest_us, request.to_us, stored.samples[:0], stored.alerts)
    with pytest.raises(HistoryTooShort) as caught:
        engine.apply(much_later, CONTEXT, {1: short}, T0)
    (wanted,) = caught.value.requests
    assert wanted.patient == 1 and wanted.earliest_us < T0
    assert engine.needs(much_later, CONTEXT)[0].earliest_us == wanted.earliest_us


def test_late_readings_ask_for_their_stretch(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WELL), T0)
    (request,) = engine.needs(group(FEVER[0]), CONTEXT)
    assert request.earliest_us <= T0
    (change,) = store.take(engine, group(FEVER[0]), T0)
    assert change.change == "opened" and change.alert.late and change.alert.condition == "cleared"


# ---------------------------------------------------------------- silence


def test_a_deadline_says_when_silence_counts_and_since_when(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(FEVER[0]), T0)
    assert engine.deadlines([1]) == {1: None}, "an alert that only a reading can clear waits for no time"
    store.take(engine, group(WEIGHT), T0)
    assert engine.deadlines([1]) == {1: (T0 + DUE + 1, T0)}
    assert engine.deadlines([]) == {}
    # A reading moves it on, a quiet one too.
    for hours in (20, 40, 41):
        store.take(engine, group(sample(T0 + hours * HOUR, 80.0, "body_weight")), T0 + hours * HOUR)
        due_us, since_us = T0 + hours * HOUR + DUE + 1, T0 + hours * HOUR
        assert engine.deadlines([1]) == {1: (due_us, since_us)} == store.deadlines


def test_the_end_of_an_enrolment_is_a_deadline(engine: AlertEngine) -> None:
    until_us = T0 + HOUR
    store = Store({1: PatientContext(1, "p", (Enrolment("copd", None, until_us),))})
    store.take(engine, group(sample(T0, 85.0)), T0)
    assert store.deadlines == {1: (until_us, T0)}
    assert store.tick(engine, until_us - 1) == []
    (change,) = store.tick(engine, until_us)
    assert (change.change, change.alert.cleared_us, change.alert.clearing) == ("cleared", until_us, None)
    assert store.deadlines == {1: None}


def test_only_a_tick_makes_silence_count(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    assert store.take(engine, group(WELL), T0 + 3 * DAY) == [], "a weight may still be on its way"
    assert store.take(engine, group(), T0 + 3 * DAY, [1]) == []
    assert store.take(engine, group(), T0 + DUE, [1], tick=True) == [], "not yet"
    (opened,) = store.take(engine, group(), T0 + DUE + 1, [1], tick=True)
    assert (opened.change, opened.alert.rule, opened.alert.opened_us) == ("opened", "no-weight", T0 + DUE)
    assert opened.alert.readings[0].value == "80.0" and not opened.alert.late
    assert engine.deadlines([1]) == {1: None}, "no time ends it"


def test_a_tick_that_comes_late_says_when_it_was(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    (opened,) = store.tick(engine, T0 + 90 * DAY)
    assert opened.alert.opened_us == T0 + DUE
    (cleared,) = store.take(engine, group(sample(T0 + 91 * DAY, 81.0, "body_weight")), T0 + 91 * DAY)
    assert (cleared.change, cleared.alert.cleared_us) == ("cleared", T0 + 91 * DAY)


def test_a_tick_asks_for_nothing_when_the_patient_is_known(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    assert engine.needs(group(), store.known(1), tick=True) == []


def test_a_tick_after_a_restart_asks_back_to_the_last_reading(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    store.take(engine, group(WELL), T0 + 10 * MINUTE)
    engine.drop()
    assert engine.needs(group(), store.known(1)) == [], "without a tick there is nothing to look at"
    (request,) = engine.needs(group(), store.known(1), tick=True)
    assert request.patient == 1 and request.earliest_us <= T0 <= request.to_us
    (opened,) = store.tick(engine, T0 + 2 * DAY)
    assert (opened.change, opened.alert.opened_us) == ("opened", T0 + DUE)


@pytest.mark.parametrize("uncounted", [sample(T0 + HOUR, 70.0, "heart_rate"), TOO_LATE], ids=["unseen", "too late"])
def test_a_reading_that_no_rule_counts_ends_no_deadline_after_a_restart(
    engine: AlertEngine, uncounted: tuple[Any, ...]
) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    engine.drop()
    assert store.take(engine, group(uncounted), T0 + HOUR) == []
    assert [change.alert.opened_us for change in store.tick(engine, T0 + 2 * DAY)] == [T0 + DUE]


def test_a_tick_without_a_deadline_asks_for_nothing(engine: AlertEngine) -> None:
    assert engine.needs(group(), CONTEXT, tick=True) == []
    assert engine.apply(group(), CONTEXT, {}, T0, tick=True) == []


def test_a_weight_that_was_on_its_way_takes_the_alert_back(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    (opened,) = store.tick(engine, T0 + 2 * DAY)
    late = group(sample(T0 + 29 * HOUR, 80.5, "body_weight"))
    (gone,) = store.take(engine, late, T0 + 2 * DAY)
    assert (gone.change, gone.alert.id) == ("retracted", opened.alert.id)
    assert store.deadlines == {1: (T0 + 29 * HOUR + DUE + 1, T0 + 29 * HOUR)}


def test_a_restart_between_silence_and_reading_changes_nothing(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    (opened,) = store.tick(engine, T0 + 2 * DAY)
    engine.drop()
    assert store.take(engine, group(WELL), T0 + 2 * DAY) == []
    assert store.alerts[opened.alert.id].condition == "active"
    (cleared,) = store.take(engine, group(sample(T0 + 3 * DAY, 80.0, "body_weight")), T0 + 3 * DAY)
    assert (cleared.change, cleared.alert.id) == ("cleared", opened.alert.id)


# ---------------------------------------------------------------- corrections


@pytest.mark.parametrize("restarts", [False, True])
def test_reexamining_asks_for_the_stretch_and_says_what_is_different(engine: AlertEngine, restarts: bool) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(*FEVER), T0)
    if restarts:
        engine.drop()
    # The first two turn out to be another patient's.
    store.samples = store.samples[2:]
    engine.reexamine(1, T0)
    (request,) = engine.needs(group(), store.known(1))
    assert request.patient == 1 and request.earliest_us <= T0
    (change,) = store.take(engine, group(), T0 + HOUR, [1])
    assert (change.change, change.alert.opened_us) == ("amended", T0 + 2 * MINUTE)
    assert engine.needs(group(), store.known(1)) == [], "once is enough"


def test_reexamining_what_is_right_says_nothing(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT, *FEVER), T0)
    store.tick(engine, T0 + 2 * DAY)
    for from_us in (T0 + 2 * DAY, T0, 0):
        engine.reexamine(1, from_us)
        assert store.take(engine, group(), T0 + 2 * DAY, [1]) == []
    assert {a.condition for a in store.alerts.values()} == {"active"} and len(store.alerts) == 2


def test_the_earliest_of_several_stretches_is_examined(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(*FEVER), T0)
    store.samples = store.samples[:0]
    engine.reexamine(1, T0)
    engine.reexamine(1, T0 + DAY)
    (change,) = store.take(engine, group(), T0 + DAY, [1])
    assert change.change == "retracted"


def test_a_reading_taken_back_moves_the_deadline(engine: AlertEngine) -> None:
    store = Store(CONTEXT)
    store.take(engine, group(WEIGHT), T0)
    store.take(engine, group(sample(T0 + DAY, 8.0, "body_weight")), T0 + DAY)
    assert store.deadlines == {1: (T0 + DAY + DUE + 1, T0 + DAY)}
    store.samples = store.samples[:1]
    engine.reexamine(1, T0 + DAY)
    assert store.take(engine, group(), T0 + DAY + HOUR, [1]) == []
    assert store.deadlines == {1: (T0 + DUE + 1, T0)}
    (opened,) = store.tick(engine, T0 + 2 * DAY)
    assert opened.alert.opened_us == T0 + DUE


def test_others_are_left_alone(engine: AlertEngine) -> None:
    both = {key: PatientContext(key, f"p{key}") for key in (1, 2)}
    store = Store(both)
    store.take(engine, group(FEVER[0], sample(T0, 39.0, "body_temp", patient=2)), T0)
    engine.reexamine(1, T0)
    assert [request.patient for request in engine.needs(group(), store.known(1, 2))] == [1]
    assert engine.needs(group(), store.known(2)) == [], "it waits until the patient is named"
