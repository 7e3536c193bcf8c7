"""State of one patient from stored readings and alerts: after a restart, a late reading, a change of what is
known.

The oracle runs over the stretch that can have changed. Where it starts: an instant (the *cut*) at which no
alert of the rule stands has no open series, so from a look-back before it on the samples alone tell every
state after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vitals.events import Alert, AlertChange, Deadline, PatientContext, PatientHistory, Samples

from .applicability import BEGINNING_US, Segment, segment_at, segments
from .episodes import Interval, Point, points_of
from .kinds import KINDS
from .kinds.base import Track
from .oracle import SeriesKey, intervals_of, series_of, tracks_of
from .quiet import find_quiet
from .rules import Rule, sees
from .settle import SUSPENDED, guarded, resumed, settle
from .state import Cell, PatientState, Place, Slots, Watch, end_of


def _covering(said: Iterable[Alert], since_us: int) -> list[Alert]:
    """Alerts that stand at this instant."""
    return [
        a
        for a in said
        if a.condition != "retracted" and a.opened_us <= since_us and (a.cleared_us is None or a.cleared_us >= since_us)
    ]


def cut_us(said: Iterable[Alert], since_us: int) -> int:
    """The last instant before `since_us` at which no alert of the rule stands."""
    covering = (a.opened_us for a in _covering(said, since_us))
    return max(min(covering, default=since_us), BEGINNING_US + 1) - 1


def since_of(rule: Rule, since_us: int, silence: Deadline | None) -> int:
    """From when on one rule is examined: further back where a silence is under way whose last reading is not known."""
    silent_us = None if silence is None else KINDS[rule.kind].silent_since_us(rule, silence)
    return since_us if silent_us is None else min(since_us, silent_us)


def reach(
    rules: Iterable[Rule],
    context: PatientContext,
    said: Mapping[str, Sequence[Alert]],
    since_us: int,
    silence: Deadline | None,
) -> dict[int, int]:
    """For each metric (by number) the measured time from which on its samples must be known, so that every state from
    `since_us` on is exact; metrics that no rule of this patient looks at are not there.
    """
    starts: dict[int, int] = {}
    for rule in rules:
        mine = said.get(rule.id, ())
        if not mine and not segments(rule, context):
            continue
        since = since_of(rule, since_us, silence)
        # A silence opens long after its last reading, by the time for which the pipeline was blind.
        readings = (reading.measured_us for alert in _covering(mine, since) for reading in alert.readings)
        from_us = min([cut_us(mine, since), *readings]) - KINDS[rule.kind].lookback_us(rule, context)
        for metric, _ in sees(rule.metric, rule.unit):
            starts[metric] = max(min(from_us, starts.get(metric, from_us)), BEGINNING_US)
    return starts


def _union(stored: Samples, fresh: Samples) -> Samples:
    """Both, each sample once (a group may have been stored before its outcome was known)."""
    both = np.concatenate((stored, fresh))
    names = both["observation"].tobytes()
    seen = {
        (names[16 * i : 16 * i + 16], component): i
        for i, component in reversed(list(enumerate(both["component"].tolist())))
    }
    return both[sorted(seen.values())]


def _cell(watch: Watch, context: PatientContext, track: Track, intervals: list[Interval]) -> Cell:
    """Where one rule stands at the end of one track."""
    cell = Cell(watch, context)
    if not len(track.samples):
        return cell
    end_us = int(track.measured_us[-1])
    cell.last = points_of(track.samples[-1:])[0]
    cell.segment = segment_at(watch.segments, end_us)
    last = intervals[-1] if intervals else None
    if cell.segment is not None and last is not None and last.clearing is None and last.cleared_us == cell.segment[1]:
        cell.segment, cell.floor_us = None, last.cleared_us  # its stretch is over
    if cell.segment is None:
        return cell
    if last is not None and last.cleared_us is not None:
        cell.floor_us, last = last.cleared_us, None
    low = int(np.searchsorted(track.measured_us, cell.segment[0]))
    cell.open = last
    cell.state = KINDS[watch.rule.kind].resume(watch.rule, context, track.part(low, len(track.samples)), last)
    return cell


class Rebuild:
    """One rebuild of one patient; `changes` and `state` are its result.

    `silent_us`: up to where silence counts: the last tick. `silence`: a deadline whose last reading is not in memory.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        context: PatientContext,
        said: dict[str, list[Alert]],
        since_us: int,
        now_us: int,
        silent_us: int,
        silence: Deadline | None,
    ) -> None:
        self.state = PatientState(context, since_us - 1, suspensions=said.get(SUSPENDED, []))
        self.changes: list[AlertChange] = []
        self._since_us = since_us
        self._now_us = now_us
        self._silent_us = silent_us
        # A clock that steps back must not undo the end of an enrolment.
        ends = (a.cleared_us for alerts in said.values() for a in alerts if a.cleared_us is not None)
        self._until_us = max([now_us, *ends])
        for rule in rules:
            stretches: tuple[Segment, ...] = segments(rule, context)
            alerts = said.get(rule.id, [])
            if stretches or alerts:
                since = since_of(rule, since_us, silence)
                cut = cut_us(alerts, since)
                self.state.watches.append(Watch(rule, stretches, cut, max(cut, since - 1), alerts, closed_us=cut))

    def run(self, history: PatientHistory, stored: Samples, fresh: Samples, slots: Slots) -> None:
        """Fills state and changes from samples that rules look at, stored and new; takes a slot for each
        series.
        """
        self._history = history
        state = self.state
        series = list(series_of(_union(stored, fresh)))
        newcomers = [points_of(part[:1])[0] for _, part in series_of(fresh)]
        ends: dict[SeriesKey, Place] = {}
        lasts: list[Point] = []
        for key, part in series:
            lasts += points_of(part[-1:])
            last = lasts[-1]
            ends[key] = max((last.measured_us, last.sequence, last.observation), end_of(state.trusted_us))
            state.slots[key] = slots.take()
            state.cells[state.slots[key]] = []
        latest = max(lasts, key=lambda p: p.measured_us, default=None)
        for watch in state.watches:
            self._watch(watch, series, newcomers, latest, ends)
        for key, part in series:
            slot = state.slots[key]
            state.cells[slot] = [cell for cell in state.cells[slot] if not cell.watch.suspended]
            slots.move(slot, ends[key])
            slots.sampled(slot, part)
        state.merged = [cell for cell in state.merged if not cell.watch.suspended]
        self.changes += find_quiet(state, slots, state.slots)
        state.find_deadline()

    def _watch(
        self,
        watch: Watch,
        series: list[tuple[SeriesKey, Samples]],
        newcomers: list[Point],
        latest: Point | None,
        ends: dict[SeriesKey, Place],
    ) -> None:
        seen = sees(watch.rule.metric, watch.rule.unit)
        new = min(
            (p for p in newcomers if (p.metric, p.component) in seen),
            key=lambda p: p.measured_us,
            default=None,
        )
        cause = new.ref if new is not None else None

        def work() -> None:
            mine = [key for key, _ in series if key[1:] in seen]
            for key, track in tracks_of(watch.rule, series):
                self._track(watch, mine if key is None else [key], track, ends)
            if KINDS[watch.rule.kind].merged and not mine:
                self.state.merged.append(Cell(watch, self.state.context))
            self.changes += settle(self.state, watch, cause)

        self.changes += guarded(self.state, watch, new or latest, work)
        if not watch.suspended:
            self.changes += resumed(self.state, watch.rule, self._now_us)

    def _track(self, watch: Watch, keys: list[SeriesKey], track: Track, ends: dict[SeriesKey, Place]) -> None:
        state, context = self.state, self.state.context
        silent_us = self._silent(watch)
        seen = sees(watch.rule.metric, watch.rule.unit)
        known_us = max((self._history.known_us(metric) for metric, _ in seen), default=self._history.from_us)
        track = track._replace(known_us=known_us, closed_us=watch.closed_us)
        found = intervals_of(watch.rule, context, watch.segments, track, self._until_us, silent_us)
        cell = _cell(watch, context, track, found)
        cell.slots = [state.slots[key] for key in keys]
        for slot in cell.slots:
            state.cells[slot].append(cell)
        if KINDS[watch.rule.kind].merged:
            state.merged.append(cell)
        watch.members += [i for i in found if i.cleared_us is None or i.cleared_us > watch.settled_us]
        # What time alone has opened or ended a sample from before would change, so it must count as late.
        settled = [i.cleared_us - 1 for i in found[-1:] if i.cleared_us is not None and i.clearing is None]
        if found and found[-1].cleared_us is None:
            readings = 1 if found[-1].opening == found[-1].completing else 2
            certain_us = KINDS[watch.rule.kind].certain_us(watch.rule, found[-1].opened_us, readings)
            settled += [certain_us] if certain_us is not None else []
        for at_us in settled:
            watch.floor_us = max(watch.floor_us, at_us)
            for key in keys:
                ends[key] = max(ends[key], end_of(at_us))

    def _silent(self, watch: Watch) -> int:
        """Up to where silence counts: at least to where it has already opened an alert."""
        kind = KINDS[watch.rule.kind]
        said = (a for a in watch.said if a.condition != "retracted")
        certain = (kind.certain_us(watch.rule, a.opened_us, len(a.readings)) for a in said)
        return max([self._silent_us, *(at_us + 1 for at_us in certain if at_us is not None)])
