"""What the online engine holds in memory: columns for all series, small objects for what is under way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vitals.events import Alert, PatientContext

from .applicability import BEGINNING_US, END_US, Segment, next_boundary_us, segment_at
from .episodes import Interval, Point
from .kinds import KINDS
from .kinds.base import NOTHING_QUIET, Run, Verdict
from .oracle import SeriesKey
from .rules import Rule, in_metric_unit

#: Slots made at first; the columns double when they are full.
_FIRST_SLOTS = 1024

#: Place of a sample in its series: measured time, sequence, observation.
Place = tuple[int, int, bytes]


def end_of(at_us: int) -> Place:
    """The place after every sample measured at this instant."""
    return at_us, 2**63 - 1, b"\xff" * 16


#: Alerts of one rule and patient kept in memory, the newest; more come with the history when a rebuild asks
#: for it.
SAID_MAX = 64


class Slots:
    """One row a series: the place of its last sample, and the quiet band inside which no rule changes state.

    `low`/`high`: closed band in the series' own unit (empty: low > high). `until_us`: the first measured time
    for which the band says nothing, because a rule starts or stops to hold.
    """

    def __init__(self) -> None:
        self.last_us: NDArray[np.int64] = np.full(_FIRST_SLOTS, BEGINNING_US, dtype=np.int64)
        self.last_sequence: NDArray[np.int64] = np.zeros(_FIRST_SLOTS, dtype=np.int64)
        self.last_observation = np.zeros(_FIRST_SLOTS, dtype="V16")
        self.low: NDArray[np.float64] = np.full(_FIRST_SLOTS, np.inf)
        self.high: NDArray[np.float64] = np.full(_FIRST_SLOTS, -np.inf)
        self.until_us: NDArray[np.int64] = np.full(_FIRST_SLOTS, END_US, dtype=np.int64)
        self._free = list(range(_FIRST_SLOTS))

    def take(self) -> int:
        """A free row."""
        if not self._free:
            size = len(self.low)
            for name in ("last_us", "last_sequence", "last_observation", "low", "high", "until_us"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
            self._free = list(range(size, 2 * size))
        return self._free.pop()

    def release(self, slot: int) -> None:
        """Gives a row back."""
        self._free.append(slot)

    def place(self, slot: int) -> Place:
        """Where the series ends."""
        return int(self.last_us[slot]), int(self.last_sequence[slot]), self.last_observation[slot].tobytes()

    def move(self, slot: int, place: Place) -> None:
        """Sets where the series ends."""
        self.last_us[slot], self.last_sequence[slot] = place[:2]
        self.last_observation[slot] = np.void(place[2])


@dataclass(slots=True, eq=False)
class Watch:
    """One rule for one patient.

    `members`: intervals of the newest episode. `settled_us`: alerts that cleared up to here stand and aren't
    compared any more. `floor_us`: up to here `members` no longer holds every interval, so a change there asks
    for the history.
    """

    rule: Rule
    segments: tuple[Segment, ...]
    settled_us: int
    floor_us: int
    said: list[Alert] = field(default_factory=list)
    members: list[Interval] = field(default_factory=list)
    suspended: bool = False


@dataclass(slots=True, eq=False)
class Cell:
    """One rule on one series: the stretch its last sample lay in, the run under way, the open interval."""

    watch: Watch
    segment: Segment | None = None
    run: Run | None = None
    open: Interval | None = None

    def leave(self, segment: Segment | None) -> bool:
        """Moves to another stretch (None: the rule does not hold); whether that ended an open interval."""
        ended = self.open is not None and self.segment is not None
        if self.open is not None and self.segment is not None:
            self.open.cleared_us = self.segment[1]
        self.segment, self.run, self.open = segment, None, None
        return ended

    def walk(self, points: list[Point], values: list[float]) -> bool:
        """Steps over the next samples of the series, `values` in the rule's unit; whether an interval opened
        or ended.
        """
        rule, kind = self.watch.rule, KINDS[self.watch.rule.kind]
        touched = False
        for point, value in zip(points, values, strict=True):
            if point.improbable and not kind.sees_improbable:
                continue
            segment = segment_at(self.watch.segments, point.measured_us)
            if segment != self.segment:
                touched |= self.leave(segment)
            if segment is None:
                continue
            run, verdict = kind.step(rule, self.run, self.open is not None, value, point)
            self.run = None if verdict is Verdict.RAISED else run
            if verdict is Verdict.RAISED and run is not None:
                self.open = Interval(point.measured_us, run.first, point)
                self.watch.members.append(self.open)
            elif verdict is Verdict.CLEARED and self.open is not None:
                self.open.cleared_us, self.open.clearing = point.measured_us, point
                self.open = None
            touched |= verdict is not Verdict.NOTHING
        return touched


@dataclass(slots=True, eq=False)
class PatientState:
    """Everything the engine holds of one patient. `trusted_us`: from after this instant on every state is
    exact.
    """

    context: PatientContext
    trusted_us: int
    watches: list[Watch] = field(default_factory=list)
    slots: dict[SeriesKey, int] = field(default_factory=dict)
    cells: dict[int, list[Cell]] = field(default_factory=dict)
    suspensions: list[Alert] = field(default_factory=list)
    deadline_us: int = END_US  # the first end of a stretch in which a rule is open

    def find_deadline(self) -> None:
        """Sets `deadline_us` anew."""
        self.deadline_us = min(
            (c.segment[1] for cells in self.cells.values() for c in cells if c.open is not None and c.segment),
            default=END_US,
        )


def find_quiet(slots: Slots, slot: int, series: SeriesKey, cells: list[Cell]) -> None:
    """Sets the quiet band of a series anew: where no rule on it changes state, whatever comes next."""
    low, high, until_us = -np.inf, np.inf, END_US
    last_us = int(slots.last_us[slot])
    for cell in cells:
        watch = cell.watch
        if watch.suspended:
            continue
        until_us = min(until_us, next_boundary_us(watch.segments, last_us))
        segment = segment_at(watch.segments, last_us)
        busy = cell.run is not None or cell.open is not None
        if segment is None and not busy:
            continue
        rule = watch.rule
        # Busy in a stretch that is over: the next sample ends what is under way, whatever its value.
        left = busy and segment != cell.segment
        quiet = NOTHING_QUIET if left else KINDS[rule.kind].quiet(rule, cell.run, cell.open is not None)
        rule_low, rule_high = in_metric_unit(rule, series[1], series[2], *quiet)
        low, high = max(low, rule_low), min(high, rule_high)
    slots.low[slot], slots.high[slot], slots.until_us[slot] = low, high, until_us
