"""Runs the application as a task of a larger process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import FastAPI

from api.app import close_streams
from vitals.errors import OperatorError

#: A small machine's page loads come in bursts of a few dozen connections.
BACKLOG = 256
#: Streams are ended before; what remains are requests under way.
GRACE_S = 1
KEEP_ALIVE_S = 30


class PortTaken(OperatorError):
    """Another program listens there."""

    code = "port-taken"


class _Server(uvicorn.Server):
    """Leaves signals to the process that it is a task of, and says when it has started."""

    def __init__(self, config: uvicorn.Config, answering: asyncio.Event) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answering.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PortTaken, also for an address that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Can't listen on {host} port {port} ({error.strerror}). Stop the program that uses it, or set "
            "VITALSTREAM_HTTP_PORT and VITALSTREAM_BIND to others."
        ) from None
    listener.setblocking(False)
    return listener


async def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    sockets: Sequence[socket.socket] | None = None,
    started: asyncio.Event | None = None,
) -> None:
    """Serves until `stop` is set, then ends streams and returns, usually at once and within a second or two at most.

    `sockets`: listening ones from `bind`, else one is made for `host` and `port`. `started` is set when requests are
    answered. No signal handlers, no access log: paths hold patients' ids.
    """
    listeners = list(sockets) if sockets is not None else [bind(host, port)]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config, started or asyncio.Event())
    ending = asyncio.create_task(_end(app, server, stop))
    try:
        await server.serve(sockets=listeners)
    finally:
        ending.cancel()
        await asyncio.wait([ending])
        for listener in listeners:
            listener.close()


async def _end(app: FastAPI, server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    await close_streams(app)
    server.should_exit = True
