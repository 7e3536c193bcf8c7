"""Runs the application as a task of a larger process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.app import close_streams

#: Streams are ended before; what remains are requests under way.
GRACE_S = 1
KEEP_ALIVE_S = 30


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


async def serve(
    app: FastAPI, listener: socket.socket, *, stop: asyncio.Event, started: asyncio.Event | None = None
) -> None:
    """Serves on a listening socket until `stop` is set, then ends streams and returns, within a second or two at most.

    `started` is set when requests are answered. No signal handlers, no access log: paths hold patients' ids.
    """
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
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
        await asyncio.wait([ending])
        listener.close()


async def _end(app: FastAPI, server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    await close_streams(app)
    server.should_exit = True
