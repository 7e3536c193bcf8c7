"""Answers of the FHIR interface: resources, pages with their links, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from fastapi import Request, Response

from api.fhir.request import Asked, Search
from vitals.fhir.bundle import searchset
from vitals.fhir.outcome import operation_outcome
from vitals.fhir.search import BadSearch

FHIR_JSON = "application/fhir+json; charset=utf-8"


def resource(body: bytes) -> Response:
    """One resource that carries no version."""
    return Response(body, media_type=FHIR_JSON)


def versioned(request: Request, version: int, updated_us: int, body: bytes) -> Response:
    """One resource with ETag and Last-Modified; 304 when the client has this version."""
    tag = f'W/"{version}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(datetime.fromtimestamp(updated_us // 1_000_000, UTC), usegmt=True),
    }
    if _has(request.headers.get("If-None-Match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=FHIR_JSON)


def _has(header: str, tag: str) -> bool:
    known = {entry.strip().removeprefix("W/") for entry in header.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def base_of(request: Request) -> str:
    """The FHIR root as the client sees it."""
    return f"{str(request.base_url).rstrip('/')}/fhir"


def page(
    request: Request,
    kind: str,
    asked: Asked[Search],
    entries: Sequence[tuple[str, bytes]],
    *,
    total: int | None,
    cursor: str | None,
) -> Response:
    """A searchset; `cursor` leads to the next page."""
    base = base_of(request)
    address = f"{base}/{kind}"
    here = [*asked.used, *([("_cursor", asked.cursor)] if asked.cursor else [])]
    following = None if cursor is None else _address(address, [*asked.used, ("_cursor", cursor)])
    body = searchset(entries, base=base, self_url=_address(address, here), next_url=following, total=total)
    return Response(body, media_type=FHIR_JSON)


def _address(path: str, fields: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(fields)}" if fields else path


def refusal(error: BadSearch) -> Response:
    """400 with the parameter at fault, as FHIR writes it for requests: `http.name`."""
    body = operation_outcome("invalid", f"{error.message}.", expression=f"http.{error.parameter}")
    return Response(body, 400, media_type=FHIR_JSON)
