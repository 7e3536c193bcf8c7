"""An engine that is broken in one place must not pass the property that holds for every kind (tests/disorder)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from alerts import news2_bands, online, settle
from alerts import state as state_module
from alerts.applicability import BEGINNING_US
from alerts.kinds import score
from alerts.kinds.absence import Absence
from alerts.kinds.base import Kind
from alerts.kinds.delta import Delta
from alerts.kinds.score import Input, Score
from alerts.kinds.sustained import Sustained
from alerts.kinds.technical import Contact, Improbable
from alerts.kinds.threshold import Threshold
from alerts.online import OnlineEngine
from alerts.rebuild import Rebuild
from alerts.rules import Rule, sees
from alerts.state import Cell, PatientState, Slots
from alerts.stepping import Stepper
from tests.disorder.histories import Group, history_from
from tests.disorder.scenes import DAY, HOUR, SCENES
from tests.disorder.site import Site
from vitals import codes
from vitals.events import Deadline, PatientContext, PatientHistory
from vitals.reading import Flag

#: Most are caught within thirty histories.
HISTORIES = 600

EVERYTHING = (-float("inf"), float("inf"))


def _with_rule(real: Callable[..., Any], **changes: Any) -> Callable[..., Any]:
    """A kind's method that sees another rule than it was given."""

    def broken(self: Kind, rule: Any, *rest: Any) -> Any:
        return real(self, replace(rule, **changes), *rest)

    return broken


def _without_blindness(real: Callable[..., Any]) -> Callable[..., Any]:
    def broken(self: Kind, rule: Any, context: PatientContext, *rest: Any) -> Any:
        return real(self, rule, replace(context, blind=()), *rest)

    return broken


def _clears_late(self: Threshold, rule: Any, *rest: Any) -> Any:
    if rule.clear_limit is not None and not rule.clear_limit.upward:
        return _STEP[Threshold](self, replace(rule, clear_limit=replace(rule.clear_limit, value=0.0)), *rest)
    return _STEP[Threshold](self, rule, *rest)


def _forgets_runs(self: Sustained, rule: Any, context: Any, state: Any, is_open: bool, series: Any) -> Any:
    return _SUSTAINED_QUIET(self, rule, context, None, is_open, series)


def _days_of_utc(rule: Any, context: PatientContext, *rest: Any) -> Any:
    return _ENTER(rule, replace(context, zone="UTC"), *rest)


def _clears_against_the_day_before(
    self: Delta, rule: Any, context: Any, state: Any, is_open: bool, value: float, point: Any
) -> Any:
    if is_open and state.firsts:
        state = state._replace(reference=state.firsts[-1])
    return _STEP[Delta](self, rule, context, state, is_open, value, point)


def _resumes_with_the_last_day(self: Delta, rule: Any, context: Any, track: Any, last: Any) -> Any:
    days = _DELTA_RESUME(self, rule, context, track, last)
    return days if last is None else days._replace(reference=days.firsts[-1])


def _silence_clears(self: Score, rule: Any, context: Any, known: Any, is_open: bool, value: float, point: Any) -> Any:
    if is_open:
        held = {name: one for name, one in known.held.items() if one.counts(point.measured_us)}
        known = known._replace(held=held)
    return _STEP[Score](self, rule, context, known, is_open, value, point)


def _keeps_stretch(self: Cell, segment: Any) -> bool:
    self.segment = segment
    return False


def _too_short(rules: Any, context: Any, said: Any, since_us: int, silence: Any) -> dict[int, int]:
    return {metric: since_us for one in rules for metric, _ in sees(one.metric, one.unit)}


def _part_for_whole(self: Any, metric: int) -> int:
    return BEGINNING_US


def _restart_forgets(self: OnlineEngine, samples: Any, context: Any, tick: bool) -> Any:
    plan = _PLANNED(self, samples, {key: replace(known, deadline=None) for key, known in context.items()}, tick)
    plan.context = context
    return plan


def _deadline_late(self: PatientState, slots: Slots) -> Deadline | None:
    found = _DEADLINE(self, slots)
    return None if found is None else Deadline(found.due_us + HOUR, found.since_us)


def _deaf(self: Kind, rule: Any, state: Any, *_: Any) -> Any:
    return state


def _as_long(self: Input, at_us: int) -> bool:
    return at_us - self.point.measured_us <= score.SPOT_AGE_US


def _late_if_unknown(self: OnlineEngine, plan: Any, series: int) -> bool:
    return plan.keys[series][0] not in self._patients


def _no_floor(self: Cell, *arguments: Any) -> bool:
    touched = _WALK(self, *arguments)
    self.floor_us = BEGINNING_US
    return touched


