"""Transactions on the chart when connections break, tasks are cancelled and partitions are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from storage.chart.postgres import PostgresChart
from storage.faults import DatabaseTrouble, OutcomeUnknown
from storage.journal.leases import PostgresLeases
from tests.charting import NO_ROWS, NOON_US, SECOND_US, chart_row, end_backends
from vitals.ports.chart import Effects, ShardProgress

MONTH_US = 31 * 86_400 * SECOND_US


async def test_a_transaction_whose_connection_dies_is_replaced(database_dsn: str) -> None:
    async with PostgresChart(database_dsn, "test") as chart:
        with pytest.raises(OutcomeUnknown):
            async with chart.transaction() as unit:
                await unit.heads([(1, 1)])
                await end_backends(database_dsn, "vitalstream chart")
        async with chart.transaction() as unit:
            assert await unit.heads([(1, 1)]) == {}
        with pytest.raises(DatabaseTrouble):
            async with chart.transaction() as unit:
                await end_backends(database_dsn, "vitalstream chart")
                await unit.heads([(1, 1)])
        async with chart.transaction() as unit:
            assert await unit.heads([(1, 1)]) == {}


async def test_a_cancelled_transaction_is_rolled_back(database_dsn: str) -> None:
    async with PostgresChart(database_dsn, "test") as chart:

        async def stuck() -> None:
            async with chart.transaction() as unit:
                await unit.gateways(["ward"])
                await asyncio.sleep(30)

        task = asyncio.create_task(stuck())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with chart.transaction() as unit:
            assert len(await unit.gateways(["ward"])) == 1


async def test_partitions_are_made_while_others_read_the_chart(any_database: str) -> None:
    with psycopg.connect(any_database) as reader:
        reader.execute("SELECT count(*) FROM observation")  # its lock stays until the end of the transaction
        async with (
            PostgresLeases(any_database, uuid4()) as leases,
            PostgresChart(any_database, "test") as chart,
        ):
            await leases.acquire([0])
            rows = np.concatenate([chart_row(NOON_US - month * MONTH_US) for month in range(6)])
            async with asyncio.timeout(5), chart.transaction() as unit:
                await unit.heads([(1, 1)])
                await unit.write(Effects([ShardProgress(0, 1, 0, 0, 0, 0, 0)], rows, NO_ROWS))
        assert reader.execute("SELECT count(*) FROM observation").fetchone() == (6,)


async def test_writers_that_open_the_same_months_in_opposite_order_do_not_stop_each_other(any_database: str) -> None:
    async def writer(shard: int, months: Iterable[int]) -> None:
        async with PostgresLeases(any_database, uuid4()) as leases, PostgresChart(any_database, "test") as chart:
            await leases.acquire([shard])
            for offset, month in enumerate(months):
                rows = np.concatenate([chart_row(NOON_US - (month + i) * MONTH_US, shard=shard) for i in range(3)])
                async with chart.transaction() as unit:
                    await unit.write(Effects([ShardProgress(shard, 1, offset, offset + 1, 3, 0, 0)], rows, NO_ROWS))

    async with asyncio.timeout(20):
        await asyncio.gather(writer(0, range(12)), writer(1, reversed(range(12))))
    with psycopg.connect(any_database) as connection:
        assert connection.execute("SELECT count(*) FROM observation").fetchone() == (72,)


async def test_a_partition_that_was_dropped_is_made_again(database_dsn: str) -> None:
    async with PostgresLeases(database_dsn, uuid4()) as leases, PostgresChart(database_dsn, "test") as chart:
        await leases.acquire([0])
        row = Effects([ShardProgress(0, 1, 0, 0, 0, 0, 0)], chart_row(NOON_US), NO_ROWS)
        async with chart.transaction() as unit:
            await unit.write(row)
        with psycopg.connect(database_dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE observation_2026_11")
        with pytest.raises(DatabaseTrouble):
            async with chart.transaction() as unit:
                await unit.write(row)
        async with chart.transaction() as unit:
            await unit.write(row)
