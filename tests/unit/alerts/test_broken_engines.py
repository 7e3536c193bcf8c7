"""An engine that is broken in one place must not pass the property that holds for every kind (tests/disorder)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from alerts import news2_bands, online, settle, stepping
from alerts import state as state_module
from alerts.applicability import BEGINNING_US
from alerts.kinds import absence, score
from alerts.kinds.absence import Absence
from alerts.kinds.base import Kind
from alerts.kinds.delta import Delta
from alerts.kinds.score import Input, Score
from alerts.kinds.sustained import Sustained
from alerts.kinds.technical import Clock, Contact, Improbable
from alerts.kinds.threshold import Threshold
from alerts.online import OnlineEngine
from alerts.rebuild import Rebuild
from alerts.state import Cell, PatientState, Slots
from alerts.stepping import Stepper
from tests.disorder.histories import history_from
from tests.disorder.scenes import SCENES
from tests.disorder.site import Site
from vitals.events import Deadline, PatientContext

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


def _part_for_whole(self: Rebuild, *arguments: Any) -> None:
    _REBUILD_INIT(self, *arguments[:-1], BEGINNING_US)


def _starts_open(self: Rebuild, *arguments: Any) -> None:
    _REBUILD_INIT(self, *arguments)
    for watch in self.state.watches:
        watch.closed_us = BEGINNING_US


def _restart_forgets_silence(self: OnlineEngine, samples: Any, context: Any, tick: bool) -> Any:
    plan = _PLANNED(self, samples, {key: replace(known, deadline=None) for key, known in context.items()}, tick)
    plan.context = context
    return plan


def _deadline_late(self: PatientState, slots: Slots) -> Deadline | None:
    found = _DEADLINE(self, slots)
    return None if found is None else Deadline(found.due_us + 1, found.since_us)


_STEP: dict[type[Kind], Callable[..., Any]] = {
    kind: kind.step for kind in (Threshold, Sustained, Delta, Absence, Score)
}
_SUSTAINED_QUIET, _DELTA_RESUME, _ENTER = Sustained.quiet, Delta.resume, Delta._enter
_REBUILD_INIT, _PLANNED, _DEADLINE = Rebuild.__init__, OnlineEngine._planned, PatientState.deadline

#: What is broken: the scene that must notice, the owner, its attribute, and what stands in its place.
MUTANTS: dict[str, tuple[str, Any, str, Any]] = {
    # Kinds.
    "a threshold clears too late": ("threshold", Threshold, "step", _clears_late),
    "gaps inside a dwell are ignored": (
        *("sustained", Sustained, "step"),
        _with_rule(_STEP[Sustained], max_gap_us=10**8),
    ),
    "the quiet band forgets runs under way": ("sustained", Sustained, "quiet", _forgets_runs),
    "a run under way is lost at a restart": ("sustained", Sustained, "resume", lambda *_: None),
    "no time confirms that a reading stands alone": ("sustained", Sustained, "due", lambda *_: None),
    "no later reading confirms it": ("sustained", Sustained, "step", _with_rule(_STEP[Sustained], spot=False)),
    "a quiet neighbour is not heard": ("sustained", Sustained, "heard", lambda self, rule, state, *_: state),
    "days are those of Greenwich": ("delta", Delta, "_enter", staticmethod(_days_of_utc)),
    "a gain clears against the day before": ("delta", Delta, "step", _clears_against_the_day_before),
    "the reference of a gain is lost at a restart": ("delta", Delta, "resume", _resumes_with_the_last_day),
    "readings close to each other are compared": ("delta", Delta, "step", _with_rule(_STEP[Delta], min_gap_us=0)),
    "a day more is compared": ("delta", Delta, "step", _with_rule(_STEP[Delta], window_us=10 * 86_400 * 10**6)),
    "blindness is missed by ticks": ("absence", Absence, "due", _without_blindness(Absence.due)),
    "blindness is missed by readings": ("absence", Absence, "step", _without_blindness(_STEP[Absence])),
    "the last reading is lost at a restart": ("absence", Absence, "resume", lambda *_: None),
    "a quiet reading does not end a silence": ("absence", Absence, "heard", lambda self, rule, state, *_: state),
    "a reading before an alert of silence is in order": ("absence", Absence, "certain_us", lambda *_: None),
    "a silence is looked for only from the cut on": ("absence", Absence, "lookback_us", lambda *_: 0),
    "silence clears a score": ("score", Score, "step", _silence_clears),
    "streams count as long as spot readings": ("score", Input, "counts", lambda self, at_us: (
        at_us - self.point.measured_us <= score.SPOT_AGE_US
    )),
    "a target is missed by steps": ("score", news2_bands, "scale_at", lambda *_: 1),
    "the bands of a score are endless": ("score", news2_bands, "band_within", lambda *_, **__: EVERYTHING),
    "a quiet value is not heard": ("score", Score, "heard", lambda self, rule, state, *_: state),
    "the bounds of a score hold for the past": ("score", Score, "floor_us", lambda *_: BEGINNING_US),
    "what an alert holds is lost at a restart": ("score", score._Columns, "held_since", lambda *_: {}),
    "a score asks for its own stretch only": ("score", Score, "lookback_us", lambda *_: 0),
    "an improbable reading is quiet": ("improbable", Improbable, "quiet", lambda *_: EVERYTHING),
    "marks of the clock are not looked at": ("clock", state_module, "CLOCK", 0),
    "a wrong clock stays wrong": ("clock", Clock, "quiet", lambda *_: EVERYTHING),
    "a run without contact is lost at a restart": ("contact", Contact, "resume", lambda *_: None),
    "a sensor is off at once": ("contact", Contact, "step", _with_rule(_STEP[Sustained], for_us=0)),
    # The engine.
    "the end of an enrolment is missed": ("threshold", Cell, "leave", _keeps_stretch),
    "the history asked for is too short": ("sustained", online, "reach_us", lambda rules, context, said, since: since),
    "late readings are taken as if in order": ("threshold", OnlineEngine, "_late", lambda *_: False),
    "quiet samples are never heard": ("absence", Cell, "hear", lambda *_: None),
    "what a track merges is late one by one": (
        *("score", OnlineEngine, "_merged_last_us"),
        lambda *_: BEGINNING_US,
    ),
    "a merged track has no floor": ("score", state_module, "KINDS", {}),
    "a restart forgets a silence under way": ("absence", OnlineEngine, "_planned", _restart_forgets_silence),
    "a late reading forgets a silence under way": ("absence", PatientState, "pending_us", lambda *_: 2**62),
    "a rebuild forgets the last reading": (
        *("absence", OnlineEngine, "_carried"),
        lambda self, patient: state_module.np.array([], dtype=state_module.SAMPLE),
    ),
    "what silence has opened is asked of ticks only": ("absence", Rebuild, "_silent", lambda self, _: self._silent_us),
    "a part of a history is taken for the whole": ("sustained", Rebuild, "__init__", _part_for_whole),
    "a rebuild raises before its cut": ("score", Rebuild, "__init__", _starts_open),
    "an overtaken silence opens in order": ("absence", Cell, "overtaken", lambda *_: False),
    "what time has opened a sample from before may undo": ("absence", stepping, "end_of", lambda _: (BEGINNING_US, 0, b"")),
    "a deadline is late": ("absence", PatientState, "deadline", _deadline_late),
    "time passes for nobody": ("absence", Stepper, "pass_time", lambda *_: []),
}


class Nonsense(Exception):
    """A mutant that fails where the engine would only be wrong proves nothing."""


def _not_suspended(state: Any, rule: Any, at: Any, what: str) -> Any:
    if what == "AssertionError":
        raise AssertionError("a kind noticed")
    raise Nonsense(f"{rule.id}: {what}")


def _caught(scene: str, choose: random.Random) -> bool:
    site = Site(SCENES[scene], history_from(SCENES[scene], choose.randbytes))
    try:
        site.run()
        return site.standing() != site.truth()
    except AssertionError:
        return True


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_property_catches_a_broken_engine(mutant: str) -> None:
    scene, owner, name, broken = MUTANTS[mutant]
    choose = random.Random(mutant)
    with mock.patch.object(settle, "_suspended", _not_suspended), mock.patch.object(owner, name, broken):
        for n in range(HISTORIES):
            if _caught(scene, choose):
                print("CAUGHT", n, mutant)
                return
    pytest.fail(f"not noticed: {mutant}")
