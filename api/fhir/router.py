"""Routes of FHIR R4 under /fhir. `api.access` decides who may come in; each request leaves an audit row."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request, Response

from api.access import Access, access, audit
from api.errors import not_found
from api.fhir import answers, cursors, parameters
from api.fhir.request import Asked, Parameter, Search, fields_of, is_strict, understood
from api.formats import now_us
from api.services import services_of
from storage.chart import fhir_queries as queries
from storage.chart.fhir_queries import After, DeviceSearch, ObservationSearch, PatientSearch
from vitals import codes
from vitals.fhir.capability import ResourceCapability, capability_statement
from vitals.fhir.codings import charted
from vitals.fhir.device import render_device
from vitals.fhir.observation import render_observation
from vitals.fhir.patient import render_patient
from vitals.fhir.search import BadSearch

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class _Page:
    """`entries` are (`Observation/id`, JSON); `cursor` leads to the next page; `patient` is set when all are one's."""

    entries: Sequence[tuple[str, bytes]]
    cursor: str | None
    patient: int | None = None


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Search, Position]):
    """How one resource type is searched."""

    name: str
    declared: Mapping[str, Parameter[Search]]
    everything: Search
    sorts: tuple[str, ...]
    position: Callable[[Asked[Search]], Position | None]
    page: Callable[[Access, Asked[Search], Position | None], Awaitable[_Page]]
    count: Callable[[Access, Search], Awaitable[int]]


def fhir_router() -> APIRouter:
    """The routes; the application includes them behind its guard."""
    router = APIRouter(prefix="/fhir", default_response_class=Response, tags=["FHIR"])
    router.add_api_route("/metadata", _capabilities, methods=["GET"])
    router.add_api_route("/Observation", _observations, methods=["GET"])
    router.add_api_route("/Observation/_search", _observations, methods=["POST"])
    router.add_api_route("/Observation/{id}", _observation, methods=["GET"])
    router.add_api_route("/Patient", _patients, methods=["GET"])
    router.add_api_route("/Patient/_search", _patients, methods=["POST"])
    router.add_api_route("/Patient/{id}", _patient, methods=["GET"])
    router.add_api_route("/Device", _devices, methods=["GET"])
    router.add_api_route("/Device/_search", _devices, methods=["POST"])
    router.add_api_route("/Device/{id}", _device, methods=["GET"])
    return router


async def _capabilities(request: Request) -> Response:
    """What can be asked; the one answer that everybody gets."""
    date = services_of(request).now().date().isoformat()
    body = capability_statement(_resources(), base=answers.base_of(request), version=_version(), date=date)
    return answers.resource(body)


async def _observation(request: Request, id: str) -> Response:
    """One Observation with its version."""
    async with access(request, "read", _named("Observation", id)) as opened:
        uuid = parameters.uuid_of(id)
        found = uuid and await queries.observation(opened.connection, opened.scope, uuid)
        if not found:
            raise not_found("Observation")
        row, opened.patient = found
    return answers.versioned(request, row.version, row.updated_us, render_observation(row))


async def _patient(request: Request, id: str) -> Response:
    """One patient."""
    async with access(request, "read", _named("Patient", id)) as opened:
        search = PatientSearch(ids=_ids(id))
        found = await queries.patient_page(opened.connection, opened.scope, search, None, 1)
        if not found:
            raise not_found("Patient")
        row, opened.patient = found[0]
    return answers.resource(render_patient(row))


async def _device(request: Request, id: str) -> Response:
    """One device."""
    async with access(request, "read", _named("Device", id)) as opened:
        search = DeviceSearch(ids=_ids(id))
        found = await queries.device_page(opened.connection, opened.scope, search, None, 1)
        if not found:
            raise not_found("Device")
    return answers.resource(render_device(found[0]))


async def _observations(request: Request) -> Response:
    """Observations by the declared parameters."""
    return await _search(request, _OBSERVATION)


async def _patients(request: Request) -> Response:
    """Patients by the declared parameters."""
    return await _search(request, _PATIENT)


async def _devices(request: Request) -> Response:
    """Devices by the declared parameters."""
    return await _search(request, _DEVICE)


