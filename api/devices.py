"""Staff's view of the fleet: devices and gateways; making, giving out, opening and taking back a device."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from api.access import access
from api.device_view import device_json, gateways_json
from api.formats import json_bytes, now_us, rfc3339
from api.patients import find_patient
from api.refusals import refusals
from api.services import services_of
from storage.registry import fleet
from storage.registry.claim_codes import Kind, shown

router = APIRouter(tags=["devices"])

#: Longer than any name on a type plate; printable, so that pages show what is stored.
Printed = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[ -~\u00a0-\uffff]+$")
]


class Make(BaseModel):
    """What is on the box."""

    id: Annotated[str, Field(max_length=64)]
    transport: Literal["mqtt", "ble"]
    maker: Printed
    model: Printed
    firmware: Printed | None = None
    serial: Printed | None = None


class Kit(BaseModel):
    """Whom the device is for."""

    patient: Annotated[str, Field(max_length=64)]


class Open(BaseModel):
    """What kind of code."""

    kind: Kind


@router.get("/api/devices")
async def devices(request: Request) -> Response:
    """Every device, but those that a patient outside the caller's scope has."""
    at_us = now_us(services_of(request).now())
    async with access(request, "search", "Device") as opened:
        found = await fleet.fleet(opened.connection, opened.scope)
    return _json({"devices": [device_json(each, at_us) for each in found]})


@router.get("/api/gateways")
async def gateways(request: Request) -> Response:
    """Every gateway, and how many of these devices it serves."""
    async with access(request, "search", "Gateway") as opened:
        seen = await fleet.gateways(opened.connection)
        served = await fleet.fleet(opened.connection, opened.scope)
    return _json({"gateways": gateways_json(seen, served)})


@router.post("/api/devices")
async def make(request: Request, body: Make) -> Response:
    """Registers a device that nobody has. 409 device-exists."""
    now = services_of(request).now()
    new = fleet.NewDevice(body.id, body.transport, body.maker, body.model, body.firmware or "", body.serial)
    async with access(request, "write", f"Device/{body.id}") as opened:
        with refusals():
            made = await fleet.make(opened.connection, opened.scope, new, now, actor=opened.actor.name)
    return _json(device_json(made, now_us(now)), 201)


@router.post("/api/devices/{device}/kit")
async def kit(request: Request, device: str, body: Kit) -> Response:
    """Reserves a device for a patient. 409 already-claimed."""
    now = services_of(request).now()
    async with access(request, "write", f"Device/{device}/kit") as opened:
        listed = await find_patient(opened, body.patient)
        with refusals():
            found = await fleet.kit(opened.connection, opened.scope, device, listed.key, now, actor=opened.actor.name)
    return _json(device_json(found, now_us(now)))


@router.post("/api/devices/{device}/claim-code")
async def claim_code(request: Request, device: str, body: Open) -> Response:
    """The code that opens the device, shown once, and the address that a QR code holds. 409 already-claimed."""
    async with access(request, "write", f"Device/{device}/claim-code") as opened:
        with refusals():
            made = await fleet.open_claim(
                opened.connection,
                opened.scope,
                device,
                body.kind,
                services_of(request).now(),
                actor=opened.actor.name,
            )
    code = shown(made.code)
    url = str(request.base_url.replace(path="/claim", query=f"code={code}"))
    return _json({"code": code, "expires_at": rfc3339(now_us(made.expires_at)), "url": url})


@router.post("/api/devices/{device}/return")
async def take_back(request: Request, device: str) -> Response:
    """The device is back on the shelf. 409 not-given-out, already-returned."""
    now = services_of(request).now()
    async with access(request, "write", f"Device/{device}/return") as opened:
        with refusals():
            found, opened.patient = await fleet.take_back(
                opened.connection, opened.scope, device, now, actor=opened.actor.name
            )
    return _json(device_json(found, now_us(now)))


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json_bytes(body), status, media_type="application/json")
