"""What the fake BlueZ shows: scanning, objects and single calls, as bleak sees them on the real one."""

from __future__ import annotations

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakGATTProtocolError

from simulators.ble.faults import AdapterFaults, Faults
from simulators.ble.peripherals import cuff, heart_rate_strap, oximeter, scale, thermometer
from simulators.encoders.gatt import long_uuid
from tests.ble.central import Heard, find, until
from tests.ble.conftest import StartBluez

pytestmark = pytest.mark.dbus

STRAP, CUFF, SPOT, PLX, THERMOMETER, SCALE = (f"C0:00:00:00:00:{number:02X}" for number in range(1, 7))


async def test_every_kind_is_found_by_its_service(start_bluez: StartBluez) -> None:
    await start_bluez(
        heart_rate_strap(STRAP),
        cuff(CUFF, window_s=None),
        oximeter(SPOT, window_s=None),
        oximeter(PLX, continuous=True),
        thermometer(THERMOMETER, window_s=None),
        scale(SCALE, window_s=None),
    )
    for uuid, addresses in (
        ("180d", {STRAP}),
        ("1810", {CUFF}),
        ("1822", {SPOT, PLX}),
        ("1809", {THERMOMETER}),
        ("181d", {SCALE}),
    ):
        found = await BleakScanner.discover(timeout=0.15, service_uuids=[long_uuid(uuid)])
        assert {device.address for device in found} == addresses


async def test_a_cuff_is_seen_only_after_a_measurement(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=0.3)
    await start_bluez(one)
    assert await BleakScanner.discover(timeout=0.15) == []
    one.take({"systolic": 128, "diastolic": 79, "pulse": 61})
    assert (await find(one)).name == "Cuff"
    await asyncio.sleep(0.3)
    assert not one.advertises()


async def test_a_silent_device_is_not_seen(start_bluez: StartBluez) -> None:
    await start_bluez(heart_rate_strap(STRAP, script=Faults(silent=((0.0, 60.0),))))
    assert await BleakScanner.discover(timeout=0.15) == []


async def test_advertisements_go_on_while_the_scan_does(start_bluez: StartBluez) -> None:
    from simulators.ble.link import Timing

    await start_bluez(heart_rate_strap(STRAP), timing=Timing(advertise_s=0.02))
    seen: list[int] = []
    async with BleakScanner(lambda _, advertisement: seen.append(advertisement.rssi)):
        await until(lambda: len(seen) >= 5)
    assert set(seen) == {-60, -61}


async def test_a_second_scanner_is_in_progress(start_bluez: StartBluez) -> None:
    await start_bluez()
    async with BleakScanner():
        with pytest.raises(BleakDBusError, match="InProgress"):
            await BleakScanner().start()


async def test_a_scan_refused_by_script_works_the_second_time(start_bluez: StartBluez) -> None:
    await start_bluez(script=AdapterFaults(discovery_errors=("InProgress",)))
    with pytest.raises(BleakDBusError, match="InProgress"):
        await BleakScanner().start()
    assert await BleakScanner.discover(timeout=0.05) == []


async def test_services_are_exported_as_bluez_does(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    async with BleakClient(await find(one)) as client:
        found = {service.uuid for service in client.services}
        # Generic access has no object; generic attribute and battery have.
        assert found == {long_uuid(uuid) for uuid in ("1801", "180a", "180d", "180f")}
        rate = client.services.get_characteristic(long_uuid("2a37"))
        changed = client.services.get_characteristic(long_uuid("2a05"))
        assert rate is not None and changed is not None
        assert [descriptor.uuid for descriptor in rate.descriptors] == [long_uuid("2902")]
        assert rate.obj[1]["NotifyAcquired"] is False
        assert changed.properties == ["indicate"] and "NotifyAcquired" not in changed.obj[1]
        assert rate.obj[1]["MTU"] == changed.obj[1]["MTU"] == 517
        assert rate.max_write_without_response_size == 514


async def test_values_are_read_and_not_permitted_ones_refused(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    async with BleakClient(await find(one)) as client:
        assert await client.read_gatt_char(long_uuid("2a19")) == b"\x57"
        assert await client.read_gatt_char(long_uuid("2a38")) == b"\x01"
        with pytest.raises(BleakGATTProtocolError):
            await client.read_gatt_char(long_uuid("2a37"))


async def test_a_read_of_a_subscribed_value_is_signalled_too(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        await heard.listen(client, "2a19")
        await client.read_gatt_char(long_uuid("2a19"))
        await heard.expect(1)


async def test_reads_and_writes_wait_out_a_busy_device(start_bluez: StartBluez) -> None:
    one = thermometer(THERMOMETER, window_s=None, script=Faults(busy=3))
    await start_bluez(one)
    async with BleakClient(await find(one)) as client:
        assert await client.read_gatt_char(long_uuid("2a19")) == b"\x57"


async def test_start_notify_is_in_progress_on_a_busy_device(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP, script=Faults(busy=1))
    await start_bluez(one)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        with pytest.raises(BleakDBusError, match="InProgress"):
            await heard.listen(client, "2a37")


async def test_values_come_through_an_acquired_socket(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    heard: list[str] = []
    async with BleakClient(await find(one)) as client:
        await client.start_notify(
            long_uuid("2a37"), lambda _, frame: heard.append(frame.hex()), bluez={"use_start_notify": False}
        )
        one.take({"heart_rate": 72})
        await until(lambda: heard == ["0648"])
        await client.stop_notify(long_uuid("2a37"))
        await until(lambda: one.subscribed == set())
        one.take({"heart_rate": 73})
        await asyncio.sleep(0.05)
    assert heard == ["0648"]


async def test_the_adapter_switched_off_ends_links_and_scans(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    bluez = await start_bluez(one)
    gone = asyncio.Event()
    client = BleakClient(await find(one), disconnected_callback=lambda _: gone.set())
    await client.connect()
    bluez.power(False)
    async with asyncio.timeout(1):
        await gone.wait()
    await client.disconnect()
    with pytest.raises(BleakBluetoothNotAvailableError):
        await BleakScanner().start()
    bluez.power(True)
    await asyncio.sleep(0.05)
    async with BleakClient(await find(one)) as again:
        assert again.is_connected


async def test_a_scan_does_not_outlive_the_adapter_s_power(start_bluez: StartBluez) -> None:
    bluez = await start_bluez(heart_rate_strap(STRAP))
    scanner = BleakScanner()
    await scanner.start()
    bluez.power(False)
    bluez.power(True)
    with pytest.raises(BleakDBusError, match="No discovery started"):
        await scanner.stop()


async def test_the_adapter_s_script_runs_by_the_clock(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one, script=AdapterFaults(events=((0.3, "power-off"), (0.4, "power-on"))))
    gone = asyncio.Event()
    client = BleakClient(await find(one), disconnected_callback=lambda _: gone.set())
    await client.connect()
    async with asyncio.timeout(2):
        await gone.wait()
    await client.disconnect()
    await asyncio.sleep(0.15)
    async with BleakClient(await find(one)) as again:
        assert again.is_connected