async def _search(request: Request, kind: _Kind[Search, Position]) -> Response:
    """Understands, answers and audits a search; one that can't be understood gets 400 with what is wrong."""
    try:
        # Before a connection is taken: a slow sender of a form must not hold one.
        asked = understood(
            await fields_of(request),
            kind.declared,
            kind.everything,
            sorts=kind.sorts,
            strict=is_strict(request),
            now_us=now_us(services_of(request).now()),
        )
        position = kind.position(asked)
    except BadSearch as error:
        await audit(request, "search", kind.name, "failed")
        return answers.refusal(error)
    total, page = None, _Page((), None)
    async with access(request, "search", kind.name) as opened:
        if asked.accurate_total or asked.only_count:
            total = await kind.count(opened, asked.search)
        if not asked.only_count:
            page = await kind.page(opened, asked, position)
        opened.patient = page.patient
    return answers.page(request, kind.name, asked, page.entries, total=total, cursor=page.cursor)


async def _observation_page(opened: Access, asked: Asked[ObservationSearch], after: After | None) -> _Page:
    order = cursors.order_of(asked)
    # One more than a page says whether another follows.
    rows, patients = await queries.observation_page(
        opened.connection, opened.scope, asked.search, order, after, asked.count + 1
    )
    shown = rows[: asked.count]
    cursor = cursors.observation_cursor(shown[-1], order) if len(rows) > len(shown) else None
    entries = [(f"Observation/{row.id}", render_observation(row)) for row in shown]
    return _Page(entries, cursor, next(iter(patients)) if len(patients) == 1 else None)


async def _patient_page(opened: Access, asked: Asked[PatientSearch], after: str | None) -> _Page:
    found = await queries.patient_page(opened.connection, opened.scope, asked.search, after, asked.count + 1)
    shown = found[: asked.count]
    cursor = cursors.id_cursor(shown[-1][0].id) if len(found) > len(shown) else None
    entries = [(f"Patient/{row.id}", render_patient(row)) for row, _ in shown]
    return _Page(entries, cursor, found[0][1] if len(found) == 1 else None)


async def _device_page(opened: Access, asked: Asked[DeviceSearch], after: str | None) -> _Page:
    found = await queries.device_page(opened.connection, opened.scope, asked.search, after, asked.count + 1)
    shown = found[: asked.count]
    cursor = cursors.id_cursor(shown[-1].id) if len(found) > len(shown) else None
    return _Page([(f"Device/{row.id}", render_device(row)) for row in shown], cursor)


_OBSERVATION = _Kind(
    "Observation",
    parameters.OBSERVATION,
    parameters.ALL_OBSERVATIONS,
    cursors.OBSERVATION_SORTS,
    cursors.after_observation,
    _observation_page,
    lambda opened, search: queries.observation_count(opened.connection, opened.scope, search),
)
_PATIENT = _Kind(
    "Patient",
    parameters.PATIENT,
    PatientSearch(),
    cursors.ID_SORTS,
    cursors.after_id,
    _patient_page,
    lambda opened, search: queries.patient_count(opened.connection, opened.scope, search),
)
_DEVICE = _Kind(
    "Device",
    parameters.DEVICE,
    DeviceSearch(),
    cursors.ID_SORTS,
    cursors.after_id,
    _device_page,
    lambda opened, search: queries.device_count(opened.connection, opened.scope, search),
)


def _named(kind: str, id_: str) -> str:
    """How an audit row names what was read; what can't be an id is left out."""
    return f"{kind}/{id_}" if _ID.fullmatch(id_) else kind


def _ids(id_: str) -> frozenset[str]:
    """The id to look for; what can't be one finds nothing."""
    return frozenset({id_} if _ID.fullmatch(id_) else ())


@cache
def _version() -> str:
    try:
        return metadata.version("vitalstream")
    except metadata.PackageNotFoundError:  # a source tree that was not installed
        return "unknown"


@cache
def _resources() -> list[ResourceCapability]:
    profiles = sorted({m.profile for m in codes.table().values() if charted(m) and m.profile})
    kinds: tuple[_Kind[Any, Any], ...] = (_OBSERVATION, _PATIENT, _DEVICE)
    return [
        ResourceCapability(
            kind.name,
            [parameter.declaration for parameter in kind.declared.values()],
            profiles if kind is _OBSERVATION else (),
            versioned=kind is _OBSERVATION,
        )
        for kind in kinds
    ]
