"""Bytes to MQTT packets: 3.1.1 (OASIS 2014) and 5.0 (OASIS 2019), what a client may send. Pure and bounded.

`parse` looks at a buffer and returns the next packet and where it ends, None while it isn't complete, or
raises ProtocolError. Whatever the bytes, it raises nothing else and reads no byte twice for a packet that is
still growing.
"""

from __future__ import annotations

from typing import Final

from device_gateway.mqtt.packets import (
    V5,
    V311,
    Connect,
    Disconnect,
    Oversized,
    Packet,
    PingReq,
    ProtocolError,
    Publish,
    Reason,
    Subscribe,
    Unsubscribe,
    Will,
)
from device_gateway.mqtt.properties import (
    CONNECT,
    DISCONNECT,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    WILL,
    Properties,
    properties,
)
from device_gateway.mqtt.reader import Reader, malformed

#: Largest payload taken: an array of some 2,500 readings, or any GATT frame thousands of times over.
PAYLOAD_MAX_B: Final = 256 * 1024

#: Beside the payload a packet holds a topic and properties; ours are under 1 kB, this is generous.
_OVERHEAD_MAX_B: Final = 16 * 1024

#: A packet of any kind that is read as a whole.
PACKET_MAX_B: Final = PAYLOAD_MAX_B + _OVERHEAD_MAX_B

#: CONNECT comes from anybody: identifiers, a password and a small will.
CONNECT_MAX_B: Final = 8 * 1024

#: How much of what is refused gets kept.
SAMPLE_B: Final = 4096

#: Filters of one SUBSCRIBE; a device has two topics to subscribe to.
_FILTERS_MAX: Final = 32

_TYPE_CONNECT, _TYPE_PUBLISH, _TYPE_SUBSCRIBE, _TYPE_UNSUBSCRIBE = 1, 3, 8, 10
_TYPE_PINGREQ, _TYPE_DISCONNECT, _TYPE_AUTH = 12, 14, 15

_NO_PROPERTIES: Final = Properties()


def parse(buffer: bytearray, start: int, version: int | None) -> tuple[Packet, int] | None:
    """The packet that begins at `start` and the index after it; None while bytes are missing.

    `version` is that of the connection, None before its CONNECT. After an Oversized nothing more can be read.
    """
    have = len(buffer) - start
    if have < 2:
        return None
    first = buffer[start]
    # Remaining length, 1 to 4 bytes of 7 bits each; one byte is by far the most common.
    at = start + 1
    byte = buffer[at]
    length = byte & 0x7F
    shift = 7
    while byte & 0x80:
        at += 1
        if shift > 21:
            raise malformed("the remaining length has more than 4 bytes")
        if at - start >= have:
            return None
        byte = buffer[at]
        length |= (byte & 0x7F) << shift
        shift += 7
    at += 1
    kind = first >> 4
    if version is None:
        if kind != _TYPE_CONNECT:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "the first packet must be CONNECT")
        if length > CONNECT_MAX_B:
            raise ProtocolError(Reason.PACKET_TOO_LARGE, f"CONNECT may have at most {CONNECT_MAX_B} bytes")
    elif length > PACKET_MAX_B:
        return _oversized(buffer, at, length, first, version)
    end = at + length
    if end > len(buffer):
        return None
    if kind == _TYPE_PUBLISH and version is not None:
        return _publish(buffer, at, end, first, version), end
    return _other(buffer, at, end, first, version), end


def _publish(buffer: bytearray, at: int, end: int, first: int, version: int) -> Publish | Oversized:
    """The hot path, written flat."""
    qos = (first >> 1) & 0x3
    if qos > 1 or (first & 0x08 and not qos):
        _check_publish_flags(first)
    topic_end = at + 2 + (buffer[at] << 8 | buffer[at + 1]) if at + 2 <= end else end + 1
    if topic_end > end:
        raise malformed("PUBLISH ends inside its topic")
    topic = _topic(bytes(buffer[at + 2 : topic_end]))
    at = topic_end
    packet_id = 0
    if qos:
        if at + 2 > end:
            raise malformed("PUBLISH ends before its packet identifier")
        packet_id = buffer[at] << 8 | buffer[at + 1]
        if not packet_id:
            raise malformed("a packet identifier must not be 0")
        at += 2
    props = _NO_PROPERTIES
    if version == V5:
        if at < end and not buffer[at]:
            at += 1
        else:
            reader = Reader(buffer, at, end)
            props = properties(reader, PUBLISH)
            at = reader.at
    size = end - at
    if size > PAYLOAD_MAX_B:
        return Oversized(size, bytes(buffer[at : at + SAMPLE_B]))
    return Publish(topic, bytes(buffer[at:end]), qos, packet_id, props.at, props.seq)


def _check_publish_flags(first: int) -> None:
    qos = (first >> 1) & 0x3
    if qos == 3:
        raise malformed("QoS 3 does not exist")
    if qos == 2:
        raise ProtocolError(Reason.QOS_NOT_SUPPORTED, "QoS 2 is not supported here; publish with QoS 1")
    raise malformed("DUP must not be set at QoS 0")


def _topic(raw: bytes) -> str:
    try:
        topic = raw.decode()
    except UnicodeDecodeError:
        raise malformed("a topic must be UTF-8") from None
    if not topic or "\0" in topic or "+" in topic or "#" in topic:
        raise ProtocolError(Reason.TOPIC_NAME_INVALID, "a topic to publish to must be a name without + and #")
    return topic


