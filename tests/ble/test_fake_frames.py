"""What peripherals send: bytes typed from the specifications, clocks, memories, and who of a cast is on Bluetooth."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from device_gateway.decoders.registry import decoder
from simulators.ble import stage
from simulators.ble.clock import Clock
from simulators.ble.peripheral import Peripheral
from simulators.ble.peripherals import cuff, heart_rate_strap
from simulators.encoders import gatt
from simulators.plan import SimulatedDevice, patients

#: 2026-11-22 10:42:07 UTC, on a face without zone; a Sunday.
AT_S = 1_795_344_127.0
FACE = datetime(2026, 11, 22, 10, 42, 7)  # noqa: DTZ001
PRESSURE = {"systolic": 128.0, "diastolic": 79.0, "pulse": 61.0}


@pytest.mark.parametrize(
    ("frame", "bytes_"),
    [
        # Flags 0x06 (time, pulse), 128/79 mean 95 as SFLOATs, Date Time, pulse 61.
        (gatt.blood_pressure(128, 79, 61, FACE), "06 8000 4f00 5f00 ea070b160a2a07 3d00"),
        (gatt.blood_pressure(None, None, None, None), "06 ff07 ff07 ff07 00000000000000 ff07"),
        # Flags 0x02 (time), 366 x 10^-1 as FLOAT, Date Time.
        (gatt.temperature(36.6, FACE), "02 6e0100ff ea070b160a2a07"),
        (gatt.temperature(None, FACE), "02 ffff7f00 ea070b160a2a07"),
        # Flags 0x02 (time), 71.50 kg in steps of 5 g, Date Time.
        (gatt.weight(71.5, FACE), "02 dc37 ea070b160a2a07"),
        (gatt.weight(None, FACE), "02 ffff ea070b160a2a07"),
        # Flags 0x01 (time), 97 % and 61 /min, Date Time; bit 4 is a clock that is not set.
        (gatt.oximeter_spot(97, 61, FACE), "01 6100 3d00 ea070b160a2a07"),
        (gatt.oximeter_spot(None, 61, None), "11 ff07 3d00 00000000000000"),
        (gatt.oximeter_continuous(None, 61), "00 ff07 3d00"),
        # Date Time, 7 is Sunday, no fraction, no adjustment.
        (gatt.current_time(FACE), "ea070b160a2a07 07 00 00"),
        (gatt.current_time(None), "00" * 10),
    ],
)
def test_frames_follow_the_specifications(frame: bytes, bytes_: str) -> None:
    assert frame == bytes.fromhex(bytes_)


def test_a_written_time_is_understood() -> None:
    assert gatt.read_current_time(bytes.fromhex("ea070b160a2a07078001")) == FACE.replace(microsecond=500_000)
    for bad in ("ea070b160a2a0707", "00" * 10):
        with pytest.raises(ValueError, match=r"."):
            gatt.read_current_time(bytes.fromhex(bad))


def test_a_clock_shows_local_time_and_can_be_wrong_unset_or_set() -> None:
    assert Clock(zone=ZoneInfo("Europe/Berlin")).face(AT_S) == datetime(2026, 11, 22, 11, 42, 7)  # noqa: DTZ001
    wrong, unset, stubborn = Clock(offset_s=-3600), Clock(unset=True), Clock(offset_s=60, settable=False)
    assert wrong.face(AT_S) == FACE.replace(hour=9)
    assert unset.face(AT_S) is None
    assert all(clock.set(FACE, AT_S) and clock.face(AT_S) == FACE for clock in (wrong, unset))
    assert not stubborn.set(FACE, AT_S)
    assert stubborn.face(AT_S) == FACE.replace(minute=43)


class Listener:
    """An adapter that notes what it gets."""

    def __init__(self, one: Peripheral) -> None:
        self.heard: list[tuple[str, str]] = []
        one.adapter = self

    def on_value(self, peripheral: Peripheral, uuid: str, frame: bytes) -> None:
        self.heard.append((uuid, frame.hex()))

    def on_dropped(self, peripheral: Peripheral) -> None:
        peripheral.on_unlinked()

    def on_awake(self, peripheral: Peripheral) -> None:
        self.heard.append(("awake", ""))


def test_a_cuff_keeps_what_nobody_took_and_sleeps_when_all_is_taken() -> None:
    one = cuff("C0:00:00:00:00:01", window_s=60.0)
    listener = Listener(one)
    assert not one.advertises()
    one.take(PRESSURE, AT_S)
    one.take(PRESSURE, AT_S + 60)
    assert one.advertises() and len(one.memory) == 2
    one.on_linked()
    assert not one.advertises()
    one.on_subscribed(gatt.BLOOD_PRESSURE, True)
    assert [uuid for uuid, _ in listener.heard] == ["awake", "awake", "2a35", "2a35"]
    one.drop()
    assert not one.linked and not one.memory and not one.advertises()


def test_a_strap_sends_to_whoever_listens_and_keeps_nothing() -> None:
    one = heart_rate_strap("C0:00:00:00:00:01")
    listener = Listener(one)
    one.take({"heart_rate": 70.0})
    one.on_linked()
    one.take({"heart_rate": 71.0})
    one.on_subscribed(gatt.HEART_RATE, True)
    one.take({"heart_rate": 72.0, "contact": 0.0})
    one.take({"heart_rate": None})
    assert listener.heard == [("2a37", "0448"), ("2a37", "0600")]


def test_out_of_reach_is_not_seen() -> None:
    one = heart_rate_strap("C0:00:00:00:00:01")
    one.leave()
    assert not one.advertises()
    one.come_back()
    assert one.advertises()


def cast() -> list[SimulatedDevice]:
    return [plan for patient in patients(20) for plan in patient.devices]


def test_a_third_of_the_cast_is_on_bluetooth_always_the_same() -> None:
    plans = cast()
    there = stage.chosen(plans)
    assert len(there) == len(plans) // 3
    assert there == stage.chosen(cast())
    assert len({plan.id for plan in there}) == len(there)
    assert {plan.device.kind for plan in there} == {"strap", "cuff", "thermometer", "scale", "oximeter"}
    assert all(plan.device.clock == "right" and plan.scenario.offline is None for plan in there)


def test_addresses_are_static_random_ones_and_differ() -> None:
    found = {stage.address(plan.id) for plan in cast()}
    assert len(found) == len(cast())
    assert all(int(one[:2], 16) & 0xC0 == 0xC0 and len(one) == 17 for one in found)
    assert stage.address("cuff-001") == stage.address("cuff-001")


def test_frames_of_a_cast_say_what_was_measured_and_when() -> None:
    start_s = time.time()
    for plan in stage.chosen(cast()):
        for t_s in (*plan.history(start_s)[:2], 30.0):
            uuid, frame = stage.frame(plan, start_s, t_s)
            readings = {reading.metric: reading for reading in decoder(uuid)(frame)}
            for metric, (text, _) in plan.measure(t_s).items():
                if metric not in readings:
                    assert metric == "sensor_contact"
                elif metric != "blood_pressure":
                    assert readings[metric].values[0].number == float(text)
            local = next(iter(readings.values())).local_us
            if plan.device.kind == "strap" or (plan.device.kind == "oximeter" and t_s > 0):
                assert local is None
            else:
                face = datetime.fromtimestamp(start_s + t_s, ZoneInfo(plan.zone)).replace(microsecond=0, tzinfo=None)
                assert local is not None and datetime.fromtimestamp(local / 1e6, ZoneInfo("UTC")) == face.replace(
                    tzinfo=ZoneInfo("UTC")
                )
