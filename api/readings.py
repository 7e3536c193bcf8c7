"""Readings of a patient: the list, entering values by hand, marking one as wrong."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.access import access
from api.alerts import Note
from api.errors import ApiError, bad_request, not_found, taken
from api.formats import BadCursor, decode_cursor, encode_cursor, json_bytes, now_us
from api.manual import BadReading, entry_of, readings_of, record_of
from api.patients import find_patient
from api.reading_view import reading_json, wrong_json
from api.services import services_of
from storage.chart.corrections import AlreadyMarked, Reason, mark_wrong
from storage.chart.readings import reading_list, time_of, us_of
from storage.registry.manual import append_manual, ensure_manual_device
from vitals import codes

router = APIRouter(tags=["readings"])

PAGE_DEFAULT = 50
PAGE_MAX = 200


class Wrong(BaseModel):
    """Why a reading is wrong."""

    reason: Reason
    note: Note | None = None


@router.get("/api/patients/{patient}/readings")
async def patient_readings(
    request: Request, patient: str, metric: str | None = None, limit: int = PAGE_DEFAULT, after: str | None = None
) -> Response:
    """Readings of a family of metrics (of all without `metric`), newest first, entered-in-error ones included."""
    async with access(request, "read", f"Patient/{patient}/readings") as opened:
        place, metrics = _place(after), _metrics(metric)
        if not 1 <= limit <= PAGE_MAX:
            raise bad_request(f"limit is 1 to {PAGE_MAX}.")
        listed = await find_patient(opened, patient)
        found = await reading_list(opened.connection, opened.scope, listed.key, metrics, after=place, limit=limit + 1)
    page = found[:limit]
    last = page[-1].reading if len(found) > limit else None
    more = None if last is None else encode_cursor(str(last.measured_us), str(last.observation))
    return _json({"readings": [reading_json(each) for each in page], "next": more})


@router.post("/api/patients/{patient}/readings")
async def enter_readings(request: Request, patient: str) -> Response:
    """Takes values entered by hand; 201 when they are durable. An entry that is sent again is stored once."""
    # Before a connection is taken: a slow sender must not hold one.
    body = await request.body()
    at_us = now_us(services_of(request).now())
    async with access(request, "write", f"Patient/{patient}/readings") as opened:
        listed = await find_patient(opened, patient)
        connection = opened.connection
        try:
            entry, rows = entry_of(body)
            device = await ensure_manual_device(connection, listed.key, author=opened.actor.name)
            readings = readings_of(entry, rows, device=device, zone=listed.zone, now_us=at_us)
        except BadReading as error:
            raise ApiError(422, "bad-reading", f"{error.message}.", reading=error.place, reason=error.code) from None
        await append_manual(connection, listed.id, record_of(readings, body))
    return _json({"entry": str(entry), "accepted": len(readings)}, 201)


@router.post("/api/observations/{observation}/wrong")
async def mark_as_wrong(request: Request, observation: UUID, body: Wrong) -> Response:
    """Marks a reading as wrong; the chart and the alerts follow. 409 for everybody but the first."""
    async with access(request, "write", f"Observation/{observation}/wrong") as opened:
        try:
            found = await mark_wrong(
                opened.connection, opened.scope, observation, body.reason, body.note or None, opened.actor.name
            )
        except AlreadyMarked as error:
            first = error.first
            opened.patient = first.patient
            text = f"{first.by} marked this reading as wrong already. Reload to see it."
            raise taken("already-marked", text, first.by, first.at_us) from None
        if found is None:
            raise not_found("reading")
        opened.patient = found.patient
    return _json({"observation": str(found.observation), **wrong_json(found)}, 202)


def _metrics(family: str | None) -> tuple[int, ...]:
    found = tuple(codes.by_number()) if family is None else codes.family_numbers(family)
    if not found:
        raise bad_request("metric is a family of the code table, such as heart_rate or body_temp.")
    return found


def _place(after: str | None) -> tuple[int, UUID] | None:
    if after is None:
        return None
    try:
        measured_us, observation = decode_cursor(after, 2)
        return us_of(time_of(int(measured_us))), UUID(observation)
    except (BadCursor, ValueError, OverflowError):
        raise bad_request("after is no cursor that this server gave; start again without it.") from None


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json_bytes(body), status, media_type="application/json")
