"""A bounded QoS 1 load on loopback, in a process of its own: `python -m benchmarks.mqtt_load` with a job on stdin.

Job (JSON): `port`, `messages` a connection, `devices` as [[id, password], ...]; one connection a device. Every message
is one reading, about 80 bytes. Prints `ready` when all are connected, starts on a further line of input, and prints
`done` after the last PUBACK. MQTT 3.1.1, written by hand so that the load costs little.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from functools import partial

#: Unacknowledged messages a connection; MQTT 5's usual receive maximum is far above, real devices are below.
WINDOW = 100
#: The answer to a good CONNECT of a clean session.
CONNACK = b"\x20\x02\x00\x00"
_PUBACK = 0x40
_LIMIT_S = 120.0


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, digit = size >> 7, size & 0x7F
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([first]) + length + body


def connect_packet(device: str, password: str) -> bytes:
    """CONNECT with clean session and credentials."""
    head = _text("MQTT") + bytes([4, 0b1100_0010]) + struct.pack(">H", 60)
    return _packet(0x10, head + _text(device) + _text(device) + _text(password))


def publish_packet(device: str, packet_id: int, payload: bytes) -> bytes:
    """PUBLISH with QoS 1 to the device's own topic for readings."""
    topic = _text(f"vitalstream/v1/{device}/readings")
    return _packet(0x32, topic + struct.pack(">H", packet_id) + payload)


def publishes(device: str, count: int, base_ms: int) -> list[bytes]:
    """PUBLISH packets with one reading each; packet ids run from 1."""
    return [
        publish_packet(
            device,
            number % 65_535 + 1,
            b'{"metric":"spo2","value":%d,"unit":"%%","at":%d,"seq":%d}' % (94 + number % 6, base_ms + number, number),
        )
        for number in range(count)
    ]


class _Connection(asyncio.Protocol):
    def __init__(self, device: str, password: str, packets: list[bytes]) -> None:
        self._hello = connect_packet(device, password)
        self._packets = packets
        self._next = 0
        self._acknowledged = 0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._hello)

    def connection_lost(self, exc: Exception | None) -> None:
        for waited in (self.connected, self.done):
            if not waited.done():
                waited.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        whole = len(data) - len(data) % 4  # CONNACK and PUBACK are 4 bytes each
        self._buffer = data[whole:]
        for first in data[:whole:4]:
            if first == _PUBACK:
                self._acknowledged += 1
            else:
                self.connected.set_result(None)  # a server that refuses us closes as well
        if self._acknowledged == len(self._packets):
            self.done.set_result(None)
        elif self._acknowledged:
            self.pump()

    def pump(self) -> None:
        """Publishes what the window allows."""
        last = min(len(self._packets), self._acknowledged + WINDOW)
        if self._transport is not None and last > self._next:
            self._transport.write(b"".join(self._packets[self._next : last]))
            self._next = last


async def _run(port: int, messages: int, devices: list[tuple[str, str]]) -> None:
    loop = asyncio.get_running_loop()
    base_ms = time.time_ns() // 1_000_000 - 3_600_000
    connections = []
    async with asyncio.timeout(_LIMIT_S):
        for device, password in devices:
            packets = publishes(device, messages, base_ms)
            make = partial(_Connection, device, password, packets)
            _, one = await loop.create_connection(make, "127.0.0.1", port)
            await one.connected
            connections.append(one)
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        for one in connections:
            one.pump()
        for one in connections:
            await one.done
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_run(**json.loads(sys.stdin.readline())))
