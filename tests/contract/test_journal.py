"""What every journal must do (`vitals.ports.journal`); run on PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from tests.charting import record
from vitals.errors import InternalError
from vitals.ports.journal import JournalRecord, Lease


@pytest.fixture
async def journal(any_database: str) -> AsyncIterator[PostgresJournal]:
    async with PostgresJournal(any_database) as journal:
        yield journal


async def test_what_was_appended_is_read_back_byte_for_byte(journal: PostgresJournal) -> None:
    first, second = record(3), record(2, first=3)
    await journal.append({5: first})
    await journal.append({5: second})
    assert await journal.read({5: 0}, 1_000_000) == [JournalRecord(5, 0, first), JournalRecord(5, 1, second)]


async def test_each_shard_counts_its_own_offsets(journal: PostgresJournal) -> None:
    await journal.append({9: record(1), 2: record(1)})
    await journal.append({9: record(1)})
    read = await journal.read({9: 0, 2: 0}, 1_000_000)
    assert [(one.shard, one.offset) for one in read] == [(2, 0), (9, 0), (9, 1)]


async def test_reads_start_at_the_offset_asked_for_and_leave_other_shards_out(
    journal: PostgresJournal,
) -> None:
    for _ in range(3):
        await journal.append({1: record(1), 4: record(1)})
    assert [(one.shard, one.offset) for one in await journal.read({4: 2}, 1_000_000)] == [(4, 2)]


async def test_a_read_is_bounded_in_bytes_and_shared_out_among_shards(journal: PostgresJournal) -> None:
    for _ in range(4):
        await journal.append({1: record(10), 2: record(10)})
    read = await journal.read({1: 0, 2: 0}, 4 * len(record(10)))
    assert [(one.shard, one.offset) for one in read] == [(1, 0), (1, 1), (2, 0), (2, 1)]


async def test_a_record_larger_than_the_bound_is_still_delivered(journal: PostgresJournal) -> None:
    await journal.append({1: record(100)})
    assert len(await journal.read({1: 0}, 1)) == 1


async def test_an_empty_group_and_an_empty_question_do_nothing(journal: PostgresJournal) -> None:
    await journal.append({})
    assert await journal.read({}, 1_000) == []
    assert await journal.read({0: 0}, 1_000) == []


async def test_a_group_is_appended_whole_or_not_at_all(journal: PostgresJournal) -> None:
    with pytest.raises(InternalError):
        await journal.append({3: record(1), 64: record(1)})
    assert await journal.read({3: 0}, 1_000_000) == []
    await journal.append({3: record(1)})
    assert [one.offset for one in await journal.read({3: 0}, 1_000_000)] == [0]


async def test_wait_returns_for_an_append_of_this_process(journal: PostgresJournal) -> None:
    await journal.wait(0.2)  # the listener's own start counts as news
    await journal.wait(0.2)
    await journal.append({1: record(1)})
    started = time.monotonic()
    await journal.wait(5.0)
    assert time.monotonic() - started < 1.0


async def test_wait_returns_for_an_append_of_another_process(any_database: str, journal: PostgresJournal) -> None:
    await journal.wait(0.5)
    async with PostgresJournal(any_database) as other:
        await other.append({1: record(1)})
        await journal.wait(0.5)
        waiting = asyncio.create_task(journal.wait(10.0))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await other.append({1: record(1)})
        async with asyncio.timeout(3.0):
            await waiting


async def test_wait_ends_by_itself(journal: PostgresJournal) -> None:
    await journal.wait(0.5)
    started = time.monotonic()
    await journal.wait(0.2)
    assert 0.1 < time.monotonic() - started < 2.0


@pytest.fixture
async def two_owners(any_database: str) -> AsyncIterator[tuple[PostgresLeases, PostgresLeases]]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(PostgresLeases(any_database, uuid4(), lease_s=30.0))
        yield one, await stack.enter_async_context(PostgresLeases(any_database, uuid4(), lease_s=30.0))


async def test_a_live_lease_of_another_owner_is_respected(
    two_owners: tuple[PostgresLeases, PostgresLeases],
) -> None:
    ours, theirs = two_owners
    assert await ours.acquire({1, 2}) == {1: Lease(1, 0), 2: Lease(1, 0)}
    assert await theirs.acquire({1, 2, 3}) == {3: Lease(1, 0)}
    assert await theirs.renew({1, 3}) == {3}


async def test_released_shards_are_free_and_their_epoch_rises(
    two_owners: tuple[PostgresLeases, PostgresLeases],
) -> None:
    ours, theirs = two_owners
    await ours.acquire({1, 2})
    await ours.release({1})
    assert await theirs.acquire({1, 2}) == {1: Lease(2, 0)}
    assert await ours.renew({1, 2}) == {2}


async def test_an_expired_lease_is_taken_over_and_its_owner_learns_it(any_database: str) -> None:
    async with (
        PostgresLeases(any_database, uuid4(), lease_s=0.05) as late,
        PostgresLeases(any_database, uuid4()) as other,
    ):
        await late.acquire({7})
        await asyncio.sleep(0.1)
        assert await late.renew({7}) == {7}  # nobody wanted it meanwhile
        await asyncio.sleep(0.1)
        assert await other.acquire({7}) == {7: Lease(2, 0)}
        assert await late.renew({7}) == frozenset()
        await late.release({7})
        assert await other.renew({7}) == {7}


async def test_acquiring_again_ends_the_older_epoch_of_the_same_owner(
    two_owners: tuple[PostgresLeases, PostgresLeases],
) -> None:
    ours, _ = two_owners
    await ours.acquire({1})
    assert await ours.acquire({1}) == {1: Lease(2, 0)}
    assert await ours.renew({1}) == {1}
