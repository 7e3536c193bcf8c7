"""The registry of a plan, and what is still due, on a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from storage.chart.ledger import ledger
from storage.connection import Connection, connect
from storage.registry.devices import add_device
from storage.registry.patients import NewPatient, add_patient
from tests.disorder.plan import Plan

#: Bindings start before everything that a plan measures.
_BOUND_BEFORE = timedelta(days=60)
#: Whole seconds for a backlog to be applied after the last restart.
DRAINED_S = 120


async def register(dsn: str, plan: Plan, now: datetime) -> dict[str, str]:
    """Registers everybody; passwords by device."""
    passwords = {}
    async with await connect(dsn, application_name="test") as connection, connection.transaction():
        for patient in plan.patients:
            programmes, target = plan.programme(patient)
            new = NewPatient(id=patient, zone=plan.zone(patient), programmes=programmes, spo2_target=target)
            await add_patient(connection, new, author="test")
        for device in plan.devices:
            made = await add_device(connection, device.id, device.patient, now - _BOUND_BEFORE, now)
            passwords[device.id] = made.password
    return passwords


async def _due(connection: Connection, until_us: int) -> bool:
    """Whether somebody's silence has still to be looked at."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM alert_deadline WHERE due_at <= instant_of(%s))", [until_us]
    )
    return await cursor.fetchone() == (True,)


async def drained(dsn: str, now_us: Callable[[], int]) -> int:
    """Waits until nothing is pending and no silence is due; the instant up to which that holds."""
    async with await connect(dsn, application_name="test") as connection:
        for _ in range(DRAINED_S * 20):
            until_us = now_us()
            if (await ledger(connection)).pending == 0 and not await _due(connection, until_us):
                return until_us
            await asyncio.sleep(0.05)
    raise AssertionError(f"still pending after {DRAINED_S} s")
