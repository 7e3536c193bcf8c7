"""Serving: bind the ports, own or reach the database, bring the schema up to date, run the roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from storage import migrate
from storage.connection import connect
from storage.embedded.server import EmbeddedServer
from vitals.errors import InternalError, OperatorError
from vitalstream import system
from vitalstream.roles import ALL, open_context
from vitalstream.settings import Settings

#: How long `up` waits for a short command that owns the data.
_OWN_WAIT_S = 10.0
#: How often we look whether our PostgreSQL still runs; connections notice much sooner.
_WATCH_S = 1.0


def check_available(settings: Settings) -> None:
    """Refuses settings that this version can't honour, rather than ignoring them."""
    wanted = {
        "VITALSTREAM_LOG=kafka": settings.log == "kafka",
        "VITALSTREAM_EMR_URL": bool(settings.emr_url),
    }
    missing = [name for name, is_set in wanted.items() if is_set]
    if missing:
        raise OperatorError(
            f"this version can't honour {', '.join(missing)} yet: unset it to run with the journal in PostgreSQL "
            "and no write-back",
            code="not-available",
        )


@dataclass(frozen=True, slots=True)
class Database:
    """Where the data is; `server` is the embedded one when it is ours."""

    dsn: str
    server: EmbeddedServer | None

    async def watch(self) -> None:
        """Returns never while the database lives; raises when our embedded server ends by itself."""
        # A process ends without setting an event of ours.
        while self.server is None or self.server.running():  # noqa: ASYNC110
            await asyncio.sleep(_WATCH_S)
        raise InternalError(
            "the embedded PostgreSQL ended by itself: look at its log in the data directory, then start again; "
            "everything acknowledged is safe"
        )


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A database whose schema fits: our own embedded server, owned until the end, or the one of DATABASE_URL."""
    server = None
    if not settings.database_url:
        server = await asyncio.to_thread(EmbeddedServer.start, settings.postgres_dir, wait_s=_OWN_WAIT_S)
    try:
        dsn = server.dsn if server is not None else settings.database_url
        async with await connect(dsn, application_name="vitalstream start") as connection:
            if server is not None:
                await migrate.migrate(connection)
            else:
                await migrate.check(connection)
        yield Database(dsn, server)
    finally:
        if server is not None:
            await asyncio.to_thread(server.stop)


async def serve(settings: Settings, names: Sequence[str], console: Console) -> None:
    """Runs the named roles until SIGINT or SIGTERM."""
    check_available(settings)
    if not settings.database_url and len(names) < len(ALL):
        raise OperatorError(
            "roles as processes of their own share a database server: set DATABASE_URL, or run all of them with "
            "`vitalstream up`",
            code="needs-database-url",
        )
    roles = [role for role in ALL if role.name in names]
    stop = asyncio.Event()
    with system.stop_on_signals(stop):
        # Ports first: a taken one should be heard of before anything else is started.
        context = open_context(settings, "", roles)
        async with context, database(settings) as base:
            context.dsn = base.dsn
            for line in await context.start_lines():
                console.print(line)
            await system.run(context, roles, stop, base.watch)
