"""Read model of trends: one series for each metric, part and device, at most 2,000 points, no spike lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, dict_row

from storage.scope import Scope
from storage.sql import sql

#: More than a screen has columns; a longer stretch keeps the lowest and the highest point of each of 1,000 slices.
POINTS_MAX = 2_000
SLICES = POINTS_MAX // 2

#: Series of one patient that a page can show; more devices than that is a mistake of registration.
SERIES_MAX = 60


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """One series. `component` 0 for a plain value, 1..3 for the parts of a blood pressure; `unit` as sent (number).

    `points`: (measured UTC us, value or None when absent, flags), in order of time. `slice_us`: width of a slice when
    the series was thinned, else 0.
    """

    metric: int
    component: int
    device: str
    unit: int
    slice_us: int
    points: list[tuple[int, float | None, int]]


@dataclass(frozen=True, slots=True)
class RuleLimit:
    """A rule that holds for the patient now; `definition` as the pack's loader stored it."""

    rule: str
    priority: str
    metric: str
    unit: str
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """What there is of one (metric, device, unit) in the stretch."""

    metric: int
    device_key: int
    device: str
    unit: int
    parts: int
    count: int


async def series(
    connection: AsyncConnection[TupleRow], scope: Scope, patient: int, start: datetime, end: datetime
) -> list[SeriesPoints]:
    """All series of the patient (a key) with measured times in [start, end]; entered-in-error rows are left out."""
    values = {**scope.parameters, "patient": patient, "start": start, "end": end, "limit": SERIES_MAX}
    async with connection.cursor(row_factory=class_row(_Part)) as cursor:
        await cursor.execute(sql("series_parts"), values)
        parts = await cursor.fetchall()
    found: list[SeriesPoints] = []
    for part in parts:
        named = {**values, "metric": part.metric, "device": part.device_key, "unit": part.unit}
        if part.count <= POINTS_MAX:
            found.extend(await _whole(connection, part, named))
        else:
            found.extend([await _thinned(connection, part, named, i, end - start) for i in _components(part)])
    return [each for each in found if each.points]


async def rule_limits(connection: AsyncConnection[TupleRow], scope: Scope, patient: int) -> list[RuleLimit]:
    """The newest version of each rule of the programmes that the patient (a key) is in now."""
    async with connection.cursor(row_factory=class_row(RuleLimit)) as cursor:
        await cursor.execute(sql("patient_rules"), {**scope.parameters, "patient": patient})
        return await cursor.fetchall()


def _components(part: _Part) -> tuple[int, ...]:
    return (0,) if part.parts == 1 else (1, 2, 3)


async def _whole(connection: AsyncConnection[TupleRow], part: _Part, values: dict[str, Any]) -> list[SeriesPoints]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("series_points"), values)
        rows = await cursor.fetchall()
    found = []
    for component in _components(part):
        place = max(component, 1)
        points = [(row["us"], None if row[f"absent_{place}"] else row[f"value_{place}"], row["flags"]) for row in rows]
        # A part that the device never sends (a cuff without mean) is no series.
        if component == 0 or any(value is not None for _, value, _ in points):
            found.append(SeriesPoints(part.metric, component, part.device, part.unit, 0, points))
    return found


async def _thinned(
    connection: AsyncConnection[TupleRow], part: _Part, values: dict[str, Any], component: int, length: timedelta
) -> SeriesPoints:
    slice_us = max(1, -(-(length // timedelta(microseconds=1)) // SLICES))
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("series_extremes"), {**values, "place": max(component, 1), "slice_us": slice_us})
        rows = await cursor.fetchall()
    points: list[tuple[int, float | None, int]] = []
    for row in rows:
        ends = {(int(us), value) for value, us in (row["lowest"], row["highest"])}
        points.extend((us, value, row["flags"]) for us, value in sorted(ends))
    return SeriesPoints(part.metric, component, part.device, part.unit, slice_us, points)
