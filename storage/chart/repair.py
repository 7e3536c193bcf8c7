"""What was charted is corrected or given to another patient; the deciding is done by the processor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from storage.chart.reads import LOCK_CLASS
from storage.connection import Connection
from storage.sql import sql
from vitals import codes
from vitals.ports.chart import Move, Stray, Touched


async def lock(connection: Connection, devices: Collection[str], observations: Collection[UUID]) -> None:
    """Locks devices, in the order in which `reads.known` does."""
    values = {"lock_class": LOCK_CLASS, "devices": list(devices), "observations": list(observations)}
    await connection.execute(sql("repair_lock"), values)


async def withdraw(connection: Connection, observations: Collection[UUID]) -> list[Touched]:
    """Enters in error what lives under the identities of these Observations."""
    cursor = await connection.execute(sql("repair_withdraw"), {"observations": list(observations)})
    return [Touched(*row) for row in await cursor.fetchall()]


async def strays(
    connection: Connection, devices: Collection[str], patients: Collection[str], since_us: int, limit: int
) -> list[Stray]:
    """Rows of devices that somebody else, or nobody, has by now."""
    values = {
        "devices": list(devices),
        "patients": list(patients),
        "metrics": [metric.number for metric in codes.table().values()],
        "since_us": since_us,
        "limit": limit,
    }
    cursor = await connection.execute(sql("repair_strays"), values)
    return [Stray(*row) for row in await cursor.fetchall()]


async def move(connection: Connection, moves: Sequence[Move]) -> None:
    """Withdraws, revives and charts Observations; gives device status to its patients."""
    taken = [one.stray for one in moves if one.stray.living and not one.stray.status]
    given = list({one.id: one for one in moves if one.patient_key and not one.stray.status}.values())
    status = [one for one in moves if one.stray.status]
    async with connection.pipeline():
        if taken:
            values = {"old": [one.id for one in taken], "measured_us": [one.measured_us for one in taken]}
            await connection.execute(sql("repair_take"), values)
        if given:
            await _give(connection, given)
        if status:
            await _status(connection, status)


async def _give(connection: Connection, moves: Sequence[Move]) -> None:
    values = {
        "old": [one.stray.id for one in moves],
        "new": [one.id for one in moves],
        "patients": [one.patient_key for one in moves],
        "measured_us": [one.stray.measured_us for one in moves],
    }
    await connection.execute(sql("repair_revive"), values)
    await connection.execute(sql("repair_give"), values)


async def _status(connection: Connection, moves: Sequence[Move]) -> None:
    values = {
        "devices": [one.stray.device_key for one in moves],
        "metrics": [one.stray.metric for one in moves],
        "times": [one.stray.device_time_ns for one in moves],
        "sequences": [one.stray.sequence for one in moves],
        "patients": [one.patient_key for one in moves],
        "new": [one.id for one in moves],
    }
    await connection.execute(sql("repair_status"), values)
