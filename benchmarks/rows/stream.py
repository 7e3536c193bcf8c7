"""`stream`: how many readings a second come from the journal into committed rows, with all shipped rules on.

Ours: the inline engine (read, attribute, dedupe, rules, chart) on PostgreSQL with fsync; 200 patients on monitors, of
whom one in twenty leaves the quiet band for a while, in records of 500 readings. Peer: psycopg's COPY BINARY of the
very rows that ours made, encoded before, into a table with the same columns and indexes, one commit where ours made
one: it only stores. Limit: the same COPY into a table without indexes, what the database needs to make the rows durable
at all.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from benchmarks.harness import Row
from benchmarks.site import DISK, database, register
from storage.chart.copy_binary import HEADER, OBSERVATION, TRAILER
from storage.chart.postgres import PostgresChart
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from streams.engines.inline import InlineEngine
from streams.processor import Applied, Processor
from vitals import codes, wire
from vitals.identity import shard_of
from vitals.reading import Reading, Value
from vitalstream import telemetry

PATIENTS = 200
#: A record of a patient who comes back after some minutes; 100,000 readings a run.
READINGS = 500
#: Before the first run, so that no run pays for what is looked up once: bindings, programmes, series. Two of them: the
#: registrations, which make the engine read everything again, come with the first.
WARM_UP_READINGS = 20
_WARM_UPS = 2
#: One of so many patients leaves the quiet band in a run.
UNWELL_ONE_OF = 20

_LATENESS_US = 7 * 86_400 * 1_000_000
_SECOND_US = 1_000_000
#: All runs together last less in the devices' time.
_SPAN_US = 12 * 3600 * _SECOND_US
_LIMIT_S = 60.0


def rows() -> list[Row]:
    """The row `stream`."""
    site = _Site()
    return [
        Row(
            name="stream",
            unit="rows/s",
            ours=site.ours,
            peer=site.peer,
            peer_name="COPY BINARY of the same rows",
            limit=site.limit,
            limit_name="COPY BINARY without indexes",
            fsync_in=DISK,
        )
    ]


class _Site:
    """One server for all three, entered by ours first and left by it last. The others copy what ours last made."""

    def __init__(self) -> None:
        self._dsn = ""
        self._chunks: list[bytes] = []

    @contextmanager
    def ours(self) -> Iterator[Callable[[], float]]:
        """Journal to committed rows."""
        telemetry.configure(quiet=True)
        with database() as dsn, asyncio.Runner() as runner:
            self._dsn = dsn
            asyncio.run(register(dsn, PATIENTS))
            feed, stream = _Feed(dsn), _Stream(dsn)

            def run(readings: int = READINGS) -> float:
                # The engine's loop stands still meanwhile.
                from_us, to_us = asyncio.run(feed.append(readings))
                seconds = runner.run(stream.apply(PATIENTS * readings))
                self._chunks = _chunks(dsn, (from_us, to_us), stream.groups)
                return PATIENTS * readings / seconds

            runner.run(stream.start())
            try:
                for _ in range(_WARM_UPS):
                    run(WARM_UP_READINGS)
                yield run
            finally:
                runner.run(stream.stop())

    @contextmanager
    def peer(self) -> Iterator[Callable[[], float]]:
        """COPY with indexes."""
        with psycopg.connect(self._dsn) as connection:
            _make_table(connection, "stream_peer", indexes=True)
            yield lambda: self._copy(connection, "stream_peer")

    @contextmanager
    def limit(self) -> Iterator[Callable[[], float]]:
        """COPY without indexes."""
        with psycopg.connect(self._dsn) as connection:
            _make_table(connection, "stream_limit", indexes=False)
            yield lambda: self._copy(connection, "stream_limit")

    def _copy(self, connection: psycopg.Connection, table: str) -> float:
        statement = _copy_in(table)
        began_s = time.perf_counter()
        for chunk in self._chunks:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(chunk)
            connection.commit()
        return PATIENTS * READINGS / (time.perf_counter() - began_s)


class _Feed:
    """Appends what the devices of all patients would send next: heart rate and SpO2 by turns, once a second."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._at_us = time.time_ns() // 1000 - _SPAN_US
        self._runs = 0
        self._pattern = wire.decode(_pattern())

    async def append(self, readings: int) -> tuple[int, int]:
        """One record of so many readings a patient; the measured times that they lie in."""
        from_us, to_us = self._at_us, self._at_us + readings * _SECOND_US
        async with PostgresJournal(self._dsn) as journal:
            for patient in range(PATIENTS):
                await journal.append({shard_of(f"p{patient}"): self._record(patient, readings)})
        self._at_us = to_us
        self._runs += 1
        return from_us, to_us

    def _record(self, patient: int, readings: int) -> bytes:
        """Who is unwell desaturates for the middle third of the record."""
        columns = self._pattern.columns[:readings].copy()
        for name in ("measured_us", "received_us", "earliest_us", "latest_us"):
            columns[name] += self._at_us
        columns["device_time_ns"] += self._at_us * 1000
        if (patient + self._runs) % UNWELL_ONE_OF == 0:
            middle = columns[readings // 3 : 2 * readings // 3]
            middle["value"][middle["metric"] == codes.metric("spo2").number, 0] = 88.0
        strings = [text.replace("DEVICE", f"device-{patient}") for text in self._pattern.strings]
        return wire.encode_columns(columns, tuple(strings), self._pattern.raw)


def _pattern() -> bytes:
    """A record whose times run from 0 on."""
    builder = wire.RecordBuilder("benchmark")
    for number in range(READINGS):
        metric, unit, value = ("spo2", "%", 95 + number % 3) if number % 2 else ("heart_rate", "/min", 70 + number % 9)
        raw = f'{{"metric":"{metric}","value":{value},"unit":"{unit}","at":1790000000000,"seq":{number}}}'
        at_us = number * _SECOND_US
        reading = Reading(
            device="DEVICE",
            metric=metric,
            values=(Value(float(value)),),
            unit=unit,
            measured_us=at_us,
            received_us=at_us + _SECOND_US,
            device_time_ns=at_us * 1000,
            sequence=number,
            earliest_us=at_us,
            latest_us=at_us,
        )
        builder.reading(reading, builder.raw(raw.encode()))
    return builder.encode()


class _Stream:
    """The stream role's engine in this process; its loop runs only while a run is timed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._readings = 0
        self.groups: list[int] = []

    async def start(self) -> None:
        """Owns all shards."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(ready))
        async with asyncio.timeout(_LIMIT_S):
            await ready.wait()

    async def apply(self, readings: int) -> float:
        """Seconds until so many more readings are charted and committed."""
        self.groups, self._readings = [], 0
        began_s = time.perf_counter()
        async with asyncio.timeout(_LIMIT_S):
            while self._readings < readings:
                self._changed.clear()
                await self._changed.wait()
        return time.perf_counter() - began_s

    async def stop(self) -> None:
        """Gives the shards back."""
        assert self._task is not None
        self._stop.set()
        await self._task

    async def _run(self, ready: asyncio.Event) -> None:
        async with (
            PostgresJournal(self._dsn) as journal,
            PostgresLeases(self._dsn, uuid.uuid4()) as leases,
            PostgresChart(self._dsn, "benchmark") as chart,
        ):
            processor = Processor(chart, OnlineEngine(shipped_rules()), _LATENESS_US)
            engine = InlineEngine(journal, leases, processor, lambda: time.time_ns() // 1000, self._applied)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(engine.run(self._stop))
                await engine.ready.wait()
                ready.set()

    def _applied(self, applied: Applied) -> None:
        if applied.readings:
            self.groups.append(applied.readings)
            self._readings += applied.readings
            self._changed.set()


def _copy_in(table: str) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, OBSERVATION.columns))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), columns)


