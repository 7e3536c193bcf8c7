"""Part of a cast plays on Bluetooth: memories arrive whole, live values as the plan has them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bleak import BleakClient

from simulators.ble.stage import Stage, address, chosen, frame, peripheral
from simulators.encoders import gatt
from simulators.plan import SimulatedDevice, patients
from tests.ble.central import Heard, find, until

pytestmark = pytest.mark.dbus


def one_of(kind: str) -> SimulatedDevice:
    plans = [plan for patient in patients(20) for plan in patient.devices]
    return next(plan for plan in chosen(plans) if plan.device.kind == kind)


async def test_a_cuff_brings_its_memory_and_a_strap_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuff, strap = one_of("cuff"), one_of("strap")
    stage = Stage([cuff, strap], tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", stage.address)
    stage.start()
    try:
        beats = Heard()
        async with BleakClient(await find(peripheral(strap))) as client:
            await beats.listen(client, gatt.HEART_RATE)
            start_s = time.time()
            stage.begin(start_s)
            memory = [frame(cuff, start_s, t_s)[1].hex() for t_s in sorted(cuff.history(start_s))]
            kept = Heard()
            async with BleakClient(await find(peripheral(cuff))) as other:
                assert other.address == address(cuff.id)
                await kept.listen(other, gatt.BLOOD_PRESSURE)
                await until(lambda: len(kept) >= len(memory))
            await until(lambda: len(beats) >= 1)
        first = next(strap.live())
        assert beats[0] == frame(strap, start_s, first)[1].hex()
        assert len(memory) > 10 and kept[: len(memory)] == memory
    finally:
        played = stage.stop()
    assert played.sent == len(kept) + len(beats)
