"""Whatever the order, the groups and the restarts, the online engine ends like the oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from alerts import online, oracle
from alerts.kinds.sustained import Sustained
from alerts.kinds.threshold import Threshold
from alerts.online import OnlineEngine
from alerts.rules import Limit, sees
from alerts.state import Cell
from tests.unit.alerts.stored import SECOND, Store, group, keys, rule, sample
from vitals.events import Enrolment, PatientContext, SpO2Target
from vitals.reading import Flag

HELD = {"for_us": 3 * SECOND, "max_gap_us": 2 * SECOND}
BELOW_88 = Limit("<", 88)
RULES = (
    rule("low", "threshold", "spo2", raised=BELOW_88),
    rule("low-held", "sustained", "spo2", raised=Limit("<=", 90), **HELD),
    rule("low-copd", "sustained", "spo2", raised=BELOW_88, programme="copd", spo2_target="required", **HELD),
    rule("low-others", "threshold", "spo2", raised=Limit("<=", 89), spo2_target="excluded"),
    rule("odd", "improbable", "spo2", programme="technical"),
    rule("odd-pulse", "improbable", "heart_rate", programme="technical"),
    rule("fast", "threshold", "heart_rate", raised=Limit(">", 130)),
    rule("fast-held", "sustained", "heart_rate", raised=Limit(">=", 111), cleared=Limit("<", 111), **HELD),
)
COPD = PatientContext(
    2,
    "copd",
    enrolments=(Enrolment("copd", 5 * SECOND, 16 * SECOND), Enrolment("copd", 20 * SECOND, 24 * SECOND)),
    spo2_targets=(SpO2Target(88, 92, 8 * SECOND), SpO2Target(94, 98, 22 * SECOND)),
)
CONTEXTS = {1: PatientContext(1, "well"), 2: COPD}
PULSES = (80.0, 110.0, 111.0, 111.0, 130.0, 131.0)
VALUES = {
    "spo2": (86.0, 88.0, 90.0, 90.0, 91.0, 95.0),
    "heart_rate": PULSES,
}
FLAGS = (0, 0, 0, 0, *(int(f) for f in (Flag.IMPROBABLE, Flag.NO_CONTACT, Flag.TOO_LATE, Flag.LOW_PERFUSION)))
NOW = 120 * SECOND
#: A last plausible reading of each patient: time has passed for those too whom a restart had unloaded.
LAST = group(*(sample(NOW, 95.0, patient=patient, device=9) for patient in CONTEXTS))

Rows = list[tuple[Any, ...]]
Cuts = list[tuple[int, str]]


@st.composite
def dense(draw: st.DrawFn) -> Rows:
    """Readings of one to three series in order of time, dense enough for runs, overlaps and ties."""
    numbers = st.sampled_from((1, 2))
    one = st.tuples(numbers, numbers, st.sampled_from(("spo2", "heart_rate")))
    how_many = draw(st.sampled_from((1, 1, 2, 3)))
    series = draw(st.lists(one, min_size=how_many, max_size=how_many, unique=True))
    few = {m: draw(st.lists(st.sampled_from(v), min_size=2, max_size=3)) for m, v in VALUES.items()}
    flagged, at_s, found = draw(st.booleans()), draw(st.integers(0, 20)), []
    # An explicit length: lists without a lower bound are five long on average, too short for a dwell.
    for _ in range(draw(st.integers(0, 30))):
        at_s += draw(st.sampled_from((0, 1, 1, 1, 2, 3)))
        patient, device, metric = draw(st.sampled_from(series))
        found.append(
            sample(
                at_s * SECOND,
                draw(st.sampled_from(few[metric])),
                # Two kinds of pulse are two series of one rule.
                "pulse_rate_oximeter" if metric == "heart_rate" and device == 2 else metric,
                patient=patient,
                device=device,
                flags=draw(st.sampled_from(FLAGS)) if flagged else 0,
                sequence=draw(st.integers(0, 1)),
            )
        )
    return in_time(distinct(found))


@st.composite
def disordered(draw: st.DrawFn) -> Rows:
    """The same in the order of arrival: each reading up to 2, 8 or 40 places late."""
    found = draw(dense())
    late = st.integers(0, draw(st.sampled_from((2, 8, 40))))
    places = [(place + draw(late), place) for place in range(len(found))]
    return [found[place] for _, place in sorted(places)]


def distinct(found: Rows) -> Rows:
    """One row for each observation, as dedupe leaves them."""
    return list({row[-1]: row for row in found}.values())


def in_time(arriving: Rows) -> Rows:
    return sorted(arriving, key=lambda row: (row[7], row[9], row[12]))


def grouped(*after: str) -> st.SearchStrategy[Cuts]:
    """Size of each group and what comes after it: go on, restart everything, or forget one patient."""
    return st.lists(st.tuples(st.sampled_from((1, 1, 1, 2, 6)), st.sampled_from(after)), min_size=30, max_size=30)


#: A restart heals what is open, so some histories have few of them, or none.
steps = st.one_of(grouped("go"), grouped(*["go"] * 12, "restart", "drop"), grouped("go", "restart", "drop"))


def run(engine: OnlineEngine, arriving: Rows, cuts: Cuts, extends: bool = True) -> Store:
    store = Store(CONTEXTS, extends=extends)
    at = 0
    for size, after in cuts:
        part = arriving[at : at + size]
        at += size
        if not part:
            break
        now_us = max(row[7] for row in arriving[:at])
        store.take(engine, group(*part), now_us, patients=(1,))
        if after == "restart":
            engine.drop()
        elif after == "drop":
            engine.drop(frozenset({2}))
    store.take(engine, LAST, NOW)
    return store


def truth(arriving: Rows, contexts: dict[int, PatientContext] = CONTEXTS) -> set[oracle.AlertKey]:
    return keys(oracle.history(RULES, contexts, np.concatenate((group(*arriving), LAST)), NOW))


def look_again(store: Store, engine: OnlineEngine) -> None:
    """Rebuilds every patient from the beginning."""
    for patient in CONTEXTS:
        engine.reexamine(patient, 0)
    store.take(engine, group(), NOW, patients=tuple(CONTEXTS))


#: Every day a little more than hypothesis' 100; `make test-long` asks for more.
EXAMPLES = settings(max_examples=max(200, settings().max_examples))


@EXAMPLES
@given(dense(), steps)
def test_in_order(arriving: Rows, cuts: Cuts) -> None:
    store = run(OnlineEngine(RULES), arriving, [(size, "go") for size, _ in cuts])
    assert store.standing() == truth(arriving)


@EXAMPLES
@given(dense(), steps, st.booleans())
def test_in_order_with_restarts(arriving: Rows, cuts: Cuts, extends: bool) -> None:
    assert run(OnlineEngine(RULES), arriving, cuts, extends).standing() == truth(arriving)


@EXAMPLES
@given(disordered(), steps, st.booleans())
def test_any_order_with_restarts(arriving: Rows, cuts: Cuts, extends: bool) -> None:
    engine = OnlineEngine(RULES, patients_max=1 if extends else 5)
    store = run(engine, arriving, cuts, extends)
    assert store.standing() == truth(arriving)
    before = len(store.changes)
    look_again(store, engine)
    assert len(store.changes) == before, "looking again at what is already right changes nothing"


@EXAMPLES
@given(disordered(), steps, st.integers(0, 20))
def test_a_context_that_changes_is_applied_to_the_past(arriving: Rows, cuts: Cuts, moment: int) -> None:
    engine, store = OnlineEngine(RULES), Store(dict(CONTEXTS))
    later = replace(COPD, enrolments=(Enrolment("copd", 2 * SECOND, 12 * SECOND), Enrolment("copd", 20 * SECOND)))
    at = 0
    for number, (size, _) in enumerate(cuts):
        if number == moment:
            store.contexts[2] = later
        store.take(engine, group(*arriving[at : at + size]), NOW, patients=(1, 2))
        at += size
    store.take(engine, LAST, NOW)
    assert store.standing() == truth(arriving, store.contexts)


def _no_gap(self: Sustained, *args: Any) -> Any:
    changed = replace(args[0], max_gap_us=100 * SECOND)
    return _SUSTAINED_STEP(self, changed, *args[1:])


def _never_clears(self: Threshold, rule: Any, *rest: Any) -> Any:
    return _THRESHOLD_STEP(self, replace(rule, clear_limit=Limit(">=", 99)), *rest)


def _careless_band(self: Sustained, rule: Any, context: Any, state: Any, is_open: bool, series: Any) -> Any:
    return _SUSTAINED_QUIET(self, rule, context, None, is_open, series)


def _keeps_stretch(self: Cell, segment: Any) -> bool:
    self.segment = segment
    return False


_SUSTAINED_STEP, _SUSTAINED_QUIET, _THRESHOLD_STEP = Sustained.step, Sustained.quiet, Threshold.step


def _too_short(rules: Any, context: Any, said: Any, since_us: int, silence: Any) -> dict[int, int]:
    return {metric: since_us for one in rules for metric, _ in sees(one.metric, one.unit)}


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "gaps inside a dwell are ignored": (Sustained, "step", _no_gap),
    "an alert clears too late": (Threshold, "step", _never_clears),
    "the quiet band forgets runs under way": (Sustained, "quiet", _careless_band),
    "the end of an enrolment is missed": (Cell, "leave", _keeps_stretch),
    "a run under way is lost at a restart": (Sustained, "resume", lambda *_: None),
    "the history asked for is too short": (online, "reach", _too_short),
    "late readings are taken as if in order": (OnlineEngine, "_late", lambda self, plan, series: False),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_property_catches_a_broken_engine(mutant: str) -> None:
    owner, name, broken = MUTANTS[mutant]

    def caught(case: tuple[Rows, Cuts]) -> bool:
        try:
            return run(OnlineEngine(RULES), *case).standing() != truth(case[0])
        except (AssertionError, KeyError):
            return True

    # Only the first counterexample is wanted, not the smallest.
    wanted = settings(max_examples=1000, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    with mock.patch.object(owner, name, broken):
        try:
            find(st.tuples(dense() | disordered(), steps), caught, settings=wanted)
        except NoSuchExample:
            pytest.fail(f"not noticed: {mutant}")
