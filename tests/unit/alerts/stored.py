"""A stand-in for storage and processor: keeps samples and alerts, checks what an engine says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np

from alerts.oracle import AlertKey, key_of
from alerts.rules import Limit, Rule
from vitals import codes, units
from vitals.events import SAMPLE, Alert, AlertChange, Deadline, PatientContext, PatientHistory, Samples
from vitals.ports.alerting import AlertEngine, HistoryTooShort

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def sample(
    measured_us: int,
    value: float,
    metric: str = "spo2",
    *,
    patient: int = 1,
    device: int = 1,
    component: int = 0,
    flags: int = 0,
    sequence: int = 0,
    unit: str | None = None,
) -> tuple[Any, ...]:
    """One row of dtype SAMPLE; `value` is in `unit` (default: the metric's own first unit)."""
    row = codes.metric(metric)
    sent_unit = unit or row.units[0]
    name = f"{patient}/{device}/{metric}/{measured_us}/{sequence}/{value}".encode()
    return (
        patient,
        device,
        row.number,
        component,
        1,
        units.unit(sent_unit).number,
        flags,
        measured_us,
        measured_us,
        sequence,
        units.convert(value, sent_unit, row.units[0]),
        value,
        hashlib.sha256(name).digest()[:16],
    )


def group(*rows: tuple[Any, ...]) -> Samples:
    """Rows as one array of dtype SAMPLE."""
    return np.array(list(rows), dtype=SAMPLE)


def rule(identity: str, kind: str, metric: str, raised: Limit | None = None, **more: Any) -> Rule:
    """A rule in the metric's own unit with the default clear limit, unless told otherwise."""
    known = codes.table().get(metric.partition(".")[0])
    given: dict[str, Any] = {
        "programme": "general",
        "title": identity,
        "unit": known.units[0] if known else "1",
        "priority": "high",
        "source": "test",
        "raise_limit": raised,
        "clear_limit": more.pop("cleared", raised.mirrored() if raised else None),
    }
    return Rule(id=identity, version=1, kind=kind, metric=metric, **(given | more))


class Store:
    """What was committed: samples, alerts by id and deadlines, with what any sequence of changes must keep."""

    def __init__(self, contexts: dict[int, PatientContext], *, extends: bool = True) -> None:
        self.contexts = contexts
        self.samples = group()
        self.alerts: dict[UUID, Alert] = {}
        self.deadlines: dict[int, Deadline | None] = {}
        self.changes: list[AlertChange] = []
        self.fetched = 0
        self._extends = extends

    def history(self, patient: int, from_us: int, to_us: int) -> PatientHistory:
        """Stored alerts and samples; reaches back to the first reading of every alert returned when it
        `extends`.
        """
        self.fetched += 1
        alerts = [
            a
            for a in self.alerts.values()
            if a.patient == patient
            and (a.condition == "active" or a.opened_us <= to_us)
            and (a.cleared_us is None or a.cleared_us >= from_us)
        ]
        if self._extends:
            from_us = min([from_us, *(a.readings[0].measured_us for a in alerts)])
        chosen = (self.samples["patient"] == patient) & (self.samples["measured_us"] >= from_us)
        chosen &= self.samples["measured_us"] <= to_us
        return PatientHistory(self.contexts[patient], from_us, to_us, self.samples[chosen][::-1], tuple(alerts))

    def known(self, *patients: int) -> dict[int, PatientContext]:
        """What is known of these patients, with the deadline that is stored."""
        return {
            patient: replace(known, deadline=self.deadlines.get(patient))
            for patient, known in self.contexts.items()
            if patient in patients
        }

    def take(
        self, engine: AlertEngine, samples: Samples, now_us: int, patients: Iterable[int] = (), *, tick: bool = False
    ) -> list[AlertChange]:
        """One group, or a tick, through the engine, then committed."""
        context = self.known(*samples["patient"].tolist(), *patients)
        requests = engine.needs(samples, context, tick=tick)
        while True:
            history = {r.patient: self.history(r.patient, r.earliest_us, r.to_us) for r in requests}
            assert len(history) == len(requests), "one request a patient"
            try:
                changes = engine.apply(samples, context, history, now_us, tick=tick)
                break
            except HistoryTooShort as short:
                assert list(short.requests) != requests, "asks for more each time"
                requests = list(short.requests)
        for change in changes:
            self._commit(change)
        self.samples = np.concatenate((self.samples, samples))
        self.deadlines |= engine.deadlines(context)
        return changes

    def tick(self, engine: AlertEngine, now_us: int) -> list[AlertChange]:
        """Time passes for everyone whose deadline is due, as the owner of a shard ticks."""
        due = [p for p, d in self.deadlines.items() if d is not None and d.due_us <= now_us]
        return self.take(engine, group(), now_us, due, tick=True)

    def _commit(self, change: AlertChange) -> None:
        alert, before = change.alert, self.alerts.get(change.alert.id)
        if change.change == "opened":
            assert before is None, "an id is opened once"
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

    def standing(self) -> set[AlertKey]:
        """Alerts that are not retracted, as histories are compared."""
        standing = [key_of(a) for a in self.alerts.values() if a.condition != "retracted"]
        assert len(standing) == len(set(standing)), "no episode has two alerts"
        return set(standing)


def keys(alerts: Sequence[Alert]) -> set[AlertKey]:
    """A history of alerts as it is compared."""
    return {key_of(a) for a in alerts}
