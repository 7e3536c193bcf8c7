"""The door to PostgreSQL: a connection, or a bounded pool, with time limits and errors that say what to do.

Every session is UTC, in UTF-8 and under time limits: cursors that follow commits rely on our transactions
ending. A setting that the operator wrote into DATABASE_URL wins over ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from vitals.errors import OperatorError, PartnerError

# What `connect` and `Pool.connection` give; other rooms name the type from here.
Connection: TypeAlias = AsyncConnection[TupleRow]

CONNECT_TIMEOUT_S = 5  # a LAN answers in milliseconds; longer would look like a hang in `doctor`
STATEMENT_TIMEOUT_MS = 30_000  # page queries and groups of 5,000 readings take well under a second
LOCK_TIMEOUT_MS = 10_000  # heads and leases are held for one commit; longer means a hang
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000  # a stuck client would hold back the live feed and vacuum

# A peer that vanished without a word (cable, firewall) is noticed within 30 + 3 x 10 s, unacknowledged data
# in 30 s.
KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_COUNT = 3
TCP_USER_TIMEOUT_MS = 30_000

POOL_SIZE_MAX = 8  # a role's share of max_connections 60; two cores do not serve more at a time
POOL_WAIT_S = 10.0  # how long a request waits for a free connection
POOL_WAITING_MAX = 200  # beyond this the database is overloaded and waiting longer makes it worse

# libpq hands over a refused connection as text only, so these words of the server tell a refusal from an
# outage.
_REFUSED_SIGNS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "does not support SSL",
)


class DatabaseUnreachable(PartnerError):
    """Nobody answers at the database's address, or it can't take us now; trying again may help."""

    code = "database-unreachable"


class DatabaseBusy(PartnerError):
    """All connections of the pool stayed in use; trying again later helps."""

    code = "database-busy"


class DatabaseRefused(OperatorError):
    """The server answers and refuses us (credentials, missing database), or DATABASE_URL is no address."""

    code = "database-refused"


def session_parameters(dsn: str, *, application_name: str) -> dict[str, str | int]:
    """What our connections are opened with. Raises DatabaseRefused for a text that is no dsn."""
    given = _parse(dsn)
    options = (
        f"-c TimeZone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} {given.pop('options', '')}"
    )
    ours: dict[str, str | int] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "client_encoding": "UTF8",
        "keepalives": 1,
        "keepalives_idle": KEEPALIVE_IDLE_S,
        "keepalives_interval": KEEPALIVE_INTERVAL_S,
        "keepalives_count": KEEPALIVE_COUNT,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
    }
    return {**ours, **given, "options": options.strip(), "application_name": application_name}


def describe(dsn: str) -> str:
    """Which database a dsn means, for people: never with its password."""
    given = _parse(dsn)
    host = given.get("host") or given.get("hostaddr") or "the local socket"
    port = given.get("port") or "5432"
    where = host if host.startswith(("/", "the ")) else f"{host}:{port}"
    user = f" as {given['user']}" if given.get("user") else ""
    return f"database {given.get('dbname') or given.get('user') or 'of the same name'} at {where}{user}"


async def connect(dsn: str, *, application_name: str, autocommit: bool = True) -> Connection:
    """One connection; close it by `async with`. Raises DatabaseUnreachable or DatabaseRefused.

    With `autocommit` (the default) a transaction is what stands in `async with connection.transaction()`.
    """
    parameters = session_parameters(dsn, application_name=application_name)
    try:
        return await AsyncConnection.connect("", autocommit=autocommit, **parameters)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise _typed(error, dsn) from None


class Pool:
    """At most `size_max` connections, shared by the tasks of one role; each in autocommit mode.

    `async with Pool(dsn, application_name="api") as pool:` fails at once, with the reason, when there is no
    database.
    """

    def __init__(self, dsn: str, *, application_name: str, size_max: int = POOL_SIZE_MAX) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._pool = AsyncConnectionPool(
            "",
            kwargs={**session_parameters(dsn, application_name=application_name), "autocommit": True},
            min_size=1,
            max_size=size_max,
            open=False,
            timeout=POOL_WAIT_S,
            max_waiting=POOL_WAITING_MAX,
            # One round trip (0.1 ms) before each use finds the connections that a restarted server left dead.
            check=AsyncConnectionPool.check_connection,
        )

    async def __aenter__(self) -> Self:
        # The pool itself only times out; one connection of our own says why.
        async with await connect(self._dsn, application_name=self._application_name):
            pass
        await self._pool.open(wait=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for the duration of the block. Raises DatabaseUnreachable or DatabaseBusy."""
        try:
            connection = await self._pool.getconn()
        except PoolTimeout:
            # Busy or gone? One try tells.
            async with await connect(self._dsn, application_name=self._application_name):
                pass
            raise self._busy() from None
        except TooManyRequests:
            raise self._busy() from None
        try:
            async with connection:
                yield connection
        finally:
            await self._pool.putconn(connection)

    def _busy(self) -> DatabaseBusy:
        return DatabaseBusy(
            f"No database connection became free within {POOL_WAIT_S:.0f} s. Try again; if it stays so, the "
            "database is overloaded or a query hangs."
        )


def _parse(dsn: str) -> dict[str, str]:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:  # its text quotes the dsn, password included
        raise DatabaseRefused(
            "DATABASE_URL is not a PostgreSQL address. Write it as "
            "postgresql://user:password@host:5432/database, with special characters of the password "
            "percent-encoded."
        ) from None


def _typed(error: psycopg.OperationalError, dsn: str) -> DatabaseRefused | DatabaseUnreachable:
    # libpq's text names host, port, user and database, and never the password.
    said = " ".join(str(error).split())
    if any(sign in said for sign in _REFUSED_SIGNS):
        return DatabaseRefused(
            f"PostgreSQL refuses the {describe(dsn)}. Check user, password and database name in "
            f"DATABASE_URL, and that the database exists. It said: {said}"
        )
    return DatabaseUnreachable(
        f"Can't reach the {describe(dsn)}. Check that the server runs and that DATABASE_URL names its host "
        f"and port. The attempt said: {said}"
    )