def _oversized(buffer: bytearray, at: int, length: int, first: int, version: int) -> tuple[Packet, int] | None:
    """A packet that is not read as a whole: only its head, once that is there. The connection ends with it."""
    if first >> 4 != _TYPE_PUBLISH:
        raise ProtocolError(Reason.PACKET_TOO_LARGE, f"a packet may have at most {PACKET_MAX_B} bytes")
    # The head with its sample; shorter than the packet, whose length is above PACKET_MAX_B.
    end = at + _OVERHEAD_MAX_B + SAMPLE_B
    if len(buffer) < end:
        return None
    head = _publish(buffer, at, end, first, version)
    assert isinstance(head, Publish)  # a head is far below PAYLOAD_MAX_B
    return Oversized(length - (end - at) + len(head.payload), head.payload[:SAMPLE_B]), end


def _other(buffer: bytearray, at: int, end: int, first: int, version: int | None) -> Packet:
    kind, flags = first >> 4, first & 0x0F
    reader = Reader(buffer, at, end)
    if flags != (2 if kind in (_TYPE_SUBSCRIBE, _TYPE_UNSUBSCRIBE) else 0):
        raise malformed("reserved flags of the fixed header are set")
    if kind == _TYPE_CONNECT:
        if version is not None:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "a connection has one CONNECT")
        return _connect(reader)
    if kind == _TYPE_PINGREQ:
        reader.finish()
        return PingReq()
    if kind == _TYPE_DISCONNECT:
        return _disconnect(reader, version)
    if kind == _TYPE_SUBSCRIBE:
        packet_id, filters = _filters(reader, version, options=True)
        return Subscribe(packet_id, filters)
    if kind == _TYPE_UNSUBSCRIBE:
        packet_id, filters = _filters(reader, version, options=False)
        return Unsubscribe(packet_id, filters)
    if kind == _TYPE_AUTH and version == V5:
        raise ProtocolError(
            Reason.BAD_AUTHENTICATION_METHOD, "no enhanced authentication here; use user name and password"
        )
    # PUBACK to PUBCOMP: we send nothing above QoS 0 and take nothing above QoS 1. CONNACK and others are a
    # server's.
    raise ProtocolError(Reason.PROTOCOL_ERROR, f"packet type {kind} is not expected from a device")


def _connect(reader: Reader) -> Connect:
    name, version = reader.text(), reader.byte()
    if name != "MQTT" or version not in (V311, V5):
        raise ProtocolError(Reason.UNSUPPORTED_VERSION, "only MQTT 3.1.1 and 5 are spoken here")
    flags, keep_alive_s = reader.byte(), reader.u16()
    if flags & 0x01:
        raise malformed("the reserved flag of CONNECT is set")
    if flags & 0x40 and not flags & 0x80 and version == V311:
        raise malformed("a password needs a user name")
    props = properties(reader, CONNECT) if version == V5 else _NO_PROPERTIES
    if props.authentication_method is not None:
        raise ProtocolError(
            Reason.BAD_AUTHENTICATION_METHOD, "no enhanced authentication here; use user name and password"
        )
    client_id = reader.text()
    will = _will(reader, flags, version)
    user = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    reader.finish()
    return Connect(
        version=version,
        client_id=client_id,
        clean_start=bool(flags & 0x02),
        keep_alive_s=keep_alive_s,
        user=user,
        password=password,
        will=will,
        wants_session=bool(props.session_expiry_s),
        wants_reasons=props.wants_reasons,
    )


def _will(reader: Reader, flags: int, version: int) -> Will | None:
    qos = (flags >> 3) & 0x3
    if not flags & 0x04:
        if flags & 0x38:
            raise malformed("will flags are set without a will")
        return None
    if qos == 3:
        raise malformed("QoS 3 does not exist")
    if version == V5:
        properties(reader, WILL)
    topic = _topic(reader.binary())
    return Will(topic, reader.binary(), qos)


def _filters(reader: Reader, version: int | None, *, options: bool) -> tuple[int, tuple[str, ...]]:
    packet_id = reader.u16()
    if not packet_id:
        raise malformed("a packet identifier must not be 0")
    if version == V5:
        properties(reader, SUBSCRIBE if options else UNSUBSCRIBE)
    filters: list[str] = []
    while reader.at < reader.end:
        if len(filters) == _FILTERS_MAX:
            raise ProtocolError(Reason.PROTOCOL_ERROR, f"at most {_FILTERS_MAX} topic filters in a packet")
        filters.append(reader.text())
        if options:
            # Options beside QoS (no local, retain handling) are MQTT 5's and mean nothing to topics without
            # echo and store.
            chosen = reader.byte()
            if chosen & 0x3 == 3 or (chosen & 0xFC if version == V311 else chosen & 0xC0):
                raise malformed("reserved subscription options are set")
    if not filters:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "the packet has no topic filter")
    return packet_id, tuple(filters)


def _disconnect(reader: Reader, version: int | None) -> Disconnect:
    reason = Reason.SUCCESS
    if version == V5 and reader.at < reader.end:
        reason = reader.byte()
        if reader.at < reader.end:
            properties(reader, DISCONNECT)
    reader.finish()
    return Disconnect(reason)
