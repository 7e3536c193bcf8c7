"""One D-Bus connection of our own beside bleak's: is BlueZ there, is the adapter on, and the one path of notifications.

Why not bleak's own notifications: BlueZ registers StartNotify per D-Bus client and for the time after a reconnect too.
Each bleak client is a D-Bus client of its own that exists only after discovery, so what a device sends right after the
link comes up is confirmed to it and reaches nobody. This connection lives as long as the gateway: its registrations
outlive the link, and since it is the only one that registers, each notification is one signal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

from device_gateway.ble.faults import BLUETOOTH_FAULTS, BluezRefused

_BLUEZ: Final = "org.bluez"
_DBUS: Final = "org.freedesktop.DBus"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_ADAPTER: Final = "org.bluez.Adapter1"
_CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"

#: `sender` lets nobody but BlueZ's owner speak for a device.
_MATCHES: Final = (
    f"type='signal',sender='{_DBUS}',interface='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_CHARACTERISTIC}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_ADAPTER}'",
    f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}',path='/'",
)

#: What BlueZ before 5.50 answers when this connection is registered already; a newer one just says yes.
_REGISTERED: Final = "Already notifying"
#: What it answers while it registers this connection again after a reconnect; there is no signal of the end of that.
_IN_PROGRESS: Final = "org.bluez.Error.InProgress"
_AGAIN_S: Final = 0.05

#: Takes a characteristic's value.
Sink = Callable[[bytes], None]


class BluezWatch:
    """`adapter` is a controller's address (stable) or a name such as hci0. `changed` is called when `up` changes.

    `look_s` bounds the question which adapters there are.
    """

    def __init__(self, adapter: str, changed: Callable[[], None], look_s: float) -> None:
        self._adapter = adapter
        self._changed = changed
        self._look_s = look_s
        self._bus = MessageBus(bus_type=BusType.SYSTEM)
        self._owner: str | None = None
        self._sinks: dict[str, Sink] = {}
        self._look = asyncio.Event()
        #: Name of the adapter (hci0) while it is there and powered, else None.
        self.up: str | None = None
        #: Why it is not up: `bluez-gone`, `no-adapter` or `adapter-off`.
        self.reason = "bluez-gone"

    async def open(self) -> None:
        """Connects; raises one of BLUETOOTH_FAULTS when there is no D-Bus."""
        try:
            await self._bus.connect()
            self._bus.add_message_handler(self._on_message)
            for rule in _MATCHES:
                await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])
        except BaseException:
            # Releases the socket also where connecting failed.
            self._bus.disconnect()
            raise
        self._look.set()

    async def run(self) -> None:
        """Keeps `up` true to the facts until the D-Bus connection ends or this is cancelled."""
        looking = asyncio.create_task(self._keep_looking())
        gone = asyncio.create_task(self._bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        try:
            await asyncio.wait({looking, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._bus.disconnect()
            looking.cancel()
            await asyncio.gather(looking, gone, return_exceptions=True)
            self._set(None, "bluez-gone")

    async def hold(self, path: str, sink: Sink) -> None:
        """Registers for a characteristic's notifications and indications; raises BluezRefused or another fault.

        `sink` gets values from now on, also those that come before BlueZ answers, and after a reconnect. The caller
        bounds it in time.
        """
        self._sinks[path] = sink
        while True:
            try:
                await self._call(_BLUEZ, path, _CHARACTERISTIC, "StartNotify")
                return
            except BluezRefused as refused:
                if _REGISTERED in str(refused):
                    return
                if _IN_PROGRESS not in str(refused):
                    self._sinks.pop(path, None)
                    raise
            await asyncio.sleep(_AGAIN_S)

    def release(self, path: str) -> None:
        """Values of this characteristic are wanted no more (until it is held again)."""
        self._sinks.pop(path, None)

    async def _keep_looking(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                async with asyncio.timeout(self._look_s):
                    reply = await self._call(_BLUEZ, "/", _OBJECTS, "GetManagedObjects")
            except BLUETOOTH_FAULTS:
                self._owner = None
                self._set(None, "bluez-gone")
                continue
            self._owner = reply.sender
            self._set(*_adapter_among(reply.body[0], self._adapter))

    async def _call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> Message:
        call = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=body or []
        )
        # Not in its type: a connection that is closed meanwhile answers None.
        reply = cast("Message | None", await self._bus.call(call))
        if reply is None or reply.message_type is MessageType.ERROR:
            raise BluezRefused.of(reply)
        return reply

    def _set(self, up: str | None, reason: str) -> None:
        self.reason = reason
        if up == self.up:
            return
        self.up = up
        if up is None:
            # The paths of lost links mean nothing to whoever comes back.
            self._sinks.clear()
        self._changed()

    def _on_message(self, message: Message) -> None:
        """Every signal that the rules above let through, and answers, which are left alone."""
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "NameOwnerChanged" and message.sender == _DBUS:
            name, _, owner = message.body
            if name == _BLUEZ:
                self._owner = owner or None
                # Links of the old owner are lost even if the new one is there at once.
                self._set(None, "bluez-gone")
                if owner:
                    self._look.set()
        elif message.sender != self._owner:
            return
        elif message.member == "PropertiesChanged":
            interface, properties, _ = message.body
            if interface == _CHARACTERISTIC:
                self._on_value(message.path, properties)
            elif interface == _ADAPTER:
                self._look.set()
        elif message.member in ("InterfacesAdded", "InterfacesRemoved") and _ADAPTER in message.body[1]:
            self._look.set()

    def _on_value(self, path: str | None, properties: dict[str, Any]) -> None:
        value, sink = properties.get("Value"), self._sinks.get(path or "")
        if value is not None and sink is not None:
            sink(bytes(value.value))


def _adapter_among(objects: dict[str, dict[str, dict[str, Any]]], adapter: str) -> tuple[str | None, str]:
    """(name, reason) of the adapter among BlueZ's objects: the name only while it is powered."""
    for path, interfaces in objects.items():
        properties = interfaces.get(_ADAPTER)
        name = path.rsplit("/", 1)[-1]
        if properties is None or adapter.lower() not in (name, _text(properties, "Address").lower()):
            continue
        powered = properties.get("Powered")
        return (name, "up") if powered is not None and powered.value else (None, "adapter-off")
    return None, "no-adapter"


def _text(properties: dict[str, Any], name: str) -> str:
    found = properties.get(name)
    return "" if found is None else str(found.value)
