"""The database behind a command or a process: the embedded one, or the server that DATABASE_URL names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from storage import migrate
from storage.connection import Connection, connect
from storage.embedded.server import attach_or_start
from vitalstream import settings as settings_module
from vitalstream.settings import Settings

_T = TypeVar("_T")

#: How long a command waits for another short one that owns the data: starting and stopping takes under 2 s.
COMMAND_WAIT_S = 20.0


@contextmanager
def dsn_of(settings: Settings) -> Iterator[str]:
    """A dsn for the duration of one command; starts the embedded server when nothing serves its data."""
    if settings.database_url:
        yield settings.database_url
    else:
        with attach_or_start(settings.postgres_dir, COMMAND_WAIT_S) as dsn:
            yield dsn


@asynccontextmanager
async def prepared(settings: Settings, dsn: str) -> AsyncIterator[Connection]:
    """A connection to a database whose schema fits: the embedded one is migrated, yours only checked."""
    async with await connect(dsn, application_name="vitalstream command") as connection:
        if settings.database_url:
            await migrate.check(connection)
        else:
            await migrate.migrate(connection)
        yield connection


def run_command(work: Callable[[Connection], Coroutine[Any, Any, _T]]) -> _T:
    """Runs one command's work on a prepared connection and returns what it returns."""
    settings = settings_module.read(os.environ)

    async def on(dsn: str) -> _T:
        async with prepared(settings, dsn) as connection:
            return await work(connection)

    with dsn_of(settings) as dsn:
        return asyncio.run(on(dsn))
