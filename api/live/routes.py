"""GET /api/live: server-sent events, one stream a browser."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse

from api.access import access
from api.live.hub import Hub
from api.services import services_of
from storage.scope import Scope

router = APIRouter(tags=["live"])

#: After it the browser comes back and is asked again who it is: bounds what an ended session still sees.
STREAM_LIFE_S = 15 * 60
#: A reader that takes nothing for so long is gone.
SEND_TIMEOUT_S = 30.0
#: How long a browser waits before it comes back.
RETRY_MS = 2_000

# At its debug level the library writes every event, values included, to the log.
logging.getLogger("sse_starlette").setLevel(logging.INFO)


@router.get("/api/live")
async def live(request: Request) -> EventSourceResponse:
    """Events: snapshot, vitals, alert, hb, resync. `Last-Event-ID` brings the alerts that a browser missed."""
    services = services_of(request)
    async with access(request, "read", "Live") as opened:
        opened.patient = opened.scope.patient
    hub: Hub = request.app.state.hub
    events = _events(
        hub, opened.scope, request.headers.get("Last-Event-ID"), lambda: services.now().timestamp()
    )
    return EventSourceResponse(events, ping=0, send_timeout=SEND_TIMEOUT_S)


async def _events(
    hub: Hub, scope: Scope, last_event_id: str | None, now_s: Callable[[], float]
) -> AsyncIterator[bytes]:
    until_s = now_s() + STREAM_LIFE_S
    async with hub.watching(scope) as watcher:
        yield b"retry: %d\n\n" % RETRY_MS + await hub.opening(scope, last_event_id)
        # A heartbeat comes every five seconds, so the end of life is noticed in time.
        while now_s() < until_s and (chunk := await watcher.take()) is not None:
            yield chunk
