"""A rule over one track in every way there is: as a whole, step by step, with ticks, with quiet samples left out, and
resumed after each sample. All must agree; tables of the kinds' tests say with what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.episodes import Interval, Point, points_of
from alerts.kinds import KINDS
from alerts.kinds.base import Raised, Track
from alerts.kinds.signals import CLOCK
from alerts.oracle import series_of, tracks_of
from alerts.rules import MAX_GAP_US, Rule
from tests.unit.alerts.stored import group
from vitals.events import PatientContext
from vitals.reading import Flag

NOBODY = PatientContext(1, "p")

#: When an interval opened, positions of the opening, the completing and the clearing row; -1: it is open.
Told = tuple[int, int, int, int]

_LOUD = int(Flag.IMPROBABLE | Flag.NO_CONTACT)
Series = tuple[int, int, int]


def _series(point: Point) -> Series:
    return point.device, point.metric, point.component


@dataclass
class Walk:
    """Single steps of one rule, as the online engine takes them."""

    rule: Rule
    context: PatientContext
    state: Any = None
    found: list[Interval] = field(default_factory=list)
    open: Interval | None = None
    last: dict[Series, Point] = field(default_factory=dict)
    unheard: dict[Series, tuple[Point, bool]] = field(default_factory=dict)

    def due_us(self) -> int | None:
        due = None if self.open is not None else KINDS[self.rule.kind].due(self.rule, self.context, self.state)
        return None if due is None else due.due_us

    def hear(self) -> None:
        """Tells the state of each series' last quiet sample, as it must before anything else is asked of it."""
        kind = KINDS[self.rule.kind]
        for point, streamed in self.unheard.values() if kind.listens(self.rule) else ():
            self.state = kind.heard(self.rule, self.state, point, streamed)
        self.unheard.clear()

    def time_passes(self, until_us: int) -> None:
        """A tick."""
        self.hear()
        due_us = self.due_us()
        if due_us is not None and due_us <= until_us:
            self.state, raised = KINDS[self.rule.kind].expire(self.rule, self.context, self.state)
            self._raise(raised)

    def is_quiet(self, value: float, point: Point) -> bool:
        """Whether the engine would leave this sample out."""
        kind, before = KINDS[self.rule.kind], self.last.get(_series(point))
        if before is None or point.flags & _LOUD or point.flags & CLOCK != before.flags & CLOCK:
            return False
        if point.measured_us <= kind.floor_us(self.state):
            return False
        due_us = self.due_us()
        if due_us is not None and point.measured_us >= due_us:
            return False
        low, high = kind.quiet(self.rule, self.context, self.state, self.open is not None, _series(point))
        return low <= value <= high

    def leave_out(self, point: Point) -> None:
        before = self.last[_series(point)]
        self.unheard[_series(point)] = point, point.measured_us - before.measured_us <= MAX_GAP_US
        self.last[_series(point)] = point

    def step(self, value: float, point: Point) -> None:
        self.hear()
        self.last[_series(point)] = point
        self.state, turns = KINDS[self.rule.kind].step(
            self.rule, self.context, self.state, self.open is not None, value, point
        )
        for turn in turns:
            if isinstance(turn, Raised):
                assert self.open is None, "what is open can't open"
                self._raise(turn)
            else:
                assert self.open is not None, "what is closed can't clear"
                self.open.cleared_us, self.open.clearing = turn.clearing.measured_us, turn.clearing
                self.open = None

    def _raise(self, raised: Raised) -> None:
        self.open = raised.interval()
        self.found.append(self.open)


def _stepped(walk: Walk, track: Track, until_us: int, *, ticks: bool = False, lazy: bool = False) -> list[Interval]:
    """What single steps find; with ticks just before every sample, or without the samples that are quiet."""
    for value, point in zip(track.values.tolist(), points_of(track.samples), strict=True):
        if ticks:
            walk.time_passes(point.measured_us)
        if lazy and walk.is_quiet(value, point):
            walk.leave_out(point)
        else:
            walk.step(value, point)
    walk.time_passes(until_us)
    return walk.found


def _resumed(rule: Rule, context: PatientContext, track: Track, place: int, silent_us: int) -> Walk:
    """The walk that goes on from position `place` of a track, as after a restart."""
    kind, part = KINDS[rule.kind], track.part(0, place)
    found = kind.intervals(rule, context, part, silent_us)
    last = found[-1] if found and found[-1].cleared_us is None else None
    walk = Walk(rule, context, kind.resume(rule, context, part, last), found, last)
    for point in points_of(part.samples):
        walk.last[_series(point)] = point
    return walk


def every_way(
    rule: Rule, rows: Sequence[tuple[Any, ...]], until_us: int = 0, context: PatientContext = NOBODY
) -> list[Told]:
    """The intervals of one rule over the rows of one track (all of the patient's, for a merged kind), by their
    positions; `until_us`: up to when nothing more came.
    """
    samples = group(*rows)
    tracks = tracks_of(rule, list(series_of(samples)))
    assert len(tracks) <= 1, "one track at a time"
    if not tracks:
        return []
    track = tracks[0][1]
    whole = KINDS[rule.kind].intervals(rule, context, track, until_us)
    assert _stepped(Walk(rule, context), track, until_us) == whole, "steps"
    assert _stepped(Walk(rule, context), track, until_us, ticks=True) == whole, "with ticks"
    assert _stepped(Walk(rule, context), track, until_us, lazy=True) == whole, "without quiet samples"
    for place in range(1, len(track.samples) + 1):
        known_us = int(track.measured_us[place - 1])
        rest = track.part(place, len(track.samples))
        for lazy in (False, True):
            walk = _resumed(rule, context, track, place, known_us)
            assert _stepped(walk, rest, until_us, lazy=lazy) == whole, f"resumed after {place} samples"
    names = [row[-1] for row in rows]
    return [
        (
            one.opened_us,
            names.index(one.opening.observation),
            names.index(one.completing.observation),
            -1 if one.clearing is None else names.index(one.clearing.observation),
        )
        for one in whole
    ]
