"""One charted reading as pages use it, how a row of `observation` becomes one, and the list of a patient's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from storage.chart.corrections import Correction
from storage.scope import Scope
from storage.sql import sql
from vitals.reading import Absent, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: `observation.status` of a row that no longer counts.
ENTERED_IN_ERROR = 2


@dataclass(frozen=True, slots=True)
class Charted:
    """A row of the chart. `patient` and `gateway` are keys, `device` the logical id, `metric` and `unit` the tables'
    numbers, `source` of `vitals.reading.Source`.

    `values`: one, or three for a blood pressure (systolic, diastolic, mean), as sent. Times are UTC microseconds.
    """

    observation: UUID
    patient: int
    device: str
    metric: int
    unit: int
    flags: int
    status: int
    version: int
    measured_us: int
    received_us: int
    values: tuple[Value, ...]
    gateway: int = 0
    source: int = 0


def charted(row: dict[str, Any]) -> Charted:
    """From a row with the columns of the query fragment that all our reading queries select."""
    values = tuple(
        Value(row[f"value_{i}"], row[f"decimals_{i}"], Absent(row[f"absent_{i}"])) for i in range(1, row["values"] + 1)
    )
    return Charted(
        observation=row["id"],
        patient=row["patient"],
        device=row["device"],
        metric=row["metric"],
        unit=row["unit"],
        flags=row["flags"],
        status=row["status"],
        version=row["version"],
        measured_us=row["measured_us"],
        received_us=row["received_us"],
        values=values,
        gateway=row["gateway"],
        source=row["source"],
    )


@dataclass(frozen=True, slots=True)
class ListedReading:
    """A reading, and the mark on it if a person said that it is wrong (the processor may not have got there yet)."""

    reading: Charted
    wrong: Correction | None


async def reading_list(
    connection: AsyncConnection[TupleRow],
    scope: Scope,
    patient: int,
    metrics: Collection[int],
    *,
    after: tuple[int, UUID] | None,
    limit: int,
) -> list[ListedReading]:
    """At most `limit` readings of the patient (a key), the newest measured first, beyond `after` (measured us, id)."""
    after_us, after_id = after if after is not None else (None, None)
    values = {
        **scope.parameters,
        "patient": patient,
        "metrics": list(metrics),
        "after_us": after_us,
        "after_id": after_id,
        "limit": limit,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("reading_list"), values)
        return [ListedReading(charted(row), _mark(row)) for row in await cursor.fetchall()]


def _mark(row: dict[str, Any]) -> Correction | None:
    if row["reason"] is None:
        return None
    return Correction(row["id"], row["patient"], row["reason"], row["note"], row["actor"], row["marked_us"])


def time_of(time_us: int) -> datetime:
    """A timestamp for the database, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=time_us)


def us_of(time: datetime) -> int:
    """UTC microseconds of an aware datetime, exact."""
    return (time - _EPOCH) // _MICROSECOND
