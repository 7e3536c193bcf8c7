"""Reads of the FHIR interface: Observations, patients and devices inside a scope, in pages that stay stable.

A page continues after the last row of the one before (its sort key and id), so rows that arrive meanwhile neither
repeat nor push others out. Statements are not prepared: their many optional conditions need a plan for the values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.scope import Scope
from storage.sql import sql
from vitals.fhir.device import DeviceRow
from vitals.fhir.observation import ObservationRow
from vitals.fhir.patient import PatientRow
from vitals.fhir.search import ALWAYS, BEGINNING_US, END_US, TimeSet

Connection = AsyncConnection[TupleRow]
Order = Literal["date", "-date", "_lastUpdated", "-_lastUpdated"]

#: A page has these, then the patient's key, then what it is ordered by.
_COLUMNS = len(ObservationRow._fields)


@dataclass(frozen=True, slots=True)
class ObservationSearch:
    """None: not narrowed; an empty set: nothing matches. `metrics` are numbers of the code table, always given.

    `patients` and `devices` are logical ids.
    """

    metrics: frozenset[int]
    patients: frozenset[str] | None = None
    devices: frozenset[str] | None = None
    ids: frozenset[UUID] | None = None
    statuses: frozenset[int] | None = None
    measured: TimeSet = ALWAYS
    updated: TimeSet = ALWAYS


@dataclass(frozen=True, slots=True)
class PatientSearch:
    """`names` and `identifiers`: all of the outer, any of the inner; names match at the start of a word.

    An identifier is (system, value), None for any.
    """

    ids: frozenset[str] | None = None
    names: Sequence[Sequence[str]] = ()
    identifiers: Sequence[Sequence[tuple[str | None, str | None]]] = ()
    born: TimeSet = ALWAYS


@dataclass(frozen=True, slots=True)
class DeviceSearch:
    """`patients`: bound to one of these now."""

    ids: frozenset[str] | None = None
    patients: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class After:
    """The last row of the page before: its time in the page's order (UTC us) and id."""

    us: int
    id: UUID


async def observation_page(
    connection: Connection, scope: Scope, search: ObservationSearch, order: Order, after: After | None, limit: int
) -> tuple[list[ObservationRow], frozenset[int]]:
    """At most `limit` Observations in order, ties by id; and the keys of their patients."""
    values = {
        **_observation_values(scope, search),
        "after_us": None if after is None else after.us,
        "after_id": None if after is None else after.id,
        "limit": limit,
    }
    cursor = await connection.execute(_page_statement(order), values, prepare=False)
    rows = await cursor.fetchall()
    found = [ObservationRow._make(row[:_COLUMNS]) for row in rows]
    return found, frozenset(row[_COLUMNS] for row in rows)


async def observation_count(connection: Connection, scope: Scope, search: ObservationSearch) -> int:
    """How many Observations the search finds."""
    return await _count(
        connection, _composed("fhir_observation_count", "fhir_observation"), _observation_values(scope, search)
    )


async def observation(connection: Connection, scope: Scope, id_: UUID) -> tuple[ObservationRow, int] | None:
    """The Observation and its patient's key, if the scope covers it."""
    statement = sql("fhir_observation_by_id").replace("{columns}", sql("fhir_observation_columns"))
    cursor = await connection.execute(statement, {**scope.parameters, "id": id_}, prepare=False)
    row = await cursor.fetchone()
    return None if row is None else (ObservationRow._make(row[:_COLUMNS]), row[_COLUMNS])


async def patient_page(
    connection: Connection, scope: Scope, search: PatientSearch, after: str | None, limit: int
) -> list[tuple[PatientRow, int]]:
    """At most `limit` patients with their keys, by logical id, after `after`."""
    values = {**_patient_values(scope, search), "after": after, "limit": limit}
    cursor = await connection.execute(_composed("fhir_patient_page", "fhir_patient"), values, prepare=False)
    return [
        (PatientRow(id_, name, born, sex, [(system, value) for system, value in identifiers], simulated), key)
        for key, id_, name, born, sex, identifiers, simulated in await cursor.fetchall()
    ]


async def patient_count(connection: Connection, scope: Scope, search: PatientSearch) -> int:
    """How many patients the search finds."""
    return await _count(connection, _composed("fhir_patient_count", "fhir_patient"), _patient_values(scope, search))


