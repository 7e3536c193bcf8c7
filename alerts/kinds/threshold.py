"""Threshold with hysteresis: opens at the first sample that raises, clears at the first later one that clears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alerts.episodes import Interval, Point
from alerts.rules import Rule
from vitals.events import PatientContext

from .base import Cleared, Kind, Raised, Track, Turn, intervals_at, latch
from .signals import Signal


class Threshold(Kind):
    """A closed series opens at the first sample for which raise holds; it clears at the first later one for
    which clear does.
    """

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self.required, self.optional = signal.keys, signal.optional
        self.ignores, self.composed = signal.ignores, signal.composed

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        raised, cleared = latch(self._signal.raises(rule, track) & track.late_enough, self._signal.clears(rule, track))
        return intervals_at(track, raised, raised, cleared)

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        if is_open:
            return None, (Cleared(point),) if self._signal.clears_at(rule, value, point) else ()
        if self._signal.raises_at(rule, value, point):
            return None, (Raised(point.measured_us, point, point),)
        return None, ()

    def quiet(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, series: tuple[int, int, int]
    ) -> tuple[float, float]:
        return self._signal.calm(rule, is_open)

    def limits(self, rule: Rule) -> tuple[str, str]:
        return self._signal.texts(rule)
