"""One link over bleak: connect, read, write and always disconnect. Notifications are watch.py's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak_retry_connector import BleakClientWithServiceCache, establish_connection

from device_gateway.ble.faults import BLUETOOTH_FAULTS, BluezRefused
from device_gateway.decoders.registry import short_uuid

#: Attempts of one connect: the retry connector waits out what passes by itself (another operation in progress, a
#: connection that was cancelled) without counting it; `connect_s` bounds all of them together.
_ATTEMPTS = 2


class _Client(BleakClientWithServiceCache):
    """Tells of itself before it connects, so that whatever becomes of connecting, it can be disconnected."""

    def __init__(self, *arguments: Any, born: Callable[[BleakClient], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        born(self)


class Found(NamedTuple):
    """A characteristic of the link: what bleak reads and writes, and BlueZ's path of it."""

    characteristic: BleakGATTCharacteristic
    path: str


class Link:
    """`lost` is called when the device ends the link, also while it is being closed from here."""

    def __init__(self, name: str, lost: Callable[[], None]) -> None:
        self._name = name
        self._lost = lost
        self._client: BleakClient | None = None
        #: Characteristics with an assigned number; of several with the same, the first.
        self.found: dict[str, Found] = {}

    async def connect(self, device: BLEDevice, adapter: str) -> None:
        """Connects and discovers; raises one of BLUETOOTH_FAULTS. The caller bounds it in time and closes."""
        await establish_connection(
            _Client,
            device,
            self._name,
            disconnected_callback=self._on_lost,
            max_attempts=_ATTEMPTS,
            # BlueZ keeps its own cache; bleak's outlives changes of a device's services.
            use_services_cache=False,
            born=self._born,
            bluez={"adapter": adapter},
        )
        assert self._client is not None
        self.found = {}
        for characteristic in sorted(self._client.services.characteristics.values(), key=lambda one: one.handle):
            found = Found(characteristic, characteristic.obj[0])
            self.found.setdefault(short_uuid(characteristic.uuid), found)

    def notifies(self, uuid: str) -> bool:
        """Whether the device has this characteristic and can send it by itself."""
        found = self.found.get(uuid)
        return found is not None and not {"notify", "indicate"}.isdisjoint(found.characteristic.properties)

    async def read(self, uuid: str) -> bytes:
        """The value now; raises one of BLUETOOTH_FAULTS."""
        return bytes(await self._connected().read_gatt_char(self.found[uuid].characteristic))

    async def write(self, uuid: str, value: bytes) -> None:
        """Writes and waits for the answer; raises one of BLUETOOTH_FAULTS."""
        await self._connected().write_gatt_char(self.found[uuid].characteristic, value, response=True)

    async def close(self) -> None:
        """Disconnects, also a link that is down already: each client that is not disconnected leaks a D-Bus connection,
        and a file with it."""
        client, self._client = self._client, None
        self.found = {}
        if client is not None:
            # BlueZ or the device's object may be gone; bleak releases everything of its own all the same.
            with suppress(*BLUETOOTH_FAULTS):
                await client.disconnect()

    def _connected(self) -> BleakClient:
        if self._client is None:
            raise BluezRefused("NotConnected")
        return self._client

    def _born(self, client: BleakClient) -> None:
        self._client = client

    def _on_lost(self, client: BleakClient) -> None:
        if client is self._client:
            self._lost()
