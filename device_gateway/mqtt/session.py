"""One connection's state machine: packets and answers in, actions out. No socket, no clock, no randomness.

The shell (`connection.py`) performs the actions in order. Acknowledgements leave in the order in which the
messages came, each after its message is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from device_gateway.mqtt import encode
from device_gateway.mqtt.framing import PAYLOAD_MAX_B
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
)
from device_gateway.mqtt.topics import Kind, Route, Topics, valid_device_id
from vitals.reading import NONE


class Receipt:
    """What we owe for one message: an acknowledgement, once `reason` is known and those before have left."""

    __slots__ = ("packet_id", "reason", "sequence", "size_b", "text")

    def __init__(self, packet_id: int, size_b: int) -> None:
        self.packet_id = packet_id  # 0: QoS 0, nothing to send
        self.size_b = size_b
        self.sequence = NONE  # the highest `seq` in the message
        self.reason: int | None = None
        self.text: str | None = None


class Authenticate(NamedTuple):
    """Ask the registry; then `accepted` or `denied`. No packet may be handed in before."""

    device: str
    password: bytes
    client_id: str


class Take(NamedTuple):
    """A message to make durable; then `durable`."""

    route: Route
    payload: bytes
    at: str | None
    seq: str | None
    receipt: Receipt


class Status(NamedTuple):
    """The device says that it is online or offline."""

    online: bool


class Refuse(NamedTuple):
    """Count something that was refused before acknowledgement, with a sample."""

    reason: str
    sample: bytes


class Send(NamedTuple):
    """Bytes to the device."""

    data: bytes


class Close(NamedTuple):
    """End the connection after what was sent; the text is for the log."""

    text: str


Action = Authenticate | Take | Status | Refuse | Send | Close


class Phase(Enum):
    """Where a connection is in its life."""

    NEW = auto()
    WAITING = auto()  # for the registry's answer to CONNECT
    OPEN = auto()
    CLOSED = auto()


#: What a device says on its status topic.
STATUS_WORDS = {b"online": True, b"offline": False}

_CREDENTIALS_HINT = "user name is the device id, password the one that `vitalstream device add` printed"


class Session:
    """State of one connection. `assigned_client_id` is for clients that send none."""

    def __init__(self, assigned_client_id: str) -> None:
        self.phase = Phase.NEW
        self.version: int | None = None
        self.keep_alive_s = 0
        self.unacknowledged_b = 0
        self._assigned_client_id = assigned_client_id
        self._connect: Connect | None = None
        self._topics = Topics("")
        self._subscribed: set[str] = set()
        self._owed: deque[Receipt] = deque()

    @property
    def unacknowledged(self) -> int:
        """Messages taken and not settled."""
        return len(self._owed)

    # ------------------------------------------------------------ packets in

    def receive(self, packet: Packet) -> list[Action]:
        """What one packet asks for; raises ProtocolError for what this state doesn't allow."""
        if type(packet) is Publish:
            return self._publish(packet)
        if isinstance(packet, PingReq):
            return [Send(encode.PINGRESP)]
        if isinstance(packet, Connect):
            return self._open(packet)
        if isinstance(packet, Oversized):
            return self._oversized(packet)
        if isinstance(packet, Subscribe):
            return [Send(self._subscribe(packet))]
        if isinstance(packet, Unsubscribe):
            existed = [topic in self._subscribed for topic in packet.filters]
            self._subscribed.difference_update(packet.filters)
            return [Send(encode.unsuback(self._spoken, packet.packet_id, existed))]
        assert isinstance(packet, Disconnect)
        self.phase = Phase.CLOSED
        actions = [] if packet.reason == Reason.SUCCESS else self._will()
        return [*actions, Close("the device disconnected")]

    @property
    def _spoken(self) -> int:
        return V311 if self.version is None else self.version

    def _publish(self, packet: Publish) -> list[Action]:
        route = self._topics.route(packet.topic)
        receipt = Receipt(packet.packet_id, len(packet.payload))
        if route.kind is Kind.FORBIDDEN:
            return self._foreign(receipt, packet.payload)
        if route.kind is Kind.STATUS:
            online = STATUS_WORDS.get(packet.payload.strip().lower())
            if online is not None:
                return [Status(online), *self._settle_now(receipt, Reason.SUCCESS, None)]
        self._owed.append(receipt)
        self.unacknowledged_b += receipt.size_b
        return [Take(route, packet.payload, packet.at, packet.seq, receipt)]

    def _oversized(self, packet: Oversized) -> list[Action]:
        """The connection ends: "packet too large" is a reason of DISCONNECT only, PUBACK knows no such code."""
        text = f"the payload has {packet.size} bytes; split the array, at most {PAYLOAD_MAX_B} bytes a message"
        return [Refuse("payload-too-large", packet.sample), *self.end(Reason.PACKET_TOO_LARGE, text)]

    def _foreign(self, receipt: Receipt, sample: bytes) -> list[Action]:
        """MQTT 5 hears why and stays; 3.1.1 is disconnected: its PUBACK would say success."""
        refusal = Refuse("foreign-topic", sample)
        if self.version == V311:
            return [refusal, *self.end(Reason.NOT_AUTHORIZED, self._topics.hint)]
        return [refusal, *self._settle_now(receipt, Reason.NOT_AUTHORIZED, self._topics.hint)]

    def _subscribe(self, packet: Subscribe) -> bytes:
        own = (self._topics.ack, self._topics.cmd)
        granted = [topic in own for topic in packet.filters]
        self._subscribed.update(topic for topic in packet.filters if topic in own)
        return encode.suback(self._spoken, packet.packet_id, granted)

    # ------------------------------------------------------------ coming

    def _open(self, packet: Connect) -> list[Action]:
        self.version = packet.version
        self._connect = packet
        if not packet.client_id and packet.version == V311 and not packet.clean_start:
            return self.denied(Reason.CLIENT_ID_NOT_VALID, "an empty client id needs a clean session")
        if packet.user is None or packet.password is None:
            return self.denied(Reason.BAD_USER_OR_PASSWORD, f"send user name and password; {_CREDENTIALS_HINT}")
        if not valid_device_id(packet.user):
            return self.denied(Reason.NOT_AUTHORIZED, _CREDENTIALS_HINT)
        self._topics = Topics(packet.user)
        if packet.will is not None:
            if packet.will.qos == 2 and packet.version == V5:
                return self.denied(Reason.QOS_NOT_SUPPORTED, "QoS 2 is not supported here; use a will with QoS 1")
            if self._topics.route(packet.will.topic).kind is Kind.FORBIDDEN:
                return self.denied(Reason.NOT_AUTHORIZED, f"will: {self._topics.hint}")
        self.phase = Phase.WAITING
        return [Authenticate(packet.user, packet.password, packet.client_id or self._assigned_client_id)]

    def accepted(self) -> list[Action]:
        """The registry knows the device and its password."""
        assert self._connect is not None
        self.phase = Phase.OPEN
        self.keep_alive_s = self._connect.keep_alive_s
        assigned = None if self._connect.client_id else self._assigned_client_id
        welcome = encode.connack(
            self._connect.version,
            assigned_client_id=assigned,
            session_refused=self._connect.wants_session,
        )
        return [Send(welcome), Status(online=True)]

    def denied(self, reason: int, text: str = _CREDENTIALS_HINT) -> list[Action]:
        """The connection may not be opened."""
        self.phase = Phase.CLOSED
        assert self._connect is not None
        told = text if self._connect.wants_reasons else None
        return [Send(encode.connack_refused(self._connect.version, reason, told)), Close(text)]

    # ------------------------------------------------------------ acknowledging

    def durable(self, receipts: Iterable[Receipt]) -> bytes:
        """These messages are durable: the acknowledgements that may leave now."""
        for receipt in receipts:
            receipt.reason = Reason.SUCCESS
        return self._settled()

    def sequence(self, highest: int) -> bytes:
        """The device's highest durable sequence, for a connection that subscribed to hear it."""
        if self.phase is not Phase.OPEN or self._topics.ack not in self._subscribed:
            return b""
        return encode.publish(self._spoken, self._topics.ack, b'{"seq":%d}' % highest)

    def _settle_now(self, receipt: Receipt, reason: int, text: str | None) -> list[Action]:
        """An answer that needs no journal still waits for those before it."""
        receipt.reason, receipt.text, receipt.size_b = reason, text, 0
        self._owed.append(receipt)
        data = self._settled()
        return [Send(data)] if data else []

    def _settled(self) -> bytes:
        owed, version = self._owed, self._spoken
        told = self._connect is not None and self._connect.wants_reasons
        out: list[bytes] = []
        while owed and owed[0].reason is not None:
            receipt = owed.popleft()
            self.unacknowledged_b -= receipt.size_b
            if receipt.packet_id:
                out.append(
                    encode.puback(version, receipt.packet_id, receipt.reason or 0, receipt.text if told else None)
                )
        return b"".join(out)

    # ------------------------------------------------------------ going

    def violated(self, error: ProtocolError) -> list[Action]:
        """The peer broke MQTT."""
        if self.phase is Phase.NEW and self.version is None:
            self.phase = Phase.CLOSED
            # Which version the peer speaks is unknown; every client understands this CONNACK.
            refused = (
                encode.connack_refused(V311, error.reason, None) if error.reason == Reason.UNSUPPORTED_VERSION else b""
            )
            return [Send(refused), Close(error.text)] if refused else [Close(error.text)]
        return self.end(error.reason, error.text)

    def end(self, reason: int, text: str) -> list[Action]:
        """We end the connection: the device is told why, where MQTT has words for it."""
        if self.phase is Phase.CLOSED:
            return []
        opened, self.phase = self.phase is Phase.OPEN, Phase.CLOSED
        if not opened:
            return [Close(text)]
        data = encode.disconnect(self._spoken, reason, text)
        return [*([Send(data)] if data else []), *self._will(), Close(text)]

    def lost(self) -> list[Action]:
        """The connection is gone without a word."""
        opened, self.phase = self.phase is Phase.OPEN, Phase.CLOSED
        return self._will() if opened else []

    def _will(self) -> list[Action]:
        """The will as if the device had published it; that it is offline is said by the shell in any case."""
        will = self._connect.will if self._connect is not None else None
        if will is None:
            return []
        route = self._topics.route(will.topic)
        if route.kind is Kind.STATUS:
            return []
        return [Take(route, will.payload, None, None, Receipt(0, 0))]
