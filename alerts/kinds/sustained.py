"""Sustained: raise must hold over a time, without a silence longer than `max_gap` inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Interval, Point, points_of
from alerts.rules import Rule
from vitals.events import Deadline, PatientContext

from .base import NOTHING_QUIET, Cleared, Kind, Raised, Track, Turn, intervals_at, latch
from .signals import Signal


class Course(NamedTuple):
    """Where a series stands: when its last sample was measured, and the first of the run under way, if there is one.

    `alone`: the run is one reading that has no other within `max_gap` before it.
    """

    last_us: int
    first: Point | None = None
    alone: bool = False


def _runs(rule: Rule, measured_us: NDArray[np.int64], holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each sample that holds, the position of the first sample of its run (elsewhere the value means
    nothing).
    """
    joins = np.zeros(len(holds), dtype=np.bool_)
    joins[1:] = holds[:-1] & (np.diff(measured_us) <= rule.max_gap_us)
    starts = np.where(holds & ~joins, np.arange(len(holds)), 0)
    return np.maximum.accumulate(starts)


def _alone(rule: Rule, track: Track, until_us: int) -> NDArray[np.bool_]:
    """Samples that have no other of their series within `max_gap`; of the last one that is known at `until_us`."""
    measured_us = track.measured_us
    far = np.diff(measured_us) > rule.max_gap_us
    alone: NDArray[np.bool_] = np.append(True, far) & np.append(far, until_us - measured_us[-1] > rule.max_gap_us)
    return alone & (measured_us - rule.max_gap_us >= track.known_us)


class Sustained(Kind):
    """A run is consecutive samples for which raise holds, no two further apart than `max_gap`.

    It raises at the first sample that is `for` or more after the run's first. A sample that does not hold
    ends the run; a longer gap starts a new one. Once open, a gap changes nothing; it clears like a threshold.
    With `spot` a reading for which raise holds counts by itself when no other of its series lies within `max_gap`
    of it: who measures once has no dwell to show.
    """

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self.required = signal.keys | {"for"}
        self.optional = signal.optional | {"max_gap", "spot"}
        self.ignores, self.composed = signal.ignores, signal.composed

    def listens(self, rule: Rule) -> bool:
        return rule.spot

    def certain_us(self, rule: Rule, opened_us: int, readings: int) -> int | None:
        return opened_us + rule.max_gap_us if rule.spot and readings == 1 else None

    def lookback_us(self, rule: Rule, context: PatientContext) -> int:
        return max(rule.for_us, rule.max_gap_us if rule.spot else 0) + rule.max_gap_us

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        holds = self._signal.raises(rule, track)
        if not holds.any():
            return []
        first = _runs(rule, track.measured_us, holds)
        complete = holds & (track.measured_us - track.measured_us[first] >= rule.for_us) & track.late_enough
        if rule.spot:
            complete |= holds & _alone(rule, track, until_us)
        raised, cleared = latch(complete, self._signal.clears(rule, track))
        return intervals_at(track, first[raised], raised, cleared)

    def resume(self, rule: Rule, context: PatientContext, track: Track, last: Interval | None) -> Any:
        if not len(track.samples):
            return None
        measured_us = track.measured_us
        end_us = int(measured_us[-1])
        holds = self._signal.raises(rule, track)
        if last is not None or not holds[-1]:
            return Course(end_us)
        first = int(_runs(rule, measured_us, holds)[-1])
        before_us = int(measured_us[-2]) if len(measured_us) > 1 else None
        alone = end_us - rule.max_gap_us >= track.known_us
        alone &= before_us is None or end_us - before_us > rule.max_gap_us
        return Course(end_us, points_of(track.samples[first : first + 1])[0], alone)

    def heard(self, rule: Rule, state: Any, point: Point, streamed: bool) -> Any:
        return Course(point.measured_us)

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        course: Course | None = state
        now_us = point.measured_us
        near = course is not None and now_us - course.last_us <= rule.max_gap_us
        turns: list[Turn] = []
        if course is not None and course.first is not None and not near:
            if rule.spot and course.alone and not is_open:
                turns.append(self._spot(course))
                is_open = True
            course = Course(course.last_us)
        if is_open:
            if self._signal.clears_at(rule, value, point):
                turns.append(Cleared(point))
            return Course(now_us), turns
        if not self._signal.raises_at(rule, value, point):
            return Course(now_us), turns
        first = course.first if course is not None and course.first is not None else point
        if now_us - first.measured_us >= rule.for_us:
            return Course(now_us), [*turns, Raised(now_us, first, point)]
        return Course(now_us, first, alone=not near), turns

    @staticmethod
    def _spot(course: Course) -> Raised:
        assert course.first is not None
        return Raised(course.first.measured_us, course.first, course.first)

    def due(self, rule: Rule, context: PatientContext, state: Any) -> Deadline | None:
        course: Course | None = state
        if not rule.spot or course is None or course.first is None or not course.alone:
            return None
        return Deadline(course.last_us + rule.max_gap_us + 1, course.last_us)

    def silent_since_us(self, rule: Rule, stored: Deadline) -> int | None:
        # A reading that waits for its neighbours is due after `max_gap`, and nothing is due before what is stored.
        return stored.due_us - rule.max_gap_us - 1 if rule.spot else None

    def carried(self, state: Any) -> tuple[Point, ...]:
        return (state.first,) if state is not None and state.first is not None and state.alone else ()

    def expire(self, rule: Rule, context: PatientContext, state: Any) -> tuple[Any, Raised]:
        return Course(state.last_us), self._spot(state)

    def quiet(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, series: tuple[int, int, int]
    ) -> tuple[float, float]:
        # Under way, every sample counts: it completes the run, prolongs it or ends it.
        busy = not is_open and state is not None and state.first is not None
        return NOTHING_QUIET if busy else self._signal.calm(rule, is_open)

    def limits(self, rule: Rule) -> tuple[str, str]:
        return self._signal.texts(rule)
