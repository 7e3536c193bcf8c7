"""What we send to a device, as bytes; 3.1.1 and 5. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from device_gateway.mqtt.packets import V5, V311, Reason

#: Messages that an MQTT 5 client may have unacknowledged; beyond it we would only make it wait. At 100 bytes
#: a reading and 50 ms a group, 1,024 in flight are 20,000 readings a second from one device.
RECEIVE_MAXIMUM: Final = 1024

PINGRESP: Final = b"\xd0\x00"

#: CONNACK return codes of 3.1.1 (section 3.2.2.3) for MQTT 5's reasons.
_RETURN_CODES: Final = {
    Reason.UNSUPPORTED_VERSION: 1,
    Reason.CLIENT_ID_NOT_VALID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.SERVER_SHUTTING_DOWN: 3,
    Reason.BAD_USER_OR_PASSWORD: 4,
}
_NOT_AUTHORIZED_311: Final = 5

#: A reason string is for a person who reads a log.
_REASON_STRING_MAX: Final = 500


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | 0x80 if value else byte)
        if not value:
            return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _varint(len(body)) + body


def _block(properties: bytes) -> bytes:
    return _varint(len(properties)) + properties


def _reason_string(text: str | None) -> bytes:
    return _block(b"\x1f" + _text(text[:_REASON_STRING_MAX])) if text else b"\x00"


def connack(version: int, *, assigned_client_id: str | None, session_refused: bool) -> bytes:
    """Welcome; no session is ever present. MQTT 5 learns our limits."""
    if version == V311:
        return b"\x20\x02\x00\x00"
    properties = b"\x21" + RECEIVE_MAXIMUM.to_bytes(2, "big")
    properties += b"\x24\x01"  # maximum QoS 1
    properties += b"\x28\x00\x29\x00\x2a\x00"  # no wildcard, identified or shared subscriptions
    if session_refused:
        properties += b"\x11\x00\x00\x00\x00"
    if assigned_client_id is not None:
        properties += b"\x12" + _text(assigned_client_id)
    # Maximum packet size stays unsaid: a client that is told drops the message by itself, and nobody counts
    # it.
    return _packet(0x20, b"\x00\x00" + _block(properties))


def connack_refused(version: int, reason: int, text: str | None) -> bytes:
    """No entry; the connection is closed after it."""
    if version == V5:
        return _packet(0x20, bytes((0, reason)) + _reason_string(text))
    return bytes((0x20, 2, 0, _RETURN_CODES.get(reason, _NOT_AUTHORIZED_311)))


def puback(version: int, packet_id: int, reason: int, text: str | None) -> bytes:
    """Acknowledgement; 3.1.1 has no way to say that something was wrong."""
    if version == V311 or reason == Reason.SUCCESS:
        return b"\x40\x02" + packet_id.to_bytes(2, "big")
    return _packet(0x40, packet_id.to_bytes(2, "big") + bytes((reason,)) + _reason_string(text))


def suback(version: int, packet_id: int, granted: Sequence[bool]) -> bytes:
    """QoS 0 for what is granted: what we say is repeated by what we say next."""
    refused = 0x80 if version == V311 else Reason.NOT_AUTHORIZED
    codes = bytes(0 if good else refused for good in granted)
    return _packet(0x90, packet_id.to_bytes(2, "big") + (b"\x00" if version == V5 else b"") + codes)


def unsuback(version: int, packet_id: int, existed: Sequence[bool]) -> bytes:
    """Answer to UNSUBSCRIBE."""
    body = packet_id.to_bytes(2, "big")
    if version == V5:
        body += b"\x00" + bytes(0 if good else Reason.NO_SUBSCRIPTION_EXISTED for good in existed)
    return _packet(0xB0, body)


def publish(version: int, topic: str, payload: bytes) -> bytes:
    """A message to the device, QoS 0."""
    return _packet(0x30, _text(topic) + (b"\x00" if version == V5 else b"") + payload)


def disconnect(version: int, reason: int, text: str | None) -> bytes:
    """Why we end the connection; nothing on 3.1.1, where a server just closes."""
    return _packet(0xE0, bytes((reason,)) + _reason_string(text)) if version == V5 else b""
