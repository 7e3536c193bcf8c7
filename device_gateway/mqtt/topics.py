"""A device's own topics: `vitalstream/v1/{device_id}/...`. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

PREFIX: Final = "vitalstream/v1/"

#: Longest device id: it is a topic level, a user name and a database key.
DEVICE_ID_MAX: Final = 128

_GATT: Final = "gatt/"
#: `gatt/{uuid}`: a 128-bit UUID is 36 characters; longer is no UUID, and bounded before it goes into a
#: message.
_UUID_MAX: Final = 64


class Kind(Enum):
    """What comes in on a topic."""

    READINGS = auto()
    GATT = auto()
    STATUS = auto()
    UNSUPPORTED = auto()
    FORBIDDEN = auto()


class Route(NamedTuple):
    """Where a message goes; `detail` is the UUID of a GATT frame or the unsupported topic's last part."""

    kind: Kind
    detail: str


class Topics:
    """The names of one device's topics, and where a published topic leads."""

    __slots__ = ("_known", "_prefix", "ack", "cmd", "status")

    def __init__(self, device: str) -> None:
        self._prefix = f"{PREFIX}{device}/"
        self.ack = self._prefix + "ack"
        self.cmd = self._prefix + "cmd"
        self.status = self._prefix + "status"
        self._known = {
            self._prefix + "readings": Route(Kind.READINGS, ""),
            self.status: Route(Kind.STATUS, ""),
            # Ours to speak on, not the device's.
            self.ack: Route(Kind.FORBIDDEN, ""),
            self.cmd: Route(Kind.FORBIDDEN, ""),
        }

    def route(self, topic: str) -> Route:
        """Where a message on `topic` goes; FORBIDDEN unless it is this device's to publish on."""
        known = self._known.get(topic)
        if known is not None:
            return known
        if not topic.startswith(self._prefix):
            return Route(Kind.FORBIDDEN, "")
        rest = topic[len(self._prefix) :]
        if rest.startswith(_GATT) and "/" not in rest[len(_GATT) :] and len(rest) <= _UUID_MAX:
            return Route(Kind.GATT, rest[len(_GATT) :])
        return Route(Kind.UNSUPPORTED, rest[:_UUID_MAX])

    @property
    def hint(self) -> str:
        """For a device that published elsewhere."""
        return f"this device may publish only below {self._prefix}: readings, gatt/{{uuid}}, status"


def owner(topic: str) -> str:
    """The device whose topic this is; empty when it is none's."""
    device, slash, _ = topic[len(PREFIX) :].partition("/")
    return device if slash and topic.startswith(PREFIX) and valid_device_id(device) else ""


def valid_device_id(text: str) -> bool:
    """Whether a user name can be a topic level."""
    return 0 < len(text) <= DEVICE_ID_MAX and not any(sign in text for sign in "/+#\0")
