"""Disorder in one process: journal, inline engine, processor and PostgreSQL, with failures at seeded transactions.

Faster than killing processes, and it fails where no kill can aim: before a write, between write and commit, after a
commit whose answer was lost. Now and then the engine is cancelled and another one goes on from what is stored.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from storage.chart.postgres import PostgresChart, PostgresUnit
from storage.faults import DatabaseTrouble, OutcomeUnknown
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from streams.engines.inline import InlineEngine
from streams.processor import Processor
from tests.disorder.judge import judge
from tests.disorder.plan import LATENESS_US, Message, Plan, counts, make_plan
from tests.disorder.registry import drained, register
from vitals.identity import shard_of
from vitals.wire import RecordBuilder

#: 2026-10-26T09:00:00Z: the days before hold the night in which Berlin's clocks go back.
UNTIL_US = 1_793_005_200_000_000
READINGS = 1_500


class FailingChart(PostgresChart):
    """A chart one of whose transactions in six fails, in one of three ways."""

    def __init__(self, dsn: str, choose: random.Random) -> None:
        super().__init__(dsn, "test")
        self._choose = choose
        self.failed = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresUnit]:
        """As the chart's own, until it fails."""
        how = self._choose.choice(("well", "well", "well", "begin", "abort", "answer")) if self.failed < 60 else "well"
        self.failed += how != "well"
        if how == "begin":
            raise DatabaseTrouble("told to fail before anything")
        async with super().transaction() as unit:
            yield unit
            if how == "abort":
                raise DatabaseTrouble("told to fail before the commit")
        if how == "answer":
            raise OutcomeUnknown("told to fail after the commit")


async def append_all(dsn: str, plan: Plan, choose: random.Random) -> None:
    """Every device's messages in their order, the devices' mixed, each received a little after the one before."""
    queues = {device: list(messages)[::-1] for device, messages in plan.messages.items()}
    patient_of = {device.id: device.patient for device in plan.devices}
    received_us = UNTIL_US - 90 * 1_000_000
    async with PostgresJournal(dsn) as journal:
        while queues:
            device = choose.choice(list(queues))
            message = queues[device].pop()
            if not queues[device]:
                del queues[device]
            received_us += 10_000
            await journal.append({shard_of(patient_of[device]): _record(message, received_us)})
            await asyncio.sleep(0.003)  # so that the engine takes what is there


def _record(message: Message, received_us: int) -> bytes:
    builder = RecordBuilder("gateway-1")
    for one in message.readings:
        raw = builder.raw(one.payload(received_us).encode())
        builder.reading(one.reading(received_us), raw)
    return builder.encode()


async def engines(dsn: str, owner: uuid.UUID, choose: random.Random, stop: asyncio.Event) -> int:
    """One engine after another, each cancelled in the middle of whatever it does; how many transactions failed."""
    failed = 0
    while not stop.is_set():
        async with (
            PostgresJournal(dsn) as journal,
            PostgresLeases(dsn, owner) as leases,
            FailingChart(dsn, choose) as chart,
        ):
            engine = InlineEngine(
                journal, leases, Processor(chart, OnlineEngine(shipped_rules()), LATENESS_US), lambda: UNTIL_US
            )
            running = asyncio.create_task(engine.run(stop))
            await asyncio.wait([running], timeout=choose.uniform(0.2, 1.0))
            if not stop.is_set():
                running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            failed += chart.failed
    return failed


async def run_seed(database_dsn: str, seed: int) -> None:
    """One seed from registration to verdict."""
    choose = random.Random(seed)
    plan = make_plan(seed, READINGS, UNTIL_US, patients=4)
    await register(database_dsn, plan, datetime.fromtimestamp(UNTIL_US / 1e6, UTC))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engines(database_dsn, uuid.UUID(int=seed), choose, stop))
        await append_all(database_dsn, plan, random.Random(seed))
        await drained(database_dsn, lambda: UNTIL_US)
        stop.set()
    assert running.result() > 2, "hardly anything failed"
    verdict = await judge(database_dsn, plan, UNTIL_US)
    assert verdict.alerts > 10
    assert verdict.counts.received == counts(plan)["sent"]


@pytest.mark.parametrize("seed", range(4))
async def test_failing_transactions_and_cancelled_engines(database_dsn: str, seed: int) -> None:
    await run_seed(database_dsn, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 200))
async def test_two_hundred_seeds_of_failing_transactions(database_dsn: str, seed: int) -> None:
    await run_seed(database_dsn, seed)
