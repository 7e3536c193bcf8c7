"""One charted reading as pages use it, and how a row of `observation` becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from vitals.reading import Absent, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: `observation.status` of a row that no longer counts.
ENTERED_IN_ERROR = 2


@dataclass(frozen=True, slots=True)
class Charted:
    """A row of the chart. `patient` is the key, `device` the logical id, `metric` and `unit` the tables' numbers.

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
    )


def time_of(time_us: int) -> datetime:
    """A timestamp for the database, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=time_us)


def us_of(time: datetime) -> int:
    """UTC microseconds of an aware datetime, exact."""
    return (time - _EPOCH) // _MICROSECOND
