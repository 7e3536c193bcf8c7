"""A connection's state machine: what it does for each packet, and the order of acknowledgements."""

from __future__ import annotations

import pytest

from device_gateway.mqtt.packets import (
    V5,
    V311,
    Connect,
    Disconnect,
    Oversized,
    PingReq,
    ProtocolError,
    Publish,
    Reason,
    Subscribe,
    Unsubscribe,
    Will,
)
from device_gateway.mqtt.session import (
    Action,
    Authenticate,
    Close,
    Phase,
    Refuse,
    Send,
    Session,
    Status,
    Take,
)
from device_gateway.mqtt.topics import Kind

OWN = "vitalstream/v1/dev/"


def connect(version: int = V5, *, user: str | None = "dev", client: str = "c", will: Will | None = None) -> Connect:
    return Connect(version, client, True, 60, user, None if user is None else b"pw", will, False, True)


def opened(version: int = V5, will: Will | None = None) -> Session:
    session = Session("auto-1")
    session.receive(connect(version, will=will))
    session.accepted()
    assert session.phase is Phase.OPEN
    return session


def publish(topic: str, packet_id: int = 1, payload: bytes = b"{}") -> Publish:
    return Publish(topic, payload, 1 if packet_id else 0, packet_id, None, None)


def take(session: Session, packet_id: int, payload: bytes = b"{}") -> Take:
    (action,) = session.receive(publish(OWN + "readings", packet_id, payload))
    assert isinstance(action, Take)
    return action


def sent(actions: list[Action]) -> bytes:
    return b"".join(action.data for action in actions if isinstance(action, Send))


def kinds(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


def test_connecting_asks_the_registry_and_then_welcomes() -> None:
    session = Session("auto-1")
    assert session.receive(connect(V311)) == [Authenticate("dev", b"pw", "c")]
    assert session.phase is Phase.WAITING
    assert session.accepted() == [Send(b"\x20\x02\x00\x00"), Status(True)]


def test_mqtt_5_learns_our_limits() -> None:
    session = Session("auto-1")
    session.receive(connect(V5, client=""))
    # receive maximum 1024, maximum QoS 1, no wildcard, identified, shared subscriptions, assigned id "auto-1"
    assert sent(session.accepted()) == bytes.fromhex("20 17 00 00 14 210400 2401 2800 2900 2a00 12 0006 6175746f2d31")


@pytest.mark.parametrize(
    ("packet", "connack"),
    [
        (connect(V311, user=None), "20 02 00 04"),
        (connect(V311, user="a/b"), "20 02 00 05"),
        (connect(V311, user="x" * 129), "20 02 00 05"),
        (connect(V311, will=Will("vitalstream/v1/other/status", b"", 1)), "20 02 00 05"),
        (connect(V311, client="")._replace(clean_start=False), "20 02 00 02"),
    ],
)
def test_a_connect_that_can_not_be_is_refused_without_asking(packet: Connect, connack: str) -> None:
    session = Session("auto-1")
    actions = session.receive(packet)
    assert kinds(actions) == [Send, Close]
    assert sent(actions) == bytes.fromhex(connack)
    assert session.phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (connect(V5, user=None), Reason.BAD_USER_OR_PASSWORD),
        (connect(V5, user="+"), Reason.NOT_AUTHORIZED),
        (connect(V5, will=Will("x", b"", 0)), Reason.NOT_AUTHORIZED),
        (connect(V5, will=Will(OWN + "status", b"offline", 2)), Reason.QOS_NOT_SUPPORTED),
    ],
)
def test_mqtt_5_hears_why_it_is_refused(packet: Connect, reason: int) -> None:
    data = sent(Session("auto-1").receive(packet))
    assert (data[0], data[2], data[3]) == (0x20, 0, reason)
    assert data[5] == 0x1F  # a reason string
    assert sent(Session("auto-1").receive(packet._replace(wants_reasons=False))) == bytes((0x20, 3, 0, reason, 0))


def test_wrong_credentials_are_not_authorized_in_both_versions() -> None:
    for version, code in ((V311, 5), (V5, Reason.NOT_AUTHORIZED)):
        session = Session("auto-1")
        session.receive(connect(version))
        assert sent(session.denied(Reason.NOT_AUTHORIZED))[3] == code


def test_where_topics_lead() -> None:
    session = opened()
    for rest, kind, detail in (
        ("readings", Kind.READINGS, ""),
        ("gatt/2a37", Kind.GATT, "2a37"),
        ("senml", Kind.UNSUPPORTED, "senml"),
        ("fhir", Kind.UNSUPPORTED, "fhir"),
        ("gatt/2a37/x", Kind.UNSUPPORTED, "gatt/2a37/x"),
        ("readings/x", Kind.UNSUPPORTED, "readings/x"),
    ):
        (action,) = session.receive(publish(OWN + rest))
        assert isinstance(action, Take)
        assert (action.route.kind, action.route.detail) == (kind, detail)


def test_acknowledgements_leave_in_the_order_of_arrival() -> None:
    session = opened()
    first, second, third = take(session, 11), take(session, 12), take(session, 13)
    assert session.durable([second.receipt]) == b""
    assert session.durable([first.receipt]) == bytes.fromhex("4002000b 4002000c")
    assert session.durable([third.receipt]) == bytes.fromhex("4002000d")
    assert session.unacknowledged == 0


