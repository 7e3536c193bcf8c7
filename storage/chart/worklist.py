"""Read model of the worklist: patients in a scope, the newest reading of each metric, and what a patient page adds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, dict_row

from storage.chart.readings import Charted, charted
from storage.registry.manual import manual_device_id
from storage.scope import Scope
from storage.sql import sql
from vitals import codes

#: So many newest readings say how often a patient measures: five intervals, whose median one outlier can't move.
CADENCE_READINGS = 6


@dataclass(frozen=True, slots=True)
class ListedPatient:
    """Who a worklist row is about. `identifier` is (system, value), the first by system; `teams` are keys."""

    key: int
    id: str
    name: str | None
    born: date | None
    sex: str | None
    zone: str
    identifier: tuple[str, str] | None
    programmes: tuple[str, ...]
    teams: frozenset[int]


@dataclass(frozen=True, slots=True)
class MetricNow:
    """The newest reading of one patient and metric, and the measured times of the newest few, newest first."""

    newest: Charted
    times_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PatientDetail:
    """What the patient page adds. `programmes`: (programme, since in UTC us or None for always)."""

    born: date | None
    programmes: tuple[tuple[str, int | None], ...]
    identifiers: tuple[tuple[str, str], ...]
    spo2_target: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class BoundDevice:
    """A device bound to the patient now; None where nothing is known. Times are UTC microseconds."""

    id: str
    model: str | None
    online: bool | None
    last_received_us: int | None
    battery_percent: float | None
    bound_since_us: int | None


async def patients(
    connection: AsyncConnection[TupleRow], scope: Scope, keys: Collection[int] | None = None
) -> list[ListedPatient]:
    """Patients in the scope, all or those with these keys."""
    values = {**scope.parameters, "keys": None if keys is None else list(keys)}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("worklist_patients"), values)
        return [_listed(row) for row in await cursor.fetchall()]


async def patient_by_id(connection: AsyncConnection[TupleRow], scope: Scope, patient: str) -> ListedPatient | None:
    """The patient with this logical id if the scope covers it."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("worklist_patient_key"), {**scope.parameters, "id": patient})
        row = await cursor.fetchone()
    if row is None:
        return None
    found = await patients(connection, scope, [row["key"]])
    return found[0] if found else None


async def newest(
    connection: AsyncConnection[TupleRow], scope: Scope, keys: Collection[int] | None = None
) -> dict[int, list[MetricNow]]:
    """By patient key: the newest reading of each metric, entered-in-error rows left out."""
    values = {
        **scope.parameters,
        "keys": None if keys is None else list(keys),
        "times": CADENCE_READINGS,
    }
    found: dict[int, list[MetricNow]] = {}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("worklist_newest"), values)
        async for row in cursor:
            found.setdefault(row["patient"], []).append(MetricNow(charted(row), tuple(row["times"])))
    return found


async def detail(connection: AsyncConnection[TupleRow], scope: Scope, patient: int) -> PatientDetail:
    """What the patient page shows beside the row; the patient is in the scope."""
    values = {**scope.parameters, "patient": patient}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("patient_detail"), values)
        row = await cursor.fetchone()
    assert row is not None
    target = row["spo2_target"]
    return PatientDetail(
        born=row["born"],
        programmes=tuple((programme, since) for programme, since in row["programmes"]),
        identifiers=_pairs(row["identifiers"]),
        spo2_target=None if target is None else (target[0], target[1]),
    )


async def devices(connection: AsyncConnection[TupleRow], scope: Scope, patient: int) -> list[BoundDevice]:
    """Devices bound to the patient now."""
    values = {
        **scope.parameters,
        "patient": patient,
        "manual": manual_device_id(patient),
        "battery": codes.metric("battery").number,
        "metrics": [metric.number for metric in codes.table().values()],
    }
    async with connection.cursor(row_factory=class_row(BoundDevice)) as cursor:
        await cursor.execute(sql("patient_devices"), values)
        return await cursor.fetchall()


def _listed(row: dict[str, Any]) -> ListedPatient:
    identifiers = _pairs(row["identifiers"])
    return ListedPatient(
        key=row["key"],
        id=row["id"],
        name=row["name"],
        born=row["born"],
        sex=row["sex"],
        zone=row["zone"],
        identifier=identifiers[0] if identifiers else None,
        programmes=tuple(row["programmes"]),
        teams=frozenset(row["teams"]),
    )


def _pairs(rows: Sequence[Sequence[str]] | None) -> tuple[tuple[str, str], ...]:
    return tuple((pair[0], pair[1]) for pair in rows or ())
