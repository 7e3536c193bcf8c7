"""Claiming a device: look what a code stands for, use it, and prove it with a first reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.access import Access, access, actor_of, audit
from api.claim_view import claim_json
from api.device_view import box_json
from api.errors import ApiError, bad_request, not_found, slow_down
from api.formats import json_bytes, now_us
from api.patients import find_patient
from api.rate_limit import TryLimiter
from api.refusals import refusals
from api.services import services_of
from storage.chart.worklist import ListedPatient
from storage.registry import claims
from storage.registry.audit import Action
from storage.registry.devices import Credentials
from storage.registry.gateways import signs_of_life

router = APIRouter(tags=["claims"])

#: Answers that a guesser gets.
_WRONG = frozenset({"wrong-code", "used-code", "expired-code", "other-patient"})


class Code(BaseModel):
    """A code as typed or scanned; `patient` when staff claim for one."""

    code: Annotated[str, Field(max_length=64, repr=False)]
    patient: Annotated[str, Field(max_length=64)] | None = None


class Answer(BaseModel):
    """Which reading the answer is about."""

    reading: UUID


@router.post("/api/claims/look")
async def look(request: Request, body: Code) -> Response:
    """What the code stands for, to compare with the box; changes nothing."""
    services = services_of(request)
    async with _counted(request, "read", "ClaimCode"), access(request, "read", "ClaimCode") as opened:
        patient = await _patient(opened, body.patient)
        with refusals():
            found = await claims.look(
                opened.connection,
                opened.scope.organisation,
                body.code,
                None if patient is None else patient.id,
                services.now(),
            )
    return _json({"device": box_json(found.id, found.transport, found.maker, found.model, found.serial)})


@router.post("/api/claims")
async def claim(request: Request, body: Code) -> Response:
    """Uses the code: the device is the patient's, unproven. An MQTT device's new password is in this answer only."""
    now = services_of(request).now()
    async with _counted(request, "write", "Claim"), access(request, "write", "Claim") as opened:
        patient = await _patient(opened, body.patient)
        if patient is None:
            raise bad_request("Say whose the device is: patient.")
        with refusals():
            claimed, made = await claims.claim(
                opened.connection,
                opened.scope,
                body.code,
                (patient.key, patient.id),
                now,
                actor=opened.actor.name,
            )
        body_out = await _shown(request, opened, claimed, made)
    return _json(body_out, 201)


@router.get("/api/claims/{device}")
async def claim_progress(request: Request, device: str) -> Response:
    """How far the claim is."""
    async with _claimed(request, "read", device, "claim") as (opened, claimed):
        body = await _shown(request, opened, claimed)
    return _json(body)


@router.post("/api/claims/{device}/confirm")
async def confirm(request: Request, device: str, answer: Answer) -> Response:
    """This is mine: the reading is charted, and all that comes from now on. 409 claim-ended, not-waiting,
    two-candidates.
    """
    now = services_of(request).now()
    async with _claimed(request, "write", device, "confirm") as (opened, claimed):
        with refusals():
            proven = await claims.confirm(
                opened.connection, opened.scope, claimed, answer.reading, now, actor=opened.actor.name
            )
        body = await _shown(request, opened, proven)
    return _json(body)


@router.post("/api/claims/{device}/not-mine")
async def not_mine(request: Request, device: str, answer: Answer) -> Response:
    """This is somebody else's: it is never charted. 409 claim-ended, already-proven, not-waiting."""
    now = services_of(request).now()
    async with _claimed(request, "write", device, "not-mine") as (opened, claimed):
        with refusals():
            still = await claims.not_mine(
                opened.connection, opened.scope, claimed, answer.reading, now, actor=opened.actor.name
            )
        body = await _shown(request, opened, still)
    return _json(body)


@router.post("/api/claims/{device}/cancel")
async def cancel(request: Request, device: str) -> Response:
    """The claim ends; nothing of it is charted. 409 already-proven."""
    now = services_of(request).now()
    async with _claimed(request, "write", device, "cancel") as (opened, claimed):
        with refusals():
            ended = await claims.cancel(opened.connection, opened.scope, claimed, now, actor=opened.actor.name)
        body = await _shown(request, opened, ended)
    return _json(body)


# ---------------------------------------------------------------- parts


@asynccontextmanager
async def _counted(request: Request, action: Action, resource: str) -> AsyncIterator[None]:
    """Counts a try with a code before it is made, so that tries sent side by side count too. 429 slow-down.

    A right one takes back its own count only: who has one good code must not go on guessing others for ever.
    """
    limiter: TryLimiter = request.app.state.claim_limiter
    key, now_s = actor_of(request).name, services_of(request).now().timestamp()
    if (wait_s := limiter.wait_s(key, now_s)) > 0:
        await audit(request, action, resource, "refused")
        raise slow_down(wait_s)
    limiter.failed(key, now_s)
    is_wrong = False
    try:
        yield
    except ApiError as error:
        # Who sends the own claim again guesses nothing.
        is_wrong = error.code in _WRONG and "device" not in error.fields
        raise
    finally:
        if not is_wrong:
            limiter.forgiven(key)


async def _patient(opened: Access, given: str | None) -> ListedPatient | None:
    """Whom the claim is for: patients for themselves, staff for whom they say; None when they don't."""
    patient = given or opened.actor.patient
    return None if patient is None else await find_patient(opened, patient)


@asynccontextmanager
async def _claimed(
    request: Request, action: Action, device: str, what: str
) -> AsyncIterator[tuple[Access, claims.Claim]]:
    """An audited request on a claim of the caller's scope; 404 when there is none."""
    async with access(request, action, f"Device/{device}/{what}") as opened:
        found = await claims.claim_of(opened.connection, opened.scope, device)
        if found is None:
            raise not_found("claim")
        opened.patient = found.patient_key
        yield opened, found


async def _shown(
    request: Request, opened: Access, claimed: claims.Claim, made: Credentials | None = None
) -> dict[str, Any]:
    connection = opened.connection
    credentials = None
    if made is not None:
        services = services_of(request)
        url = services.mqtt_url or f"mqtt://{request.url.hostname}:{services.mqtt_port}"
        credentials = {"username": made.username, "password": made.password, "url": url}
    return claim_json(
        claimed,
        await claims.waiting(connection, claimed),
        await claims.signs(connection, claimed),
        await signs_of_life(connection),
        now_us(services_of(request).now()),
        credentials,
    )


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json_bytes(body), status, media_type="application/json")
