"""Read model of alerts, and the one act of people that this version knows: acknowledge."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from storage.chart.readings import time_of
from storage.scope import Scope
from storage.sql import sql

AlertState = Literal["open", "active", "unacknowledged", "acknowledged", "cleared", "all"]
ALERT_STATES: tuple[AlertState, ...] = get_args(AlertState)

#: Changes that one alert shows; a flapping one has more, the newest tell its story.
UPDATES_MAX = 50


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A fold of an alert's condition and acts. Times are UTC microseconds; `readings`, `clearing`, `limits` as stored.

    `updates`: `{"at_us", "change", "because"}`, oldest first, the newest 50.
    """

    id: UUID
    patient_key: int
    patient: str
    patient_name: str | None
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


class AlreadyAcknowledged(Exception):
    """Somebody was first: `by` whom and when (UTC microseconds)."""

    def __init__(self, by: str, at_us: int) -> None:
        super().__init__("the alert is acknowledged already")
        self.by = by
        self.at_us = at_us


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
            "updates": UPDATES_MAX,
        },
    )


async def open_alerts(
    connection: AsyncConnection[TupleRow], scope: Scope, keys: Collection[int] | None = None
) -> list[AlertRecord]:
    """All open alerts of the patients in the scope, or of those with these keys."""
    values = {**scope.parameters, "keys": None if keys is None else list(keys), "updates": UPDATES_MAX}
    return await _select(connection, "open_alerts", values)


async def alerts_by_id(
    connection: AsyncConnection[TupleRow], scope: Scope, ids: Collection[UUID]
) -> dict[UUID, AlertRecord]:
    """The alerts with these ids that the scope covers."""
    values = {**scope.parameters, "ids": list(ids), "updates": UPDATES_MAX}
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


async def _select(connection: AsyncConnection[TupleRow], query: str, values: dict[str, Any]) -> list[AlertRecord]:
    async with connection.cursor(row_factory=class_row(AlertRecord)) as cursor:
        await cursor.execute(sql(query), values)
        return await cursor.fetchall()
