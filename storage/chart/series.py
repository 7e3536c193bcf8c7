"""Read model of trends: one series for each metric, part and device, at most 2,000 points, no spike lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, dict_row

from storage.scope import Scope
from storage.sql import sql

#: More than a screen has columns; a longer stretch keeps the lowest and the highest point of each of 1,000 slices.
POINTS_MAX = 2_000
SLICES = POINTS_MAX // 2

#: Series of one patient that a page can show; more devices than that is a mistake of registration.
SERIES_MAX = 60


#: Entered-in-error points that one series shows, the newest; more is no chart any more.
WRONG_MAX = 200


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """One series. `component` 0 for a plain value, 1..3 for the parts of a blood pressure; `unit` as sent (number).

    `points`: (measured UTC us, value or None when absent, flags), in order of time. `slice_us`: width of a slice when
    the series was thinned, else 0. `wrong`: entered-in-error points (measured UTC us, value, observation), never among
    `points`; a series may have nothing else.
    """

    metric: int
    component: int
    device: str
    unit: int
    slice_us: int
    points: list[tuple[int, float | None, int]]
    wrong: tuple[tuple[int, float, UUID], ...] = ()


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
    """All series of the patient (a key) with measured times in [start, end], and what in them is entered in error."""
    values = {
        **scope.parameters,
        "patient": patient,
        "start": start,
        "end": end,
        "limit": SERIES_MAX,
        "wrong_max": WRONG_MAX,
    }
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
    return await _with_wrong(connection, [each for each in found if each.points], values)


async def _with_wrong(
    connection: AsyncConnection[TupleRow], found: list[SeriesPoints], values: dict[str, Any]
) -> list[SeriesPoints]:
    """Puts entered-in-error points beside the series that they were in, or alone where nothing else is left."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("series_wrong"), values)
        rows = await cursor.fetchall()
    wrong: dict[tuple[int, int, str, int], list[tuple[int, float, UUID]]] = {}
    for row in rows:
        for component in (0,) if row["parts"] == 1 else (1, 2, 3):
            place = max(component, 1)
            if not row[f"absent_{place}"]:
                key = (row["metric"], component, row["device"], row["unit"])
                wrong.setdefault(key, []).append((row["us"], row[f"value_{place}"], row["id"]))
    whole = [
        replace(each, wrong=tuple(wrong.pop((each.metric, each.component, each.device, each.unit), ())))
        for each in found
    ]
    return whole + [SeriesPoints(*key, 0, [], tuple(points)) for key, points in wrong.items()]


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
