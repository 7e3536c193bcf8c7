"""A journal, a chart and the inline engine on a test database, driven by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from decimal import Decimal

import psycopg

from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from storage.chart.ledger import Ledger, ledger
from storage.chart.postgres import PostgresChart
from storage.connection import connect
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from streams.engines.inline import InlineEngine
from streams.processor import Processor
from vitals.identity import shard_of
from vitals.reading import Flag, Reading, value_of
from vitals.wire import RecordBuilder

#: 2026-11-02T08:00:00Z
START_US = 1_793_606_400_000_000
SECOND_US = 1_000_000
LATENESS_US = 7 * 86_400 * SECOND_US


def spo2(device: str, second: int, value: str, *, sequence: int | None = None, late_s: int = 0) -> Reading:
    """A SpO2 reading `second` seconds after the start; the sequence is the second unless given."""
    at = START_US + second * SECOND_US
    number = second if sequence is None else sequence
    received = at + late_s * SECOND_US
    return Reading(
        device,
        "spo2",
        (value_of(Decimal(value)),),
        "%",
        at,
        received,
        at * 1000,
        number,
        earliest_us=at,
        latest_us=at,
        flags=Flag(0),
    )


def record_of(readings: Sequence[Reading]) -> bytes:
    """One encoded journal record."""
    builder = RecordBuilder("gateway-1")
    for reading in readings:
        builder.reading(reading, builder.raw(f"{reading.device} {reading.sequence}".encode()))
    return builder.encode()


class Line:
    """From the journal to the chart, a stop away from a restart."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._owner = uuid.uuid4()

    async def append(self, *groups: Sequence[Reading], shard_key: str) -> None:
        """Appends each group of readings as one record of the shard of `shard_key`."""
        async with PostgresJournal(self.dsn) as journal:
            for group in groups:
                await journal.append({shard_of(shard_key): record_of(group)})

    async def apply(self) -> Ledger:
        """Runs a new engine, as after a restart, until nothing is pending; the ledger at the end."""
        async with (
            PostgresJournal(self.dsn) as journal,
            PostgresLeases(self.dsn, self._owner) as leases,
            PostgresChart(self.dsn, "test") as chart,
            await connect(self.dsn, application_name="test") as connection,
        ):
            processor = Processor(chart, OnlineEngine(shipped_rules()), LATENESS_US)
            engine = InlineEngine(journal, leases, processor, lambda: START_US + 86_400 * SECOND_US)
            stop = asyncio.Event()
            running = asyncio.create_task(engine.run(stop))
            async with asyncio.timeout(20):
                while (counts := await ledger(connection)).pending and not running.done():
                    assert counts.balanced, counts
                    await asyncio.sleep(0.01)
            stop.set()
            await running
            return await ledger(connection)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query on the database."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode()).fetchall()
