"""BlueZ's objects and their properties, as bleak reads them. Pure.

A device's objects lie below its path: `service0006`, `service0006/char0007`, `service0006/char0007/desc0009`; the four
digits are the attribute's handle. The generic access service (0x1800) has handles but, as with BlueZ, no object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbus_fast import Variant

from simulators.ble.peripheral import Characteristic, Peripheral, Service
from simulators.encoders.gatt import long_uuid

ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"

#: What BlueZ 5.66 agreed with the emulated controllers.
MTU = 517
#: Handles of the generic access service: declaration, name and appearance.
_GAP_HANDLES = 5
_CLIENT_CONFIGURATION = "2902"

Properties = dict[str, Variant]
#: Path to interface to properties.
Objects = dict[str, dict[str, Properties]]


def device_path(address: str) -> str:
    """Where a device's object is."""
    return f"{ADAPTER_PATH}/dev_{address.upper().replace(':', '_')}"


@dataclass(frozen=True, slots=True)
class Node:
    """One object below a device; `parent` is the path of what it belongs to."""

    path: str
    interface: str
    uuid: str
    parent: str
    characteristic: Characteristic | None = None


def nodes(peripheral: Peripheral) -> Iterator[Node]:
    """A device's services, characteristics and descriptors, parents first."""
    changed = Service("1801", (Characteristic("2a05", ("indicate",)),))
    device = device_path(peripheral.address)
    handle = _GAP_HANDLES
    for service in (changed, *peripheral.services):
        handle += 1
        service_path = f"{device}/service{handle:04x}"
        yield Node(service_path, SERVICE, service.uuid, device)
        for characteristic in service.characteristics:
            handle += 1
            path = f"{service_path}/char{handle:04x}"
            yield Node(path, CHARACTERISTIC, characteristic.uuid, service_path, characteristic)
            handle += 1  # its value
            if {"notify", "indicate"} & set(characteristic.flags):
                handle += 1
                yield Node(f"{path}/desc{handle:04x}", DESCRIPTOR, _CLIENT_CONFIGURATION, path)


def adapter_properties(address: str, powered: bool, discovering: bool) -> Properties:
    """Adapter1 of a Bluetooth Low Energy adapter."""
    return {
        "Address": Variant("s", address),
        "AddressType": Variant("s", "public"),
        "Name": Variant("s", "simulated"),
        "Alias": Variant("s", "simulated"),
        "Class": Variant("u", 0),
        "Powered": Variant("b", powered),
        "Discoverable": Variant("b", False),
        "Discovering": Variant("b", discovering),
        "Pairable": Variant("b", True),
        "Roles": Variant("as", ["central", "peripheral"]),
        "UUIDs": Variant("as", []),
    }


def node_properties(node: Node, value: bytes | None, notifying: bool, acquired: bool, connected: bool) -> Properties:
    """Properties of a service, a characteristic or a descriptor; `value` is what was last read or sent."""
    if node.interface == SERVICE:
        return {
            "UUID": Variant("s", long_uuid(node.uuid)),
            "Device": Variant("o", node.parent),
            "Primary": Variant("b", True),
            "Includes": Variant("ao", []),
        }
    if node.characteristic is None:
        return {
            "UUID": Variant("s", long_uuid(node.uuid)),
            "Characteristic": Variant("o", node.parent),
        }
    flags = node.characteristic.flags
    properties = {
        "UUID": Variant("s", long_uuid(node.uuid)),
        "Service": Variant("o", node.parent),
        "Flags": Variant("as", list(flags)),
    }
    if value is not None:
        properties["Value"] = Variant("ay", value)
    if "notify" in flags or "indicate" in flags:
        properties["Notifying"] = Variant("b", notifying)
    if "notify" in flags:
        # Indicate-only characteristics have none.
        properties["NotifyAcquired"] = Variant("b", acquired)
    if connected:
        properties["MTU"] = Variant("q", MTU)
    return properties
