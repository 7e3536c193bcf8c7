"""Properties of MQTT 5 (section 2.2.2): all are checked, those that mean something to us are kept. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from device_gateway.mqtt.packets import ProtocolError, Reason
from device_gateway.mqtt.reader import Reader, malformed

_SESSION_EXPIRY: Final = 0x11
_AUTHENTICATION_METHOD: Final = 0x15
_REQUEST_PROBLEM: Final = 0x17
_RECEIVE_MAXIMUM: Final = 0x21
_TOPIC_ALIAS: Final = 0x23
_USER_PROPERTY: Final = 0x26

#: Properties of one packet; user properties may repeat, and a device sends two.
_COUNT_MAX: Final = 64


def _pair(reader: Reader) -> tuple[str, str]:
    return reader.text(), reader.text()


_READ: Final[dict[int, Callable[[Reader], Any]]] = {
    0x01: Reader.byte,  # payload format indicator
    0x02: Reader.u32,  # message expiry interval
    0x03: Reader.text,  # content type
    0x08: Reader.text,  # response topic
    0x09: Reader.binary,  # correlation data
    0x0B: Reader.varint,  # subscription identifier
    _SESSION_EXPIRY: Reader.u32,
    _AUTHENTICATION_METHOD: Reader.text,
    0x16: Reader.binary,  # authentication data
    _REQUEST_PROBLEM: Reader.byte,
    0x18: Reader.u32,  # will delay interval
    0x19: Reader.byte,  # request response information
    0x1F: Reader.text,  # reason string
    _RECEIVE_MAXIMUM: Reader.u16,
    0x22: Reader.u16,  # topic alias maximum
    _TOPIC_ALIAS: Reader.u16,
    _USER_PROPERTY: _pair,
    0x27: Reader.u32,  # maximum packet size
}

#: Which of them a client's packet may have.
CONNECT: Final = frozenset({0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27})
WILL: Final = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26})
PUBLISH: Final = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26})
# A subscription identifier (0x0B) is not: CONNACK says that there are none.
SUBSCRIBE: Final = frozenset({0x26})
UNSUBSCRIBE: Final = frozenset({0x26})
DISCONNECT: Final = frozenset({0x11, 0x1F, 0x26})


@dataclass(slots=True)
class Properties:
    """Those that we act on; `at` and `seq` are user properties."""

    session_expiry_s: int = 0
    authentication_method: str | None = None
    wants_reasons: bool = True
    at: str | None = None
    seq: str | None = None


def properties(reader: Reader, allowed: frozenset[int]) -> Properties:
    """Reads the property block at the cursor; raises ProtocolError for what the packet may not have."""
    found = Properties()
    length = reader.varint()
    end = reader.at + length
    if end > reader.end:
        raise malformed("the properties are longer than their packet")
    block = Reader(reader.buffer, reader.at, end)
    reader.at = end
    seen: set[int] = set()
    for _ in range(_COUNT_MAX + 1):
        if block.at == end:
            return found
        key = block.varint()
        if key not in _READ:
            raise malformed(f"property {key} does not exist")
        if key not in allowed or (key in seen and key != _USER_PROPERTY):
            raise ProtocolError(Reason.PROTOCOL_ERROR, f"property {key} is not allowed here, or not twice")
        seen.add(key)
        _keep(found, key, _READ[key](block))
    raise ProtocolError(Reason.PROTOCOL_ERROR, f"at most {_COUNT_MAX} properties in a packet")


def _keep(found: Properties, key: int, value: Any) -> None:
    if key == _USER_PROPERTY:
        name, text = value
        if name == "at":
            found.at = text
        elif name == "seq":
            found.seq = text
    elif key == _SESSION_EXPIRY:
        found.session_expiry_s = value
    elif key == _AUTHENTICATION_METHOD:
        found.authentication_method = value
    elif key == _REQUEST_PROBLEM:
        found.wants_reasons = bool(value)
    elif key == _RECEIVE_MAXIMUM and not value:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "receive maximum must not be 0")
    elif key == _TOPIC_ALIAS:
        raise ProtocolError(Reason.TOPIC_ALIAS_INVALID, "topic aliases are not offered here; send the topic")
