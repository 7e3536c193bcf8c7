"""The outermost layer: security headers, the limit on bodies, and the last stop for exceptions."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, as_api_error, error_response, log_failure

#: Nothing that people send is larger; readings come over MQTT.
BODY_MAX_BYTES = 1024 * 1024

#: Mantine sets styles inline; everything else is ours and comes from here.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Boundary:
    """Wraps the whole application; pure ASGI, so that streams pass through unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        started = False
        received = 0

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _secure(MutableHeaders(scope=message), path)
            await send(message)

        async def receive_on() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_MAX_BYTES:
                raise _too_large()
            return message

        try:
            if _announced_length(scope) > BODY_MAX_BYTES:
                raise _too_large()
            await self._app(scope, receive_on, send_on)
        except Exception as error:  # noqa: BLE001 - the outermost frame of every request
            told = as_api_error(error)
            if not isinstance(error, ApiError):
                log_failure(scope, error)
            if not started:
                await error_response(path, told)(scope, receive, send_on)


def _secure(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if path.startswith(("/api/", "/fhir")):
        headers["Cache-Control"] = "no-store"


def _announced_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else BODY_MAX_BYTES + 1
    return 0


def _too_large() -> ApiError:
    return ApiError(413, "too-large", f"A request may have {BODY_MAX_BYTES // 1024} KiB at most. Send less at a time.")
