"""What goes wrong with BlueZ, bleak and D-Bus, as one tuple to catch and one stable code to report."""

from __future__ import annotations

from typing import Final

from bleak.exc import BleakError
from dbus_fast import Message
from dbus_fast.errors import AuthError, DBusError, InvalidAddressError, InvalidMessageError


class BluezRefused(Exception):
    """BlueZ or the bus answered with an error; the text is its name and message."""

    @classmethod
    def of(cls, reply: Message | None) -> BluezRefused:
        """The refusal in an error reply; None stands for a connection that closed."""
        if reply is None:
            return cls("org.freedesktop.DBus.Error.Disconnected")
        return cls(" ".join([str(reply.error_name), *map(str, reply.body)]))


#: Of the built-in ones, EOFError and OSError come from a D-Bus socket that closes, TimeoutError from bounds; bleak
#: trips over its own tables (AssertionError, AttributeError, KeyError) when BlueZ goes away within a call.
BLUETOOTH_FAULTS: Final = (
    BluezRefused,
    BleakError,
    DBusError,
    AuthError,
    InvalidAddressError,
    InvalidMessageError,
    OSError,
    EOFError,
    TimeoutError,
    AssertionError,
    AttributeError,
    KeyError,
)


def code_of(fault: BaseException) -> str:
    """For logs and counters: `timeout`, `in-progress`, `not-connected`... never a device's name or address."""
    text = str(fault)
    for sign, code in _CODES:
        if sign in text:
            return code
    if isinstance(fault, TimeoutError):
        return "timeout"
    return "dbus-lost" if isinstance(fault, OSError | EOFError) else "bluetooth-failed"


_CODES: Final = (
    ("InProgress", "in-progress"),
    ("NotConnected", "not-connected"),
    ("Not connected", "not-connected"),
    ("NotPermitted", "not-permitted"),
    ("NotAuthorized", "not-permitted"),
    ("Insufficient", "not-permitted"),
    ("AuthenticationFailed", "not-permitted"),
    ("NotReady", "adapter-off"),
    ("NotSupported", "not-supported"),
    ("not found", "device-gone"),
    ("UnknownObject", "device-gone"),
    ("ServiceUnknown", "bluez-gone"),
    ("NameHasNoOwner", "bluez-gone"),
    ("NoReply", "bluez-gone"),
    ("LimitsExceeded", "dbus-limit"),
    ("TimeoutError", "timeout"),
    ("abort-by-local", "aborted"),
    ("connection-canceled", "aborted"),
)