async def device_page(
    connection: Connection, scope: Scope, search: DeviceSearch, after: str | None, limit: int
) -> list[DeviceRow]:
    """At most `limit` devices by id, after `after`."""
    values = {**_device_values(scope, search), "after": after, "limit": limit}
    cursor = await connection.execute(_composed("fhir_device_page", "fhir_device"), values, prepare=False)
    return [DeviceRow(*row) for row in await cursor.fetchall()]


async def device_count(connection: Connection, scope: Scope, search: DeviceSearch) -> int:
    """How many devices the search finds."""
    return await _count(connection, _composed("fhir_device_count", "fhir_device"), _device_values(scope, search))


async def _count(connection: Connection, statement: LiteralString, values: dict[str, Any]) -> int:
    cursor = await connection.execute(statement, values, prepare=False)
    row = await cursor.fetchone()
    assert row is not None
    count: int = row[0]
    return count


@cache
def _composed(name: LiteralString, family: LiteralString) -> LiteralString:
    statement = sql(name).replace("{conditions}", sql(family + "_conditions"))
    if family == "fhir_device":
        return statement.replace("{bound}", sql("fhir_device_bound"))
    return statement


@cache
def _page_statement(order: Order) -> LiteralString:
    column: LiteralString = "updated" if order.endswith("_lastUpdated") else "measured"
    way: LiteralString = "DESC" if order.startswith("-") else "ASC"
    beyond: LiteralString = "<" if order.startswith("-") else ">"
    instant: LiteralString = "instant_of(%(after_us)s)"
    # The first comparison is implied by the second; it is the one that prunes partitions.
    after = (
        "(%(after_us)s::bigint IS NULL OR (o." + column + "_at " + beyond + "= " + instant + " AND "
        "(o." + column + "_at, o.id) " + beyond + " (" + instant + ", %(after_id)s::uuid)))"
    )  # fmt: skip
    return (
        _composed("fhir_observation_page", "fhir_observation")
        .replace("{columns}", sql("fhir_observation_columns"))
        .replace("{after}", after)
        .replace("{order_inner}", "o." + column + "_at " + way + ", o.id " + way)
        .replace("{order_outer}", "f.key_" + column + " " + way + ", f.key_id " + way)
    )


def _observation_values(scope: Scope, search: ObservationSearch) -> dict[str, Any]:
    return {
        **scope.parameters,
        "metrics": sorted(search.metrics),
        "patients": _listed(search.patients),
        "devices": _listed(search.devices),
        "ids": _listed(search.ids),
        "statuses": _listed(search.statuses),
        **_bounds("measured", search.measured),
        **_bounds("updated", search.updated),
    }


def _patient_values(scope: Scope, search: PatientSearch) -> dict[str, Any]:
    lows, highs = _arrays(search.born)
    return {
        **scope.parameters,
        "ids": _listed(search.ids),
        "names": json.dumps([[_pattern(name) for name in names] for names in search.names]),
        "identifiers": json.dumps([list(tokens) for tokens in search.identifiers]),
        "born_lows": None if search.born == ALWAYS else lows,
        "born_highs": None if search.born == ALWAYS else highs,
    }


def _device_values(scope: Scope, search: DeviceSearch) -> dict[str, Any]:
    return {**scope.parameters, "ids": _listed(search.ids), "patients": _listed(search.patients)}


def _pattern(start: str) -> str:
    """A LIKE pattern for texts that start like this, its own signs taken literally."""
    escaped = start.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped + "%"


def _listed(chosen: frozenset[Any] | None) -> list[Any] | None:
    return None if chosen is None else list(chosen)


def _arrays(times: TimeSet) -> tuple[list[int], list[int]]:
    return [interval.low for interval in times], [interval.high for interval in times]


def _bounds(name: str, times: TimeSet) -> dict[str, Any]:
    """The hull as plain bounds, which indexes and partitions understand; the gaps only when there are any."""
    low = times[0].low if times else END_US
    high = times[-1].high if times else BEGINNING_US
    lows, highs = _arrays(times)
    return {
        f"{name}_from": None if low == BEGINNING_US else low,
        f"{name}_until": None if high == END_US else high,
        f"{name}_lows": lows if len(times) > 1 else None,
        f"{name}_highs": highs if len(times) > 1 else None,
    }
