"""GET /api/live: server-sent events, one stream a browser."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from api.access import access
from api.live.hub import Hub
from api.live.watcher import Watcher
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
    place = request.headers.get("Last-Event-ID")
    return LiveResponse(request.app.state.hub, opened.scope, place, lambda: services.now().timestamp())


class LiveResponse(EventSourceResponse):
    """Watches from before its first byte, so that a refusal is still an ordinary answer, until it is over."""

    def __init__(self, hub: Hub, scope: Scope, place: str | None, now_s: Callable[[], float]) -> None:
        super().__init__(iter(()), ping=0, send_timeout=SEND_TIMEOUT_S)
        self._hub = hub
        self._scope = scope
        self._place = place
        self._now_s = now_s

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serves one browser."""
        async with self._hub.watching(self._scope) as watcher:
            self.body_iterator = self._events(watcher)
            await super().__call__(scope, receive, send)

    async def _events(self, watcher: Watcher) -> AsyncIterator[bytes]:
        until_s = self._now_s() + STREAM_LIFE_S
        yield b"retry: %d\n\n" % RETRY_MS + await self._hub.opening(self._scope, self._place)
        # A heartbeat comes every five seconds, so the end of life is noticed in time.
        while self._now_s() < until_s and (chunk := await watcher.take()) is not None:
            yield chunk
