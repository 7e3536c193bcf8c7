"""Work that a role does beside its main one every few seconds: signs of life, and looking after those of gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from storage.connection import Connection
from storage.faults import database_faults
from storage.link import Link
from storage.registry.gateways import BEAT_EVERY_S, beat, watch_gateways
from vitals.errors import VitalstreamError
from vitalstream import __version__

_log = structlog.get_logger("heartbeats")


async def beat_for_ever(dsn: str, gateway: str) -> NoReturn:
    """Says every ten seconds that this gateway lives and reaches the database."""
    await _every(dsn, "gateway beat", lambda connection: beat(connection, gateway))


async def watch_for_ever(dsn: str) -> NoReturn:
    """Looks every ten seconds for gateways that give no sign of life, or give one again."""
    await _every(dsn, "gateway watch", lambda connection: watch_gateways(connection, __version__))


async def _every(dsn: str, name: str, work: Callable[[Connection], Awaitable[object]]) -> NoReturn:
    async with Link(dsn, application_name=f"vitalstream {name}") as link:
        while True:
            try:
                async with database_faults(), link.use() as connection:
                    await work(connection)
            except VitalstreamError as error:
                # The next one tells: a missed beat is what the limits are made for.
                _log.warning("failed", work=name, error=type(error).__name__, code=error.code)
            await asyncio.sleep(BEAT_EVERY_S)
