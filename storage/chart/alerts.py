"""Read model of alerts, and what people do with them: acknowledge, close with an outcome."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, LiteralString, get_args
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from storage.chart.readings import time_of
from storage.scope import Scope
from storage.sql import sql
from storage.text import storable

AlertState = Literal["open", "active", "unacknowledged", "acknowledged", "cleared", "all"]
ALERT_STATES: tuple[AlertState, ...] = get_args(AlertState)

#: What an alert was, said by whoever closes it.
Outcome = Literal["real", "artefact", "technical", "other"]


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A fold of an alert's condition and acts. Times are UTC microseconds; `readings`, `clearing`, `limits` as stored.

    It is about a patient or about a `gateway` (its id), never both. `updates`: `{"at_us", "change", "because"}`, oldest
    first, the newest 50: a flapping alert has more, the newest tell its story.
    """

    id: UUID
    patient_key: int | None
    patient: str | None
    patient_name: str | None
    gateway: str | None
    rule: str
    version: int
    priority: str
    title: str
    condition: str
    opened_us: int
    cleared_us: int | None
    late: bool
    readings: list[dict[str, Any]]
    clearing: dict[str, Any] | None
    limits: dict[str, Any]
    explanation: str
    acknowledged_by: str | None
    acknowledged_us: int | None
    outcome: Outcome | None
    outcome_note: str | None
    closed_by: str | None
    closed_us: int | None
    updates: list[dict[str, Any]]

    @property
    def open(self) -> bool:
        """Active, or cleared and not yet acknowledged."""
        return self.condition == "active" or (self.condition == "cleared" and self.acknowledged_by is None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list of alerts ended; lists run from the newest opening to the oldest."""

    opened_us: int
    id: UUID


class SomebodyWasFirst(Exception):
    """The act was done already: `by` whom and when (UTC microseconds)."""

    def __init__(self, by: str, at_us: int) -> None:
        super().__init__("somebody was first")
        self.by = by
        self.at_us = at_us


class AlreadyAcknowledged(SomebodyWasFirst):
    """The alert is acknowledged."""


class AlreadyClosed(SomebodyWasFirst):
    """The alert has its outcome."""


async def list_alerts(
    connection: AsyncConnection[TupleRow],
    scope: Scope,
    *,
    state: AlertState,
    patient: str | None = None,
    after: Place | None = None,
    limit: int,
) -> list[AlertRecord]:
    """Alerts of a state, newest opening first, at most `limit`, beyond `after`."""
    return await _select(
        connection,
        "list_alerts",
        {
            **scope.parameters,
            "state": state,
            "id": patient,
            "after_at": None if after is None else time_of(after.opened_us),
            "after_id": None if after is None else after.id,
            "limit": limit,
        },
    )


async def open_alerts(
    connection: AsyncConnection[TupleRow], scope: Scope, keys: Collection[int] | None = None
) -> list[AlertRecord]:
    """All open alerts of the patients in the scope, or of those with these keys; gateways' are apart."""
    values = {**scope.parameters, "keys": None if keys is None else list(keys)}
    return await _select(connection, "open_alerts", values)


async def open_gateway_alerts(connection: AsyncConnection[TupleRow], scope: Scope) -> list[AlertRecord]:
    """All open alerts of gateways, for staff; none in the scope of one patient."""
    return await _select(connection, "open_gateway_alerts", scope.parameters)


async def alerts_by_id(
    connection: AsyncConnection[TupleRow], scope: Scope, ids: Collection[UUID]
) -> dict[UUID, AlertRecord]:
    """The alerts with these ids that the scope covers."""
    values = {**scope.parameters, "ids": list(ids)}
    return {found.id: found for found in await _select(connection, "alerts_by_id", values)}


async def acknowledge(
    connection: AsyncConnection[TupleRow], scope: Scope, alert: UUID, actor: str
) -> AlertRecord | None:
    """Acknowledges the alert for `actor` and returns it; None when the scope doesn't cover it.

    Raises AlreadyAcknowledged to everybody but the first, however close they come: a unique index decides.
    """
    async with connection.transaction():
        if not await alerts_by_id(connection, scope, [alert]):
            return None
        cursor = await connection.execute(sql("insert_acknowledgement"), {"alert": alert, "actor": actor})
        first = await cursor.fetchone() is not None
        if first:
            await connection.execute(sql("notify_chart"))
        found = (await alerts_by_id(connection, scope, [alert]))[alert]
        if not first:
            assert found.acknowledged_by is not None
            assert found.acknowledged_us is not None
            raise AlreadyAcknowledged(found.acknowledged_by, found.acknowledged_us)
    return found


async def close(
    connection: AsyncConnection[TupleRow], scope: Scope, alert: UUID, actor: str, outcome: Outcome, note: str | None
) -> AlertRecord | None:
    """Closes the alert with an outcome and returns it; acknowledges it too when nobody has. None outside the scope.

    The condition stays what it is: only readings change it. Raises AlreadyClosed to everybody but the first.
    """
    async with connection.transaction():
        if not await alerts_by_id(connection, scope, [alert]):
            return None
        values = {"alert": alert, "actor": actor, "outcome": outcome, "note": None if note is None else storable(note)}
        cursor = await connection.execute(sql("insert_outcome"), values)
        first = await cursor.fetchone() is not None
        if first:
            await connection.execute(sql("insert_acknowledgement"), {"alert": alert, "actor": actor})
            await connection.execute(sql("notify_chart"))
        found = (await alerts_by_id(connection, scope, [alert]))[alert]
        if not first:
            assert found.closed_by is not None
            assert found.closed_us is not None
            raise AlreadyClosed(found.closed_by, found.closed_us)
    return found


@cache
def alert_query(name: LiteralString) -> LiteralString:
    """A query on `alert_shown s` with its columns and its scope put in."""
    return sql(name).replace("{columns}", sql("alert_columns")).replace("{scope}", sql("alert_scope"))


async def _select(
    connection: AsyncConnection[TupleRow], query: LiteralString, values: dict[str, Any]
) -> list[AlertRecord]:
    async with connection.cursor(row_factory=class_row(AlertRecord)) as cursor:
        await cursor.execute(alert_query(query), values)
        return await cursor.fetchall()
