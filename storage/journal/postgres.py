"""The journal in PostgreSQL: gapless offsets a shard, one commit an append, one NOTIFY as a wake-up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psycopg
import structlog

from storage.connection import Connection, connect
from storage.faults import ANSWER_TIMEOUT_S, OutcomeUnknown, database_faults, surely_failed
from storage.link import BACKOFF_FIRST_S, BACKOFF_MAX_S, Link
from storage.sql import sql
from vitals import wire
from vitals.errors import InternalError, PartnerError, VitalstreamError
from vitals.ports.journal import JournalRecord

CHANNEL = "journal"

# Records of one shard in one read: bounds what the server looks at when a backlog of small records waits.
READ_PER_SHARD_MAX = 256

# Deleting in small batches keeps row locks and log bursts short beside appends.
TRIM_BATCH = 5_000

# A day to look at the raw bytes behind a charted value.
TRIM_OLDER_THAN_S = 24 * 3600.0

_log = structlog.get_logger(__name__)


class NotDurable(PartnerError):
    """Nothing of the group was made durable: don't acknowledge, try again."""

    code = "not-durable"


async def append_in(connection: Connection, records: Mapping[int, bytes]) -> None:
    """Appends `{shard: encoded record}` in the caller's transaction; durable and visible when that commits.

    Locks the shards' heads until then, so it belongs at the transaction's end. Raises psycopg.Error.
    """
    if records:
        await connection.execute(sql("journal_append"), _columns(records))


def _columns(records: Mapping[int, bytes]) -> dict[str, list[int] | list[bytes]]:
    return {
        "shards": list(records),
        "readings": [wire.count_of(payload) for payload in records.values()],
        "payloads": list(records.values()),
    }


class PostgresJournal:
    """JournalAppender and JournalReader; connects on first use, once to append, to read and to listen."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._appender = Link(dsn, application_name="vitalstream journal append")
        self._reader = Link(dsn, application_name="vitalstream journal read")
        self._appended = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        await self._appender.close()
        await self._reader.close()

    async def append(self, records: Mapping[int, bytes]) -> None:
        """Makes a group durable with one commit; concurrent calls take turns.

        Raises NotDurable when nothing was kept; OutcomeUnknown when the connection ended before the answer (a
        retry may then make a second record, whose readings are counted as duplicates); InternalError for a
        shard that isn't there.
        """
        if not records:
            return
        values = _columns(records)
        try:
            async with self._appender.use() as connection, asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection.execute(sql("journal_append"), values)
        except VitalstreamError as error:
            raise NotDurable(
                f"The journal can't be reached; nothing was kept. Send it again. {error.message}"
            ) from error
        except psycopg.Error as error:
            raise _append_fault(error) from error
        except TimeoutError as error:
            raise OutcomeUnknown(
                "The journal did not answer in time. Send it again: what came twice is counted."
            ) from error
        finally:
            # Also when cancelled: the group may be durable all the same, the listener ignores our notices.
            self._appended.set()

    async def read(self, after: Mapping[int, int], limit_bytes: int) -> list[JournalRecord]:
        """Records at or above `after[shard]`, contiguous in each shard, in shard and offset order.

        About `limit_bytes`, at least one record when there is any; a backlog is shared out evenly among the
        shards. Raises DatabaseTrouble.
        """
        values = {
            "shards": list(after),
            "offsets": list(after.values()),
            "per_shard": READ_PER_SHARD_MAX,
            "limit_bytes": max(1, limit_bytes),
        }
        async with (
            database_faults(),
            self._reader.use() as connection,
            connection.cursor(binary=True) as cursor,
        ):
            await cursor.execute(sql("journal_read"), values)
            return [JournalRecord(shard, offset, bytes(payload)) for shard, offset, payload in await cursor.fetchall()]

    async def wait(self, timeout_s: float) -> None:
        """Returns when anybody may have appended since the last `wait`, or after `timeout_s`."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="journal listener")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._appended.wait()
        self._appended.clear()

    async def trim(self, older_than_s: float = TRIM_OLDER_THAN_S) -> int:
        """Deletes applied records older than that, never a pending one; how many. Raises DatabaseTrouble."""
        deleted = 0
        while True:
            async with database_faults(), self._reader.use() as connection:
                cursor = await connection.execute(
                    sql("journal_trim"), {"older_than_s": older_than_s, "batch": TRIM_BATCH}
                )
            deleted += cursor.rowcount
            if cursor.rowcount < TRIM_BATCH:
                return deleted

    async def _listen(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                async with await connect(self._dsn, application_name="vitalstream journal listen") as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    backoff_s = BACKOFF_FIRST_S
                    # Something may have come before we listened.
                    self._appended.set()
                    async for notice in connection.notifies():
                        # Our own appends have set the event; hearing of them again would cost an empty read.
                        if notice.pid != self._appender.backend_pid:
                            self._appended.set()
            except (psycopg.Error, VitalstreamError) as error:
                _log.warning("journal_listener_lost", error=type(error).__name__, retry_s=backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)


def _append_fault(error: psycopg.Error) -> VitalstreamError:
    said = f"{type(error).__name__} {error.sqlstate or ''}".strip()
    if not surely_failed(error):
        return OutcomeUnknown(f"The journal's connection ended before its answer ({said}). Send it again.")
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError | psycopg.ProgrammingError):
        return InternalError(f"The journal refuses a record ({said}): its shard isn't there, or the schema is old.")
    return NotDurable(f"The journal could not keep the group ({said}). Send it again; check the database's disk.")
