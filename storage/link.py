"""One lasting connection for one kind of work: used by one task at a time, replaced when it breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from psycopg.pq import TransactionStatus

from storage.connection import Connection, connect
from vitals.errors import VitalstreamError

# After a failed attempt to connect: a server that restarts is back within a second; one that is down gets a
# dozen attempts a minute from each link, not thousands.
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0


class Link:
    """Connects on first use and again after a break, with bounded back-off that the next user waits out.

    Its sessions commit durably whatever the server's default for `synchronous_commit` is.
    """

    def __init__(self, dsn: str, *, application_name: str) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._backoff_s = 0.0
        self._retry_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def backend_pid(self) -> int | None:
        """The server process behind the connection, None while there is none."""
        return None if self._connection is None else self._connection.info.backend_pid

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection (autocommit), for this task alone; left inside a transaction, it is replaced.

        Raises DatabaseUnreachable or DatabaseRefused.
        """
        async with self._turn:
            connection = await self._open()
            try:
                yield connection
            finally:
                if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                    await self.close()

    async def close(self) -> None:
        """Closes the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        await asyncio.sleep(max(0.0, self._retry_at - time.monotonic()))
        try:
            connection = await connect(self._dsn, application_name=self._application_name)
        except VitalstreamError:
            self._backoff_s = min(max(2 * self._backoff_s, BACKOFF_FIRST_S), BACKOFF_MAX_S)
            self._retry_at = time.monotonic() + self._backoff_s
            raise
        self._backoff_s = 0.0
        # Kept before the next statement, so that a cancellation there doesn't leak it.
        self._connection = connection
        await connection.execute("SET synchronous_commit = on")
        return connection
