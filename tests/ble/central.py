"""The central's side in tests of Bluetooth: scanning and listening with unmodified bleak."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from simulators.ble.peripheral import Peripheral
from simulators.encoders.gatt import long_uuid

FIND_TIMEOUT_S = 5.0


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Waits for something to become true; raises TimeoutError when it doesn't."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def find(peripheral: Peripheral) -> BLEDevice:
    """Scans until a device is seen."""
    device = await BleakScanner.find_device_by_address(peripheral.address, timeout=FIND_TIMEOUT_S)
    assert device is not None, f"{peripheral.name} was not seen"
    return device


class Heard(list[str]):
    """Frames that came, as hexadecimal, in order."""

    async def listen(self, client: BleakClient, uuid: str) -> None:
        """Subscribes to a characteristic of four hex digits."""
        await client.start_notify(long_uuid(uuid), lambda _, frame: self.append(frame.hex()))

    async def expect(self, count: int) -> None:
        """Waits for so many frames, and long enough to see that no more come."""
        await until(lambda: len(self) >= count)
        await asyncio.sleep(0.05)
        assert len(self) == count
