"""The Bluetooth gateway on a fake BlueZ, and what it delivered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from device_gateway.ble.bounds import Bounds
from device_gateway.ble.door import run_bluetooth
from device_gateway.ble.profiles import DeviceFacts, KnownDevice
from device_gateway.ble.reports import Deliver, Described, Frame, Moved, Report, Trouble
from simulators.ble.peripheral import Peripheral

#: Everything that real devices need seconds for, in fractions of one; what a test is about it sets itself.
QUICK = {
    "turn_s": 5.0,
    "connect_s": 3.0,
    "subscribe_s": 1.0,
    "read_s": 1.0,
    "set_clock_s": 1.0,
    "details_s": 2.0,
    "disconnect_s": 2.0,
    "rest_s": 0.2,
    "backoff_first_s": 0.05,
    "backoff_max_s": 0.4,
    "scan_call_s": 2.0,
    "scan_pause_max_s": 1.0,
    "scan_share_s": 0.2,
    "retry_first_s": 0.05,
    "retry_max_s": 0.2,
    "flush_s": 2.0,
}

#: For anything that should take a fraction of a second here.
PATIENCE_S = 15.0


def quick(**changed: float | int) -> Bounds:
    """The bounds of a test."""
    return Bounds(**{**QUICK, **changed})  # type: ignore[arg-type]


def address(number: int) -> str:
    """A made-up address, as BlueZ writes it."""
    return f"C0:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"


def device_id(one: Peripheral) -> str:
    """The registry's name of a peripheral."""
    return "device-" + one.address.replace(":", "").lower()


@dataclass
class Received:
    """What came out of the gateway."""

    frames: list[Frame] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    facts: dict[str, DeviceFacts] = field(default_factory=dict)
    phases: dict[str, list[str]] = field(default_factory=dict)

    async def deliver(self, frame: Frame) -> None:
        """Takes it at once."""
        self.frames.append(frame)

    def report(self, report: Report) -> None:
        """Sorts reports by kind."""
        match report:
            case Described(device, facts):
                self.facts[device] = facts
            case Moved(device, phase):
                self.phases.setdefault(device, []).append(phase)
            case Trouble(_, code, frames_lost):
                self.troubles[code] += 1
                self.lost += frames_lost

    def of(self, one: Peripheral, uuid: str) -> list[bytes]:
        """The values of one characteristic of a device, in order."""
        return [frame.value for frame in self.frames if (frame.device_id, frame.uuid) == (device_id(one), uuid)]

    def phase(self, one: Peripheral) -> str:
        """Where its session is."""
        return self.phases.get(device_id(one), ["awaiting"])[-1]

    def streaming(self, several: Iterable[Peripheral]) -> bool:
        """Whether all of them are connected and subscribed to."""
        return all(self.phase(one) == "streaming" for one in several)


@asynccontextmanager
async def gateway(
    peripherals: Iterable[Peripheral],
    bounds: Bounds,
    *,
    zone: str | None = "Europe/Berlin",
    deliver: Deliver | None = None,
    lookup: Callable[[str], KnownDevice | None] | None = None,
) -> AsyncIterator[Received]:
    """Runs it beside the test; when it is left the gateway has stopped in order."""
    received = Received()
    known = {one.address: KnownDevice(device_id(one), zone) for one in peripherals}
    stop = asyncio.Event()
    running = asyncio.create_task(
        run_bluetooth("hci0", lookup or known, deliver or received.deliver, bounds, stop, report=received.report)
    )
    try:
        yield received
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Waits for it; a test that waits in vain says so."""
    try:
        async with asyncio.timeout(patience_s):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {patience_s} s") from None


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))
