"""A journal, a chart and the inline engine on a test database, driven by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

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
from vitals.identity import SHARD_COUNT, shard_of
from vitals.ports.alerting import AlertEngine
from vitals.ports.journal import Lease
from vitals.reading import Flag, Reading, value_of
from vitals.wire import RecordBuilder, encode_command

#: 2026-11-02T08:00:00Z
START_US = 1_793_606_400_000_000
SECOND_US = 1_000_000
LATENESS_US = 7 * 86_400 * SECOND_US


def reading(
    metric: str, unit: str, device: str, second: int, value: str, *, sequence: int | None = None, late_s: int = 0
) -> Reading:
    """A reading `second` seconds after the start; the sequence is the second unless given."""
    at = START_US + second * SECOND_US
    number = second if sequence is None else sequence
    received = at + late_s * SECOND_US
    return Reading(
        device,
        metric,
        (value_of(Decimal(value)),),
        unit,
        at,
        received,
        at * 1000,
        number,
        earliest_us=at,
        latest_us=at,
        flags=Flag(0),
    )


def spo2(device: str, second: int, value: str, *, sequence: int | None = None, late_s: int = 0) -> Reading:
    """A SpO2 reading `second` seconds after the start; the sequence is the second unless given."""
    return reading("spo2", "%", device, second, value, sequence=sequence, late_s=late_s)


def record_of(readings: Sequence[Reading]) -> bytes:
    """One encoded journal record."""
    builder = RecordBuilder("gateway-1")
    for reading in readings:
        builder.reading(reading, builder.raw(f"{reading.device} {reading.sequence}".encode()))
    return builder.encode()


def rules_engine() -> AlertEngine:
    """The online engine with the rules that ship."""
    return OnlineEngine(shipped_rules())


# A command is no reading, so the ledger's pending ones don't tell.
_DRAINED = "SELECT bool_and(s.next_offset = h.next_offset) FROM shard s JOIN journal_head h USING (shard)"


class Line:
    """From the journal to the chart, a stop away from a restart."""

    def __init__(self, dsn: str, engine: Callable[[], AlertEngine] = rules_engine) -> None:
        self.dsn = dsn
        self._engine = engine
        self._owner = uuid.uuid4()

    async def append(self, *groups: Sequence[Reading], shard_key: str) -> None:
        """Appends each group of readings as one record of the shard of `shard_key`."""
        async with PostgresJournal(self.dsn) as journal:
            for group in groups:
                await journal.append({shard_of(shard_key): record_of(group)})

    async def command(self, body: Mapping[str, Any], *shard_keys: str) -> None:
        """Appends a command to the shards of these ids."""
        async with PostgresJournal(self.dsn) as journal:
            await journal.append({shard_of(key): encode_command(dict(body)) for key in shard_keys})

    async def apply(
        self,
        *,
        now_us: int = START_US + 86_400 * SECOND_US,
        chart: type[PostgresChart] = PostgresChart,
        until: str = "SELECT true",
    ) -> Ledger:
        """Runs a new engine, as after a restart, until nothing waits and `until` is true; the ledger at the end."""
        async with (
            PostgresJournal(self.dsn) as journal,
            PostgresLeases(self.dsn, self._owner) as leases,
            chart(self.dsn, "test") as charts,
            await connect(self.dsn, application_name="test") as connection,
        ):
            processor = Processor(charts, self._engine(), LATENESS_US)
            engine = InlineEngine(journal, leases, processor, lambda: now_us)
            stop = asyncio.Event()
            running = asyncio.create_task(engine.run(stop))
            async with asyncio.timeout(20):
                while not running.done() and not (self._is(_DRAINED) and self._is(until)):
                    assert (counts := await ledger(connection)).balanced, counts
                    await asyncio.sleep(0.01)
            stop.set()
            await running
            return await ledger(connection)

    async def apply_by(self, *shard_keys: str, rounds: int = 2) -> Ledger:
        """Applies what waits in the shards of these ids, one shard after the other, each by a process of its own."""
        async with PostgresLeases(self.dsn, self._owner) as leases, PostgresJournal(self.dsn) as journal:
            held = await leases.acquire(range(SHARD_COUNT))
            for key in shard_keys * rounds:
                shard = shard_of(key)
                records = await journal.read({shard: held[shard].next_offset}, 10_000_000)
                async with PostgresChart(self.dsn, "test") as chart:
                    for record in records:
                        processor = Processor(chart, self._engine(), LATENESS_US)
                        await processor.apply([record], {shard: held[shard].epoch}, START_US + 86_400 * SECOND_US)
                if records:
                    held[shard] = Lease(held[shard].epoch, records[-1].offset + 1)
            async with await connect(self.dsn, application_name="test") as connection:
                return await ledger(connection)

    def _is(self, query: str) -> bool:
        return self.rows(query) == [(True,)]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query on the database."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode()).fetchall()