def _moves_nothing(self: Stepper, state: PatientState, *times: int) -> Any:
    floors = [(watch, watch.floor_us) for watch in state.watches]
    places = {slot: self.slots.place(slot) for slot in state.slots.values()}
    changes = _PASS_TIME(self, state, *times)
    for watch, floor_us in floors:
        watch.floor_us = floor_us
    for slot, place in places.items():
        self.slots.move(slot, place)
    return changes


_STEP: dict[type[Kind], Callable[..., Any]] = {
    kind: kind.step for kind in (Threshold, Sustained, Delta, Absence, Score)
}
_SUSTAINED_QUIET, _DELTA_RESUME, _ENTER = Sustained.quiet, Delta.resume, Delta._enter
_PLANNED, _DEADLINE = OnlineEngine._planned, PatientState.deadline
_WALK, _PASS_TIME = Cell.walk, Stepper.pass_time

#: What happens between groups, and how many places late a reading can be.
Shape = tuple[tuple[str, ...], int]
CALM: Shape = (("go",), 0)
TICKS: Shape = (("go", "go", "tick"), 0)
RESTARTS: Shape = (("go", "go", "go", "restart"), 0)
LATE: Shape = (("go", "go", "go", "tick"), 3)
WILD: Shape = (("go", "go", "go", "tick", "drop", "correction"), 6)

#: What is broken: where it must be noticed (scene, shape, rule or all), the owner, its attribute, what stands there.
MUTANTS: dict[str, tuple[str, Shape, str, Any, str, Any]] = {
    # Kinds.
    "a threshold clears too late": ("threshold", CALM, "fast", Threshold, "step", _clears_late),
    "gaps inside a dwell are ignored": (
        *("sustained", CALM, "low-held", Sustained, "step"),
        _with_rule(_STEP[Sustained], max_gap_us=10**8),
    ),
    "the quiet band forgets runs under way": ("sustained", CALM, "low-held", Sustained, "quiet", _forgets_runs),
    "a run under way is lost at a restart": ("sustained", RESTARTS, "low-held", Sustained, "resume", lambda *_: None),
    "no time confirms that a reading stands alone": (
        *("sustained", TICKS, "low-spot", Sustained, "due"),
        lambda *_: None,
    ),
    "no later reading confirms it": (
        *("sustained", CALM, "low-spot", Sustained, "step"),
        _with_rule(_STEP[Sustained], spot=False),
    ),
    "a quiet neighbour is not heard": ("sustained", CALM, "low-spot", Sustained, "heard", _deaf),
    "days are those of Greenwich": ("delta", CALM, "", Delta, "_enter", staticmethod(_days_of_utc)),
    "a gain clears against the day before": ("delta", CALM, "", Delta, "step", _clears_against_the_day_before),
    "the reference is lost at a restart": ("delta", RESTARTS, "", Delta, "resume", _resumes_with_the_last_day),
    "readings close to each other are compared": (
        *("delta", CALM, "gain-day", Delta, "step"),
        _with_rule(_STEP[Delta], min_gap_us=0),
    ),
    "a week more is compared": (
        *("delta", CALM, "loss", Delta, "step"),
        _with_rule(_STEP[Delta], window_us=10 * DAY),
    ),
    "blindness is missed by ticks": ("absence", TICKS, "", Absence, "due", _without_blindness(Absence.due)),
    "blindness is missed by readings": ("absence", CALM, "", Absence, "step", _without_blindness(_STEP[Absence])),
    "the last reading is lost at a restart": ("absence", RESTARTS, "", Absence, "resume", lambda *_: None),
    "a quiet reading does not end a silence": ("absence", CALM, "", Absence, "heard", _deaf),
    "a reading before an alert of silence is in order": (
        *("absence", WILD, "no-weight", Absence, "certain_us"),
        lambda *_: None,
    ),
    "a silence is looked for from the cut on": ("absence", LATE, "", Absence, "lookback_us", lambda *_: 0),
    "silence clears a score": ("score", CALM, "news2-5", Score, "step", _silence_clears),
    "streams count as long as spot readings": ("score", CALM, "news2-5", Input, "counts", _as_long),
    "a target is missed by steps": ("score", CALM, "", news2_bands, "scale_at", lambda *_: 1),
    "the bands of a score are endless": (
        *("score", CALM, "", news2_bands, "band_within"),
        lambda *_, **__: EVERYTHING,
    ),
    "a quiet value is not heard": ("score", CALM, "", Score, "heard", _deaf),
    "the bounds of a score hold for the past": ("score", LATE, "", Score, "floor_us", lambda *_: BEGINNING_US),
    "what an alert holds is lost at a restart": (
        *("score", RESTARTS, "news2-5", score._Columns, "held_since"),
        lambda *_: {},
    ),
    "a score asks for its own stretch only": ("score", RESTARTS, "", Score, "lookback_us", lambda *_: 0),
    "an improbable reading is quiet": ("improbable", CALM, "", Improbable, "quiet", lambda *_: EVERYTHING),
    "marks of the clock are not looked at": ("clock", CALM, "", state_module, "CLOCK", 0),
    "a run without contact is lost at a restart": ("contact", RESTARTS, "", Contact, "resume", lambda *_: None),
    "a sensor is off at once": ("contact", CALM, "", Contact, "step", _with_rule(_STEP[Sustained], for_us=0)),
    # The engine.
    "the end of an enrolment is missed": ("threshold", CALM, "low-copd", Cell, "leave", _keeps_stretch),
    "the history asked for is too short": (
        *("sustained", RESTARTS, "low-held", online, "reach"),
        _too_short,
    ),
    "late readings are taken as if in order": ("threshold", LATE, "", OnlineEngine, "_late", _late_if_unknown),
    "quiet samples are never heard": ("absence", CALM, "", Cell, "hear", lambda *_: None),
    "what a track merges is late one by one": (
        *("score", LATE, "", OnlineEngine, "_merged_last_us"),
        lambda *_: BEGINNING_US,
    ),
    "a merged track has no floor": ("absence", LATE, "no-weight", Cell, "walk", _no_floor),
    "a restart forgets a silence under way": ("absence", RESTARTS, "", OnlineEngine, "_planned", _restart_forgets),
    "a late reading forgets a silence under way": (
        *("sustained", LATE, "low-spot", PatientState, "pending_us"),
        lambda *_: 2**62,
    ),
    "what silence opened a late reading takes back": ("absence", WILD, "", Rebuild, "_silent", lambda *_: BEGINNING_US),
    "a part of a history is taken for the whole": (
        *("sustained", WILD, "low-spot", PatientHistory, "known_us"),
        _part_for_whole,
    ),
    "what time opened a late reading cannot undo": (
        "sustained",
        WILD,
        "low-spot",
        Stepper,
        "pass_time",
        _moves_nothing,
    ),
    "a deadline is late": ("absence", TICKS, "", PatientState, "deadline", _deadline_late),
    "time passes for nobody": ("absence", TICKS, "", Stepper, "pass_time", lambda *_: []),
}


