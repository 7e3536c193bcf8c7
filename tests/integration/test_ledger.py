"""The ledger while groups are appended and applied, and what it must notice."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import numpy as np

from storage.chart.ledger import identities_charted_twice, ledger
from storage.chart.postgres import PostgresChart
from storage.chart.quarantine import quarantine_list
from storage.connection import Connection, connect
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from storage.scope import Scope
from tests.charting import NO_ROWS, NOON_US, SECOND_US, append_some, chart_row, record, register
from vitals.identity import SHARD_COUNT
from vitals.ports.chart import Effects, Quarantined, ShardProgress
from vitals.ports.journal import JournalRecord, Lease
from vitals.wire import count_of

#: Records come into the first six shards; these forward some of their readings to the next six.
ENTRY_SHARDS = range(6)


def fates(one: JournalRecord, epoch: int, clock_us: int, patient: int) -> Effects:
    """A record's first reading is charted, its second quarantined, its third forwarded, others duplicates."""
    count = count_of(one.payload)
    place = (one.shard, one.offset, 1)
    quarantined = Quarantined("cuff-1", "no-binding", "bind it", clock_us, b"{}", None, *place)
    away = int(count > 2 and one.shard in ENTRY_SHARDS)
    duplicates = max(0, count - 2) - away
    return Effects(
        progress=[ShardProgress(one.shard, epoch, one.offset, one.offset + 1, count, duplicates, away)],
        observations=chart_row(clock_us, patient=patient),
        device_status=NO_ROWS,
        quarantined=[quarantined] if count > 1 else [],
        forward={one.shard + len(ENTRY_SHARDS): record(1)} if away else {},
    )


async def apply_all(dsn: str, appending: asyncio.Future[list[None]], patient: int) -> None:
    """Applies what comes in, record by record, until appending is done and nothing is left."""
    async with (
        PostgresJournal(dsn) as journal,
        PostgresChart(dsn, "test") as chart,
        PostgresLeases(dsn, uuid4()) as leases,
    ):
        held = await leases.acquire(range(SHARD_COUNT))
        clock_us = NOON_US
        while True:
            last = appending.done()
            records = await journal.read({shard: held[shard].next_offset for shard in held}, 20_000)
            for one in records:
                clock_us += SECOND_US
                epoch = held[one.shard].epoch
                async with chart.transaction() as unit:
                    await unit.write(fates(one, epoch, clock_us, patient))
                held[one.shard] = Lease(epoch, one.offset + 1)
            if last and not records:
                return


async def test_the_ledger_balances_at_every_moment(any_database: str) -> None:
    keys = register(any_database)
    async with asyncio.timeout(90), await connect(any_database, application_name="t") as connection:
        appending = asyncio.gather(*(append_some(any_database, ENTRY_SHARDS, 40, seed) for seed in range(3)))
        applying = asyncio.create_task(apply_all(any_database, appending, keys.patient))
        looks = []
        while not applying.done():
            looks.append(await ledger(connection))
            await asyncio.sleep(0.01)
        await applying
        assert len(looks) > 10
        assert all(look.balanced and not look.inconsistent for look in looks)
        assert any(look.pending for look in looks)
        end = await ledger(connection)
        assert (end.pending, end.balanced, end.inconsistent) == (0, True, ())
        assert min(end.stored, end.duplicates, end.quarantined) > 0
        assert end.as_json()["balanced"] is True
        assert await identities_charted_twice(connection) == []
        await check_pages(connection, end.quarantined)


async def check_pages(connection: Connection, total: int) -> None:
    first = await quarantine_list(connection, Scope(1), limit=3)
    rest = await quarantine_list(connection, Scope(1), limit=500, before=first[-1].key)
    keys = [row.key for row in first + rest]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == min(total, 503)
    assert (first[0].reason, first[0].preview, first[0].decoded) == ("no-binding", "{}", False)
    assert await quarantine_list(connection, Scope(2)) == []


async def test_the_ledger_sees_what_cannot_be(any_database: str) -> None:
    async with (
        PostgresJournal(any_database) as journal,
        await connect(any_database, application_name="t") as connection,
    ):
        await journal.append({1: record(2), 2: record(3)})
        assert (await ledger(connection)).inconsistent == ()
        await connection.execute("UPDATE shard SET applied = 1 WHERE shard = 1")
        await connection.execute("UPDATE shard SET next_offset = 2, applied = 3 WHERE shard = 2")
        look = await ledger(connection)
        assert (look.inconsistent, look.balanced) == ((1, 2), False)


async def test_an_identity_that_moved_is_stored_once_and_one_charted_twice_is_found(
    any_database: str,
) -> None:
    async with PostgresLeases(any_database, uuid4()) as leases, PostgresChart(any_database, "test") as chart:
        await leases.acquire([0])
        rows = np.concatenate([chart_row(NOON_US, patient=patient) for patient in (1, 2)])
        async with chart.transaction() as unit:
            await unit.write(Effects([ShardProgress(0, 1, 0, 0, 0, 0, 0)], rows, NO_ROWS))
    async with await connect(any_database, application_name="t") as connection:
        assert (await ledger(connection)).stored == 2
        assert await identities_charted_twice(connection) == [(1, 1, NOON_US * 1000, 0)]
        await connection.execute("UPDATE observation SET status = 2 WHERE patient = 1")
        await connection.execute(
            "INSERT INTO observation_move (old, new) "
            "SELECT a.id, b.id FROM observation a, observation b WHERE a.patient = 1 AND b.patient = 2"
        )
        assert (await ledger(connection)).stored == 1
        assert await identities_charted_twice(connection) == []
        await connection.execute("UPDATE observation SET status = 2")
        assert (await ledger(connection)).stored == 1
