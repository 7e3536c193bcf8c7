"""The online engine: the same alerts as the oracle, group by group, at the cost of a few columns for quiet
readings.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from vitals.errors import InternalError
from vitals.events import SAMPLE, Alert, AlertChange, Deadline, PatientContext, PatientHistory, Samples
from vitals.ports.alerting import HistoryRequest, HistoryTooShort

from .applicability import BEGINNING_US, END_US, context_difference_us
from .oracle import UNCOUNTED, in_order, series_starts
from .plan import Plan
from .rebuild import Rebuild, reach
from .rules import Rule, sees
from .state import Cell, PatientState, end_of
from .stepping import Stepper

#: Patients kept in memory, the least recently seen go first: about 5 kB each, so 100 MB.
PATIENTS_MAX = 20_000


class OnlineEngine:
    """Implements `vitals.ports.alerting.AlertEngine` for fixed rules. Not thread-safe.

    A patient named in `context` without samples is brought up to `now_us` (ends of enrolments) and to a
    changed context, if loaded.
    """

    def __init__(self, rules: Sequence[Rule], patients_max: int = PATIENTS_MAX) -> None:
        if len({rule.id for rule in rules}) < len(rules):
            raise InternalError("two rules have the same id: load each pack once")
        self._rules = tuple(rules)
        self._patients_max = patients_max
        self._patients: dict[int, PatientState] = {}
        self._stepper = Stepper()
        self._again: dict[int, int] = {}
        self._reach: dict[int, dict[int, int]] = {}
        self._plan: Plan | None = None
        self._silent_us = BEGINNING_US  # the last tick
        self._seen = np.zeros((2**16, 4), dtype=np.bool_)
        for rule in rules:
            for metric, component in sees(rule.metric, rule.unit):
                self._seen[metric, component] = True

    def needs(
        self, samples: Samples, context: dict[int, PatientContext], *, tick: bool = False
    ) -> list[HistoryRequest]:
        """Stretches that `apply` needs, one a patient: not loaded, late readings, changed context,
        `reexamine`.
        """
        plan = self._plan = self._planned(samples, context, tick)
        return [self._request(context[patient], since_us) for patient, since_us in plan.rebuild.items()]

    def deadlines(self, patients: Collection[int]) -> dict[int, Deadline | None]:
        """When silence next matters for each of these patients; nothing is said of one that isn't loaded."""
        loaded = ((patient, self._patients.get(patient)) for patient in patients)
        return {patient: state.deadline(self._stepper.slots) for patient, state in loaded if state is not None}

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
        if patients is None:
            self._silent_us = BEGINNING_US
        for patient in list(self._patients) if patients is None else patients:
            self._forget(patient)

    def apply(
        self,
        samples: Samples,
        context: dict[int, PatientContext],
        history: dict[int, PatientHistory],
        now_us: int,
        *,
        tick: bool = False,
    ) -> list[AlertChange]:
        """Takes one group, or a tick. Raises HistoryTooShort, before anything changed, when the history brought can't
        be enough.
        """
        plan = self._plan
        for patient in set(np.unique(samples["patient"]).tolist()) - context.keys():
            self._forget(patient)  # it has no rules while nothing is known of it; its past is read again afterwards
        if plan is None or plan.samples is not samples or plan.context is not context:
            plan = self._planned(samples, context, tick)
        said = {patient: self._said(patient, history.get(patient)) for patient in plan.rebuild}
        self._check(plan, said, history)
        self._plan = None
        if tick:
            self._silent_us = max(self._silent_us, now_us)
        changes: list[AlertChange] = []
        for patient, since_us in plan.rebuild.items():
            fresh = plan.ordered[plan.rows(patient)]
            changes += self._rebuild(context[patient], said[patient], since_us, history[patient], fresh, now_us)
        changes += self._stepper.take_rest(plan, self._patients)
        self._stepper.take_quiet(plan)
        for patient in context:
            state = self._patients.get(patient)
            if state is None:
                continue
            if state.deadline_us <= now_us:
                changes += self._stepper.pass_time(state, now_us, self._silent_us)
            self._patients[patient] = self._patients.pop(patient)  # the most recently seen is last
        # Those of this group are last, and stay: their deadlines will be asked for.
        over = max(0, min(len(self._patients) - self._patients_max, len(self._patients) - len(context)))
        for patient in list(self._patients)[:over]:
            self._forget(patient)
        return changes

    # ------------------------------------------------------------- planning

    def _planned(self, samples: Samples, context: dict[int, PatientContext], tick: bool) -> Plan:
        counted = ((samples["flags"] & UNCOUNTED) == 0) & self._seen[samples["metric"], samples["component"]]
        ordered = samples[counted]
        if not all(patient in context for patient in np.unique(ordered["patient"]).tolist()):
            ordered = ordered[np.isin(ordered["patient"], list(context))]
        ordered = ordered[in_order(ordered)]
        starts = series_starts(ordered)
        ends = np.append(starts[1:], len(ordered))[: len(starts)] - 1
        keys = ordered[starts][["patient", "device", "metric", "component"]].tolist()
        index = self._stepper.index
        slots = np.array([index.get(key, -1) for key in keys], dtype=np.int64)
        plan = Plan(
            samples,
            context,
            ordered,
            starts,
            ends,
            keys,
            slots,
            self._stepper.slots.quiet(ordered, starts, ends, slots) if len(starts) else np.empty(0, dtype=np.bool_),
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
            if tick and (
                known.deadline is not None if state is None else any(c.overtaken() for c in state.all_cells())
            ):
                rebuild.setdefault(patient, END_US)
        for series in np.flatnonzero(~plan.quiet).tolist():
            patient = keys[series][0]
            if patient not in rebuild and self._late(plan, series):
                rebuild[patient] = END_US
        for series, key in enumerate(keys) if rebuild else ():
            if key[0] in rebuild:
                plan.quiet[series] = False
                rebuild[key[0]] = min(int(ordered["measured_us"][starts[series]]), rebuild[key[0]])
        for patient, since_us in rebuild.items():
            # What silence has done is perhaps not said yet.
            state, deadline = self._patients.get(patient), context[patient].deadline
            if state is not None:
                rebuild[patient] = min(since_us, state.pending_us(self._stepper.slots))
            elif deadline is not None:
                rebuild[patient] = min(since_us, deadline.due_us)
        return plan

    def _late(self, plan: Plan, series: int) -> bool:
        """Whether a series that isn't quiet must be taken with the patient's history."""
        patient = plan.keys[series][0]
        state = self._patients.get(patient)
        if state is None:
            return True
        first = plan.ordered[plan.starts[series]]
        place = (int(first["measured_us"]), int(first["sequence"]), first["observation"].tobytes())
        slot = int(plan.slots[series])
        cells = [cell for cell in state.merged if cell.watch.sees(plan.keys[series][1:])]
        for cell in cells:
            if int(plan.seen_by(cell.watch.rule, patient)["measured_us"].min()) <= self._merged_last_us(cell):
                return True
        if any(cell.overtaken() for cell in (*cells, *state.cells.get(int(plan.slots[series]), ()))):
            return True
        if slot < 0:
            watches = [watch for watch in state.watches if watch.sees(plan.keys[series][1:])]
            end = end_of(state.trusted_us)
        else:
            watches, end = [cell.watch for cell in state.cells[slot]], self._stepper.slots.place(slot)
        return bool(watches) and (place <= end or place[0] <= max(watch.floor_us for watch in watches))

    def _merged_last_us(self, cell: Cell) -> int:
        """Up to where a merged track is past."""
        return max((int(self._stepper.slots.last_us[slot]) for slot in cell.slots), default=BEGINNING_US)

    def _changed_us(self, state: PatientState, known: PatientContext) -> int:
        """From when on a changed context can make a difference, at latest just after everything that was
        seen.
        """
        changed = context_difference_us(self._rules, state.context, known)
        seen_us = max(
            (int(self._stepper.slots.last_us[slot]) for slot in state.slots.values()), default=state.trusted_us
        )
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

    def _silence(self, context: PatientContext) -> Deadline | None:
        """A deadline whose last reading is not in memory, or may have been corrected."""
        state = self._patients.get(context.key)
        if state is None:
            return context.deadline
        return state.deadline(self._stepper.slots) if context.key in self._again else None

    def _request(self, context: PatientContext, since_us: int) -> HistoryRequest:
        patient = context.key
        starts = reach(self._rules, context, self._said(patient, None), since_us, self._silence(context))
        wanted = self._reach.get(patient, {})
        return _asked(patient, since_us, {m: min(us, wanted.get(m, us)) for m, us in (wanted | starts).items()})

    def _check(self, plan: Plan, said: dict[int, dict[str, list[Alert]]], history: dict[int, PatientHistory]) -> None:
        """Raises HistoryTooShort with all that is wanted, so that one more fetch brings everything."""
        wanted, short = [], False
        for patient, since_us in plan.rebuild.items():
            if patient not in history:
                raise InternalError("a patient's history is missing; fetch what `needs` asked for and pass it on")
            context, have = plan.context[patient], history[patient]
            starts = reach(self._rules, context, said[patient], since_us, self._silence(context))
            if any(have.known_us(metric) > from_us for metric, from_us in starts.items()):
                self._reach[patient], short = starts, True
            wanted.append(_asked(patient, since_us, {m: min(us, have.known_us(m)) for m, us in starts.items()}))
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
        carried, silence = self._carried(patient), self._silence(context)
        self._forget(patient)
        self._again.pop(patient, None)
        self._reach.pop(patient, None)
        rebuild = Rebuild(self._rules, context, said, since_us, now_us, self._silent_us, silence)
        stored = np.concatenate((history.samples, carried))
        rebuild.run(history, stored[self._seen[stored["metric"], stored["component"]]], fresh, self._stepper.slots)
        self._patients[patient] = rebuild.state
        for (device, metric, component), slot in rebuild.state.slots.items():
            self._stepper.index[patient, device, metric, component] = slot
        return rebuild.changes

    def _carried(self, patient: int) -> Samples:
        """Last readings that a silence is counted from: they can be older than any history that is asked for."""
        state = self._patients.get(patient)
        cells = state.all_cells() if state is not None and patient not in self._again else ()
        points = [point for cell in cells if cell.open is None for point in cell.kind.carried(cell.state)]
        return np.array(points, dtype=SAMPLE)

    def _forget(self, patient: int) -> None:
        state = self._patients.pop(patient, None)
        for (device, metric, component), slot in state.slots.items() if state is not None else ():
            del self._stepper.index[patient, device, metric, component]
            self._stepper.slots.release(slot)


def _asked(patient: int, since_us: int, starts: dict[int, int]) -> HistoryRequest:
    """The request for these metrics: what all of them need, and those that need more."""
    from_us = max(starts.values(), default=max(since_us, BEGINNING_US))
    deeper = tuple(sorted((metric, us) for metric, us in starts.items() if us < from_us))
    return HistoryRequest(patient, from_us, END_US, deeper)
