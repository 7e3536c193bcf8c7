"""The built page, and whether the process is alive and ready."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from api.errors import ApiError
from api.formats import json_bytes
from api.permissions import PAGE, PUBLIC, roles_for
from api.services import services_of

router = APIRouter(include_in_schema=False)

#: Files whose names carry a hash of their content.
_HASHED = "assets/"
_YEAR_S = 365 * 24 * 3600

_NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>vitalstream</title>
<h1>The page is not built yet</h1>
<p>Run <code>make setup</code> in the project's folder, then reload. What is under /api and /fhir works without it.</p>
"""


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return Response(b'{"alive":true}', media_type="application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when every role of this process serves, else 503 with those that don't yet."""
    roles = services_of(request).ready()
    waiting = sorted(role for role, serves in roles.items() if not serves)
    if waiting:
        return Response(json_bytes({"ready": False, "waiting_for": waiting}), 503, media_type="application/json")
    return Response(json_bytes({"ready": True, "roles": sorted(roles)}), media_type="application/json")


@router.api_route(PAGE, methods=["GET", "HEAD"])
def page(request: Request, path: str) -> Response:
    """A file of the page; its start for every address that the page itself understands."""
    if roles_for(request.method, PAGE, request.url.path) != PUBLIC:
        raise ApiError(404, "not-found", "There is no such address in this interface. Check it.")
    static = services_of(request).static.resolve()
    wanted = (static / path.replace("\0", "")).resolve()
    if path and wanted.is_relative_to(static) and wanted.is_file():
        cached = f"public, max-age={_YEAR_S}, immutable" if path.startswith(_HASHED) else "no-cache"
        return FileResponse(wanted, headers={"Cache-Control": cached})
    return _start(static, path)


def _start(static: Path, path: str) -> Response:
    if path.startswith(_HASHED):
        raise ApiError(404, "not-found", "There is no such file. Reload the page; it may have been updated.")
    start = static / "index.html"
    if not start.is_file():
        return Response(_NOT_BUILT, 503, media_type="text/html")
    return FileResponse(start, headers={"Cache-Control": "no-cache"})
