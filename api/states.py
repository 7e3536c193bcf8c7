"""Brings together what a worklist row is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from api.worklist_view import PatientState
from storage.chart.alerts import AlertRecord, open_alerts
from storage.chart.worklist import ListedPatient, newest, patients
from storage.scope import Scope


async def load_states(connection: Any, scope: Scope, keys: Collection[int] | None = None) -> dict[int, PatientState]:
    """By patient key: all patients of the scope, or those of these keys that it covers."""
    listed = await patients(connection, scope, keys)
    return await states_of(connection, scope, listed, keys)


async def states_of(
    connection: Any, scope: Scope, listed: list[ListedPatient], keys: Collection[int] | None
) -> dict[int, PatientState]:
    """The same for patients that were read already."""
    metrics = await newest(connection, scope, keys)
    alerts = by_patient(await open_alerts(connection, scope, keys))
    return {
        patient.key: PatientState(
            patient,
            {now.newest.metric: now for now in metrics.get(patient.key, ())},
            tuple(alerts.get(patient.key, ())),
        )
        for patient in listed
    }


def by_patient(alerts: Collection[AlertRecord]) -> dict[int, list[AlertRecord]]:
    """Alerts by their patient's key."""
    found: dict[int, list[AlertRecord]] = {}
    for alert in alerts:
        found.setdefault(alert.patient_key, []).append(alert)
    return found
