"""A bounded QoS 1 load on loopback, in a process of its own: `python -m benchmarks.mqtt_load` with a job on stdin.

Job (JSON): `port`, `messages` a connection, `devices` as [[id, password], ...]; one connection a device. Every message
is one reading, about 80 bytes. Prints `ready` when all are connected, starts on a further line of input, and prints the
seconds from the first publish to the last PUBACK. MQTT 3.1.1, written by hand so that the load costs little.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time

#: Unacknowledged messages a connection; MQTT 5's usual receive maximum is far above, real devices are below.
WINDOW = 100
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


def publishes(device: str, count: int, base_ms: int) -> list[bytes]:
    """PUBLISH packets with one reading each; packet ids run from 1."""
    topic = _text(f"vitalstream/v1/{device}/readings")
    result = []
    for number in range(count):
        body = f'{{"metric":"spo2","value":{94 + number % 6},"unit":"%","at":{base_ms + number},"seq":{number}}}'
        result.append(_packet(0x32, topic + struct.pack(">H", number % 65_535 + 1) + body.encode()))
    return result


class _Connection(asyncio.Protocol):
    def __init__(self, device: str, password: str, packets: list[bytes]) -> None:
        self._hello = connect_packet(device, password)
        self._packets = packets
        self._next = 0
        self._acknowledged = 0
        self._buffer = b""
        self.connected = asyncio.Event()
        self.done = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        whole = len(data) - len(data) % 4  # CONNACK and PUBACK are 4 bytes each
        self._buffer = data[whole:]
        for first in data[:whole:4]:
            if first == _PUBACK:
                self._acknowledged += 1
            else:
                self.connected.set()
        if self._acknowledged == len(self._packets):
            self.done.set()
        elif self.connected.is_set():
            self.pump()

    def pump(self) -> None:
        last = min(len(self._packets), self._acknowledged + WINDOW)
        if self._transport is not None and last > self._next and self._started:
            self._transport.write(b"".join(self._packets[self._next : last]))
            self._next = last

    _started = False

    def start(self) -> None:
        self._started = True
        self.pump()


async def _run(job: dict[str, object]) -> float:
    loop = asyncio.get_running_loop()
    base_ms = time.time_ns() // 1_000_000 - 3_600_000
    connections = []
    for device, password in job["devices"]:  # type: ignore[attr-defined]
        packets = publishes(device, int(str(job["messages"])), base_ms)
        _, one = await loop.create_connection(
            lambda device=device, password=password, packets=packets: _Connection(device, password, packets),  # type: ignore[misc]
            "127.0.0.1",
            int(str(job["port"])),
        )
        connections.append(one)
    for one in connections:
        await one.connected.wait()
    print("ready", flush=True)  # noqa: T201 - its protocol with the parent
    await loop.run_in_executor(None, sys.stdin.readline)
    began = time.perf_counter()
    for one in connections:
        one.start()
    async with asyncio.timeout(_LIMIT_S):
        for one in connections:
            await one.done.wait()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(asyncio.run(_run(json.loads(sys.stdin.readline()))), flush=True)  # noqa: T201 - its answer
