"""Answers to method calls: errors as BlueZ names and words them."""

from __future__ import annotations

from dbus_fast import Message, Variant

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
_BLUEZ_ERROR = "org.bluez.Error"
_BUS_ERROR = "org.freedesktop.DBus.Error"


class Refused(Exception):
    """A call is answered with this error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


def failed(text: str) -> Refused:
    """org.bluez.Error.Failed."""
    return Refused(f"{_BLUEZ_ERROR}.Failed", text)


def busy(text: str = "Operation already in progress") -> Refused:
    """org.bluez.Error.InProgress; `In Progress` is how GATT calls word it."""
    return Refused(f"{_BLUEZ_ERROR}.InProgress", text)


def not_ready() -> Refused:
    """The adapter is off."""
    return Refused(f"{_BLUEZ_ERROR}.NotReady", "Resource Not Ready")


def not_connected() -> Refused:
    """The link is being closed."""
    return Refused(f"{_BLUEZ_ERROR}.NotConnected", "Not Connected")


def not_supported() -> Refused:
    """The characteristic knows no notifications."""
    return Refused(f"{_BLUEZ_ERROR}.NotSupported", "Operation is not supported")


def not_permitted(text: str) -> Refused:
    """The characteristic's properties forbid it."""
    return Refused(f"{_BLUEZ_ERROR}.NotPermitted", text)


def does_not_exist() -> Refused:
    """A device that the adapter does not know."""
    return Refused(f"{_BLUEZ_ERROR}.DoesNotExist", "Does Not Exist")


def unknown_object(message: Message) -> Refused:
    """libdbus' own answer for a path at which nothing is exported."""
    text = f'Method "{message.member}" with signature "{message.signature}" on interface "{message.interface}"'
    return Refused(f"{_BUS_ERROR}.UnknownObject", f"{text} doesn't exist\n")


def unknown_method(message: Message) -> Refused:
    """libdbus' own answer for an object that has no such method."""
    return Refused(f"{_BUS_ERROR}.UnknownMethod", unknown_object(message).text)


def unknown_property() -> Refused:
    """An interface without such a property, or one that can't be set."""
    return Refused(f"{_BUS_ERROR}.InvalidArgs", "No such property")


def error(call: Message, refused: Refused) -> Message:
    """The error reply to a call."""
    return Message.new_error(call, refused.name, refused.text)


def changed(path: str, interface: str, properties: dict[str, Variant], gone: tuple[str, ...] = ()) -> Message:
    """PropertiesChanged."""
    body = [interface, properties, list(gone)]
    return Message.new_signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)
