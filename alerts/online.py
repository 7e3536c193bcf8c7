"""The online engine: the same alerts as the oracle, group by group, at the cost of a few columns for quiet
readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitals.errors import InternalError
from vitals.events import Alert, AlertChange, PatientContext, PatientHistory, ReadingRef, Samples
from vitals.ports.alerting import HistoryRequest, HistoryTooShort
from vitals.reading import Flag

from .applicability import BEGINNING_US, END_US, first_difference_us, segments
from .episodes import points_of
from .oracle import UNCOUNTED, SeriesKey, in_order, series_starts
from .rebuild import Rebuild, reach_us
from .rules import Rule, in_unit, sees
from .settle import guarded, settle
from .state import Cell, PatientState, Slots, Watch, end_of, find_quiet

#: Patients kept in memory, the least recently seen go first: about 5 kB each, so 100 MB.
PATIENTS_MAX = 20_000

_IMPROBABLE = int(Flag.IMPROBABLE)


@dataclass(slots=True)
class _Plan:
    """How one group will be taken: sorted samples, their series, and for whom the history is needed from when
    on.
    """

    samples: Samples  # the group as it came; the plan is for this object only
    context: dict[int, PatientContext]
    ordered: Samples
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]  # position of the last sample of each series
    keys: list[tuple[int, int, int, int]]  # patient, device, metric, component
    slots: NDArray[np.int64]  # -1: a series without one
    quiet: NDArray[np.bool_]
    rebuild: dict[int, int]


class OnlineEngine:
    """Implements `vitals.ports.alerting.AlertEngine` for fixed rules. Not thread-safe.

    A patient named in `context` without samples is brought up to `now_us` (ends of enrolments) and to a
    changed context, if loaded. `lookback_us`: how far before the first reading of an open alert its history
    must reach.
    """

    def __init__(self, rules: Sequence[Rule], patients_max: int = PATIENTS_MAX) -> None:
        if len({rule.id for rule in rules}) < len(rules):
            raise InternalError("two rules have the same id: load each pack once")
        self._rules = tuple(rules)
        self._patients_max = patients_max
        self._patients: dict[int, PatientState] = {}
        self._index: dict[tuple[int, int, int, int], int] = {}
        self._slots = Slots()
        self._again: dict[int, int] = {}
        self._reach: dict[int, int] = {}
        self._plan: _Plan | None = None
        self._kinds_seen = {kind for rule in rules for kind in sees(rule.metric, rule.unit)}
        self._seen = np.zeros((2**16, 4), dtype=np.bool_)
        for metric, component in self._kinds_seen:
            self._seen[metric, component] = True
        self.lookback_us = max((rule.lookback_us for rule in rules), default=0) + 1

    def needs(self, samples: Samples, context: dict[int, PatientContext]) -> list[HistoryRequest]:
        """Stretches that `apply` needs, one a patient: not loaded, late readings, changed context,
        `reexamine`.
        """
        plan = self._plan = self._planned(samples, context)
        return [self._request(patient, since_us) for patient, since_us in plan.rebuild.items()]

    def reexamine(self, patient: int, from_us: int) -> None:
        """Makes the next group that names the patient in its context rebuild everything measured from
        `from_us` on.

        For corrections and attributions, which change stored readings without bringing new ones.
        """
        self._again[patient] = min(from_us, self._again.get(patient, END_US))
        self._plan = None

    def drop(self, patients: frozenset[int] | None = None) -> None:
        """Forgets state in memory (of all patients for None); `needs` then asks for their history again."""
        self._plan = None
        for patient in list(self._patients) if patients is None else patients:
            self._forget(patient)

    def apply(
        self,
        samples: Samples,
        context: dict[int, PatientContext],
        history: dict[int, PatientHistory],
        now_us: int,
    ) -> list[AlertChange]:
        """Takes one group. Raises HistoryTooShort, before anything changed, when the history brought can't be
        enough.
        """
        plan = self._plan
        for patient in set(np.unique(samples["patient"]).tolist()) - context.keys():
            self._forget(patient)  # it has no rules while nothing is known of it; its past is read again afterwards
        if plan is None or plan.samples is not samples or plan.context is not context:
            plan = self._planned(samples, context)
        said = {patient: self._said(patient, history.get(patient)) for patient in plan.rebuild}
        self._check(plan, said, history)
        self._plan = None
        changes: list[AlertChange] = []
        for patient, since_us in plan.rebuild.items():
            fresh = plan.ordered[self._rows(plan.ordered, patient)]
            changes += self._rebuild(context[patient], said[patient], since_us, history[patient], fresh, now_us)
        self._take_quiet(plan)
        changes += self._take_rest(plan)
        for patient in context:
            state = self._patients.get(patient)
            if state is None:
                continue
            if state.deadline_us <= now_us:
                changes += self._end_stretches(state, now_us)
            self._patients[patient] = self._patients.pop(patient)  # the most recently seen is last
        for patient in list(self._patients)[: max(0, len(self._patients) - self._patients_max)]:
            self._forget(patient)
        return changes

    # ------------------------------------------------------------- planning

    def _planned(self, samples: Samples, context: dict[int, PatientContext]) -> _Plan:
        counted = ((samples["flags"] & UNCOUNTED) == 0) & self._seen[samples["metric"], samples["component"]]
        ordered = samples[counted]
        if not all(patient in context for patient in np.unique(ordered["patient"]).tolist()):
            ordered = ordered[np.isin(ordered["patient"], list(context))]
        ordered = ordered[in_order(ordered)]
        starts = series_starts(ordered)
        ends = np.append(starts[1:], len(ordered))[: len(starts)] - 1
        keys = ordered[starts][["patient", "device", "metric", "component"]].tolist()
        index = self._index
        slots = np.array([index.get(key, -1) for key in keys], dtype=np.int64)
        plan = _Plan(
            samples,
            context,
            ordered,
            starts,
            ends,
            keys,
            slots,
            self._quiet(ordered, starts, ends, slots),
            {},
        )
        rebuild = plan.rebuild
        for patient, known in context.items():
            state = self._patients.get(patient)
            if patient in self._again:
                rebuild[patient] = self._again[patient]
            if state is not None and state.context is not known and state.context != known:
                since_us = self._changed_us(state, known)
                rebuild[patient] = min(since_us, rebuild.get(patient, END_US))
        for series in np.flatnonzero(~plan.quiet).tolist():
            patient = keys[series][0]
            if patient not in rebuild and self._late(plan, series):
                rebuild[patient] = END_US
        for series, key in enumerate(keys) if rebuild else ():
            if key[0] in rebuild:
                plan.quiet[series] = False
                rebuild[key[0]] = min(int(ordered["measured_us"][starts[series]]), rebuild[key[0]])
        return plan

    def _quiet(
        self, ordered: Samples, starts: NDArray[np.int64], ends: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which series only bring samples in order and inside their quiet band."""
        if not len(starts):
            return np.empty(0, dtype=np.bool_)
        rows = self._slots
        # A sample marked improbable is never quiet: NaN is inside no band.
        values = np.where((ordered["flags"] & _IMPROBABLE) != 0, np.nan, ordered["value"])
        measured_us = ordered["measured_us"]
        quiet: NDArray[np.bool_] = (
            (slots >= 0)
            & (measured_us[starts] > rows.last_us[slots])
            & (measured_us[ends] < rows.until_us[slots])
            & (np.minimum.reduceat(values, starts) >= rows.low[slots])
            & (np.maximum.reduceat(values, starts) <= rows.high[slots])
        )
        return quiet

    def _late(self, plan: _Plan, series: int) -> bool:
        """Whether a series that isn't quiet must be taken with the patient's history."""
        patient, _, metric, component = plan.keys[series]
        state = self._patients.get(patient)
        if state is None:
            return True
        first = plan.ordered[plan.starts[series]]
        place = (int(first["measured_us"]), int(first["sequence"]), first["observation"].tobytes())
        slot = int(plan.slots[series])
        if slot < 0:
            watches = [w for w in state.watches if (metric, component) in sees(w.rule.metric, w.rule.unit)]
            end = end_of(state.trusted_us)
        else:
            watches, end = [cell.watch for cell in state.cells[slot]], self._slots.place(slot)
        return bool(watches) and (place <= end or place[0] <= max(watch.floor_us for watch in watches))

    def _changed_us(self, state: PatientState, known: PatientContext) -> int:
        """From when on a changed context can make a difference, at latest just after everything that was
        seen.
        """
        changed = min(
            (first_difference_us(segments(rule, state.context), segments(rule, known)) for rule in self._rules),
            default=END_US,
        )
        seen_us = max((int(self._slots.last_us[slot]) for slot in state.slots.values()), default=state.trusted_us)
        return min(changed, max(seen_us, state.trusted_us) + 1)

    # ------------------------------------------------------------- history

    def _said(self, patient: int, history: PatientHistory | None) -> dict[str, list[Alert]]:
        """Known alerts of a patient by rule: the stored ones, and those said since."""
        known = {alert.id: alert for alert in history.alerts} if history else {}
        state = self._patients.get(patient)
        if state is not None:
            known |= {alert.id: alert for watch in state.watches for alert in watch.said}
            known |= {alert.id: alert for alert in state.suspensions}
        said: dict[str, list[Alert]] = {}
        for alert in known.values():
            said.setdefault(alert.rule, []).append(alert)
        return said

    def _request(self, patient: int, since_us: int) -> HistoryRequest:
        known = (alert for alerts in self._said(patient, None).values() for alert in alerts)
        from_us = min(reach_us(self._rules, known, since_us), self._reach.get(patient, END_US))
        return HistoryRequest(patient, max(from_us, BEGINNING_US), END_US)

    def _check(self, plan: _Plan, said: dict[int, dict[str, list[Alert]]], history: dict[int, PatientHistory]) -> None:
        """Raises HistoryTooShort with all that is wanted, so that one more fetch brings everything."""
        wanted, short = [], False
        for patient, since_us in plan.rebuild.items():
            if patient not in history:
                raise InternalError("a patient's history is missing; fetch what `needs` asked for and pass it on")
            known = (alert for alerts in said[patient].values() for alert in alerts)
            from_us = reach_us(self._rules, known, since_us)
            if history[patient].from_us > from_us:
                self._reach[patient], short = from_us, True
            wanted.append(HistoryRequest(patient, min(from_us, history[patient].from_us), END_US))
        if short:
            raise HistoryTooShort(wanted)

    def _rebuild(
        self,
        context: PatientContext,
        said: dict[str, list[Alert]],
        since_us: int,
        history: PatientHistory,
        fresh: Samples,
        now_us: int,
    ) -> list[AlertChange]:
        patient = context.key
        self._forget(patient)
        self._again.pop(patient, None)
        self._reach.pop(patient, None)
        rebuild = Rebuild(self._rules, context, said, since_us, now_us)
        stored = history.samples
        rebuild.run(stored[self._seen[stored["metric"], stored["component"]]], fresh, self._slots)
        self._patients[patient] = rebuild.state
        for (device, metric, component), slot in rebuild.state.slots.items():
            self._index[patient, device, metric, component] = slot
        return rebuild.changes

    def _forget(self, patient: int) -> None:
        state = self._patients.pop(patient, None)
        for (device, metric, component), slot in state.slots.items() if state is not None else ():
            del self._index[patient, device, metric, component]
            self._slots.release(slot)

    @staticmethod
    def _rows(ordered: Samples, patient: int) -> slice:
        low, high = np.searchsorted(ordered["patient"], (patient, patient + 1))
        return slice(int(low), int(high))

    # ------------------------------------------------------------- taking samples

    def _take_quiet(self, plan: _Plan) -> None:
        """Quiet series only move their last place."""
        slots = plan.slots[plan.quiet]
        last = plan.ordered[plan.ends[plan.quiet]]
        rows = self._slots
        rows.last_us[slots] = last["measured_us"]
        rows.last_sequence[slots] = last["sequence"]
        rows.last_observation[slots] = last["observation"]

    def _take_rest(self, plan: _Plan) -> list[AlertChange]:
        """Steps the series that are neither quiet nor rebuilt, patient by patient."""
        changes: list[AlertChange] = []
        rest: dict[int, list[int]] = {}
        for series in np.flatnonzero(~plan.quiet).tolist():
            patient = plan.keys[series][0]
            if patient not in plan.rebuild:
                rest.setdefault(patient, []).append(series)
        for patient, taken in rest.items():
            state = self._patients[patient]
            touched: dict[Watch, ReadingRef] = {}
            for series in taken:
                part = plan.ordered[plan.starts[series] : plan.ends[series] + 1]
                changes += self._step(state, plan.keys[series][1:], part, touched)
            for watch, cause in touched.items():
                if not watch.suspended:
                    changes += settle(state, watch, cause)
            state.find_deadline()
        return changes

    def _slot(self, state: PatientState, key: SeriesKey) -> int:
        """The slot of a series, taken when it is new; its state is that of a series without samples."""
        slot = state.slots.get(key)
        if slot is None:
            slot = self._slots.take()
            state.slots[key] = self._index[(state.context.key, *key)] = slot
            state.cells[slot] = [
                Cell(watch)
                for watch in state.watches
                if not watch.suspended and key[1:] in sees(watch.rule.metric, watch.rule.unit)
            ]
            self._slots.move(slot, end_of(state.trusted_us))
        return slot

    def _step(
        self, state: PatientState, key: SeriesKey, part: Samples, touched: dict[Watch, ReadingRef]
    ) -> list[AlertChange]:
        """Takes samples of one series, in order, one by one."""
        changes: list[AlertChange] = []
        slot = self._slot(state, key)
        points = points_of(part)
        for cell in state.cells[slot]:
            watch = cell.watch

            def work(cell: Cell = cell, watch: Watch = watch) -> None:
                values = in_unit(watch.rule, key[1], key[2], part["value"]).tolist()
                if cell.walk(points, values):
                    touched.setdefault(watch, points[0].ref)

            if not watch.suspended:
                changes += guarded(state, watch, points[0], work)
        last = points[-1]
        self._slots.move(slot, (last.measured_us, last.sequence, last.observation))
        find_quiet(self._slots, slot, key, state.cells[slot])
        return changes

    def _end_stretches(self, state: PatientState, now_us: int) -> list[AlertChange]:
        """Ends what is open where its rule stopped to hold for the patient."""
        touched: dict[Watch, None] = {}
        for key, slot in state.slots.items():
            for cell in state.cells[slot]:
                if cell.open is None or cell.segment is None or cell.segment[1] > now_us:
                    continue
                # A sample from before that end would change it: it must count as late.
                before_end = end_of(cell.segment[1] - 1)
                cell.leave(None)
                self._slots.move(slot, max(self._slots.place(slot), before_end))
                touched[cell.watch] = None
            find_quiet(self._slots, slot, key, state.cells[slot])
        state.find_deadline()
        return [change for watch in touched if not watch.suspended for change in settle(state, watch, None)]