def _make_table(connection: psycopg.Connection, name: str, *, indexes: bool) -> None:
    """A copy of `observation`, partitioned as it is; all rows go into one partition there and here."""
    like = sql.SQL("INCLUDING DEFAULTS INCLUDING INDEXES" if indexes else "INCLUDING DEFAULTS")
    table = sql.Identifier(name)
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE observation {}) PARTITION BY RANGE (measured_at)").format(table, like)
    )
    connection.execute(sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT").format(sql.Identifier(f"{name}_rows"), table))
    connection.commit()


def _chunks(dsn: str, measured_us: tuple[int, int], groups: list[int]) -> list[bytes]:
    """The chart's rows of this time, in the order and the groups in which they were committed, encoded for COPY."""
    columns = sql.SQL(", ").join(map(sql.Identifier, OBSERVATION.columns))
    query = sql.SQL(
        "COPY (SELECT {} FROM observation WHERE measured_at >= instant_of({}) AND measured_at < instant_of({})"
        " ORDER BY xid, shard, journal_offset, journal_row) TO STDOUT (FORMAT binary)"
    ).format(columns, *measured_us)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
        rows = OBSERVATION.decode(b"".join(map(bytes, copy)))
    if len(rows) != sum(groups):
        raise RuntimeError(f"{sum(groups)} readings were applied and {len(rows)} charted: the rest is no fair load")
    ends = list(itertools.accumulate(groups, initial=0))
    return [HEADER + rows[first:end].tobytes() + TRAILER for first, end in itertools.pairwise(ends)]
