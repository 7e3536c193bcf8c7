"""The application: every route, denied by default, behind one boundary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from api import alerts, claims, devices, errors, pages, patients, readings, sign_in
from api.access import guard
from api.fhir.router import fhir_router
from api.formats import json_bytes
from api.live import routes as live
from api.live.hub import Hub
from api.middleware import Boundary
from api.rate_limit import TryLimiter
from api.services import ApiServices

_own = APIRouter(tags=["about"])


@_own.get("/api/openapi.json")
async def openapi(request: Request) -> Response:
    """This interface's description."""
    return Response(json_bytes(request.app.openapi()), media_type="application/json")


def create_app(services: ApiServices) -> FastAPI:
    """The application for one process. Its lifespan owns the live feed; `close_streams` ends it ahead of a stop."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await close_streams(app)

    app = FastAPI(
        title="vitalstream",
        version="1",
        dependencies=[Depends(guard)],
        # Its own documentation pages would load scripts from elsewhere; the description itself is a guarded route.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.sign_in_desk = sign_in.SignInDesk()
    app.state.claim_limiter = TryLimiter()
    app.state.hub = Hub(services.pool, services.now, services.simulated)
    errors.install(app)
    # The page's catch-all comes last.
    shown = (sign_in.router, patients.router, readings.router, alerts.router, live.router)
    given_out = (devices.router, claims.router)
    for router in (*shown, *given_out, fhir_router(), _own, pages.router):
        app.include_router(router)
    app.add_middleware(Boundary)
    return app


async def close_streams(app: FastAPI) -> None:
    """Ends all live streams, so that the server need not wait for them."""
    hub: Hub = app.state.hub
    await hub.close()
