"""Brings together what a worklist row is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from api.worklist_view import PatientState, Watch
from storage.chart.alerts import AlertRecord, open_alerts, open_gateway_alerts
from storage.chart.worklist import ListedPatient, newest, patients
from storage.registry.gateways import signs_of_life
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


async def load_watch(connection: Any, scope: Scope) -> Watch:
    """Signs of life, and the gateways' open alerts where the scope is staff's."""
    signs = await signs_of_life(connection, scope)
    return Watch(signs, tuple(await open_gateway_alerts(connection, scope)))


def by_patient(alerts: Collection[AlertRecord]) -> dict[int, list[AlertRecord]]:
    """Alerts by their patient's key; a gateway's alert is nobody's."""
    found: dict[int, list[AlertRecord]] = {}
    for alert in alerts:
        if alert.patient_key is not None:
            found.setdefault(alert.patient_key, []).append(alert)
    return found
