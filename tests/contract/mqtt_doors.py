"""Both MQTT doors behind one face: our endpoint, and a real Mosquitto with our subscriber behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from device_gateway.broker.address import parse_address
from device_gateway.broker.door import BrokerDoor
from device_gateway.intake import Intake
from device_gateway.mqtt.endpoint import Endpoint
from tests.contract.gateway_fakes import FakeDirectory, MemoryJournal
from tests.mosquitto import Mosquitto, mosquitto
from tests.running import free_port
from vitals import wire
from vitals.reading import Reading

DEVICES = {"dev": "pw", "other": "pw"}


def _now_us() -> int:
    return time.time_ns() // 1000


@dataclass
class DoorSite:
    """A door under test. `port` is where devices connect, whatever happens to the gateway behind it."""

    port: int
    broker: Mosquitto | None = None
    name: str = "gw"
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    door: Endpoint | BrokerDoor | None = None
    running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """A gateway comes up."""
        intake = Intake(self.journal, self.name, _now_us)
        self.running = asyncio.create_task(intake.run())
        if self.broker is None:
            self.door = Endpoint(intake, self.directory, _now_us, port=self.port)
        else:
            self.door = BrokerDoor(parse_address(self.broker.url), self.name, intake, self.directory, _now_us)
        await self.door.start()

    async def end(self, grace_s: float = 0.0) -> None:
        """The gateway goes; what is not durable by then it never acknowledges."""
        assert self.door is not None and self.running is not None
        if not grace_s:
            self.running.cancel()
        await self.door.stop(grace_s)
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    @property
    def readings(self) -> list[Reading]:
        """Everything durable that became a reading."""
        rows = self.journal.rows
        return [wire.reading_of(record, row) for record, row in rows if not record.columns["reason"][row]]

    @property
    def sequences(self) -> list[int]:
        """Their sequences, in the journal's order."""
        return [reading.sequence for reading in self.readings]

    @property
    def reasons(self) -> list[str]:
        """Everything durable that did not."""
        indices = [(record, int(record.columns["reason"][row])) for record, row in self.journal.rows]
        return [record.strings[index] for record, index in indices if index]


@asynccontextmanager
async def door_site(kind: Literal["endpoint", "broker"]) -> AsyncIterator[DoorSite]:
    """A running door; devices `dev` and `other` with password `pw`, `dev` bound to `p1` in Berlin."""
    if kind == "endpoint":
        async with _running(DoorSite(free_port())) as site:
            yield site
    else:
        with mosquitto(DEVICES) as broker:
            async with _running(DoorSite(broker.port, broker)) as site:
                yield site


@asynccontextmanager
async def _running(site: DoorSite) -> AsyncIterator[DoorSite]:
    site.directory.add("dev", "pw", "p1", "Europe/Berlin")
    site.directory.add("other", "pw", "p2", "Europe/Lisbon")
    await site.start()
    try:
        yield site
    finally:
        await site.end()
