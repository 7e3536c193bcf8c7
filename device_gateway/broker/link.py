"""One connection to a broker: paho-mqtt driven by the event loop. No thread of paho's runs, so nothing is locked.

paho connects (which blocks) in a short-lived thread and is handed over once connected; from then on all of it, its
callbacks included, runs in the event loop: messages are handed on in the order they came, and a socket that is not
read holds the broker back.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from device_gateway.broker.address import BrokerAddress
from vitals.errors import OperatorError, PartnerError

#: A broker on the same network answers in milliseconds, one far away in under a second.
CONNECT_TIMEOUT_S: Final = 5.0

#: For CONNACK, SUBACK and PUBACK; a broker that loads a large queue from disk takes a while.
ANSWER_TIMEOUT_S: Final = 10.0

#: The broker notices a gateway that vanished after one and a half times this, we a broker after two times this.
KEEP_ALIVE_S: Final = 30

#: How often paho looks at its clock: a small part of the keep-alive.
_TICK_S: Final = 1.0

#: Messages read in one go before the event loop gets its turn; some 5 ms of work.
_READ_MAX: Final = 100

#: The largest packet that the broker may send us. It drops what is larger without a word, so this is far above what
#: we take (256 KiB): between the two we can count what we refuse, and beyond it a message can't fill our memory.
PACKET_MAX_B: Final = 4 * 1024 * 1024

#: Reasons in CONNACK that trying again does not cure: version, client id, credentials, rights, banned, method.
_PERSONS_FAULT: Final = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})


class Link:
    """A connected client; made by `connect`. `lost` is done once the connection is, with the reason in words.

    `session_present`: the broker remembers us. `limits` are the properties of its CONNACK.
    """

    def __init__(self, client: paho.Client, on_message: Callable[[Link, paho.MQTTMessage], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._on_message = on_message
        self._sock: Any = None
        self._reading = False
        self._writing = False
        self._paused = False
        self._came = 0
        self._tick: asyncio.TimerHandle | None = None
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[int]]] = {}
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.session_present = False
        self.limits: dict[str, Any] = {}
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_subscribe = lambda c, u, mid, reasons, p: self._answer(mid, [reason.value for reason in reasons])
        client.on_publish = lambda c, u, mid, reason, p: self._answer(mid, [reason.value])
        client.on_socket_close = lambda c, u, sock: self._forget_socket()

    @property
    def writable(self) -> bool:
        """Whether everything handed over so far has left for the broker."""
        return not self.lost.done() and not self._client.want_write()

    # ------------------------------------------------------------ what callers do

    async def opened(self) -> None:
        """Waits for CONNACK; raises PartnerError, or OperatorError where only a person can help."""
        self._sock = self._client.socket()
        if self._sock is None:
            raise PartnerError("the broker closed the connection at once", code="broker-away")
        if isinstance(self._sock, socket.socket):
            # Acknowledgements are small and many; waiting to fill a segment would only delay them.
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read_on()
        self._tick = self._loop.call_later(_TICK_S, self._misc)
        await asyncio.wait((self._connack, self.lost), timeout=ANSWER_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not self._connack.done():
            raise PartnerError("the broker answered no CONNECT of MQTT 5; is it a broker?", code="broker-away")
        reason = self._connack.result()
        if reason.value in _PERSONS_FAULT:
            raise OperatorError(
                f"the broker refuses us ({reason}): check user, password and MQTT 5 in VITALSTREAM_MQTT_URL and at "
                "the broker",
                code="broker-refused",
            )
        if reason.is_failure:
            raise PartnerError(f"the broker refuses us for now ({reason})", code="broker-away")

    async def subscribe(self, filters: Sequence[tuple[str, SubscribeOptions]]) -> list[int]:
        """The broker's reasons, one a filter; 0x80 and above are refusals. Raises PartnerError when none comes."""
        _, mid = self._client.subscribe(list(filters))
        assert mid is not None
        return await self._answered(mid)

    async def publish(self, topic: str, payload: bytes) -> int:
        """Publishes at QoS 1 and returns the broker's reason. Raises PartnerError when none comes."""
        (reason,) = await self._answered(self._client.publish(topic, payload, 1).mid)
        return reason

    async def publish_all(self, topic: str, payload: bytes, count: int) -> list[int]:
        """Publishes `count` times at QoS 1, as fast as the broker takes them; its reasons."""
        mids = [self._client.publish(topic, payload, 1).mid for _ in range(count)]
        return [reason for answer in await asyncio.gather(*map(self._answered, mids)) for reason in answer]

    def say(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 0; the caller looks at `writable` first."""
        self._client.publish(topic, payload, 0)
        self._written()

    def acknowledge(self, packet_id: int) -> None:
        """PUBACK; a message of a connection that is gone needs none, the broker sends it again."""
        if not self.lost.done():
            self._client.ack(packet_id, 1)
            self._written()

    def pause(self) -> None:
        """Reads no more, so that the broker must wait."""
        self._paused = True
        self._stop_reading()

    def resume(self) -> None:
        """Reads on."""
        self._paused = False
        self._read_on()

    @property
    def paused(self) -> bool:
        """Whether we let the broker wait."""
        return self._paused

    def close(self) -> None:
        """Says goodbye (the broker keeps our session) and closes; nothing is called back after that."""
        if self._tick is not None:
            self._tick.cancel()
        if not self.lost.done():
            self._client.disconnect()
            self._client.loop_write()
        self._forget_socket()
        if not self.lost.done():
            self.lost.set_result("closed by us")
        for answer in self._answers.values():
            answer.cancel()
        with suppress(OSError):
            if (sock := self._client.socket()) is not None:
                sock.close()

    # ------------------------------------------------------------ callbacks of paho, all in the event loop

    def _connected(self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Properties | None) -> None:
        self.session_present = flags.session_present
        self.limits = {} if properties is None else dict(properties.json())  # type: ignore[no-untyped-call]
        if not self._connack.done():
            self._connack.set_result(reason)

    def _disconnected(self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if not self.lost.done():
            self.lost.set_result(str(reason))

    def _message(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        self._came += 1
        self._on_message(self, message)

    def _answer(self, mid: int, reasons: list[int]) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    async def _answered(self, mid: int) -> list[int]:
        answer = self._answers[mid] = self._loop.create_future()
        self._written()
        try:
            done, _ = await asyncio.wait(
                (answer, self.lost), timeout=ANSWER_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if answer not in done:
                why = self.lost.result() if self.lost.done() else f"nothing came in {ANSWER_TIMEOUT_S:.0f} s"
                raise PartnerError(f"the broker did not answer: {why}", code="broker-away")
            return list(answer.result())
        finally:
            del self._answers[mid]

    # ------------------------------------------------------------ the socket

    def _read_on(self) -> None:
        if self._sock is not None and not self._reading and not self._paused:
            self._reading = True
            self._loop.add_reader(self._sock.fileno(), self._readable)
            # TLS may hold bytes that the socket no longer has.
            self._loop.call_soon(self._readable)

    def _stop_reading(self) -> None:
        if self._sock is not None and self._reading:
            self._reading = False
            self._loop.remove_reader(self._sock.fileno())

    def _readable(self) -> None:
        """Reads while messages come; the rest comes next time, after everybody else had a turn."""
        for _ in range(_READ_MAX):
            if not self._reading:
                return
            before = self._came
            self._client.loop_read()
            if self._came == before and not self._in_tls():
                break
        else:
            self._loop.call_soon(self._readable)
        self._written()

    def _in_tls(self) -> bool:
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _written(self) -> None:
        """What paho could not write at once is written when the socket takes it."""
        if self._sock is None or self._writing == self._client.want_write():
            return
        self._writing = not self._writing
        if self._writing:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        else:
            self._loop.remove_writer(self._sock.fileno())

    def _writable(self) -> None:
        self._client.loop_write()
        self._written()

    def _forget_socket(self) -> None:
        if self._sock is None:
            return
        self._stop_reading()
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock.fileno())
        self._sock = None

    def _misc(self) -> None:
        """Keep-alive. While we let the broker wait its answers are not read, and their absence proves nothing."""
        if self.lost.done():
            return
        if not self._paused:
            self._client.loop_misc()
            self._written()
        self._tick = self._loop.call_later(_TICK_S, self._misc)


@asynccontextmanager
async def connect(
    address: BrokerAddress,
    client_id: str,
    on_message: Callable[[Link, paho.MQTTMessage], None],
    *,
    session_expiry_s: int,
    receive_maximum: int,
    clean: bool = False,
    credentials: bool = True,
) -> AsyncIterator[Link]:
    """A link for the time of the block, which says goodbye at its end and leaves the session to the broker.

    Raises PartnerError while the broker is away and OperatorError where only a person can help (credentials, TLS).
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, manual_ack=True)
    client.connect_timeout = CONNECT_TIMEOUT_S
    if credentials:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        context = ssl.create_default_context()
        context.sslsocket_class = _TidySocket
        client.tls_set_context(context)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    properties.ReceiveMaximum = receive_maximum
    properties.MaximumPacketSize = PACKET_MAX_B
    link = Link(client, on_message)
    try:
        await _in_thread(lambda: _dial(client, address, clean, properties), on_late=link.close)
        await link.opened()
        yield link
    finally:
        link.close()


