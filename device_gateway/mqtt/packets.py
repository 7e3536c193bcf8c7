"""MQTT packets as records; 3.1.1 and 5 share them. Names follow the OASIS texts."""

from __future__ import annotations

from typing import Final, NamedTuple

V311: Final = 4
V5: Final = 5


class Will(NamedTuple):
    """What the client wants published when it is lost."""

    topic: str
    payload: bytes
    qos: int


class Connect(NamedTuple):
    """CONNECT. `version` is V311 or V5; `wants_reasons` is MQTT 5's request for reason strings."""

    version: int
    client_id: str
    clean_start: bool
    keep_alive_s: int
    user: str | None
    password: bytes | None
    will: Will | None
    wants_session: bool
    wants_reasons: bool


class Publish(NamedTuple):
    """PUBLISH; `packet_id` 0 at QoS 0. `at` and `seq` are the user properties of those names (MQTT 5)."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    at: str | None
    seq: str | None


class Oversized(NamedTuple):
    """A PUBLISH whose payload of `size` bytes is over the limit; `sample` is its start."""

    size: int
    sample: bytes


class Subscribe(NamedTuple):
    """SUBSCRIBE: topic filters (their options ask for nothing that we don't do anyway)."""

    packet_id: int
    filters: tuple[str, ...]


class Unsubscribe(NamedTuple):
    """UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]


class PingReq(NamedTuple):
    """PINGREQ."""


class Disconnect(NamedTuple):
    """DISCONNECT; reason 0 is a normal end, 4 asks for the will."""

    reason: int


Packet = Connect | Publish | Oversized | Subscribe | Unsubscribe | PingReq | Disconnect


class Reason:
    """Reason codes of MQTT 5 that we send."""

    SUCCESS: Final = 0x00
    NO_SUBSCRIPTION_EXISTED: Final = 0x11
    MALFORMED_PACKET: Final = 0x81
    PROTOCOL_ERROR: Final = 0x82
    UNSUPPORTED_VERSION: Final = 0x84
    CLIENT_ID_NOT_VALID: Final = 0x85
    BAD_USER_OR_PASSWORD: Final = 0x86
    NOT_AUTHORIZED: Final = 0x87
    SERVER_UNAVAILABLE: Final = 0x88
    SERVER_SHUTTING_DOWN: Final = 0x8B
    BAD_AUTHENTICATION_METHOD: Final = 0x8C
    KEEP_ALIVE_TIMEOUT: Final = 0x8D
    SESSION_TAKEN_OVER: Final = 0x8E
    TOPIC_FILTER_INVALID: Final = 0x8F
    TOPIC_NAME_INVALID: Final = 0x90
    TOPIC_ALIAS_INVALID: Final = 0x94
    PACKET_TOO_LARGE: Final = 0x95
    QOS_NOT_SUPPORTED: Final = 0x9B


class ProtocolError(Exception):
    """The peer broke MQTT: the connection ends with this reason; the text is for logs and the device."""

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