class Nonsense(Exception):
    """A mutant that fails where the engine would only be wrong proves nothing."""


def _not_suspended(state: Any, rule: Any, at: Any, what: str) -> Any:
    if what == "AssertionError":
        raise AssertionError("a kind noticed")
    raise Nonsense(f"{rule.id}: {what}")


def _site(kind: str, shape: Shape, only: str, choose: random.Random) -> Site:
    scene, (events, late) = SCENES[kind], shape
    rules = tuple(one for one in scene.rules if only in ("", one.id))
    metrics = {metric for one in rules for metric in scene.values if _sees(one, metric)}
    values = {metric: known for metric, known in scene.values.items() if metric in metrics}
    history = history_from(replace(scene, rules=rules, changed=rules, values=values), choose.randbytes)
    history.rows["flags"] &= ~np.uint32(Flag.TOO_LATE)  # what no rule counts says nothing of rules
    places = sorted(range(len(history.rows)), key=lambda place: (place + choose.randint(0, late), place))
    groups = tuple(Group(choose.choice((1, 1, 2)), choose.choice(events), choose.randrange(256)) for _ in places)
    shaped = replace(history, arrivals=tuple(places), groups=groups)
    return Site(replace(scene, rules=rules, changed=rules, values=values), shaped)


def _sees(one: Rule, metric: str) -> bool:
    key, _, part = metric.partition(".")
    component = codes.PRESSURE_PARTS.index(part) + 1 if part else 0
    return (codes.metric(key).number, component) in sees(one.metric, one.unit)


def _caught(site: Site) -> bool:
    try:
        site.run()
        return site.standing() != site.truth()
    except AssertionError:
        return True


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_property_catches_a_broken_engine(mutant: str) -> None:
    kind, shape, only, owner, name, broken = MUTANTS[mutant]
    choose = random.Random(mutant)
    with mock.patch.object(settle, "_suspended", _not_suspended), mock.patch.object(owner, name, broken):
        assert any(_caught(_site(kind, shape, only, choose)) for _ in range(HISTORIES)), f"not noticed: {mutant}"


@pytest.mark.parametrize("kind", SCENES)
def test_nothing_is_caught_when_nothing_is_broken(kind: str) -> None:
    """Histories as above, so that none of them is caught for a reason of its own."""
    choose = random.Random(kind)
    for shape in (CALM, TICKS, RESTARTS, LATE, WILD):
        for _ in range(6):
            assert not _caught(_site(kind, shape, "", choose))
