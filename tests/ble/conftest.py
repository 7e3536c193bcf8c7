"""A fake BlueZ for unmodified bleak, and what tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from simulators.ble.peripheral import Peripheral

if TYPE_CHECKING:
    from simulators.ble.bluez import FakeBluez


class StartBluez(Protocol):
    """Starts a fake BlueZ with these devices; bleak finds it, and it ends with the test."""

    async def __call__(self, *peripherals: Peripheral, **options: Any) -> FakeBluez:
        """Options are those of `FakeBluez`."""


@pytest.fixture
async def start_bluez(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartBluez]:
    # Imported here: without dbus-fast (not on Linux) these tests are skipped, which must not fail before.
    from simulators.ble.bluez import FakeBluez

    async with AsyncExitStack() as stack:

        async def start(*peripherals: Peripheral, **options: Any) -> FakeBluez:
            bluez = await stack.enter_async_context(FakeBluez(peripherals, **options))
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.address)
            return bluez

        yield start
    # bleak's own connection notices that the bus has gone and closes itself.
    await asyncio.sleep(0.02)
