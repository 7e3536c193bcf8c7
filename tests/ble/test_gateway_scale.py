"""Many devices on one gateway: each reading delivered once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from simulators.ble.peripherals import heart_rate_strap
from tests.ble.conftest import StartBluez
from tests.ble.gateway_rig import address, device_id, gateway, quick, until

#: Rates run from 40 on, one more each second, so that each reading of a device is another one.
FIRST_RATE = 40


@pytest.mark.dbus
@pytest.mark.parametrize(
    ("devices", "seconds"), [(40, 10), pytest.param(200, 60, marks=(pytest.mark.long, pytest.mark.timeout(180)))]
)
async def test_each_reading_of_many_devices_is_delivered_once(
    start_bluez: StartBluez, devices: int, seconds: int
) -> None:
    straps = [heart_rate_strap(address(number)) for number in range(devices)]
    await start_bluez(*straps)
    async with gateway(straps, quick(turn_s=60.0, scan_silence_s=600.0)) as received:
        await until(lambda: received.streaming(straps), patience_s=60.0)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for second in range(seconds):
            # Spread over the second, as devices that know nothing of each other are.
            for number, one in enumerate(straps):
                due_s = began_s + second + number / devices
                if due_s > loop.time():
                    await asyncio.sleep(due_s - loop.time())
                one.take({"heart_rate": float(FIRST_RATE + second)})
        await asyncio.sleep(0.5)
    delivered = Counter((frame.device_id, frame.value) for frame in received.frames if frame.uuid == "2a37")
    expected = {(device_id(one), bytes((0x06, FIRST_RATE + second))) for one in straps for second in range(seconds)}
    assert set(delivered) == expected
    assert set(delivered.values()) == {1}
    assert not received.troubles
