"""What a failing database means for the caller: try again, find the culprit, or a fault of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from vitals.errors import InternalError, PartnerError, VitalstreamError
from vitals.ports.chart import Poisoned

# The server gives up a statement after 30 s by itself; this ends waiting for one that doesn't answer at all.
ANSWER_TIMEOUT_S = 35.0


class DatabaseTrouble(PartnerError):
    """Connection, disk, lock or serialization: the transaction did not happen, trying again may help."""

    code = "database"


class OutcomeUnknown(PartnerError):
    """The connection ended before the commit's answer: the data may or may not be durable."""

    code = "outcome-unknown"


@asynccontextmanager
async def database_faults() -> AsyncIterator[None]:
    """Gives the database's errors our types (DatabaseTrouble, Poisoned, InternalError); bounds the wait."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            yield
    except psycopg.Error as error:
        raise typed(error) from error
    except TimeoutError as error:
        raise DatabaseTrouble(
            f"The database did not answer within {ANSWER_TIMEOUT_S:.0f} s. Try again; else restart it."
        ) from error


def typed(error: psycopg.Error) -> VitalstreamError:
    """Whose fault an error of the database is. The server's own text, which may quote values, stays out."""
    said = f"{type(error).__name__} {error.sqlstate or ''}".strip()
    if missing_partition(error):
        return DatabaseTrouble(f"The chart has no partition for this month yet ({said}). Try again: it is made first.")
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return Poisoned(f"The database refuses these rows ({said}). Find the one that is wrong and quarantine it.")
    if isinstance(error, psycopg.ProgrammingError | psycopg.NotSupportedError):
        return InternalError(f"A statement of ours is wrong for this database ({said}). Run `vitalstream doctor`.")
    return DatabaseTrouble(f"The database could not do it ({said}). Try again; check its disk, memory and connections.")


def missing_partition(error: psycopg.Error) -> bool:
    """Whether a row found no partition: a check violation that names a table but no constraint."""
    return isinstance(error, psycopg.errors.CheckViolation) and error.diag.constraint_name is None


def surely_failed(error: psycopg.Error) -> bool:
    """Whether nothing was committed: the server itself said that it failed, and not while going down."""
    # Class 57P is shutdown or crash, 08 the connection: then the commit may have happened.
    return error.sqlstate is not None and not error.sqlstate.startswith(("57P", "08"))
