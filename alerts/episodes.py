"""From a series' intervals to the patient's episodes: one alert is the union of what its series say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from vitals import codes, units
from vitals.events import ReadingRef
from vitals.reading import Flag

#: As a plain number: an enum's own `&` costs most of a sample's step.
_IMPROBABLE = int(Flag.IMPROBABLE)


class Point(NamedTuple):
    """One sample as an object; the fields are those of `vitals.events.SAMPLE`, in its order."""

    patient: int
    device: int
    metric: int
    component: int
    decimals: int
    unit: int
    flags: int
    measured_us: int
    received_us: int
    sequence: int
    value: float
    sent: float
    observation: bytes

    @property
    def place(self) -> tuple[int, int, int, int, int, bytes]:
        """The order of samples of several series, that of `oracle.in_merged_order`."""
        return self.measured_us, self.metric, self.component, self.device, self.sequence, self.observation

    @property
    def improbable(self) -> bool:
        """Marked as outside the plausible range."""
        return bool(self.flags & _IMPROBABLE)

    @property
    def ref(self) -> ReadingRef:
        """The reading as an alert names it."""
        key = codes.by_number()[self.metric].key
        return ReadingRef(
            observation=UUID(bytes=self.observation),
            metric=f"{key}.{codes.PRESSURE_PARTS[self.component - 1]}" if self.component else key,
            value=f"{self.sent:.{self.decimals}f}",
            unit=units.by_number(self.unit).code,
            measured_us=self.measured_us,
        )


def points_of(samples: Any) -> list[Point]:
    """Rows of dtype SAMPLE as points."""
    return [Point(*row) for row in samples.tolist()]


@dataclass(slots=True)
class Interval:
    """One series in breach of one rule, half-open: from the completing sample to the clearing one.

    `clearing` is None while open, and when the rule stopped to hold for the patient at `cleared_us`. `inputs`: all
    readings that raised it, where they are more than the opening and the completing one (a score's).
    """

    opened_us: int
    opening: Point
    completing: Point
    cleared_us: int | None = None
    clearing: Point | None = None
    inputs: tuple[Point, ...] = ()

    @property
    def rank(self) -> tuple[int, int, bytes, bytes, tuple[int, int, int]]:
        """Which interval names an episode's readings: the first that raised; ties by opening time, then
        observation.
        """
        opening, completing = self.opening, self.completing
        return (
            self.opened_us,
            opening.measured_us,
            opening.observation,
            completing.observation,
            (opening.device, opening.metric, opening.component),
        )


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert as history tells it: the union of intervals that overlap or touch."""

    opened_us: int
    cleared_us: int | None
    opening: Point
    completing: Point
    clearing: Point | None
    members: tuple[Interval, ...]

    @property
    def readings(self) -> tuple[ReadingRef, ...]:
        """The opening reading and the one that completed the raise, one when they are the same; a score's inputs."""
        inputs = self.members[0].inputs
        if inputs:
            return tuple(point.ref for point in inputs)
        first, last = self.opening.ref, self.completing.ref
        return (first,) if first == last else (first, last)


def _episode(members: list[Interval]) -> Episode:
    first = members[0]
    ends = [m for m in members if m.cleared_us is not None]
    if len(ends) < len(members):
        return Episode(first.opened_us, None, first.opening, first.completing, None, tuple(members))
    cleared_us = max(m.cleared_us for m in ends if m.cleared_us is not None)
    last = [m.clearing for m in ends if m.cleared_us == cleared_us and m.clearing is not None]
    clearing = min(last, key=lambda p: (p.observation, p.device, p.metric, p.component), default=None)
    return Episode(first.opened_us, cleared_us, first.opening, first.completing, clearing, tuple(members))


def episodes_of(intervals: Iterable[Interval]) -> list[Episode]:
    """Episodes in order of time. Intervals that touch are one episode: at every instant some series was in
    breach.
    """
    episodes: list[Episode] = []
    members: list[Interval] = []
    end_us: int | None = None
    for interval in sorted(intervals, key=lambda i: i.rank):
        if members and end_us is not None and interval.opened_us > end_us:
            episodes.append(_episode(members))
            members = []
        if not members:
            end_us = interval.cleared_us
        elif end_us is not None:
            end_us = None if interval.cleared_us is None else max(end_us, interval.cleared_us)
        members.append(interval)
    if members:
        episodes.append(_episode(members))
    return episodes
