"""A BlueZ that is not there: `org.bluez` on a private message bus, with one adapter and simulated peripherals.

It answers as the real one (5.66) was seen to answer; the facts are in tests/ble/test_fake_*.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from simulators.ble import calls, objects
from simulators.ble.bus import CONNECTIONS_MAX, PrivateBus
from simulators.ble.discovery import Discovery
from simulators.ble.faults import NO_ADAPTER_FAULTS, AdapterEvent, AdapterFaults
from simulators.ble.link import Link, Timing
from simulators.ble.objects import ADAPTER, ADAPTER_PATH
from simulators.ble.outbox import Outbox, daemon_call
from simulators.ble.peripheral import Peripheral

#: The adapter's own address, from the range set aside for documentation.
_ADAPTER_ADDRESS = "00:00:5E:00:53:01"
_LEAVING = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
#: Paths of devices are all of this length.
_ANY_DEVICE = objects.device_path(_ADAPTER_ADDRESS)

#: Signature and values of a reply, and file descriptors that go with it.
_Answer = tuple[str, list[Any], list[int]]
_NOTHING: _Answer = ("", [], [])


class FakeBluez:
    """`async with FakeBluez(peripherals) as bluez:` with `bluez.address` for DBUS_SYSTEM_BUS_ADDRESS.

    `folder`: where the bus has its socket (default: a temporary one); `connections_max`: D-Bus connections a user may
    have. Raises OperatorError where there is no dbus-daemon (`bus.why_not` says so before).
    """

    def __init__(
        self,
        peripherals: Iterable[Peripheral] = (),
        *,
        timing: Timing | None = None,
        script: AdapterFaults = NO_ADAPTER_FAULTS,
        folder: Path | None = None,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._timing = timing or Timing()
        self._daemon = PrivateBus(folder, connections_max)
        self._bus: MessageBus | None = None
        self._outbox: Outbox | None = None
        self._links: dict[str, Link] = {}
        self._powered = True
        self._discovery = Discovery(self._links, self._timing, script.discovery_errors, self._post)
        self._events = script.events
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        for one in peripherals:
            self.add(one)

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        return self._daemon.address

    async def __aenter__(self) -> FakeBluez:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._daemon)
            stack.push_async_callback(self._end)
            await self.come_back()
            self._stack = stack.pop_all()
        for at_s, event in self._events:
            self._spawn(self._happen(at_s, event))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.vanish()

    # What tests and stories do to it.

    def add(self, peripheral: Peripheral) -> None:
        """Brings one more device into reach."""
        link = Link(peripheral, self._timing, self._post)
        self._links[link.path] = link
        peripheral.adapter = self

    def link(self, peripheral: Peripheral) -> Link:
        """A device as the adapter knows it."""
        return self._links[objects.device_path(peripheral.address)]

    def power(self, on: bool) -> None:
        """Switches the adapter; off, all links and scans end."""
        if on == self._powered:
            return
        if not on:
            self._discovery.reset()
            for link in self._links.values():
                link.down()
        self._powered = on
        self._post(calls.changed(ADAPTER_PATH, ADAPTER, {"Powered": Variant("b", on)}))

    async def vanish(self) -> None:
        """bluetoothd is killed: the name is free, nothing is said, links break; bonds are on disk."""
        if self._bus is None or self._outbox is None:
            return
        await self._outbox.close()
        self._outbox = None
        self._discovery.reset()
        for link in self._links.values():
            link.vanish()
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._bus = None

    async def come_back(self) -> None:
        """bluetoothd starts: the adapter and the bonded devices appear."""
        if self._bus is not None:
            return
        self._bus = bus = MessageBus(bus_address=self.address, negotiate_unix_fd=True)
        await bus.connect()
        self._outbox = Outbox(bus)
        bus.add_message_handler(self._on_message)
        await bus.call(daemon_call("AddMatch", "s", _LEAVING))
        await bus.request_name("org.bluez")
        self._post(_added(ADAPTER_PATH, ADAPTER, self._adapter()))
        for link in self._links.values():
            link.announce()

    async def _happen(self, at_s: float, event: AdapterEvent) -> None:
        await asyncio.sleep(at_s)
        match event:
            case "power-off" | "power-on":
                self.power(event == "power-on")
            case "vanish":
                await self.vanish()
            case "return":
                await self.come_back()

    # What peripherals do.

    def on_value(self, peripheral: Peripheral, uuid: str, frame: bytes) -> None:
        """See `simulators.ble.peripheral.Adapter`."""
        self.link(peripheral).on_value(uuid, frame)

    def on_dropped(self, peripheral: Peripheral) -> None:
        """See `simulators.ble.peripheral.Adapter`."""
        self.link(peripheral).down()

    def on_awake(self, peripheral: Peripheral) -> None:
        """See `simulators.ble.peripheral.Adapter`."""
        self._discovery.on_awake(self.link(peripheral))

    # Messages.

    def _post(self, message: Message) -> None:
        if self._outbox is not None:
            self._outbox.post(message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_message(self, message: Message) -> bool:
        if message.message_type is MessageType.METHOD_CALL:
            self._call(message)
            return True
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            name, _, owner = message.body
            if not owner:
                self._on_client_gone(name)
        return False

    def _call(self, message: Message) -> None:
        try:
            answer = self._answer(message)
        except calls.Refused as refused:
            self._reply(message, refused)
            return
        if isinstance(answer, tuple):
            self._reply(message, answer)
        else:
            self._spawn(self._later(message, answer))

    async def _later(self, message: Message, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except calls.Refused as refused:
            self._reply(message, refused)
        else:
            self._reply(message, _NOTHING)

    def _reply(self, message: Message, answer: _Answer | calls.Refused) -> None:
        if message.flags & MessageFlag.NO_REPLY_EXPECTED:
            return
        if isinstance(answer, calls.Refused):
            self._post(calls.error(message, answer))
        else:
            self._post(Message.new_method_return(message, *answer))

    def _answer(self, message: Message) -> _Answer | Coroutine[Any, Any, None]:
        path = message.path or ""
        if message.interface == calls.PROPERTIES:
            return self._on_properties(message, path)
        if message.member == "GetManagedObjects" and path == "/":
            return "a{oa{sa{sv}}}", [self._objects()], []
        if path == ADAPTER_PATH:
            return self._on_adapter(message)
        if path == "/org/bluez" and message.interface == "org.bluez.AgentManager1":
            return _NOTHING
        device = path[: len(_ANY_DEVICE)]
        link = self._links.get(device)
        if link is None or not link.known or (path != device and (path not in link.nodes or not link.exported)):
            raise calls.unknown_object(message)
        return self._on_device(message, link) if path == device else self._on_gatt(message, link)

    # Objects.

    def _adapter(self) -> objects.Properties:
        return objects.adapter_properties(_ADAPTER_ADDRESS, self._powered, self._discovery.active)

    def _objects(self) -> objects.Objects:
        found: objects.Objects = {ADAPTER_PATH: {ADAPTER: self._adapter()}}
        for link in self._links.values():
            found |= link.objects()
        return found

    def _on_properties(self, message: Message, path: str) -> _Answer:
        link = self._links.get(path[: len(_ANY_DEVICE)])
        interfaces = (link.objects() if link else self._objects()).get(path)
        if interfaces is None:
            raise calls.unknown_object(message)
        properties = interfaces.get(message.body[0], {})
        match message.member, message.body[1:]:
            case "GetAll", []:
                return "a{sv}", [properties], []
            case "Get", [name] if name in properties:
                return "v", [properties[name]], []
            case "Set", ["Powered", value] if path == ADAPTER_PATH:
                self.power(value.value)
            case "Set", ["Trusted", value] if path in self._links:
                self._links[path].trusted = value.value
                self._post(calls.changed(path, objects.DEVICE, {"Trusted": value}))
            case _:
                raise calls.unknown_property()
        return _NOTHING

    # Adapter1.

    def _on_adapter(self, message: Message) -> _Answer | Coroutine[Any, Any, None]:
        client = message.sender or ""
        match message.member:
            case "SetDiscoveryFilter":
                uuids = message.body[0].get("UUIDs")
                self._discovery.set_filter(client, tuple(uuids.value) if uuids else ())
            case "StartDiscovery" | "StopDiscovery" if not self._powered:
                raise calls.not_ready()
            case "StartDiscovery":
                self._discovery.start(client)
            case "StopDiscovery":
                self._discovery.stop(client)
            case "RemoveDevice":
                return self._remove(message.body[0])
            case _:
                raise calls.unknown_method(message)
        return _NOTHING

    async def _remove(self, path: str) -> None:
        link = self._links.get(path)
        if link is None or not link.known:
            raise calls.does_not_exist()
        if not self._powered:
            raise calls.not_ready()
        await link.disconnect()
        link.remove()

    def _on_client_gone(self, client: str) -> None:
        self._discovery.forget_client(client)
        for link in self._links.values():
            link.forget_client(client)

    # Device1 and GATT.

    def _on_device(self, message: Message, link: Link) -> Coroutine[Any, Any, None]:
        methods: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "Connect": link.connect,
            "Disconnect": link.disconnect,
            "Pair": link.pair,
        }
        if message.member not in methods:
            raise calls.unknown_method(message)
        if not self._powered:
            raise calls.not_ready()
        return methods[message.member]()

    def _on_gatt(self, message: Message, link: Link) -> _Answer:
        node = link.nodes[message.path or ""]
        client = message.sender or ""
        match message.member:
            case "ReadValue":
                return "ay", [link.read(node)], []
            case "WriteValue":
                link.write(node, bytes(message.body[0]))
            case "StartNotify":
                link.start_notify(node, client)
            case "StopNotify":
                link.stop_notify(node, client)
            case "AcquireNotify":
                return "hq", [0, objects.MTU], [link.acquire_notify(node)]
            case _:
                raise calls.unknown_method(message)
        return _NOTHING


def _added(path: str, interface: str, properties: objects.Properties) -> Message:
    body = [path, {interface: properties}]
    return Message.new_signal("/", calls.OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", body)
