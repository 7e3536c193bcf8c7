"""An endpoint with stand-ins behind it, and real clients in front of it: paho in its thread, and bare sockets."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device_gateway.intake import Intake
from device_gateway.mqtt.endpoint import Endpoint
from tests.contract.gateway_fakes import FakeDirectory, MemoryJournal
from vitals import wire
from vitals.reading import Reading

#: Generous: shared cores are uneven, and nothing waits this long when it works.
PATIENCE_S = 10.0


@dataclass
class Gateway:
    """What a test looks at."""

    endpoint: Endpoint
    intake: Intake
    directory: FakeDirectory
    journal: MemoryJournal

    @property
    def readings(self) -> list[Reading]:
        """Everything durable that became a reading."""
        rows = self.journal.rows
        return [wire.reading_of(record, row) for record, row in rows if not record.columns["reason"][row]]

    @property
    def reasons(self) -> list[str]:
        """Everything durable that did not."""
        rows = self.journal.rows
        indices = [(record, int(record.columns["reason"][row])) for record, row in rows]
        return [record.strings[index] for record, index in indices if index]


@asynccontextmanager
async def gateway(tls: ssl.SSLContext | None = None, connections_max: int = 100) -> AsyncIterator[Gateway]:
    """A running endpoint; devices `dev` and `other` with password `pw`, `dev` bound to `p1` in Berlin."""
    directory, journal = FakeDirectory(), MemoryJournal()
    directory.add("dev", "pw", "p1", "Europe/Berlin")
    directory.add("other", "pw", "p2", "Europe/Lisbon")

    def now_us() -> int:
        return time.time_ns() // 1000

    intake = Intake(journal, "gw", now_us)
    running = asyncio.create_task(intake.run())
    endpoint = Endpoint(intake, directory, now_us, host="127.0.0.1", port=0, tls=tls, connections_max=connections_max)
    await endpoint.start()
    try:
        yield Gateway(endpoint, intake, directory, journal)
    finally:
        await endpoint.stop(grace_s=0.1)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something that another thread or task brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - paho's threads set no asyncio event
            await asyncio.sleep(0.005)


@dataclass
class Paho:
    """A paho client whose callbacks write down what came."""

    port: int
    version: int
    device: str = "dev"
    password: str = "pw"
    client_id: str = "paho"
    tls: ssl.SSLContext | None = None
    connected: list[int] = field(default_factory=list)
    disconnected: list[int] = field(default_factory=list)
    acknowledged: list[tuple[int, int]] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    granted: list[int] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        client = self.client = paho.Client(CallbackAPIVersion.VERSION2, self.client_id, protocol=self.version)  # type: ignore[arg-type]
        client.username_pw_set(self.device, self.password)
        client.max_inflight_messages_set(0)
        client.on_connect = lambda c, u, f, reason, p: self.connected.append(reason.value)
        client.on_disconnect = lambda c, u, f, reason, p: self.disconnected.append(reason.value)
        client.on_publish = lambda c, u, mid, reason, p: self.acknowledged.append((mid, reason.value))
        client.on_message = lambda c, u, message: self.messages.append((message.topic, bytes(message.payload)))
        client.on_subscribe = lambda c, u, m, reasons, p: self.granted.extend(r.value for r in reasons)
        if self.tls is not None:
            client.tls_set_context(self.tls)
        await asyncio.to_thread(client.connect, "127.0.0.1", self.port)
        client.loop_start()
        await until(lambda: bool(self.connected))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)

    def publish(self, topic: str, payload: bytes | str, qos: int = 1, **user_properties: str) -> int:
        """Publishes and returns the message's identifier."""
        properties: Any = None
        if user_properties:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list(user_properties.items())
        return self.client.publish(topic, payload, qos, properties=properties).mid

    @property
    def identifiers(self) -> list[int]:
        """Identifiers acknowledged, in order."""
        return [mid for mid, _ in self.acknowledged]


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while True:
        length, low = length >> 7, length & 0x7F
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


class Bare:
    """A socket that speaks just enough MQTT, right or wrong."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int) -> None:
        self.reader = reader
        self.writer = writer
        self.version = version

    def connect(
        self,
        *,
        keep_alive_s: int = 60,
        will: tuple[str, bytes] | None = None,
        client_id: str = "bare",
        device: str = "dev",
    ) -> None:
        """CONNECT with user name, password and a clean start."""
        empty = b"\0" if self.version == 5 else b""
        flags = 0xC2 | (0x0C if will else 0)
        body = _text("MQTT") + bytes((self.version, flags)) + keep_alive_s.to_bytes(2, "big") + empty + _text(client_id)
        if will is not None:
            body += empty + _text(will[0]) + len(will[1]).to_bytes(2, "big") + will[1]
        self.writer.write(_packet(0x10, body + _text(device) + _text("pw")))

    def publish(self, topic: str, payload: bytes, packet_id: int) -> None:
        """PUBLISH at QoS 1."""
        empty = b"\0" if self.version == 5 else b""
        self.writer.write(_packet(0x32, _text(topic) + packet_id.to_bytes(2, "big") + empty + payload))

    async def packet(self) -> bytes | None:
        """The next packet from the server (all short), None when it closed."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await self.reader.readexactly(2)
                return head + await self.reader.readexactly(head[1])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def bare(port: int, version: int = 5) -> AsyncIterator[Bare]:
    """A connected socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Bare(reader, writer, version)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
