"""Crash and disorder on the whole system: `vitalstream up`, MQTT devices, SIGKILL at seeded moments; 0 lost, 0 twice.

`pytest tests/disorder/test_disorder_system.py -s` shows the line of counts of each seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from storage.embedded.server import attach_or_start
from tests.disorder.judge import judge
from tests.disorder.plan import Plan, counts, make_plan
from tests.disorder.registry import drained, register
from tests.disorder.sender import Sender
from tests.running import STOP_S, Installation, installation

#: All messages acknowledged and applied, restarts included.
_LIMIT_S = 300.0


@pytest.fixture
def installed() -> Iterator[Installation]:
    with installation() as made:
        yield made


@contextlib.contextmanager
def database(running: Installation) -> Iterator[str]:
    """The dsn of the installation's own server."""
    with attach_or_start(running.data_dir / "postgres", 10.0) as dsn:
        yield dsn


def now_us() -> int:
    """This instant."""
    return time.time_ns() // 1000


class Trouble:
    """Kills at seeded shares of the messages, and starts again."""

    def __init__(self, running: Installation, plan: Plan, kills: int) -> None:
        choose = random.Random(plan.seed)
        self._running = running
        self._total = sum(len(messages) for messages in plan.messages.values())
        self._moments = sorted(choose.randrange(self._total * 9 // 10) for _ in range(kills))
        self._targets = [choose.choice((self._everything, self._process, self._database)) for _ in range(kills)]
        self._acknowledged = 0
        self._changed = asyncio.Event()

    def acknowledged(self) -> None:
        """One more message."""
        self._acknowledged += 1
        self._changed.set()

    async def run(self) -> None:
        """Until the last restart."""
        for moment, kill in zip(self._moments, self._targets, strict=True):
            while self._acknowledged < moment:
                self._changed.clear()
                await self._changed.wait()
            await asyncio.to_thread(kill)
            await asyncio.to_thread(self._running.up)

    def _everything(self) -> None:
        self._running.kill_everything()

    def _process(self) -> None:
        process = self._running.process
        assert process is not None
        process.kill()
        process.wait(STOP_S)

    def _database(self) -> None:
        """The process notices and ends; what it could not do any more was not acknowledged."""
        process = self._running.process
        assert process is not None
        postmaster = int((self._running.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        process.wait(STOP_S)


async def send_all(running: Installation, plan: Plan, passwords: dict[str, str], kills: int) -> None:
    """Every device sends until all is acknowledged, through all the trouble."""
    trouble = Trouble(running, plan, kills)
    senders = [
        Sender(device, passwords[device], running.mqtt_port, messages, trouble.acknowledged)
        for device, messages in plan.messages.items()
    ]
    async with asyncio.timeout(_LIMIT_S), asyncio.TaskGroup() as tasks:
        for sender in senders:
            tasks.create_task(sender.run())
        tasks.create_task(trouble.run())


def run_seed(running: Installation, seed: int, readings: int, kills: int) -> None:
    """One seed from registration to verdict, with its line of counts."""
    began_s = time.monotonic()
    plan = make_plan(seed, readings, now_us())
    running.up()
    with database(running) as dsn:
        passwords = asyncio.run(register(dsn, plan, datetime.now(UTC)))
    asyncio.run(send_all(running, plan, passwords, kills))
    with database(running) as dsn:
        until_us = asyncio.run(drained(dsn, now_us))
        verdict = asyncio.run(judge(dsn, plan, until_us))
    line = {
        "seed": seed,
        **counts(plan),
        "received": verdict.counts.received,
        "kills": kills,
        "alerts": verdict.alerts,
        "late": verdict.late,
        "retracted": verdict.retracted,
        "merged": verdict.merged,
        "seconds": round(time.monotonic() - began_s, 1),
    }
    print(" ".join(f"{name}={figure}" for name, figure in line.items()))  # noqa: T201 - shown with -s and on failure


@pytest.mark.parametrize("seed", [1])
def test_a_short_plan_with_kills(installed: Installation, seed: int) -> None:
    run_seed(installed, seed, readings=2_000, kills=3)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(20))
def test_twenty_seeds_of_kills_and_disorder(installed: Installation, seed: int) -> None:
    run_seed(installed, seed, readings=20_000, kills=6)
