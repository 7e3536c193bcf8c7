"""Worklist, patient page and trends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api.access import Access, access
from api.alert_view import alert_json, urgency
from api.errors import bad_request, forbidden, not_found
from api.formats import json_bytes, now_us, rfc3339
from api.series_view import series_json
from api.services import services_of
from api.states import load_states, load_watch, states_of
from api.worklist_view import age_years, counts, gateways_json, identifier_json, row, rows
from storage.chart.alerts import list_alerts
from storage.chart.series import rule_limits, series
from storage.chart.worklist import BoundDevice, ListedPatient, PatientDetail, detail, devices, patient_by_id

router = APIRouter(tags=["patients"])

#: Ranges that the page offers.
SERIES_HOURS = (1, 6, 24, 168, 720)

#: Alerts on a patient's page beside the open ones.
NEWEST_ALERTS = 50
#: More open alerts of one patient than this are a fault of a rule; the list of alerts pages through them all.
OPEN_ALERTS_MAX = 200


@router.get("/api/worklist")
async def worklist(request: Request) -> Response:
    """The caller's patients, those who need somebody first."""
    services = services_of(request)
    async with access(request, "search", "Worklist") as opened:
        opened.patient = opened.scope.patient
        states = await load_states(opened.connection, opened.scope)
        watch = await load_watch(opened.connection, opened.scope)
    at_us = now_us(services.now())
    is_staff = opened.scope.patient is None
    return _json(
        {
            "server_time": rfc3339(at_us),
            "simulated": services.simulated,
            "counts": counts(states.values(), at_us, watch.gateway_alerts),
            "rows": rows(states.values(), watch.signs, at_us),
            "gateways": gateways_json(watch, at_us) if is_staff else [],
        }
    )


@router.get("/api/patients/{patient}")
async def patient_page(request: Request, patient: str) -> Response:
    """One patient: who it is, the worklist row, alerts (open first, then the newest), devices."""
    at_us = now_us(services_of(request).now())
    async with access(request, "read", f"Patient/{patient}") as opened:
        listed = await find_patient(opened, patient)
        connection, scope = opened.connection, opened.scope
        state = (await states_of(connection, scope, [listed], [listed.key]))[listed.key]
        watch = await load_watch(connection, scope)
        newest_alerts = await list_alerts(connection, scope, state="all", patient=patient, limit=NEWEST_ALERTS)
        said = await detail(connection, scope, listed.key)
        bound = await devices(connection, scope, listed.key)
    waiting = sorted(state.alerts, key=urgency)[:OPEN_ALERTS_MAX]
    shown = {alert.id for alert in waiting}
    return _json(
        {
            "server_time": rfc3339(at_us),
            "patient": _patient_json(listed, said, at_us),
            "row": row(state, watch.signs, at_us),
            "alerts": [alert_json(each) for each in (*waiting, *(a for a in newest_alerts if a.id not in shown))],
            "devices": [_device_json(device) for device in bound],
        }
    )


@router.get("/api/patients/{patient}/series")
async def patient_series(request: Request, patient: str, hours: int = 24) -> Response:
    """Trends of the last hours: every metric, part and device a series, with the limits that hold for the patient."""
    end = services_of(request).now()
    async with access(request, "read", f"Patient/{patient}/series") as opened:
        if hours not in SERIES_HOURS:
            raise bad_request(f"hours is one of {', '.join(map(str, SERIES_HOURS))}.")
        start = end - timedelta(hours=hours)
        listed = await find_patient(opened, patient)
        found = await series(opened.connection, opened.scope, listed.key, start, end)
        limits = await rule_limits(opened.connection, opened.scope, listed.key)
        said = await detail(opened.connection, opened.scope, listed.key)
    return _json(
        {
            "server_time": rfc3339(now_us(end)),
            "from": rfc3339(now_us(start)),
            "to": rfc3339(now_us(end)),
            "series": series_json(found, limits, said.spo2_target),
        }
    )


async def find_patient(opened: Access, patient: str) -> ListedPatient:
    """The patient, noted for the audit row; 403 for a patient who asks for another, 404 outside the scope."""
    if opened.actor.patient is not None and patient != opened.actor.patient:
        raise forbidden()
    listed = await patient_by_id(opened.connection, opened.scope, patient)
    if listed is None:
        raise not_found("patient")
    opened.patient = listed.key
    return listed


def _patient_json(listed: ListedPatient, said: PatientDetail, at_us: int) -> dict[str, Any]:
    return {
        "id": listed.id,
        "name": listed.name,
        "age_years": age_years(said.born, at_us),
        "born": None if said.born is None else said.born.isoformat(),
        "sex": listed.sex,
        "zone": listed.zone,
        "programmes": [{"programme": programme, "since": rfc3339(since_us)} for programme, since_us in said.programmes],
        "identifiers": [identifier_json(identifier) for identifier in said.identifiers],
        "spo2_target": said.spo2_target,
    }


def _device_json(device: BoundDevice) -> dict[str, Any]:
    return {
        "id": device.id,
        "model": device.model,
        "online": device.online,
        "last_received_at": rfc3339(device.last_received_us),
        "battery_percent": device.battery_percent,
        "bound_since": rfc3339(device.bound_since_us),
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(json_bytes(body), media_type="application/json")
