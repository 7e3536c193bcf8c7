"""A stand-in for storage and processor that lives through a generated history, and the truth about it.

It keeps what a chart keeps (samples, alerts, deadlines), brings history as storage does, and checks what any sequence
of changes must keep. The truth is asked of the oracle over the generated readings themselves, not over what was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from uuid import UUID

import numpy as np

from alerts import oracle
from alerts.applicability import BEGINNING_US
from alerts.online import OnlineEngine
from alerts.oracle import AlertKey, key_of
from tests.disorder.histories import PATIENTS, Group, History, Scene, identified
from vitals.events import SAMPLE, Alert, AlertChange, Deadline, PatientContext, PatientHistory, Samples
from vitals.ports.alerting import HistoryRequest, HistoryTooShort

#: As often as the processor lets the engine ask for more (streams/processor.py).
HISTORY_TRIES = 5

NO_SAMPLES = np.zeros(0, SAMPLE)


class Site:
    """One run of a history; `changes` is everything that was said."""

    def __init__(self, scene: Scene, history: History) -> None:
        self.scene = scene
        self.history = history
        self.rules = scene.rules
        self.engine = OnlineEngine(self.rules)
        self.contexts = dict(scene.contexts)
        self.alerts: dict[UUID, Alert] = {}
        self._origins: dict[UUID, int] = {}  # when the first reading of each alert's first raise was measured
        self.changes: list[AlertChange] = []
        self.now_us = scene.start_us
        self._stored: list[int] = []  # rows charted, in order of arrival, each once
        self._wrong: set[int] = set()  # rows entered in error
        self._rows = identified(history.rows)  # as attributed now
        self._deadlines: dict[int, Deadline | None] = dict.fromkeys(PATIENTS)
        self._aborts = False

    # ------------------------------------------------------------- the history

    def run(self) -> None:
        """Everything that arrives, and a last look when time has passed."""
        at = 0
        for group in self.history.groups:
            part = self.history.arrivals[at : at + group.size]
            at += group.size
            self._arrive(part)
            self._happen(group)
        self._arrive(self.history.arrivals[at:])
        self.now_us += self.scene.ticks_us[-1]
        self.tick()

    def truth(self) -> set[AlertKey]:
        """What is true of all readings that were delivered and not marked wrong, as bound now."""
        known = [row for row in _distinct(self.history.rows, self.history.arrivals) if row not in self._wrong]
        told = oracle.history(self.rules, self.contexts, self._rows[known], self.now_us)
        keys = {key_of(alert) for alert in told}
        assert len(keys) == len(told)
        return keys

    def standing(self) -> set[AlertKey]:
        """Alerts that are not retracted, as histories are compared."""
        standing = [key_of(a) for a in self.alerts.values() if a.condition != "retracted"]
        assert len(standing) == len(set(standing)), "no episode has two alerts"
        return set(standing)

    def look_again(self) -> None:
        """Everybody is examined from the beginning."""
        for patient in PATIENTS:
            self.engine.reexamine(patient, BEGINNING_US)
        self._take(NO_SAMPLES, PATIENTS)

    # ------------------------------------------------------------- what happens

    def _arrive(self, part: Collection[int]) -> None:
        new = [row for row in _distinct(self.history.rows, (*self._stored, *part)) if row not in set(self._stored)]
        if not new:
            return
        samples = self._rows[new]
        self.now_us = max(self.now_us, int(samples["measured_us"].max()))
        if self._aborts:
            # The transaction was rolled back after the engine had decided.
            self._decide(samples, np.unique(samples["patient"]).tolist(), tick=False)
            self.engine.drop(frozenset(samples["patient"].tolist()))
            self._aborts = False
        # Charted in the transaction that evaluates them: the engine's history doesn't hold them yet.
        self._take(samples, np.unique(samples["patient"]).tolist())
        self._stored += new

    def _happen(self, group: Group) -> None:
        happen: dict[str, Callable[[int], None]] = {
            "restart": lambda _: self.engine.drop(),
            "drop": lambda argument: self.engine.drop(frozenset({1 + argument % 2})),
            "aborted": self._abort_next,
            "tick": self._time_passes,
            "context": self._learn,
            "binding": self._rebind,
            "correction": self._correct,
            "rules": self._new_rules,
        }
        if group.event != "go":
            happen[group.event](group.argument)

    def _abort_next(self, _: int) -> None:
        self._aborts = True

    def _time_passes(self, argument: int) -> None:
        self.now_us += self.scene.ticks_us[argument % len(self.scene.ticks_us)]
        self.tick()

    def _learn(self, argument: int) -> None:
        """What is known of the patients changes, for the past too."""
        self.contexts = dict((self.scene.contexts, self.scene.later)[argument % 2])
        self.look_again()

    def _rebind(self, argument: int) -> None:
        """What a device measured in a stretch turns out to be the other patient's."""
        if not len(self._rows):
            return
        times = self._rows["measured_us"]
        device = self._rows["device"][argument % len(times)]
        since_us, until_us = times[argument // 2 % len(times)], times[(argument // 2 + 1 + argument % 7) % len(times)]
        moved = (self._rows["device"] == device) & (times >= since_us) & (times < until_us)
        self._rows["patient"][moved] = 3 - self._rows["patient"][moved]
        self._rows = identified(self._rows)
        stored = [row for row in self._stored if moved[row]]
        if stored:
            for patient in PATIENTS:
                self.engine.reexamine(patient, int(times[stored].min()))
            self._take(NO_SAMPLES, PATIENTS)

    def _correct(self, argument: int) -> None:
        """A charted reading is marked as wrong."""
        if not self._stored:
            return
        row = self._stored[argument % len(self._stored)]
        self._wrong.add(row)
        patient = int(self._rows["patient"][row])
        self.engine.reexamine(patient, int(self._rows["measured_us"][row]))
        self._take(NO_SAMPLES, [patient])

    def _new_rules(self, argument: int) -> None:
        """Rules change, which a restart brings: everything is examined with the new ones."""
        self.rules = (self.scene.rules, self.scene.changed)[argument % 2]
        self.engine = OnlineEngine(self.rules)
        self.look_again()

    # ------------------------------------------------------------- the processor's part

    def tick(self) -> None:
        """Everything up to now is applied: silence counts, for those whose deadline is due or for everybody."""
        due = {p: d for p, d in self._deadlines.items() if d is not None and d.due_us <= self.now_us}
        for patient in PATIENTS:
            if patient in due or not self.history.only_due:
                changes = self._take(NO_SAMPLES, [patient], tick=True)
                assert patient in due or not changes, f"a deadline came too late: {self._deadlines} at {self.now_us}"
                known = self._deadlines[patient]
                assert known is None or known.due_us > self.now_us, "a tick leaves nothing due"

    def _take(self, samples: Samples, patients: Iterable[int], *, tick: bool = False) -> list[AlertChange]:
        named = list(patients)
        changes = self._decide(samples, named, tick=tick)
        for change in changes:
            self._commit(change)
        self._deadlines.update(self.engine.deadlines(named))
        return changes

    def _decide(self, samples: Samples, patients: Iterable[int], *, tick: bool) -> list[AlertChange]:
        context = {p: replace(self.contexts[p], deadline=self._deadlines[p]) for p in patients}
        requests = self.engine.needs(samples, context, tick=tick)
        for _ in range(HISTORY_TRIES):
            history = {r.patient: self._history(r, context) for r in requests}
            assert len(history) == len(requests), "one request a patient"
            try:
                return self.engine.apply(samples, context, history, self.now_us, tick=tick)
            except HistoryTooShort as short:
                requests = list(short.requests)
        raise AssertionError("the engine asks for ever more history")

    def _history(self, request: HistoryRequest, context: dict[int, PatientContext]) -> PatientHistory:
        rows = self._rows[[row for row in self._stored if row not in self._wrong]]
        mine = rows["measured_us"] >= request.from_us
        for metric, from_us in request.deeper:
            mine |= (rows["metric"] == metric) & (rows["measured_us"] >= from_us)
        mine &= (rows["patient"] == request.patient) & (rows["measured_us"] <= request.to_us)
        earliest_us = request.earliest_us
        alerts = [
            a
            for a in self.alerts.values()
            if a.patient == request.patient
            and (
                a.condition == "active"
                or (a.opened_us <= request.to_us and (a.cleared_us is None or a.cleared_us >= earliest_us))
                or earliest_us <= self._origins[a.id] <= request.to_us
            )
        ]
        stretch = (request.from_us, request.to_us)
        known = context[request.patient]
        return PatientHistory(known, *stretch, rows[mine][::-1], tuple(alerts), request.deeper)

    def _commit(self, change: AlertChange) -> None:
        alert, before = change.alert, self.alerts.get(change.alert.id)
        if change.change == "opened":
            assert before is None, "an id is opened once"
            self._origins[alert.id] = alert.readings[0].measured_us
            assert alert.late == (alert.condition == "cleared")
        else:
            assert before is not None and before != alert
            assert (before.condition == "retracted") == (change.change == "revived")
        assert (change.change == "retracted") == (alert.condition == "retracted")
        assert (alert.condition == "active") == (alert.cleared_us is None) or alert.condition == "retracted"
        if alert.merged_into is not None:
            assert alert.merged_into in self.alerts and alert.merged_into != alert.id
        self.alerts[alert.id] = alert
        self.changes.append(change)


def _distinct(rows: Samples, arriving: Iterable[int]) -> list[int]:
    """What dedupe lets through: of one identity the first that arrives; the others are duplicates or conflicts."""
    first: dict[tuple[int, ...], int] = {}
    for row in arriving:
        one = rows[row]
        name = (one["device"], one["metric"], one["component"], one["measured_us"], one["sequence"])
        first.setdefault(tuple(map(int, name)), row)
    return list(first.values())