def test_a_refusal_waits_for_those_before_it() -> None:
    session = opened()
    first = take(session, 1)
    assert kinds(session.receive(publish("vitalstream/v1/other/readings", 2))) == [Refuse]
    data = session.durable([first.receipt])
    assert data[:4] == bytes.fromhex("40020001")
    assert (data[4], data[6:9]) == (0x40, bytes.fromhex("0002 87"))


def test_quality_0_is_accounted_for_and_not_acknowledged() -> None:
    session = opened()
    action = take(session, 0, b"12345")
    assert (session.unacknowledged, session.unacknowledged_b) == (1, 5)
    assert session.durable([action.receipt]) == b""
    assert (session.unacknowledged, session.unacknowledged_b) == (0, 0)


@pytest.mark.parametrize(
    "topic",
    [
        "vitalstream/v1/other/readings",
        "vitalstream/v1/dev",
        "vitalstream/v1/devil/readings",
        "x",
        OWN + "ack",
        OWN + "cmd",
    ],
)
def test_a_foreign_topic_is_refused_visibly(topic: str) -> None:
    session = opened(V5)
    refusal, answer = session.receive(publish(topic, 7, b"secret"))
    assert refusal == Refuse("foreign-topic", b"secret")
    assert isinstance(answer, Send)
    assert answer.data[2:5] == bytes.fromhex("0007 87")
    assert session.phase is Phase.OPEN
    old = opened(V311)
    assert kinds(old.receive(publish(topic, 7))) == [Refuse, Close]
    assert old.phase is Phase.CLOSED


def test_an_oversized_message_ends_the_connection_with_a_reason() -> None:
    session = opened(V5)
    refusal, goodbye, _ = session.receive(Oversized(10_000_000, b"x"))
    assert refusal == Refuse("payload-too-large", b"x")
    assert isinstance(goodbye, Send)
    assert (goodbye.data[0], goodbye.data[2]) == (0xE0, 0x95)
    assert kinds(opened(V311).receive(Oversized(10_000_000, b"x"))) == [Refuse, Close]


def test_the_highest_durable_sequence_is_told_to_who_subscribed() -> None:
    session = opened(V311)
    assert session.sequence(5) == b""
    session.receive(Subscribe(4, (OWN + "ack",)))
    assert session.sequence(9) == b"\x30\x21\x00\x16vitalstream/v1/dev/ack" + b'{"seq":9}'
    session.receive(Unsubscribe(5, (OWN + "ack",)))
    assert session.sequence(10) == b""


def test_only_own_answers_can_be_subscribed() -> None:
    filters = (OWN + "ack", OWN + "cmd", OWN + "readings", "#", "vitalstream/v1/other/ack")
    assert sent(opened(V311).receive(Subscribe(1, filters))) == bytes.fromhex("90 07 0001 00 00 80 80 80")
    session = opened(V5)
    assert sent(session.receive(Subscribe(1, filters))) == bytes.fromhex("90 08 0001 00 00 00 87 87 87")
    assert sent(session.receive(Unsubscribe(2, (OWN + "ack", "#")))) == bytes.fromhex("b0 05 0002 00 00 11")


def test_ping_and_status() -> None:
    session = opened(V311)
    assert session.receive(PingReq()) == [Send(b"\xd0\x00")]
    assert session.receive(publish(OWN + "status", 3, b"Online\n")) == [Status(True), Send(bytes.fromhex("40020003"))]
    assert session.receive(publish(OWN + "status", 0, b"offline")) == [Status(False)]
    (odd,) = session.receive(publish(OWN + "status", 4, b"asleep"))
    assert isinstance(odd, Take)


def test_the_will_is_published_unless_the_device_said_goodbye() -> None:
    will = Will(OWN + "readings", b"[]", 1)
    assert opened(will=will).receive(Disconnect(0)) == [Close("the device disconnected")]
    assert kinds(opened(will=will).receive(Disconnect(4))) == [Take, Close]
    (left,) = opened(will=will).lost()
    assert isinstance(left, Take)
    assert left.payload == b"[]"
    assert kinds(opened(will=will).end(Reason.KEEP_ALIVE_TIMEOUT, "silent")) == [Send, Take, Close]
    assert opened(will=Will(OWN + "status", b"offline", 1)).lost() == []  # the shell says so anyway


def test_after_the_end_nothing_more_is_said() -> None:
    session = opened(will=Will(OWN + "readings", b"[]", 1))
    session.end(Reason.SESSION_TAKEN_OVER, "taken")
    assert session.end(Reason.SERVER_SHUTTING_DOWN, "stop") == []
    assert session.lost() == []


def test_a_violation_is_answered_where_mqtt_has_words() -> None:
    error = ProtocolError(Reason.MALFORMED_PACKET, "broken")
    assert sent(opened(V5).violated(error)) == bytes.fromhex("e0 0b 81 09 1f 0006 62726f6b656e")
    assert kinds(opened(V311).violated(error)) == [Close]
    assert kinds(Session("a").violated(error)) == [Close]
    old = Session("a").violated(ProtocolError(Reason.UNSUPPORTED_VERSION, "3.1"))
    assert sent(old) == bytes.fromhex("20 02 00 01")
