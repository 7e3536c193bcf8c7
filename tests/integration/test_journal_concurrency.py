"""The journal under concurrent appenders, and when its connections break."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from storage.connection import connect
from storage.faults import OutcomeUnknown
from storage.journal.postgres import NotDurable, PostgresJournal, append_in
from tests.charting import append_some, end_backends, record
from vitals.identity import SHARD_COUNT
from vitals.ports.journal import JournalRecord
from vitals.wire import count_of

APPENDERS = 8
APPENDS_EACH = 40
SHARDS = range(12)


async def follow(dsn: str, appending: asyncio.Future[list[None]]) -> list[JournalRecord]:
    """Reads while others append: every read must go on where the last one ended, in every shard."""
    after = dict.fromkeys(range(SHARD_COUNT), 0)
    seen: list[JournalRecord] = []
    async with PostgresJournal(dsn) as journal:
        while True:
            last = appending.done()
            records = await journal.read(after, 2_000)
            for one in records:
                assert one.offset == after[one.shard], "a record became visible out of order"
                after[one.shard] += 1
            seen += records
            if last and not records:
                return seen
            if not records:
                await journal.wait(0.2)


async def test_offsets_are_gapless_and_visible_in_order_under_concurrent_appenders(database_dsn: str) -> None:
    async with asyncio.timeout(60):
        appenders = (append_some(database_dsn, SHARDS, APPENDS_EACH, seed) for seed in range(APPENDERS))
        seen = await follow(database_dsn, asyncio.gather(*appenders))
    with psycopg.connect(database_dsn) as connection:
        heads = connection.execute("SELECT sum(next_offset), sum(appended) FROM journal_head").fetchone()
    assert heads == (len(seen), sum(count_of(one.payload) for one in seen))
    assert len(seen) > APPENDERS * APPENDS_EACH


async def test_appends_inside_a_transaction_appear_with_it(database_dsn: str) -> None:
    async with (
        PostgresJournal(database_dsn) as journal,
        await connect(database_dsn, application_name="t") as other,
    ):
        async with other.transaction():
            await append_in(other, {1: record(1)})
            assert await journal.read({1: 0}, 1_000) == []
        assert len(await journal.read({1: 0}, 1_000)) == 1
        with pytest.raises(ZeroDivisionError):
            async with other.transaction():
                await append_in(other, {1: record(1)})
                raise ZeroDivisionError
        await journal.append({1: record(2)})
        assert [one.offset for one in await journal.read({1: 0}, 1_000)] == [0, 1]


async def test_a_head_that_stays_locked_means_not_durable(database_dsn: str) -> None:
    limited = psycopg.conninfo.make_conninfo(database_dsn, options="-c lock_timeout=100ms")
    async with PostgresJournal(limited) as journal:
        with psycopg.connect(database_dsn) as holder:
            holder.execute("SELECT FROM journal_head WHERE shard = 1 FOR UPDATE")
            with pytest.raises(NotDurable) as caught:
                await journal.append({0: record(1), 1: record(1)})
        assert caught.value.code == "not-durable"
        await journal.append({0: record(1), 1: record(1)})
        assert [one.offset for one in await journal.read({0: 0}, 1_000)] == [0]


async def test_a_lost_connection_means_outcome_unknown_and_the_next_append_goes_through(
    database_dsn: str,
) -> None:
    async with PostgresJournal(database_dsn) as journal:
        await journal.append({1: record(1)})
        await end_backends(database_dsn, "vitalstream journal append")
        with pytest.raises(OutcomeUnknown) as caught:
            await journal.append({1: record(1)})
        assert caught.value.code == "outcome-unknown"
        await journal.append({1: record(1)})
        assert [one.offset for one in await journal.read({1: 0}, 1_000)] == [0, 1]


async def test_the_listener_comes_back_after_its_connection_is_lost(database_dsn: str) -> None:
    async with PostgresJournal(database_dsn) as journal, PostgresJournal(database_dsn) as other:
        await journal.wait(1.0)
        await end_backends(database_dsn, "vitalstream journal listen")
        async with asyncio.timeout(5):
            await journal.wait(5.0)  # listening again is news by itself
            await other.append({1: record(1)})
            await journal.wait(5.0)


async def test_a_server_that_is_away_means_not_durable() -> None:
    async with PostgresJournal("host=/nonexistent port=5432 user=nobody dbname=none") as journal:
        for _ in range(2):
            with pytest.raises(NotDurable):
                await journal.append({1: record(1)})


async def test_a_cancelled_append_leaves_the_journal_usable(database_dsn: str) -> None:
    async with PostgresJournal(database_dsn) as journal:
        with psycopg.connect(database_dsn) as holder:
            holder.execute("SELECT FROM journal_head WHERE shard = 1 FOR UPDATE")
            stuck = asyncio.create_task(journal.append({1: record(1)}))
            await asyncio.sleep(0.2)
            stuck.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stuck
        await journal.append({1: record(1)})
        assert [one.offset for one in await journal.read({1: 0}, 1_000)] == [0]


async def test_trimming_deletes_old_applied_records_only(database_dsn: str) -> None:
    async with PostgresJournal(database_dsn) as journal:
        for _ in range(3):
            await journal.append({1: record(1), 2: record(1)})
        with psycopg.connect(database_dsn, autocommit=True) as connection:
            connection.execute("UPDATE shard SET next_offset = 2 WHERE shard = 1")
            connection.execute("UPDATE journal_record SET appended_at = now() - interval '25 h' WHERE \"offset\" < 1")
        assert await journal.trim() == 1
        read = await journal.read({1: 0, 2: 0}, 100_000)
        assert [(one.shard, one.offset) for one in read] == [(1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
        assert await journal.trim(older_than_s=0) == 1
