"""How links of the fake BlueZ behave: facts seen on a real bluetoothd 5.66, each through unmodified bleak."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError
from bleak_retry_connector import establish_connection

from simulators.ble.clock import Clock
from simulators.ble.faults import Faults
from simulators.ble.peripheral import Peripheral
from simulators.ble.peripherals import cuff, heart_rate_strap
from simulators.encoders import gatt
from simulators.encoders.gatt import long_uuid
from tests.ble.central import Heard, find, until
from tests.ble.conftest import StartBluez

pytestmark = pytest.mark.dbus

STRAP, CUFF = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
PRESSURE = {"systolic": 128.0, "diastolic": 79.0, "pulse": 61.0}
#: 2026-11-22 10:42:00 UTC.
AT_S = 1_795_344_120.0
# Flags time and pulse, 128/79 mean 95, 2026-11-22 10:42:00, pulse 61.
FRAME = "0680004f005f00ea070b160a2a003d00"


async def test_without_disconnect_values_come_twice_then_three_times_then_four(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    bluez = await start_bluez(one)
    device = await find(one)
    clients = []
    for times in (1, 2, 3, 4):
        client, heard = BleakClient(device), Heard()
        await client.connect()
        await heard.listen(client, "2a37")
        one.take({"heart_rate": 72})
        await heard.expect(times)
        assert bluez.link(one).registrations("2a37") == times
        clients.append(client)
        one.drop()
        await until(lambda client=client: not client.is_connected)  # type: ignore[misc]
    for client in clients:
        await client.disconnect()
    await until(lambda: bluez.link(one).registrations("2a37") == 0)


async def test_with_disconnect_each_value_comes_once_and_no_descriptor_stays(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    device = await find(one)
    open_files = []
    for _ in range(40):
        client, heard = BleakClient(device), Heard()
        await client.connect()
        await heard.listen(client, "2a37")
        one.take({"heart_rate": 72})
        await until(lambda heard=heard: heard == ["0648"])  # type: ignore[misc]
        one.drop()
        await until(lambda client=client: not client.is_connected)  # type: ignore[misc]
        await client.disconnect()
        open_files.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - no pathlib in a coroutine
    assert open_files[-1] <= open_files[0]


async def test_an_indication_before_anybody_subscribed_is_confirmed_and_lost(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, script=Faults(early=True))
    await start_bluez(one)
    one.take(PRESSURE, AT_S)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        await heard.listen(client, gatt.BLOOD_PRESSURE)
        await heard.expect(0)
    assert one.sent == 1 and not one.memory


async def test_a_registration_that_outlives_the_link_hears_the_early_indication(start_bluez: StartBluez) -> None:
    from dbus_fast import Message, MessageType  # not there where these tests are skipped
    from dbus_fast.aio import MessageBus

    one = cuff(CUFF, window_s=None, script=Faults(early=True))
    bluez = await start_bluez(one)
    device = await find(one)
    async with BleakClient(device) as client:
        pressure = client.services.get_characteristic(long_uuid(gatt.BLOOD_PRESSURE))
        assert pressure is not None
        path = pressure.obj[0]
    heard: list[str] = []
    holder = await MessageBus(bus_address=bluez.address).connect()
    match = f"type='signal',member='PropertiesChanged',path='{path}'"
    for call in (
        Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "AddMatch", signature="s", body=[match]),
        Message("org.bluez", path, "org.bluez.GattCharacteristic1", "StartNotify"),
    ):
        assert (await holder.call(call)).message_type is MessageType.METHOD_RETURN

    def on_message(message: Message) -> None:
        if message.member == "PropertiesChanged" and "Value" in message.body[1]:
            heard.append(message.body[1]["Value"].value.hex())

    holder.add_message_handler(on_message)
    one.take(PRESSURE, AT_S)
    async with BleakClient(device):
        await asyncio.sleep(0.05)
    holder.disconnect()
    assert heard == [FRAME]


async def test_bleak_does_not_notice_that_bluetoothd_was_killed(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    bluez = await start_bluez(one)
    gone: list[BleakClient] = []
    client = BleakClient(await find(one), disconnected_callback=gone.append)
    await client.connect()
    await bluez.vanish()
    await asyncio.sleep(0.1)
    assert client.is_connected
    assert not gone
    with pytest.raises(BleakDBusError, match="ServiceUnknown"):
        await client.disconnect()
    assert gone == [client]


async def test_after_a_new_start_the_old_objects_are_unknown_and_a_scan_brings_new_ones(
    start_bluez: StartBluez,
) -> None:
    one = heart_rate_strap(STRAP)
    bluez = await start_bluez(one)
    client = BleakClient(await find(one))
    await client.connect()
    await bluez.vanish()
    await bluez.come_back()
    assert client.is_connected
    with pytest.raises(BleakDBusError, match="UnknownObject"):
        await client.disconnect()
    heard = Heard()
    async with BleakClient(await find(one)) as again:
        await heard.listen(again, "2a37")
        one.take({"heart_rate": 72})
        await heard.expect(1)


async def test_a_bond_survives_bluetoothd_and_ends_with_unpair(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None)
    bluez = await start_bluez(one)
    async with BleakClient(await find(one)) as client:
        await client.pair()
    await bluez.vanish()
    await bluez.come_back()
    assert bluez.link(one).bonded and bluez.link(one).known
    async with BleakClient(await find(one)) as client:
        await client.unpair()
    assert not bluez.link(one).bonded and not bluez.link(one).known


@pytest.mark.parametrize("error", ["br-connection-canceled", "InProgress"])
async def test_bleak_gives_up_where_the_retry_connector_goes_on(start_bluez: StartBluez, error: str) -> None:
    one = heart_rate_strap(STRAP, script=Faults(connect_errors=(error,) * 3))
    await start_bluez(one)
    device = await find(one)
    with pytest.raises(BleakDBusError, match=error):
        await BleakClient(device).connect()
    client = await establish_connection(BleakClient, device, "strap")
    assert client.is_connected
    await client.disconnect()


async def test_bleak_itself_tries_again_after_an_abort_by_local(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP, script=Faults(connect_errors=("le-connection-abort-by-local",)))
    await start_bluez(one)
    async with BleakClient(await find(one)) as client:
        assert client.is_connected


async def test_services_that_are_never_resolved_cost_bleak_its_whole_timeout(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP, script=Faults(unresolved=1))
    await start_bluez(one)
    device = await find(one)
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.3).connect()
    async with BleakClient(device) as client:
        assert client.is_connected


async def test_a_connection_attempt_is_cancelled_by_disconnect(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    bluez = await start_bluez(one)
    device = await find(one)
    one.leave()
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.2).connect()
    one.come_back()
    async with BleakClient(device) as client:
        assert client.is_connected
    assert not bluez.link(one).connected


async def test_a_drop_in_the_middle_of_a_memory_loses_nothing(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, script=Faults(drop_after=(1, 1)))
    await start_bluez(one)
    for minute in range(3):
        one.take(PRESSURE, AT_S + 60 * minute)
    heard = Heard()
    device = await find(one)
    for links in (1, 2, 3):
        client = BleakClient(device)
        await client.connect()
        await heard.listen(client, gatt.BLOOD_PRESSURE)
        await heard.expect(links)
        await client.disconnect()
    assert [frame[24:26] for frame in heard] == ["2a", "2b", "2c"]


async def test_a_link_that_drops_at_once_fails_to_connect(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP, script=Faults(drop_after=(0,)))
    await start_bluez(one)
    with pytest.raises(BleakError):
        await BleakClient(await find(one)).connect()


async def listen_to(one: Peripheral, uuid: str, count: int) -> Heard:
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        await heard.listen(client, uuid)
        await heard.expect(count)
    return heard


async def test_no_number_and_a_truncated_frame_come_as_scripted(start_bluez: StartBluez) -> None:
    script = Faults(not_a_number=frozenset({2}), truncated=frozenset({3}))
    one = cuff(CUFF, window_s=None, script=script)
    await start_bluez(one)
    for _ in range(3):
        one.take(PRESSURE, AT_S)
    nan = "06ff07ff07ff07ea070b160a2a00ff07"
    assert await listen_to(one, gatt.BLOOD_PRESSURE, 3) == [FRAME, nan, FRAME[:-2]]


async def test_a_hasty_device_sends_before_the_subscription_is_answered(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, script=Faults(hasty=True))
    await start_bluez(one)
    one.take(PRESSURE, AT_S)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        await heard.listen(client, gatt.BLOOD_PRESSURE)
        assert heard == [FRAME]


async def test_values_come_as_often_as_other_programs_listen(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, script=Faults(other_clients=1))
    await start_bluez(one)
    one.take(PRESSURE, AT_S)
    assert await listen_to(one, gatt.BLOOD_PRESSURE, 2) == [FRAME, FRAME]


async def test_a_clock_is_read_wrong_and_set_right(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, clock=Clock(offset_s=3600.0))
    await start_bluez(one)
    one.take(PRESSURE, AT_S)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        # Sunday 2026-11-22 10:42:00, set by hand (reason of adjustment: manual).
        await client.write_gatt_char(long_uuid("2a2b"), bytes.fromhex("ea070b160a2a00070001"), response=True)
        shown = await client.read_gatt_char(long_uuid("2a2b"))
        assert shown[:6] == bytes.fromhex("ea070b160a2a") and shown[7] == 7
        await heard.listen(client, gatt.BLOOD_PRESSURE)
        await heard.expect(1)
        with pytest.raises(BleakError):
            await client.write_gatt_char(long_uuid("2a2b"), b"\x00", response=True)
    assert heard[0][14:26] == "ea070b160b2a", "what was measured before keeps the time of then"


async def test_an_unset_clock_sends_no_date(start_bluez: StartBluez) -> None:
    one = cuff(CUFF, window_s=None, clock=Clock(unset=True))
    await start_bluez(one)
    one.take(PRESSURE, AT_S)
    assert await listen_to(one, gatt.BLOOD_PRESSURE, 1) == ["0680004f005f00" + "00" * 7 + "3d00"]


async def test_a_burst_that_would_fill_the_socket_comes_whole(start_bluez: StartBluez) -> None:
    one = heart_rate_strap(STRAP)
    await start_bluez(one)
    heard = Heard()
    async with BleakClient(await find(one)) as client:
        await heard.listen(client, "2a37")
        for number in range(5_000):
            one.take({"heart_rate": number % 200})
        await heard.expect(5_000)
    assert [int(frame[2:], 16) for frame in heard] == [number % 200 for number in range(5_000)]


async def test_the_bus_ends_with_its_owner(start_bluez: StartBluez, tmp_path: Path) -> None:
    bluez = await start_bluez(folder=tmp_path)
    assert bluez.address == f"unix:path={tmp_path / 'bus'}"
    code = "import asyncio, os, sys\nfrom pathlib import Path\nfrom simulators.ble.bus import PrivateBus\n"
    code += "async def main():\n    async with PrivateBus() as bus:\n        print(bus.address, flush=True)\n"
    code += "        os.kill(os.getpid(), 9)\nasyncio.run(main())\n"
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said = (await owner.communicate())[0].decode().strip()
    socket = Path(said.removeprefix("unix:path="))
    assert said.startswith("unix:path=") and os.fspath(socket).endswith("/bus")

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(socket)
        except OSError:
            return False
        writer.close()
        return True

    async with asyncio.timeout(5):
        while await answers():  # noqa: ASYNC110 - nobody says when it has ended
            await asyncio.sleep(0.02)
    for left in socket.parent.iterdir():
        left.unlink()
    socket.parent.rmdir()
