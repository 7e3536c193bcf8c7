"""MQTT packets against bytes typed from the OASIS specifications; hostile bytes never do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.mqtt import framing
from device_gateway.mqtt.framing import PACKET_MAX_B, PAYLOAD_MAX_B, SAMPLE_B, parse
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


def read(text: str, version: int | None = V311) -> Packet:
    """The one packet that these hex digits are, to the last byte."""
    data = bytearray.fromhex(text)
    parsed = parse(data, 0, version)
    assert parsed is not None
    packet, end = parsed
    assert end == len(data)
    return packet


def refused(text: str, version: int | None = V311) -> int:
    with pytest.raises(ProtocolError) as caught:
        parse(bytearray.fromhex(text), 0, version)
    assert caught.value.text
    return caught.value.reason


def test_connect_of_3_1_1() -> None:
    # 10 len | 0004 "MQTT" | 04 | flags c2: user, password, clean | keep-alive 60 | "c1" | "dev" | "pw"
    packet = read("10 17 0004 4d515454 04 c2 003c 0002 6331 0003 646576 0002 7077", None)
    assert packet == Connect(V311, "c1", True, 60, "dev", b"pw", None, False, True)


def test_connect_of_5_with_properties_and_a_will() -> None:
    # flags ee: user, password, will retain, will QoS 1, will, clean
    # properties: 11 session expiry 60 s, 17 request problem information 0
    # will properties: 18 will delay 5 s; will topic "a/b", payload "off"
    packet = read(
        "10 2f 0004 4d515454 05 ee 001e 07 11 0000003c 17 00 0002 6331"
        "05 18 00000005 0003 612f62 0003 6f6666 0003 646576 0002 7077",
        None,
    )
    assert packet == Connect(V5, "c1", True, 30, "dev", b"pw", Will("a/b", b"off", 1), True, False)


def test_publish_at_both_qualities_and_versions() -> None:
    assert read("30 05 0003 612f62") == Publish("a/b", b"", 0, 0, None, None)
    assert read("33 09 0003 612f62 000a 6869") == Publish("a/b", b"hi", 1, 10, None, None)  # QoS 1, retain
    assert read("3a 09 0003 612f62 000a 6869") == Publish("a/b", b"hi", 1, 10, None, None)  # DUP
    assert read("32 0a 0003 612f62 000a 00 6869", V5) == Publish("a/b", b"hi", 1, 10, None, None)
    # properties 26 user property "at"="1000", 26 "seq"="7", 26 "x"="y"
    packet = read(
        "32 25 0003 612f62 000a 1b 26 0002 6174 0004 31303030 26 0003 736571 0001 37 26 0001 78 0001 79 6869", V5
    )
    assert packet == Publish("a/b", b"hi", 1, 10, "1000", "7")


def test_subscribe_and_unsubscribe() -> None:
    assert read("82 08 0001 0003 612f62 01") == Subscribe(1, ("a/b",))
    assert read("82 0d 0001 00 0003 612f62 2d 0001 63 00", V5) == Subscribe(1, ("a/b", "c"))
    assert read("a2 07 0002 0003 612f62") == Unsubscribe(2, ("a/b",))
    assert read("a2 08 0002 00 0003 612f62", V5) == Unsubscribe(2, ("a/b",))


def test_ping_and_disconnect() -> None:
    assert read("c0 00") == PingReq()
    assert read("e0 00") == Disconnect(0)
    assert read("e0 01 04", V5) == Disconnect(4)
    assert read("e0 02 00 00", V5) == Disconnect(0)


@pytest.mark.parametrize(
    ("text", "version", "reason"),
    [
        ("30 05 0003 612f62", None, Reason.PROTOCOL_ERROR),  # first packet is not CONNECT
        ("10 08 0004 4d515454 06 02", None, Reason.UNSUPPORTED_VERSION),
        ("10 0a 0006 4d5149736470 03 02", None, Reason.UNSUPPORTED_VERSION),  # MQTT 3.1
        ("10 0e 0004 4d515454 04 03 003c 0002 6331", None, Reason.MALFORMED_PACKET),  # reserved flag
        ("10 0e 0004 4d515454 04 0a 003c 0002 6331", None, Reason.MALFORMED_PACKET),  # will QoS without a will
        ("10 10 0004 4d515454 04 42 003c 0000 0002 7077", None, Reason.MALFORMED_PACKET),  # password, no user
        ("10 0f 0004 4d515454 04 02 003c 0002 6331 00", None, Reason.MALFORMED_PACKET),  # trailing byte
        ("10 14 0004 4d515454 05 02 003c 05 15 0002 6161 0002 6331", None, Reason.BAD_AUTHENTICATION_METHOD),
        ("10 ff ff ff ff 01", None, Reason.MALFORMED_PACKET),  # remaining length of 5 bytes
        ("10 ff ff 7f", None, Reason.PACKET_TOO_LARGE),
        ("10 0e 0004 4d515454 04 02 003c 0002 6331", V311, Reason.PROTOCOL_ERROR),  # second CONNECT
        ("34 07 0003 612f62 000a", V311, Reason.QOS_NOT_SUPPORTED),
        ("36 07 0003 612f62 000a", V311, Reason.MALFORMED_PACKET),  # QoS 3
        ("38 05 0003 612f62", V311, Reason.MALFORMED_PACKET),  # DUP at QoS 0
        ("32 07 0003 612f62 0000", V311, Reason.MALFORMED_PACKET),  # packet identifier 0
        ("32 05 0003 612f62", V311, Reason.MALFORMED_PACKET),  # no packet identifier
        ("30 04 0003 612f", V311, Reason.MALFORMED_PACKET),  # ends inside its topic
        ("30 01 00", V311, Reason.MALFORMED_PACKET),
        ("30 00", V311, Reason.MALFORMED_PACKET),
        ("30 05 0003 61ff62", V311, Reason.MALFORMED_PACKET),  # not UTF-8
        ("30 05 0003 610062", V311, Reason.TOPIC_NAME_INVALID),
        ("30 05 0003 612f2b", V311, Reason.TOPIC_NAME_INVALID),  # a/+
        ("30 02 0000", V311, Reason.TOPIC_NAME_INVALID),
        ("30 05 0003 612f62", V5, Reason.MALFORMED_PACKET),  # no property length
        ("30 09 0003 612f62 03 23 0001", V5, Reason.TOPIC_ALIAS_INVALID),
        ("30 08 0003 612f62 02 7f 00", V5, Reason.MALFORMED_PACKET),  # no such property
        ("30 08 0003 612f62 02 24 00", V5, Reason.MALFORMED_PACKET),  # a server's property
        ("30 08 0003 612f62 02 17 00", V5, Reason.PROTOCOL_ERROR),  # another packet's property
        ("30 0a 0003 612f62 04 01 00 01 00", V5, Reason.PROTOCOL_ERROR),  # twice
        ("30 08 0003 612f62 05 01 00", V5, Reason.MALFORMED_PACKET),  # longer than the packet
        ("80 08 0001 0003 612f62 01", V311, Reason.MALFORMED_PACKET),  # reserved flags
        ("82 02 0001", V311, Reason.PROTOCOL_ERROR),  # no filter
        ("82 08 0001 0003 612f62 03", V311, Reason.MALFORMED_PACKET),  # QoS 3
        ("82 08 0001 0003 612f62 04", V311, Reason.MALFORMED_PACKET),  # options are MQTT 5's
        ("82 08 0000 0003 612f62 01", V311, Reason.MALFORMED_PACKET),
        ("40 02 0001", V311, Reason.PROTOCOL_ERROR),  # PUBACK: we send nothing to acknowledge
        ("62 02 0001", V311, Reason.MALFORMED_PACKET),
        ("20 02 0000", V311, Reason.PROTOCOL_ERROR),  # CONNACK is a server's
        ("00 00", V311, Reason.PROTOCOL_ERROR),
        ("f0 00", V311, Reason.PROTOCOL_ERROR),
        ("f0 00", V5, Reason.BAD_AUTHENTICATION_METHOD),
        ("c1 00", V311, Reason.MALFORMED_PACKET),
        ("c0 01 00", V311, Reason.MALFORMED_PACKET),
        ("e0 01 04", V311, Reason.MALFORMED_PACKET),  # a reason is MQTT 5's
    ],
)
def test_what_breaks_the_protocol_is_refused_with_a_reason(text: str, version: int | None, reason: int) -> None:
    assert refused(text, version) == reason


WHOLE = "32 25 0003 612f62 000a 1b 26 0002 6174 0004 31303030 26 0003 736571 0001 37 26 0001 78 0001 79 6869"


def test_a_packet_that_is_still_growing_is_waited_for() -> None:
    whole = bytearray.fromhex(WHOLE)
    for length in range(len(whole)):
        assert parse(whole[:length], 0, V5) is None


def test_packets_follow_each_other() -> None:
    data = bytearray.fromhex("c000" + WHOLE + "c000")
    found: list[Packet] = []
    at = 0
    while (parsed := parse(data, at, V5)) is not None:
        packet, at = parsed
        found.append(packet)
    assert [type(packet) for packet in found] == [PingReq, Publish, PingReq]
    assert at == len(data)


def publish_of(size: int) -> bytearray:
    """An MQTT 5 PUBLISH, QoS 1, identifier 10, with a payload of this size."""
    length = size + 8
    head = bytearray([0x32])
    while True:
        length, low = length >> 7, length & 0x7F
        head.append(low | (0x80 if length else 0))
        if not length:
            break
    return head + bytes.fromhex("0003 612f62 000a 00") + b"x" * size


def test_the_largest_payload_is_taken() -> None:
    parsed = parse(publish_of(PAYLOAD_MAX_B), 0, V5)
    assert parsed is not None
    assert isinstance(parsed[0], Publish)
    assert len(parsed[0].payload) == PAYLOAD_MAX_B


@pytest.mark.parametrize("size", [PAYLOAD_MAX_B + 1, PACKET_MAX_B, 10_000_000, 200_000_000])
def test_a_larger_one_is_known_by_its_head(size: int) -> None:
    parsed = parse(publish_of(size)[:300_000], 0, V5)
    assert parsed is not None
    assert parsed[0] == Oversized(size, b"x" * SAMPLE_B)
    assert parse(publish_of(size)[:1_000], 0, V5) is None


def test_other_packets_have_no_reason_to_be_large() -> None:
    assert refused("82 ff ff ff 01", V5) == Reason.PACKET_TOO_LARGE


@given(data=st.binary(max_size=120), version=st.sampled_from([None, V311, V5]))
def test_any_bytes_are_packets_or_a_protocol_error(data: bytes, version: int | None) -> None:
    buffer, at = bytearray(data), 0
    try:
        while (parsed := parse(buffer, at, version)) is not None:
            assert parsed[1] > at
            at = parsed[1]
    except ProtocolError as error:
        assert 0x80 <= error.reason <= 0xA2
    assert at <= len(buffer)
    assert bytes(buffer) == data


@given(kind=st.integers(0, 255), body=st.binary(max_size=100), version=st.sampled_from([V311, V5]))
def test_any_body_of_any_packet_is_a_packet_or_a_protocol_error(kind: int, body: bytes, version: int) -> None:
    buffer = bytearray([kind, len(body)]) + body
    for known in (None, version):
        try:
            parsed = parse(buffer, 0, known)
        except ProtocolError:
            continue
        assert parsed is not None
        assert parsed[1] == len(buffer)


def test_limits_fit_into_each_other() -> None:
    assert framing.CONNECT_MAX_B < PAYLOAD_MAX_B < PACKET_MAX_B
