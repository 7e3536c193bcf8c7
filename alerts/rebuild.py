"""State of one patient from stored readings and alerts: after a restart, a late reading, a change of what is
known.

The oracle runs over the stretch that can have changed. Where it starts: an instant (the *cut*) at which no
alert of the rule stands has no open series, so from a look-back before it on the samples alone tell every
state after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vitals.events import Alert, AlertChange, PatientContext, Samples

from .applicability import BEGINNING_US, Segment, segment_at, segments
from .episodes import Interval, Point, points_of
from .kinds import KINDS
from .kinds.base import Run
from .oracle import SeriesKey, arrays_of, counted_for, intervals_of, series_of
from .rules import Rule, sees
from .settle import SUSPENDED, guarded, resumed, settle
from .state import Cell, PatientState, Place, Slots, Watch, end_of, find_quiet


def cut_us(said: Iterable[Alert], since_us: int) -> int:
    """The last instant before `since_us` at which no alert of the rule stands."""
    covering = (
        a.opened_us
        for a in said
        if a.condition != "retracted" and a.opened_us <= since_us and (a.cleared_us is None or a.cleared_us >= since_us)
    )
    return max(min(covering, default=since_us), BEGINNING_US + 1) - 1


def reach_us(rules: Iterable[Rule], said: Iterable[Alert], since_us: int) -> int:
    """From which measured time on samples must be known so that every state from `since_us` on is exact."""
    said = list(said)
    starts = (cut_us((a for a in said if a.rule == rule.id), since_us) - rule.lookback_us for rule in rules)
    return max(min(starts, default=since_us), BEGINNING_US)


def _union(stored: Samples, fresh: Samples) -> Samples:
    """Both, each sample once (a group may have been stored before its outcome was known)."""
    both = np.concatenate((stored, fresh))
    names = both["observation"].tobytes()
    seen = {
        (names[16 * i : 16 * i + 16], component): i
        for i, component in reversed(list(enumerate(both["component"].tolist())))
    }
    return both[sorted(seen.values())]


def _cell(watch: Watch, counted: Samples, intervals: list[Interval]) -> Cell:
    """Where one rule stands at the end of one series."""
    cell = Cell(watch)
    if not len(counted):
        return cell
    cell.segment = segment_at(watch.segments, int(counted["measured_us"][-1]))
    if intervals and intervals[-1].cleared_us is None:
        cell.open = intervals[-1]
    elif cell.segment is not None:
        part = counted[np.searchsorted(counted["measured_us"], cell.segment[0]) :]
        first = KINDS[watch.rule.kind].pending(watch.rule, *arrays_of(watch.rule, part))
        if first is not None:
            cell.run = Run(points_of(part[first : first + 1])[0], int(part["measured_us"][-1]))
    return cell


class Rebuild:
    """One rebuild of one patient; `changes` and `state` are its result."""

    def __init__(
        self,
        rules: Sequence[Rule],
        context: PatientContext,
        said: dict[str, list[Alert]],
        since_us: int,
        now_us: int,
    ) -> None:
        self.state = PatientState(context, since_us - 1, suspensions=said.get(SUSPENDED, []))
        self.changes: list[AlertChange] = []
        self._since_us = since_us
        self._now_us = now_us
        # A clock that steps back must not undo the end of an enrolment.
        ends = (a.cleared_us for alerts in said.values() for a in alerts if a.cleared_us is not None)
        self._until_us = max([now_us, *ends])
        for rule in rules:
            stretches: tuple[Segment, ...] = segments(rule, context)
            alerts = said.get(rule.id, [])
            if stretches or alerts:
                cut = cut_us(alerts, since_us)
                self.state.watches.append(Watch(rule, stretches, cut, max(cut, since_us - 1), alerts))

    def run(self, stored: Samples, fresh: Samples, slots: Slots) -> None:
        """Fills state and changes from samples that rules look at, stored and new; takes a slot for each
        series.
        """
        state = self.state
        series = list(series_of(_union(stored, fresh)))
        newcomers = [points_of(part[:1])[0] for _, part in series_of(fresh)]
        ends: dict[SeriesKey, Place] = {}
        cells: dict[SeriesKey, list[Cell]] = {}
        for key, part in series:
            last = points_of(part[-1:])[0]
            ends[key] = max((last.measured_us, last.sequence, last.observation), end_of(state.trusted_us))
            cells[key] = []
        latest = max((points_of(part[-1:])[0] for _, part in series), key=lambda p: p.measured_us, default=None)
        for watch in state.watches:
            self._watch(watch, series, newcomers, latest, cells, ends)
        for key, _ in series:
            slot = slots.take()
            state.slots[key], state.cells[slot] = slot, [c for c in cells[key] if not c.watch.suspended]
            slots.move(slot, ends[key])
            find_quiet(slots, slot, key, state.cells[slot])
        state.find_deadline()

    def _watch(
        self,
        watch: Watch,
        series: list[tuple[SeriesKey, Samples]],
        newcomers: list[Point],
        latest: Point | None,
        cells: dict[SeriesKey, list[Cell]],
        ends: dict[SeriesKey, Place],
    ) -> None:
        seen = sees(watch.rule.metric, watch.rule.unit)
        mine = [(key, part) for key, part in series if key[1:] in seen]
        new = min(
            (p for p in newcomers if (p.metric, p.component) in seen),
            key=lambda p: p.measured_us,
            default=None,
        )
        cause = new.ref if new is not None else None

        def work() -> None:
            for key, part in mine:
                counted = counted_for(watch.rule, part)
                found = intervals_of(watch.rule, watch.segments, counted, self._until_us)
                cells[key].append(_cell(watch, counted, found))
                watch.members += [i for i in found if i.cleared_us is None or i.cleared_us > watch.settled_us]
                if found and found[-1].cleared_us is not None and found[-1].clearing is None:
                    # Ended by its stretch: a sample from before that end would change it, so it must count as
                    # late.
                    ends[key] = max(ends[key], end_of(found[-1].cleared_us - 1))
            self.changes += settle(self.state, watch, cause)

        self.changes += guarded(self.state, watch, new or latest, work)
        if not watch.suspended:
            self.changes += resumed(self.state, watch.rule, self._now_us)
