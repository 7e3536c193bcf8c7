"""The Bluetooth gateway on a fake BlueZ: profiles, clocks, and everything that goes wrong in the field."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from device_gateway.ble.door import run_bluetooth
from device_gateway.ble.profiles import KnownDevice
from device_gateway.ble.reports import Frame
from device_gateway.payloads import gatt_payload
from simulators.ble.clock import Clock
from simulators.ble.faults import AdapterFaults, Faults
from simulators.ble.peripheral import Peripheral
from simulators.ble.peripherals import cuff, heart_rate_strap, oximeter, scale, thermometer
from tests.ble.conftest import StartBluez
from tests.ble.gateway_rig import Received, address, device_id, gateway, open_files, quick, until
from vitals.errors import PartnerError

pytestmark = pytest.mark.dbus

PRESSURE = {"systolic": 128.0, "diastolic": 79.0, "pulse": 61.0}


def strap(number: int = 1, **script: object) -> Peripheral:
    return heart_rate_strap(address(number), script=Faults(**script))  # type: ignore[arg-type]


def rate(value: int) -> bytes:
    # flags: contact supported and detected
    return bytes((0x06, value))


async def test_every_profile_is_delivered_with_battery_and_name_plate(start_bluez: StartBluez) -> None:
    one, two, three = strap(1), cuff(address(2)), oximeter(address(3))
    four, five, six = oximeter(address(4), continuous=True), thermometer(address(5)), scale(address(6))
    all_six = (one, two, three, four, five, six)
    await start_bluez(*all_six)
    two.take(PRESSURE)
    three.take({"spo2": 97.0, "pulse": 61.0})
    five.take({"temperature": 36.6})
    six.take({"weight": 70.0})
    async with gateway(all_six, quick()) as received:
        await until(lambda: received.streaming((one, four)))
        one.take({"heart_rate": 72.0})
        four.take({"spo2": 96.0, "pulse": 62.0})
        expected = ((one, "2a37"), (two, "2a35"), (three, "2a5e"), (four, "2a5f"), (five, "2a1c"), (six, "2a9d"))
        await until(lambda: all(received.of(*each) for each in expected) and received.streaming(all_six))
        assert all(len(received.of(*each)) == 1 for each in expected)
        assert received.of(one, "2a37") == [rate(72)]
        assert all(received.of(each, "2a19") == [b"\x57"] for each in all_six)
        facts = received.facts[device_id(two)]
        assert (facts.model, facts.serial, facts.firmware, facts.rssi_dbm) == ("Cuff", "0001", "1.0", -60)
    assert not received.troubles
    assert all(received.phase(each) == "ended" for each in all_six)


async def test_a_device_that_is_not_known_is_left_alone(start_bluez: StartBluez) -> None:
    ours, theirs = strap(1), strap(2)
    await start_bluez(ours, theirs)
    async with gateway([ours], quick()) as received:
        await until(lambda: received.streaming([ours]))
        await asyncio.sleep(0.3)
        assert not theirs.linked
    assert list(received.phases) == [device_id(ours)]


async def test_a_device_that_is_taken_from_the_list_is_disconnected_at_its_next_value(start_bluez: StartBluez) -> None:
    one = strap()
    known = {one.address: KnownDevice(device_id(one))}
    await start_bluez(one)
    async with gateway([one], quick(), lookup=known.get) as received:
        await until(lambda: received.streaming([one]))
        known.clear()
        one.take({"heart_rate": 72.0})
        await until(lambda: received.phase(one) == "ended")
        assert not one.linked
    assert (received.of(one, "2a37"), received.troubles, received.lost) == ([], {"device-not-known": 1}, 1)


async def test_what_is_sent_as_soon_as_the_link_is_up_is_delivered_once(start_bluez: StartBluez) -> None:
    one = cuff(address(1), script=Faults(early=True))
    await start_bluez(one)
    async with gateway([one], quick(backoff_first_s=0.05)) as received:
        one.take(PRESSURE)
        await until(lambda: received.streaming([one]))
        first = len(received.of(one, "2a35"))  # before the first link nobody can have been registered
        for count in range(1, 4):
            one.drop()
            one.take(PRESSURE)
            await until(lambda count=count: len(received.of(one, "2a35")) >= first + count)  # type: ignore[misc]
            await until(lambda: received.streaming([one]))
        assert len(received.of(one, "2a35")) == first + 3


async def test_forty_drops_leave_no_file_open_and_no_reading_doubled(start_bluez: StartBluez) -> None:
    one = strap()
    await start_bluez(one)
    async with gateway([one], quick()) as received:
        files: list[int] = []
        for number in range(40):
            await until(lambda: received.streaming([one]))
            one.take({"heart_rate": 60.0 + number})
            await until(lambda number=number: len(received.of(one, "2a37")) == number + 1)  # type: ignore[misc]
            files.append(open_files())
            one.drop()
            await until(lambda: not received.streaming([one]))
        assert received.of(one, "2a37") == [rate(60 + number) for number in range(40)]
    assert files[-1] <= files[0]


@pytest.mark.parametrize("away", ["bluez", "adapter"])
async def test_all_links_recover_by_themselves(start_bluez: StartBluez, away: str) -> None:
    straps = [strap(number) for number in range(10)]
    bluez = await start_bluez(*straps)
    async with gateway(straps, quick()) as received:
        await until(lambda: received.streaming(straps))
        files = open_files()
        for _ in range(3):
            if away == "bluez":
                await bluez.vanish()
            else:
                bluez.power(False)
            await until(lambda: all(received.phase(one) == "radio down" for one in straps))
            if away == "bluez":
                await bluez.come_back()
            else:
                bluez.power(True)
            await until(lambda: received.streaming(straps))
        before = len(received.frames)
        for one in straps:
            one.take({"heart_rate": 72.0})
        await until(lambda: len(received.frames) == before + len(straps))
        await asyncio.sleep(0.1)
        assert [frame.uuid for frame in received.frames[before:]] == ["2a37"] * len(straps)
        assert open_files() <= files + 1  # the fake's own connection is a new one
    assert received.troubles["bluez-gone" if away == "bluez" else "adapter-off"] == 3


async def test_a_start_before_bluez_waits_for_it(start_bluez: StartBluez) -> None:
    one = strap()
    bluez = await start_bluez(one)
    await bluez.vanish()
    async with gateway([one], quick()) as received:
        await asyncio.sleep(0.3)
        await bluez.come_back()
        await until(lambda: received.streaming([one]))


async def test_without_a_bus_it_keeps_trying_and_stops_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    async with gateway([], quick()) as received:
        await until(lambda: received.troubles["dbus-dbus-lost"] >= 2)


async def test_a_gateway_that_is_cancelled_leaves_no_link_and_no_registration(start_bluez: StartBluez) -> None:
    straps = [strap(number) for number in range(3)]
    bluez = await start_bluez(*straps)
    received = Received()
    known = {one.address: KnownDevice(device_id(one)) for one in straps}
    running = asyncio.create_task(
        run_bluetooth("hci0", known, received.deliver, quick(), asyncio.Event(), report=received.report)
    )
    await until(lambda: received.streaming(straps))
    running.cancel()
    await asyncio.wait({running}, timeout=5.0)
    assert running.cancelled()
    await until(lambda: not any(one.linked or bluez.link(one).registrations("2a37") for one in straps))


async def test_a_fault_of_the_receiver_ends_it_and_is_not_hidden(start_bluez: StartBluez) -> None:
    one = strap()
    await start_bluez(one)

    async def deliver(frame: Frame) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup, match="unhandled") as caught:
        async with asyncio.timeout(5.0):
            await run_bluetooth("hci0", {one.address: KnownDevice("device")}, deliver, quick(), asyncio.Event())
    assert caught.group_contains(ZeroDivisionError)


async def test_services_that_are_never_resolved_cost_one_bounded_attempt(start_bluez: StartBluez) -> None:
    one = strap(unresolved=1)
    await start_bluez(one)
    began_s = time.monotonic()
    async with gateway([one], quick(connect_s=0.5)) as received:
        await until(lambda: received.streaming([one]))
    assert received.troubles["timed-out-connecting"] == 1
    assert 0.5 <= time.monotonic() - began_s < 5.0


@pytest.mark.parametrize(
    "error",
    ["InProgress", "br-connection-canceled", "le-connection-abort-by-local", "Software caused connection abort"],
)
async def test_a_connect_that_fails_is_tried_again(start_bluez: StartBluez, error: str) -> None:
    one = strap(connect_errors=(error, error))
    await start_bluez(one)
    async with gateway([one], quick()) as received:
        await until(lambda: received.streaming([one]))
        one.take({"heart_rate": 72.0})
        await until(lambda: received.of(one, "2a37") == [rate(72)])


async def test_bluez_is_busy_with_everything_at_first(start_bluez: StartBluez) -> None:
    one = cuff(address(1), script=Faults(busy=3))
    bluez = await start_bluez(one, script=AdapterFaults(discovery_errors=("InProgress", "InProgress")))
    async with gateway([one], quick()) as received:
        one.take(PRESSURE)
        await until(lambda: len(received.of(one, "2a35")) == 1)
        assert bluez.link(one).registrations("2a35") == 1
    assert received.troubles["scan-in-progress"] == 2


async def test_what_comes_once_more_for_another_program_is_passed_on_and_not_hidden(start_bluez: StartBluez) -> None:
    one = strap(other_clients=1)
    await start_bluez(one)
    async with gateway([one], quick()) as received:
        await until(lambda: received.streaming([one]))
        one.take({"heart_rate": 72.0})
        await until(lambda: received.of(one, "2a37") == [rate(72)] * 2)


async def test_frames_without_a_number_or_an_end_are_delivered_as_they_are(start_bluez: StartBluez) -> None:
    one = cuff(address(1), script=Faults(not_a_number=frozenset({1}), truncated=frozenset({2})))
    await start_bluez(one)
    async with gateway([one], quick()) as received:
        one.take(PRESSURE)
        one.take(PRESSURE)
        one.take(PRESSURE)
        await until(lambda: len(received.of(one, "2a35")) == 3)
    nan, truncated, good = received.of(one, "2a35")
    assert nan[1:7] == bytes.fromhex("ff07 ff07 ff07")
    assert len(truncated) == len(good) - 1
    assert [len(gatt_payload.parse("2a35", frame, None, None).parts) for frame in (nan, truncated, good)] == [2, 1, 2]


async def test_a_device_that_drops_within_its_records_sends_the_rest_on_the_next_link(start_bluez: StartBluez) -> None:
    one = cuff(address(1), script=Faults(drop_after=(2, 0, 1)))
    await start_bluez(one)
    for systolic in range(120, 128):
        one.take({**PRESSURE, "systolic": float(systolic)})
    async with gateway([one], quick()) as received:
        await until(lambda: len(received.of(one, "2a35")) == 8)
        await asyncio.sleep(0.2)
    assert [frame[1] for frame in received.of(one, "2a35")] == list(range(120, 128))


@pytest.mark.parametrize("off_by", [timedelta(hours=-5), timedelta(days=3)])
async def test_a_wrong_clock_is_read_passed_on_and_set(start_bluez: StartBluez, off_by: timedelta) -> None:
    clock = Clock(off_by.total_seconds())
    one = cuff(address(1), clock=clock)
    await start_bluez(one)
    one.take(PRESSURE)
    async with gateway([one], quick(), zone="UTC") as received:
        await until(lambda: received.streaming([one]))
        await until(lambda: len(received.of(one, "2a35")) == 1)
        one.take(PRESSURE)
        await until(lambda: len(received.of(one, "2a35")) == 2)
        shown = clock.face(time.time())
        assert shown is not None
        assert abs(shown.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(seconds=2)
    before, since = (frame.clock_offset_us for frame in received.frames if frame.uuid == "2a35")
    assert before is not None
    assert abs(before / 1e6 + off_by.total_seconds()) < 2.0
    assert since == 0


async def test_a_clock_is_not_set_while_nobody_has_the_device(start_bluez: StartBluez) -> None:
    clock = Clock(7200.0)
    one = cuff(address(1), clock=clock)
    await start_bluez(one)
    async with gateway([one], quick(), zone=None) as received:
        one.take(PRESSURE)
        await until(lambda: received.streaming([one]))
    assert "setting clock" not in received.phases[device_id(one)]
    (offset_us,) = {frame.clock_offset_us for frame in received.frames}
    assert offset_us is not None
    assert abs(offset_us / 1e6 + 7200.0) < 2.0


async def test_a_scan_that_hears_nothing_is_started_again(start_bluez: StartBluez) -> None:
    one = strap(silent=((0.0, 1.0),))
    await start_bluez(one)
    async with gateway([one], quick(scan_silence_s=0.3)) as received:
        await until(lambda: received.streaming([one]))
    assert received.troubles == {"scan-silent": 1}


async def test_an_idle_cuff_is_released_and_comes_back_with_its_next_reading(start_bluez: StartBluez) -> None:
    one = cuff(address(1), window_s=0.5)
    await start_bluez(one)
    async with gateway([one], quick(idle_s=0.3)) as received:
        for count in (1, 2):
            one.take(PRESSURE)
            await until(lambda count=count: len(received.of(one, "2a35")) == count)  # type: ignore[misc]
            await until(lambda: received.phase(one) == "awaiting" and not one.linked)


async def test_a_journal_that_is_away_loses_nothing_and_a_full_queue_closes_the_link(start_bluez: StartBluez) -> None:
    one = strap()
    await start_bluez(one)
    delivered: list[Frame] = []
    away = asyncio.Event()

    async def deliver(frame: Frame) -> None:
        if not away.is_set():
            raise PartnerError("the journal is away; it will be asked again", code="journal-away")
        delivered.append(frame)

    async with gateway([one], quick(queue_frames=8), deliver=deliver) as received:
        await until(lambda: received.streaming([one]))
        for number in range(3):  # with the battery that makes 4, half the queue
            one.take({"heart_rate": 60.0 + number})
        await until(lambda: "disconnecting" in received.phases[device_id(one)])
        away.set()
        await until(lambda: len(delivered) >= 4)
    assert [frame.value for frame in delivered if frame.uuid == "2a37"] == [rate(60), rate(61), rate(62)]
    assert received.troubles["journal-away"] >= 1
    assert received.lost == 0
