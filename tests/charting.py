"""Journal records, chart rows and a registry for tests of storage."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import psycopg

from storage.connection import connect
from storage.journal.postgres import PostgresJournal
from vitals import codes, units
from vitals.events import Alert, AlertChange, Change, Condition, Limits, ReadingRef
from vitals.identity import identity, observation_id
from vitals.ports.chart import OBSERVATION, Columns, Effects, ShardProgress
from vitals.reading import Reading, Value
from vitals.wire import RecordBuilder

#: 2026-11-02T08:00:00Z
NOON_US = 1_793_606_400_000_000
SECOND_US = 1_000_000


def record(count: int, *, device: str = "cuff-1", first: int = 0) -> bytes:
    """A journal record of `count` heart rates with sequences from `first` on."""
    builder = RecordBuilder("gateway-1")
    for sequence in range(first, first + count):
        at = NOON_US + sequence * SECOND_US
        reading = Reading(device, "heart_rate", (Value(72.0),), "/min", at, at, at * 1000, sequence)
        builder.reading(reading, builder.raw(b"raw-%d" % sequence))
    return builder.encode()


async def append_some(dsn: str, shards: range, appends: int, seed: int) -> None:
    """Appends groups of 1 to 8 of these shards, named in any order, with 1 to 4 readings each."""
    choose = random.Random(seed)
    async with PostgresJournal(dsn) as journal:
        for _ in range(appends):
            chosen = choose.sample(shards, choose.randint(1, min(8, len(shards))))
            await journal.append({shard: record(choose.randint(1, 4)) for shard in chosen})


async def end_backends(dsn: str, application: str) -> None:
    """Ends the server's side of that application's connections."""
    async with await connect(dsn, application_name="tests") as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = %s",
            [application],
        )


@dataclass(frozen=True)
class Registry:
    """Keys of a registered patient and its device."""

    patient: int
    device: int


def register(dsn: str, patient: str = "anna", device: str = "cuff-1") -> Registry:
    """A patient with programmes, a device, and a binding for ever."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        patient_key = connection.execute("INSERT INTO patient (id) VALUES (%s) RETURNING key", [patient]).fetchone()
        device_key = connection.execute(
            "INSERT INTO device (id, password_sha256) VALUES (%s, sha256('secret')) RETURNING key", [device]
        ).fetchone()
        assert patient_key is not None
        assert device_key is not None
        connection.execute(
            "INSERT INTO binding (device, patient, period, author) VALUES (%s, %s, '[-infinity,)', 'test')",
            [device_key[0], patient_key[0]],
        )
    return Registry(patient_key[0], device_key[0])


def chart_row(
    at_us: int,
    *,
    patient: int = 1,
    device: int = 1,
    metric: str = "heart_rate",
    unit: str = "/min",
    values: Sequence[tuple[float, int, int]] = ((72.0, 0, 0),),
    sequence: int = 0,
    shard: int = 0,
    offset: int = 0,
) -> Columns:
    """One row of dtype OBSERVATION; `values` are (number, decimals, absent)."""
    row = np.zeros(1, OBSERVATION)
    row["id"] = np.frombuffer(
        observation_id(identity(str(device), metric, at_us * 1000, sequence), str(patient)).bytes, "V16"
    )
    row["patient"], row["device"], row["gateway"] = patient, device, 1
    row["metric"], row["unit"] = codes.metric(metric).number, units.unit(unit).number
    row["values"] = len(values)
    row["measured_us"], row["received_us"] = at_us, at_us + SECOND_US
    row["device_time_ns"], row["sequence"] = at_us * 1000, sequence
    row["clock_offset_us"], row["utc_offset_min"] = -5, 60
    row["absent"] = 5  # unused places: unknown
    for place, (number, decimals, absent) in enumerate(values):
        row["value"][0, place], row["decimals"][0, place], row["absent"][0, place] = number, decimals, absent
    row["shard"], row["journal_offset"], row["journal_row"] = shard, offset, 7
    return row


NO_ROWS = np.zeros(0, OBSERVATION)


def progress(shard: int, epoch: int, expected: int, applied: int, *, records: int = 1) -> ShardProgress:
    """A step of one shard without duplicates and forwarded readings."""
    return ShardProgress(shard, epoch, expected, expected + records, applied, 0, 0)


def effects(steps: Sequence[ShardProgress], rows: Columns = NO_ROWS) -> Effects:
    """Effects that chart these rows and nothing else."""
    return Effects(progress=steps, observations=rows, device_status=NO_ROWS)


def alert_change(
    change: Change, *, key: UUID, patient: int, condition: Condition = "active", cleared_us: int | None = None
) -> AlertChange:
    """A change of a SpO2 alert opened at NOON_US."""
    opening = ReadingRef(UUID(int=1), "spo2", "88", "%", NOON_US)
    clearing = None if cleared_us is None else ReadingRef(UUID(int=2), "spo2", "95", "%", cleared_us)
    alert = Alert(
        id=key,
        patient=patient,
        rule="spo2-low",
        version=3,
        priority="high",
        title="Low SpO₂",
        condition=condition,
        opened_us=NOON_US,
        cleared_us=cleared_us,
        readings=(opening,),
        clearing=clearing,
        limits=Limits("spo2", "below 90", "at or above 91", "5 min", "%", "NEWS2"),
        explanation="88 % for 5 min",
    )
    return AlertChange(change, alert, clearing or opening)
