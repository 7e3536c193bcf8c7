"""Following commits: what became visible in the chart since the last look, each row once, whatever order commits took.

A bare sequence skips rows that commit late. Here every row carries the id of its transaction. One look delivers all
visible rows at or above the cursor that were not delivered yet, remembers them, and moves the cursor to the oldest
transaction still running (the snapshot's xmin): below it nothing can appear any more, so that much is forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Error
from psycopg import sql as compose
from psycopg.rows import TupleRow, dict_row

from storage.chart.alerts import AlertRecord, alert_query, alerts_by_id
from storage.chart.readings import Charted, charted
from storage.scope import Scope
from storage.sql import sql

#: The channel that a commit to the chart notifies; a wake-up only, the rows are in the tables.
CHANNEL = "chart"

#: Looks also happen without a wake-up: a lost notification costs at most this.
POLL_S = 2.0

#: Rows remembered beyond the cursor (some 10 MB). More means that a transaction has been open for long under full
#: load; then watchers load everything again instead.
REMEMBERED_MAX = 100_000

#: Alerts replayed to one returning watcher; who missed more is told to load everything.
REPLAYED_MAX = 500


@dataclass(frozen=True, slots=True)
class FeedState:
    """`cursor`: a transaction id. `remembered`: rows at or above it that were delivered, with their transaction ids.

    `blind_until`: after an overflow, the transaction id up to which rows may have been passed over; 0 when none.
    """

    cursor: int
    remembered: Mapping[Hashable, int] = field(default_factory=dict)
    blind_until: int = 0


def advance(
    state: FeedState, seen: Iterable[tuple[Hashable, int]], *, xmin: int, xmax: int, overflow: bool
) -> tuple[FeedState, set[Hashable], bool]:
    """One look: the next state, the rows to deliver, and whether watchers must load everything again.

    `seen`: key and transaction id of every visible row at or above the cursor (incomplete when `overflow`); `xmin` and
    `xmax` of the snapshot that saw them. After an overflow nothing below `xmax` is followed row by row: when the last
    of those transactions has ended, watchers are told once more, so what committed late isn't lost either.
    """
    if overflow:
        return FeedState(xmax, {}, blind_until=xmax if xmin < xmax else 0), set(), True
    rows = dict(seen)
    new = rows.keys() - state.remembered.keys()
    cursor = max(xmin, state.cursor)
    still_blind = state.blind_until > xmin
    remembered = {key: xid for key, xid in rows.items() if xid >= cursor}
    was_blind = state.blind_until > 0
    return (
        FeedState(cursor, remembered, state.blind_until if still_blind else 0),
        new,
        was_blind and not still_blind,
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look brought: new rows in no particular order, alerts that changed (in the order of their first change).

    `cursor` is where a watcher that got all of this may resume. `resync`: load everything again.
    """

    readings: list[Charted]
    alerts: list[UUID]
    cursor: int
    resync: bool


class Follower:
    """Follows one database on one connection of its own (autocommit), which it keeps busy while it waits."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection
        self._state = FeedState(0)

    @property
    def cursor(self) -> int:
        """Where a watcher that has everything so far may resume."""
        return self._state.cursor

    async def start(self) -> None:
        """Listens and puts the cursor at now: what a later read of the tables shows is followed from here."""
        await self._connection.execute(compose.SQL("LISTEN {}").format(compose.Identifier(CHANNEL)))
        cursor = await self._connection.execute(sql("feed_snapshot"))
        row = await cursor.fetchone()
        assert row is not None
        self._state = FeedState(row[0])

    async def stop(self) -> None:
        """Stops listening, so that the connection can serve others; closes it when it can't."""
        try:
            await self._connection.execute("UNLISTEN *")
        except Error:
            await self._connection.close()

    async def wait(self, timeout_s: float = POLL_S) -> None:
        """Returns after a notification (also one that came since the last wait), or after `timeout_s`."""
        async for _ in self._connection.notifies(timeout=timeout_s, stop_after=1):
            pass

    async def look(self) -> Batch:
        """Everything that became visible since the last look."""
        async with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            # One snapshot for all reads of a look, the one whose xmin becomes the cursor.
            await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await cursor.execute(sql("feed_snapshot"))
            snapshot = await cursor.fetchone()
            assert snapshot is not None
            values = {"cursor": str(self._state.cursor), "limit": REMEMBERED_MAX + 1}
            await cursor.execute(sql("feed_readings"), values)
            readings = await cursor.fetchall()
            await cursor.execute(sql("feed_alerts"), values)
            alerts = await cursor.fetchall()
        return self._take(snapshot, readings, alerts)

    def _take(self, snapshot: dict[str, Any], readings: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> Batch:
        keyed = {("reading", row["id"], row["xid"]): row for row in readings}
        keyed |= {(row["kind"], row["key"], row["xid"]): row for row in alerts}
        self._state, new, resync = advance(
            self._state,
            ((key, row["xid"]) for key, row in keyed.items()),
            xmin=snapshot["xmin"],
            xmax=snapshot["xmax"],
            overflow=len(readings) + len(alerts) > REMEMBERED_MAX,
        )
        fresh = [row for key, row in keyed.items() if key in new]
        return Batch(
            readings=[charted(row) for row in fresh if "alert" not in row],
            alerts=list(dict.fromkeys(row["alert"] for row in fresh if "alert" in row)),
            cursor=self._state.cursor,
            resync=resync,
        )


async def feed_identity(connection: AsyncConnection[TupleRow]) -> str:
    """Names the sequence of transaction ids that cursors count in: installation, server, timeline.

    A cursor from another server, or from before a restored backup, means nothing here.
    """
    cursor = await connection.execute(sql("feed_identity"))
    row = await cursor.fetchone()
    assert row is not None
    return hashlib.sha256(row[0].encode()).hexdigest()[:16]


async def alerts_since(
    connection: AsyncConnection[TupleRow], scope: Scope, cursor: int
) -> tuple[list[AlertRecord], int] | None:
    """Alerts of the scope that changed at or above a cursor, oldest change first, as they are now; and the next cursor.

    None when the cursor lies in the future (it isn't ours) or when there are too many.
    """
    # Read first: what ended before this snapshot is visible to the queries after it.
    result = await connection.execute(sql("feed_snapshot"))
    snapshot = await result.fetchone()
    assert snapshot is not None
    xmin, xmax = snapshot
    if cursor > xmax:
        return None
    values = {**scope.parameters, "cursor": str(cursor), "limit": REPLAYED_MAX + 1}
    result = await connection.execute(alert_query("feed_alerts_since"), values)
    ids = [row[0] for row in await result.fetchall()]
    if len(ids) > REPLAYED_MAX:
        return None
    found = await alerts_by_id(connection, scope, ids)
    return [found[alert] for alert in ids if alert in found], xmin