class _TidySocket(ssl.SSLSocket):
    """Closed when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _dial(client: paho.Client, address: BrokerAddress, clean: bool, properties: Properties) -> None:
    try:
        client.connect(address.host, address.port, KEEP_ALIVE_S, clean_start=clean, properties=properties)
    except ssl.SSLCertVerificationError as error:
        raise OperatorError(
            f"{address}: its certificate is not trusted ({error.verify_message}); name your authority's file in "
            "SSL_CERT_FILE",
            code="broker-certificate",
        ) from None
    except (OSError, ValueError) as error:
        raise PartnerError(
            f"{address} can't be reached ({error}); is the broker running, and is VITALSTREAM_MQTT_URL right?",
            code="broker-away",
        ) from None


async def _in_thread(work: Callable[[], None], on_late: Callable[[], None]) -> None:
    """Runs what blocks in a thread that nobody has to wait for: one that outlives us must not hold up our end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: Exception | None) -> None:
        if done.cancelled():
            on_late()
        elif error is not None:
            done.set_exception(error)
        else:
            done.set_result(None)

    def run() -> None:
        failed: Exception | None = None
        try:
            work()
        except (PartnerError, OperatorError) as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed: we are past our end
            loop.call_soon_threadsafe(finish, failed)

    threading.Thread(target=run, name="mqtt-connect", daemon=True).start()
    await done
