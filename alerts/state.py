"""What the online engine holds in memory: columns for all series, small objects for what is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitals.events import SAMPLE, Alert, Deadline, PatientContext, Samples

from .applicability import BEGINNING_US, END_US, Segment, segment_at
from .episodes import Interval, Point
from .kinds import KINDS
from .kinds.base import DOUBTED, Kind, Raised
from .kinds.signals import CLOCK
from .oracle import SeriesKey
from .rules import MAX_GAP_US, Rule, sees

#: Slots made at first; the columns double when they are full.
_FIRST_SLOTS = 1024

Positions = NDArray[np.int64]

#: Place of a sample in its series: measured time, sequence, observation.
Place = tuple[int, int, bytes]


def end_of(at_us: int) -> Place:
    """The place after every sample measured at this instant."""
    return at_us, 2**63 - 1, b"\xff" * 16


#: Alerts of one rule and patient kept in memory, the newest; more come with the history when a rebuild asks
#: for it.
SAID_MAX = 64


_COLUMNS: dict[str, tuple[Any, Any]] = {
    "last_us": (np.int64, BEGINNING_US),
    "last_sequence": (np.int64, 0),
    "last_observation": ("V16", np.zeros((), "V16")),
    "low": (np.float64, np.inf),
    "high": (np.float64, -np.inf),
    "floor_us": (np.int64, BEGINNING_US),
    "until_us": (np.int64, END_US),
    "marks": (np.uint32, 0),
    "sample_us": (np.int64, BEGINNING_US),
    "gap_us": (np.int64, END_US),
    "calm": (SAMPLE, np.zeros((), SAMPLE)),
}


class Slots:
    """One row a series.

    The place of its last sample (`last_*`, later where a silence has had its effect), and the quiet band: `low`/`high`,
    closed, in the series' own unit (empty: low > high), for samples measured after `floor_us` and before `until_us`
    with the clock marks `marks`. `calm`: the last sample that was taken as quiet (measured at BEGINNING_US: none),
    `gap_us` how long after its predecessor; `sample_us`: when the last one without doubt was measured.
    """

    def __init__(self) -> None:
        self._columns: dict[str, NDArray[Any]] = {
            name: np.full(_FIRST_SLOTS, empty, dtype=kind) for name, (kind, empty) in _COLUMNS.items()
        }
        self._free = list(range(_FIRST_SLOTS))
        self._bind()

    def _bind(self) -> None:
        columns = self._columns
        self.last_us, self.last_sequence = columns["last_us"], columns["last_sequence"]
        self.last_observation, self.calm = columns["last_observation"], columns["calm"]
        self.low, self.high, self.marks = columns["low"], columns["high"], columns["marks"]
        self.floor_us, self.until_us = columns["floor_us"], columns["until_us"]
        self.sample_us, self.gap_us = columns["sample_us"], columns["gap_us"]

    def take(self) -> int:
        """A free row."""
        if not self._free:
            size = len(self.low)
            for name, column in self._columns.items():
                kind, empty = _COLUMNS[name]
                self._columns[name] = np.concatenate((column, np.full(size, empty, dtype=kind)))
            self._bind()
            self._free = list(range(size, 2 * size))
        slot = self._free.pop()
        self.calm["measured_us"][slot] = self.sample_us[slot] = BEGINNING_US
        return slot

    def release(self, slot: int) -> None:
        """Gives a row back."""
        self._free.append(slot)

    def quiet(
        self, samples: Samples, starts: NDArray[np.int64], ends: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which series (sorted samples from `starts` to `ends`, slot -1: none) only bring what changes nothing."""
        measured_us = samples["measured_us"]
        # No band holds NaN.
        values = np.where((samples["flags"] & DOUBTED) != 0, np.nan, samples["value"])
        clock = samples["flags"] & CLOCK
        quiet: NDArray[np.bool_] = (
            (slots >= 0)
            & (measured_us[starts] > np.maximum(self.last_us[slots], self.floor_us[slots]))
            & (measured_us[ends] < self.until_us[slots])
            & (np.minimum.reduceat(values, starts) >= self.low[slots])
            & (np.maximum.reduceat(values, starts) <= self.high[slots])
            & (np.minimum.reduceat(clock, starts) == self.marks[slots])
            & (np.maximum.reduceat(clock, starts) == self.marks[slots])
        )
        return quiet

    def take_quiet(
        self, samples: Samples, starts: NDArray[np.int64], ends: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> None:
        """Quiet series only move on."""
        last = samples[ends]
        before_us = np.where(ends > starts, samples["measured_us"][ends - 1], self.sample_us[slots])
        self.gap_us[slots] = last["measured_us"] - before_us
        self.calm[slots] = last
        self.last_us[slots] = self.sample_us[slots] = last["measured_us"]
        self.last_sequence[slots] = last["sequence"]
        self.last_observation[slots] = last["observation"]

    def calm_point(self, slot: int, after_us: int) -> Point | None:
        """The last quiet sample if it was measured after this instant."""
        row = self.calm[slot]
        return Point(*row.tolist()) if row["measured_us"] > after_us else None

    def sampled(self, slot: int, last: Samples) -> None:
        """Notes the last samples of a series that were looked at one by one."""
        self.marks[slot] = last["flags"][-1] & CLOCK
        sound = last["measured_us"][(last["flags"] & DOUBTED) == 0]
        if len(sound):
            self.sample_us[slot] = sound[-1]

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

    `members`: intervals of the newest episode. `settled_us`: alerts that cleared up to here stand and aren't compared
    any more. `floor_us`: up to here `members` no longer holds every interval, so a change there asks for the history.
    `closed_us`: no alert stood then when the patient was loaded.
    """

    rule: Rule
    segments: tuple[Segment, ...]
    settled_us: int
    floor_us: int
    said: list[Alert] = field(default_factory=list)
    members: list[Interval] = field(default_factory=list)
    suspended: bool = False
    closed_us: int = BEGINNING_US

    def sees(self, series: SeriesKey) -> bool:
        """Whether its rule looks at this series."""
        return series[1:] in sees(self.rule.metric, self.rule.unit)


@dataclass(slots=True, eq=False)
class Cell:
    """One rule on one track: the stretch its last sample lay in, the kind's own state, the open interval.

    `slots`: the series of the track (one, unless the kind is merged). `heard_us`: quiet samples up to here are known
    to the state. `floor_us`: of a merged track, up to where a sample must be looked at with the history. `last`: the
    last sample that was looked at.
    """

    watch: Watch
    context: PatientContext
    slots: list[int] = field(default_factory=list)
    segment: Segment | None = None
    state: Any = None
    open: Interval | None = None
    heard_us: dict[int, int] = field(default_factory=dict)
    floor_us: int = BEGINNING_US
    last: Point | None = None

    @property
    def kind(self) -> Kind:
        """The kind of its rule."""
        return KINDS[self.watch.rule.kind]

    def hear(self, slots: Slots) -> None:
        """Tells the state of the samples that were quiet."""
        rule, kind = self.watch.rule, self.kind
        if not kind.listens(rule):
            return
        for slot in self.slots:
            point = slots.calm_point(slot, self.heard_us.get(slot, BEGINNING_US))
            if point is None:
                continue
            self.heard_us[slot] = point.measured_us
            segment = segment_at(self.watch.segments, point.measured_us)
            if self.segment is None:
                self.segment = segment
            if segment is not None and segment == self.segment:
                self.state = kind.heard(rule, self.state, point, bool(slots.gap_us[slot] <= MAX_GAP_US))

    def due(self) -> Deadline | None:
        """When silence next changes it, if its stretch lasts that long."""
        if self.open is not None or self.segment is None:
            return None
        due = self.kind.due(self.watch.rule, self.context, self.state)
        return due if due is not None and due.due_us < self.segment[1] else None

    def pending_us(self) -> int:
        """When the alert will have opened that silence is about to open; END_US for none."""
        if self.due() is None:
            return END_US
        return self.kind.expire(self.watch.rule, self.context, self.state)[1].opened_us

    def overtaken(self) -> bool:
        """Whether silence would open it at an instant for which `members` no longer holds every interval."""
        return self.pending_us() <= max(self.watch.floor_us, self.watch.settled_us)

    def expire(self) -> int:
        """Opens what silence opens; the last instant at which a sample would change that."""
        due = self.due()
        assert due is not None
        self.state, raised = self.kind.expire(self.watch.rule, self.context, self.state)
        self._open(raised)
        return due.due_us - 1

    def _open(self, raised: Raised) -> None:
        self.open = raised.interval()
        self.watch.members.append(self.open)

    def leave(self, segment: Segment | None) -> bool:
        """Moves to another stretch (None: the rule does not hold); whether that opened or ended an interval."""
        ended = False
        if self.segment is not None:
            if self.due() is not None:
                self.expire()
            if self.open is not None:
                self.open.cleared_us = self.segment[1]
                self.floor_us, ended = max(self.floor_us, self.segment[1]), True
        self.segment, self.state, self.open = segment, None, None
        return ended

    def walk(self, points: list[Point], values: list[float]) -> bool:
        """Steps over the next samples of the track, `values` in the rule's unit; whether an interval opened
        or ended.
        """
        rule, kind = self.watch.rule, self.kind
        touched = False
        for point, value in zip(points, values, strict=True):
            if point.flags & kind.ignores:
                continue
            self.last = point
            segment = segment_at(self.watch.segments, point.measured_us)
            if segment != self.segment:
                touched |= self.leave(segment)
            if segment is None:
                continue
            self.state, turns = kind.step(rule, self.context, self.state, self.open is not None, value, point)
            for turn in turns:
                if isinstance(turn, Raised):
                    self._open(turn)
                elif self.open is not None:
                    self.open.cleared_us, self.open.clearing = turn.clearing.measured_us, turn.clearing
                    self.open, self.floor_us = None, turn.clearing.measured_us
                touched = True
        return touched


@dataclass(slots=True, eq=False)
class PatientState:
    """Everything the engine holds of one patient. `trusted_us`: from after this instant on every state is
    exact. `cells` names the cells of each slot; one of a merged kind stands in all of its slots, and in `merged`.
    """

    context: PatientContext
    trusted_us: int
    watches: list[Watch] = field(default_factory=list)
    slots: dict[SeriesKey, int] = field(default_factory=dict)
    cells: dict[int, list[Cell]] = field(default_factory=dict)
    merged: list[Cell] = field(default_factory=list)
    suspensions: list[Alert] = field(default_factory=list)
    deadline_us: int = END_US  # the first instant at which a stretch ends in which a rule is open, or a silence counts

    def all_cells(self) -> list[Cell]:
        """Every cell once, of rules that are not suspended."""
        own = [cell for cells in self.cells.values() for cell in cells if not cell.kind.merged]
        return [cell for cell in (*own, *self.merged) if not cell.watch.suspended]

    def find_deadline(self) -> None:
        """Sets `deadline_us` anew."""
        self.deadline_us = END_US
        for cell in self.all_cells():
            if cell.open is not None and cell.segment is not None:
                self.deadline_us = min(self.deadline_us, cell.segment[1])
            elif (due := cell.due()) is not None:
                self.deadline_us = min(self.deadline_us, due.due_us)

    def pending_us(self, slots: Slots) -> int:
        """The first instant at which silence is about to have opened an alert."""
        for cell in self.merged:
            cell.hear(slots)
        return min((cell.pending_us() for cell in self.all_cells()), default=END_US)

    def deadline(self, slots: Slots) -> Deadline | None:
        """When silence next matters, quiet samples counted, and from when on the history must be known to tell."""
        due_us = since_us = END_US
        for cell in self.all_cells():
            cell.hear(slots)
            if cell.open is not None and cell.segment is not None and cell.segment[1] < END_US:
                due_us, since_us = min(due_us, cell.segment[1]), min(since_us, cell.open.opened_us)
            elif (due := cell.due()) is not None:
                due_us, since_us = min(due_us, due.due_us), min(since_us, due.since_us)
        self.deadline_us = due_us
        return Deadline(due_us, since_us) if due_us < END_US else None
