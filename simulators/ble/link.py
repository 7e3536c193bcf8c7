"""One device as the adapter knows it: its link, its objects, and who has asked for notifications."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from dbus_fast import Message, Variant

from simulators.ble import calls, objects
from simulators.ble.objects import CHARACTERISTIC, DEVICE, Node, Properties
from simulators.ble.peripheral import Peripheral
from simulators.encoders.gatt import long_uuid

#: The kernel gives up a connection attempt after so long.
_ATTEMPT_MAX_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, seconds. The real ones: 0.3 to 0.8 to connect and discover, 2 to disconnect."""

    #: Between the answer to StartDiscovery and the first report: bleak misses one that comes with the answer.
    first_report_s: float = 0.05
    advertise_s: float = 1.0
    connect_s: float = 0.005
    discover_s: float = 0.02
    disconnect_s: float = 0.005


class Link:
    """Device1 and the GATT objects of one peripheral; `post` sends a message to the bus."""

    def __init__(self, peripheral: Peripheral, timing: Timing, post: Callable[[Message], None]) -> None:
        self.peripheral = peripheral
        self.path = objects.device_path(peripheral.address)
        self.nodes = {node.path: node for node in objects.nodes(peripheral)}
        self.known = self.connected = self.resolved = self.exported = self.bonded = self.trusted = False
        self.rssi: int | None = None
        self._timing = timing
        self._post = post
        self._errors = list(peripheral.faults.connect_errors)
        self._unresolved = peripheral.faults.unresolved
        self._busy = peripheral.faults.busy
        self._cancelled: asyncio.Event | None = None
        self._disconnecting = False
        self._number = 0
        self._values: dict[str, bytes] = {}
        # Characteristic's path to D-Bus client to whether its registration is in force on this link.
        self._registered: dict[str, dict[str, bool]] = {}
        self._acquired: dict[str, socket.socket] = {}

    # Properties and signals.

    def properties(self) -> Properties:
        """Device1."""
        one = self.peripheral
        uuids = [node.uuid for node in self.nodes.values() if node.interface == objects.SERVICE]
        found = {
            "Address": Variant("s", one.address),
            "AddressType": Variant("s", "random"),
            "Name": Variant("s", one.name),
            "Alias": Variant("s", one.name),
            "Adapter": Variant("o", objects.ADAPTER_PATH),
            "Paired": Variant("b", self.bonded),
            "Bonded": Variant("b", self.bonded),
            "Trusted": Variant("b", self.trusted),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", self.connected),
            "ServicesResolved": Variant("b", self.resolved),
            "UUIDs": Variant("as", [long_uuid(uuid) for uuid in (uuids if self.exported else one.advertised)]),
        }
        if self.rssi is not None:
            found["RSSI"] = Variant("n", self.rssi)
        return found

    def node_properties(self, node: Node) -> Properties:
        """Properties of one of the objects below the device."""
        registered = self._registered.get(node.path, {})
        acquired = node.path in self._acquired
        value = self._values.get(node.path)
        return objects.node_properties(node, value, any(registered.values()), acquired, self.connected)

    def objects(self) -> objects.Objects:
        """Everything that is exported of this device now."""
        if not self.known:
            return {}
        below = self.nodes.values() if self.exported else ()
        return {self.path: {DEVICE: self.properties()}} | {
            node.path: {node.interface: self.node_properties(node)} for node in below
        }

    def _added(self, path: str, interface: str, properties: Properties) -> None:
        body = [path, {interface: properties}]
        self._post(Message.new_signal("/", calls.OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", body))

    def _changed(self, **properties: Variant) -> None:
        self._post(calls.changed(self.path, DEVICE, properties))

    def report(self) -> None:
        """An advertisement was received."""
        # Never twice the same: only a change is signalled.
        self.rssi = self.peripheral.rssi - (1 if self.rssi == self.peripheral.rssi else 0)
        if self.known:
            self._changed(RSSI=Variant("n", self.rssi))
        else:
            self.known = True
            self._added(self.path, DEVICE, self.properties())

    def forget_rssi(self) -> None:
        """The scan has ended."""
        if self.rssi is not None:
            self.rssi = None
            self._post(calls.changed(self.path, DEVICE, {}, ("RSSI",)))

    def announce(self) -> None:
        """Signals everything that is exported, as a bluetoothd does that has just started."""
        for path, interfaces in self.objects().items():
            for interface, properties in interfaces.items():
                self._added(path, interface, properties)

    def remove(self) -> None:
        """The adapter forgets the device, bond included."""
        self.down()
        for path, interfaces in reversed(self.objects().items()):
            body = [path, list(interfaces)]
            self._post(Message.new_signal("/", calls.OBJECT_MANAGER, "InterfacesRemoved", "oas", body))
        self.bonded = False
        self.vanish()

    def vanish(self) -> None:
        """bluetoothd is gone: only the bond is on disk."""
        self.down()
        self.known = self.bonded
        self.exported = False
        self.rssi = None
        self._values.clear()
        self._registered.clear()

    # The link.

    async def connect(self) -> None:
        """Device1.Connect: answered when the link is up, before the services are known."""
        if self._cancelled is not None:
            raise calls.busy()
        if self.connected:
            return
        error = self._errors.pop(0) if self._errors else None
        self._cancelled = asyncio.Event()
        try:
            await self._reach(self._cancelled)
        finally:
            self._cancelled = None
        if error == "InProgress":
            raise calls.busy()
        if error == "le-connection-abort-by-local":
            # That link was up for a moment.
            self.connected = True
            self._changed(Connected=Variant("b", True))
            asyncio.get_running_loop().call_later(self._timing.disconnect_s, self.down)
        if error is not None:
            raise calls.failed(error)
        self._up()

    async def _reach(self, cancelled: asyncio.Event) -> None:
        give_up = time.monotonic() + _ATTEMPT_MAX_S
        wait_s = self._timing.connect_s
        while not cancelled.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await cancelled.wait()
            except TimeoutError:
                if self.peripheral.advertises():
                    return
            if time.monotonic() > give_up:
                raise calls.failed("le-connection-abort-by-local")
            wait_s = _POLL_S
        raise calls.failed("br-connection-canceled")

    def _up(self) -> None:
        self.connected = self.known = True
        self._number += 1
        self._changed(Connected=Variant("b", True))
        for path, clients in self._registered.items():
            # In force from the first moment, because BlueZ still knows the table; then it writes the configuration.
            self._registered[path] = dict.fromkeys(clients, True)
        if self._unresolved:
            self._unresolved -= 1
        else:
            asyncio.get_running_loop().call_later(self._timing.discover_s, self._resolve, self._number)
        self.peripheral.on_linked()
        for path in self._registered:
            self._subscribe(path)

    def _resolve(self, number: int) -> None:
        if not self.connected or number != self._number:
            return
        if not self.exported:
            self.exported = True
            for node in self.nodes.values():
                self._added(node.path, node.interface, self.node_properties(node))
        self.resolved = True
        self._changed(UUIDs=self.properties()["UUIDs"], ServicesResolved=Variant("b", True))

    async def disconnect(self) -> None:
        """Device1.Disconnect; cancels a Connect under way."""
        if self._cancelled is not None:
            self._cancelled.set()
        if self.connected:
            self._disconnecting = True
            await asyncio.sleep(self._timing.disconnect_s)
            self.down()

    def down(self) -> None:
        """The link is gone, whoever closed it. Registrations stay with their D-Bus clients."""
        if self._cancelled is not None:
            self._cancelled.set()
        if not self.connected:
            return
        self.connected = self.resolved = self._disconnecting = False
        for path, clients in self._registered.items():
            self._registered[path] = dict.fromkeys(clients, False)
        for path in tuple(self._acquired):
            self._release(path)
        self.peripheral.on_unlinked()
        self._changed(ServicesResolved=Variant("b", False), Connected=Variant("b", False))

    async def pair(self) -> None:
        """Device1.Pair, without any question to an agent."""
        await self.connect()
        self.bonded = True
        self._changed(Paired=Variant("b", True), Bonded=Variant("b", True))

    # Characteristics.

    def _gatt(self) -> None:
        if not self.connected:
            raise calls.failed("Not connected")
        if self._busy:
            self._busy -= 1
            raise calls.busy("In Progress")

    def read(self, node: Node) -> bytes:
        """ReadValue; what was read is signalled too, like a notification."""
        self._gatt()
        if node.characteristic is None:
            clients = self._registered.get(node.parent, {})
            return bytes((int(any(clients.values())), 0))
        if "read" not in node.characteristic.flags:
            raise calls.not_permitted("Read not permitted")
        value = self.peripheral.on_read(node.uuid)
        self._signal_value(node.path, value)
        return value

    def write(self, node: Node, value: bytes) -> None:
        """WriteValue."""
        self._gatt()
        if node.characteristic is None or "write" not in node.characteristic.flags:
            raise calls.not_supported()
        try:
            self.peripheral.on_write(node.uuid, value)
        except ValueError:
            raise calls.failed("Operation failed with ATT error: 0x80") from None

    def start_notify(self, node: Node, client: str) -> None:
        """StartNotify of one D-Bus client; it holds until that client leaves the bus or stops it."""
        if self._disconnecting:
            raise calls.not_connected()
        if node.path in self._acquired:
            raise calls.not_permitted("Notify acquired")
        if node.characteristic is None or not {"notify", "indicate"} & set(node.characteristic.flags):
            raise calls.not_supported()
        clients = self._registered.setdefault(node.path, {})
        if client in clients:
            if clients[client]:
                return
            raise calls.busy("In Progress")
        if self._busy and self.connected:
            self._gatt()
        for number in range(self.peripheral.faults.other_clients):
            clients[f"other {number}"] = self.connected
        clients[client] = self.connected
        if self.connected:
            self._post(calls.changed(node.path, CHARACTERISTIC, {"Notifying": Variant("b", True)}))
            if self.peripheral.faults.hasty:
                self._subscribe(node.path)
            else:
                asyncio.get_running_loop().call_soon(self._subscribe, node.path)

    def _subscribe(self, path: str) -> None:
        if any(self._registered.get(path, {}).values()):
            self.peripheral.on_subscribed(self.nodes[path].uuid, True)

    def stop_notify(self, node: Node, client: str) -> None:
        """StopNotify of one D-Bus client."""
        if node.path in self._acquired:
            self._release(node.path)
        elif self._registered.get(node.path, {}).pop(client, None) is None:
            raise calls.failed("No notify session started")
        self._unsubscribe(node.path)

    def acquire_notify(self, node: Node) -> int:
        """AcquireNotify: the end of a socket on which values come as packets; its receiver closes it."""
        self._gatt()
        if node.path in self._acquired:
            raise calls.not_permitted("Notify acquired")
        if self._registered.get(node.path):
            raise calls.busy("In Progress")
        if node.characteristic is None or not {"notify", "indicate"} & set(node.characteristic.flags):
            raise calls.not_supported()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._acquired[node.path] = ours
        asyncio.get_running_loop().add_reader(ours, self._release, node.path)
        self._post(calls.changed(node.path, CHARACTERISTIC, {"NotifyAcquired": Variant("b", True)}))
        self.peripheral.on_subscribed(node.uuid, True)
        return theirs.detach()

    def _release(self, path: str) -> None:
        ours = self._acquired.pop(path)
        asyncio.get_running_loop().remove_reader(ours)
        ours.close()
        self._post(calls.changed(path, CHARACTERISTIC, {"NotifyAcquired": Variant("b", False)}))
        self._unsubscribe(path)

    def _unsubscribe(self, path: str) -> None:
        if not any(self._registered.get(path, {}).values()) and path not in self._acquired:
            self._post(calls.changed(path, CHARACTERISTIC, {"Notifying": Variant("b", False)}))
            self.peripheral.on_subscribed(self.nodes[path].uuid, False)

    def forget_client(self, client: str) -> None:
        """A D-Bus client has left the bus; its registrations go with it."""
        for path, clients in self._registered.items():
            if clients.pop(client, False):
                self._unsubscribe(path)

    def registrations(self, uuid: str) -> int:
        """How many D-Bus clients hold a registration on a characteristic."""
        return sum(len(clients) for path, clients in self._registered.items() if self.nodes[path].uuid == uuid)

    def on_value(self, uuid: str, frame: bytes) -> None:
        """A notification or indication came in: one signal for each registration, none for nobody."""
        for node in self.nodes.values():
            if node.interface == CHARACTERISTIC and node.uuid == uuid:
                if node.path in self._acquired:
                    self._acquired[node.path].send(frame)
                for _ in range(sum(self._registered.get(node.path, {}).values())):
                    self._signal_value(node.path, frame)

    def _signal_value(self, path: str, value: bytes) -> None:
        self._values[path] = value
        self._post(calls.changed(path, CHARACTERISTIC, {"Value": Variant("ay", value)}))
