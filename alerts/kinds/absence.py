"""Absence: data that is expected every so often did not come, from any of the patient's devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alerts import wording
from alerts.episodes import Episode, Interval, Point, points_of
from alerts.rules import Rule
from vitals.events import Deadline, PatientContext

from .base import EVERYTHING, NOTHING_QUIET, Cleared, Kind, Raised, Track, Turn


def due_us(last_us: int, for_us: int, blind: Sequence[tuple[int, int]]) -> int:
    """When silence since `last_us` has lasted `for_us`, not counting the stretches in which the pipeline was blind."""
    due = last_us + for_us
    for since_us, until_us in blind:
        if since_us >= due:
            break
        if until_us > last_us:
            due += until_us - max(since_us, last_us)
    return due


class Absence(Kind):
    """Opens when nothing came for `every` and `grace` after the last reading; clears at the next one.

    It starts with the first reading that the patient sends in the programme: whoever never sent one has nothing to
    miss, and the worklist says that no data came yet. State: the last reading.
    """

    required = frozenset({"every", "grace"})
    composed = frozenset({"any"})
    merged = True

    def listens(self, rule: Rule) -> bool:
        return True

    def certain_us(self, rule: Rule, opened_us: int, readings: int) -> int | None:
        return opened_us

    def lookback_us(self, rule: Rule, context: PatientContext) -> int:
        return rule.for_us + sum(until_us - since_us for since_us, until_us in context.blind)

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        times = track.measured_us
        found = []
        long = np.flatnonzero(np.diff(times, append=until_us) >= rule.for_us).tolist()
        for place in long:
            last, *rest = points_of(track.samples[place : place + 2])
            opened_us = due_us(last.measured_us, rule.for_us, context.blind)
            if rest and opened_us < rest[0].measured_us:
                found.append(Interval(opened_us, last, last, rest[0].measured_us, rest[0]))
            elif not rest and opened_us < until_us:
                found.append(Interval(opened_us, last, last))
        return found

    def resume(self, rule: Rule, context: PatientContext, track: Track, last: Interval | None) -> Any:
        return points_of(track.samples[-1:])[0] if len(track.samples) else None

    def heard(self, rule: Rule, state: Any, point: Point, streamed: bool) -> Any:
        return point if state is None or point.place > state.place else state

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        if is_open:
            return point, (Cleared(point),)
        if state is None:
            return point, ()
        opened_us = due_us(state.measured_us, rule.for_us, context.blind)
        if opened_us < point.measured_us:
            return point, (Raised(opened_us, state, state), Cleared(point))
        return point, ()

    def due(self, rule: Rule, context: PatientContext, state: Any) -> Deadline | None:
        if state is None:
            return None
        return Deadline(due_us(state.measured_us, rule.for_us, context.blind) + 1, state.measured_us)

    def silent_since_us(self, rule: Rule, stored: Deadline) -> int | None:
        return stored.since_us

    def carried(self, state: Any) -> tuple[Point, ...]:
        return (state,) if state is not None else ()

    def expire(self, rule: Rule, context: PatientContext, state: Any) -> tuple[Any, Raised]:
        return state, Raised(due_us(state.measured_us, rule.for_us, context.blind), state, state)

    def quiet(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, series: tuple[int, int, int]
    ) -> tuple[float, float]:
        return NOTHING_QUIET if is_open or state is None else EVERYTHING

    def limits(self, rule: Rule) -> tuple[str, str]:
        return f"nothing for {wording.dwell_text(rule.for_us)}", "the next reading"

    def title(self, rule: Rule) -> str:
        return f"{wording.metric_text(rule.metric)}: no reading"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        expected = f"expected every {wording.dwell_text(rule.every_us)}"
        last = wording.readings_text(episode.readings)
        return f"{rule.title}: {expected}, nothing for {wording.dwell_text(rule.for_us)}. Last: {last}"
