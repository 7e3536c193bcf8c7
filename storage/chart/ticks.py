"""When silence is due to be looked at, and the stretches in which nobody could have heard anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from storage.connection import Connection
from storage.sql import sql
from vitals.events import Deadline
from vitals.identity import shard_of
from vitals.ports.chart import BLIND_AFTER_US, Due


async def due(
    connection: Connection, shards: Collection[int], now_us: int, limit: int, without: Collection[int]
) -> list[Due]:
    """Patients of these shards whose deadline is reached."""
    values = {"shards": list(shards), "now_us": now_us, "limit": limit, "without": list(without)}
    cursor = await connection.execute(sql("tick_due"), values)
    return [Due(*row) for row in await cursor.fetchall()]


async def store(connection: Connection, deadlines: Mapping[int, Deadline | None]) -> None:
    """Keeps deadlines by patient key; None ends one."""
    over = [patient for patient, deadline in deadlines.items() if deadline is None]
    kept = {patient: deadline for patient, deadline in sorted(deadlines.items()) if deadline is not None}
    if over:
        await connection.execute(sql("tick_end"), {"patients": over})
    if kept:
        cursor = await connection.execute(sql("tick_names"), {"patients": list(kept)})
        shards = {patient: shard_of(name) for patient, name in await cursor.fetchall()}
        values = {
            "patients": list(kept),
            "shards": [shards.get(patient) for patient in kept],
            "due_us": [deadline.due_us for deadline in kept.values()],
            "since_us": [deadline.since_us for deadline in kept.values()],
        }
        await connection.execute(sql("tick_store"), values)


async def beat(connection: Connection, now_us: int) -> None:
    """Says that we see what comes in, and for how long nobody did."""
    cursor = await connection.execute(sql("beat_lock"))
    before = await cursor.fetchone()
    if before is not None and now_us - before[0] > BLIND_AFTER_US:
        await connection.execute(sql("beat_blind"), {"since_us": before[0], "until_us": now_us})
    await connection.execute(sql("beat"), {"now_us": now_us})
