"""Taking samples in order: columns for quiet series, the kinds' steps for the others, and what time alone changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vitals.events import AlertChange, ReadingRef, Samples

from .episodes import Point, points_of
from .kinds import KINDS
from .oracle import SeriesKey, in_merged_order
from .plan import Plan
from .quiet import find_quiet
from .rules import in_unit
from .settle import guarded, settle
from .state import Cell, PatientState, Slots, Watch, end_of


class Stepper:
    """Moves patients' states on. `index` finds the slot of a series by patient, device, metric and component."""

    def __init__(self) -> None:
        self.slots = Slots()
        self.index: dict[tuple[int, int, int, int], int] = {}

    def take_quiet(self, plan: Plan) -> None:
        """Quiet series only move on."""
        quiet = plan.quiet
        self.slots.take_quiet(plan.ordered, plan.starts[quiet], plan.ends[quiet], plan.slots[quiet])

    def take_rest(self, plan: Plan, patients: Mapping[int, PatientState]) -> list[AlertChange]:
        """Steps the series that are neither quiet nor rebuilt, patient by patient."""
        changes: list[AlertChange] = []
        rest: dict[int, list[int]] = {}
        for series in np.flatnonzero(~plan.quiet).tolist():
            patient = plan.keys[series][0]
            if patient not in plan.rebuild:
                rest.setdefault(patient, []).append(series)
        for patient, taken in rest.items():
            state = patients[patient]
            touched: dict[Watch, ReadingRef] = {}
            for series in taken:
                part = plan.ordered[plan.starts[series] : plan.ends[series] + 1]
                changes += self._step(state, plan.keys[series][1:], part, touched)
            walked = [cell for cell in state.merged if any(cell.watch.sees(plan.keys[s][1:]) for s in taken)]
            for cell in walked:
                changes += self._step_merged(state, plan, cell, touched)
            for watch, cause in touched.items():
                if not watch.suspended:
                    changes += settle(state, watch, cause)
            changed = {plan.keys[series][1:] for series in taken}
            changed.update(key for key in state.slots for cell in walked if cell.watch.sees(key))
            changes += find_quiet(state, self.slots, changed)
            state.find_deadline()
        return changes

    def _slot(self, state: PatientState, key: SeriesKey) -> int:
        """The slot of a series, taken when it is new; its state is that of a series without samples."""
        slot = state.slots.get(key)
        if slot is None:
            slot = self.slots.take()
            state.slots[key] = self.index[(state.context.key, *key)] = slot
            state.cells[slot] = [
                Cell(watch, state.context, [slot])
                for watch in state.watches
                if not watch.suspended and not KINDS[watch.rule.kind].merged and watch.sees(key)
            ]
            for cell in state.merged:
                if cell.watch.sees(key):
                    cell.slots.append(slot)
                    state.cells[slot].append(cell)
            self.slots.move(slot, end_of(state.trusted_us))
        return slot

    def _step(
        self, state: PatientState, key: SeriesKey, part: Samples, touched: dict[Watch, ReadingRef]
    ) -> list[AlertChange]:
        """Takes samples of one series, in order, one by one."""
        changes: list[AlertChange] = []
        slot = self._slot(state, key)
        points = points_of(part)
        for cell in state.cells[slot]:
            if not cell.kind.merged and not cell.watch.suspended:
                values = in_unit(cell.watch.rule, key[1], key[2], part["value"]).tolist()
                changes += self._walk(state, cell, points, values, touched)
        last = points[-1]
        self.slots.move(slot, (last.measured_us, last.sequence, last.observation))
        self.slots.sampled(slot, part)
        return changes

    def _walk(
        self,
        state: PatientState,
        cell: Cell,
        points: list[Point],
        values: list[float],
        touched: dict[Watch, ReadingRef],
    ) -> list[AlertChange]:
        def work() -> None:
            cell.hear(self.slots)
            if cell.walk(points, values):
                touched.setdefault(cell.watch, points[0].ref)

        return guarded(state, cell.watch, points[0], work)

    def _step_merged(
        self, state: PatientState, plan: Plan, cell: Cell, touched: dict[Watch, ReadingRef]
    ) -> list[AlertChange]:
        """Takes all of the group's samples of a merged track, of which some are not quiet."""
        if cell.watch.suspended:
            return []
        rule = cell.watch.rule
        samples = plan.seen_by(rule, state.context.key)
        points = points_of(samples[in_merged_order(samples)])
        values = [float(in_unit(rule, p.metric, p.component, np.array([p.value]))[0]) for p in points]
        return self._walk(state, cell, points, values, touched)

    def pass_time(self, state: PatientState, now_us: int, silent_us: int) -> list[AlertChange]:
        """Opens what silence opens up to the last tick, and ends what is open where its rule stopped to hold."""
        touched: dict[Watch, None] = {}
        changes: list[AlertChange] = []
        for cell in state.all_cells():

            def work(cell: Cell = cell) -> None:
                if self._pass(cell, now_us, silent_us):
                    touched[cell.watch] = None

            changes += guarded(state, cell.watch, cell.last, work)
        if touched:
            changes += find_quiet(state, self.slots, state.slots)
        state.find_deadline()
        return [*changes, *(c for watch in touched if not watch.suspended for c in settle(state, watch, None))]

    def _pass(self, cell: Cell, now_us: int, silent_us: int) -> bool:
        """Whether time alone opened or ended something on one track."""
        cell.hear(self.slots)
        passed_us: list[int] = []
        due = cell.due()
        if due is not None and due.due_us <= silent_us:
            passed_us.append(cell.expire())
        if cell.open is not None and cell.segment is not None and cell.segment[1] <= now_us:
            passed_us.append(cell.segment[1] - 1)
            cell.leave(None)
        if passed_us:
            # A sample from before would change it: it must count as late.
            cell.watch.floor_us = max(cell.watch.floor_us, *passed_us)
            for slot in cell.slots:
                self.slots.move(slot, max(self.slots.place(slot), end_of(max(passed_us))))
        return bool(passed_us)
