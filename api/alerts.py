"""Alerts: list, read, acknowledge, close with an outcome."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints

from api.access import access
from api.alert_view import alert_json
from api.errors import bad_request, forbidden, not_found, taken
from api.formats import BadCursor, decode_cursor, encode_cursor, json_bytes
from storage.chart.alerts import (
    ALERT_STATES,
    AlertRecord,
    AlertState,
    AlreadyAcknowledged,
    AlreadyClosed,
    Outcome,
    Place,
    acknowledge,
    alerts_by_id,
    close,
    list_alerts,
)
from storage.chart.worklist import patient_by_id

router = APIRouter(tags=["alerts"])

PAGE_DEFAULT = 50
PAGE_MAX = 200

#: A remark of a person, some sentences; the record of what was done lies elsewhere.
NOTE_CHARS_MAX = 500
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NOTE_CHARS_MAX)]


class Closing(BaseModel):
    """What an alert was."""

    outcome: Outcome
    note: Note | None = None


@router.get("/api/alerts")
async def alert_list(
    request: Request,
    patient: str | None = None,
    state: str = "open",
    limit: int = PAGE_DEFAULT,
    after: str | None = None,
) -> Response:
    """Alerts of a state, the newest opening first. `next` is what to pass as `after`, null on the last page."""
    async with access(request, "search", "Alert") as opened:
        wanted, place = _state(state), _place(after)
        if not 1 <= limit <= PAGE_MAX:
            raise bad_request(f"limit is 1 to {PAGE_MAX}.")
        opened.patient = opened.scope.patient
        if opened.actor.patient is not None and patient not in (None, opened.actor.patient):
            raise forbidden()
        if patient is not None:
            listed = await patient_by_id(opened.connection, opened.scope, patient)
            if listed is None:
                raise not_found("patient")
            opened.patient = listed.key
        found = await list_alerts(
            opened.connection, opened.scope, state=wanted, patient=patient, after=place, limit=limit + 1
        )
    page = found[:limit]
    more = encode_cursor(str(page[-1].opened_us), str(page[-1].id)) if len(found) > limit else None
    return _json({"alerts": [alert_json(alert) for alert in page], "next": more})


@router.get("/api/alerts/{alert}")
async def one_alert(request: Request, alert: UUID) -> Response:
    """One alert."""
    async with access(request, "read", f"Alert/{alert}") as opened:
        found = (await alerts_by_id(opened.connection, opened.scope, [alert])).get(alert)
        if found is None:
            raise not_found("alert")
        opened.patient = found.patient_key
    return _json(alert_json(found))


@router.post("/api/alerts/{alert}/acknowledge")
async def acknowledge_alert(request: Request, alert: UUID) -> Response:
    """Acknowledges an alert in the caller's name; 409 with name and time for everybody but the first."""
    async with access(request, "write", f"Alert/{alert}/acknowledge") as opened:
        try:
            found: AlertRecord | None = await acknowledge(opened.connection, opened.scope, alert, opened.actor.name)
        except AlreadyAcknowledged as first:
            known = (await alerts_by_id(opened.connection, opened.scope, [alert]))[alert]
            opened.patient = known.patient_key
            text = f"{first.by} acknowledged this alert already. Reload to see its state."
            raise taken("already-acknowledged", text, first.by, first.at_us) from None
        if found is None:
            raise not_found("alert")
        opened.patient = found.patient_key
    return _json(alert_json(found))


@router.post("/api/alerts/{alert}/close")
async def close_alert(request: Request, alert: UUID, body: Closing) -> Response:
    """Closes an alert with an outcome and acknowledges it when nobody has; 409 for everybody but the first."""
    async with access(request, "write", f"Alert/{alert}/close") as opened:
        connection, scope = opened.connection, opened.scope
        try:
            found = await close(connection, scope, alert, opened.actor.name, body.outcome, body.note or None)
        except AlreadyClosed as first:
            opened.patient = (await alerts_by_id(connection, scope, [alert]))[alert].patient_key
            text = f"{first.by} closed this alert already. Reload to see its outcome."
            raise taken("already-closed", text, first.by, first.at_us) from None
        if found is None:
            raise not_found("alert")
        opened.patient = found.patient_key
    return _json(alert_json(found))


def _state(text: str) -> AlertState:
    for state in ALERT_STATES:
        if state == text:
            return state
    raise bad_request(f"state is one of {', '.join(ALERT_STATES)}.")


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    try:
        opened_us, alert = decode_cursor(after, 2)
        return Place(int(opened_us), UUID(alert))
    except (BadCursor, ValueError):
        raise bad_request("after is no cursor that this server gave; start again without it.") from None


def _json(body: dict[str, object]) -> Response:
    return Response(json_bytes(body), media_type="application/json")
