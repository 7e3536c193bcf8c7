"""Devices over MQTT 3.1.1 that keep what was not acknowledged and send it again, all in one event loop.

By hand, because a suite of dozens of devices and thousands of arrays wants a connection to break exactly where the plan
says; tests/integration/test_power_cut.py does the like with paho.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence

from benchmarks.mqtt_load import CONNACK, connect_packet, publish_packet
from tests.disorder.plan import Message

#: Unacknowledged messages of a device.
WINDOW = 8
#: Between two messages: so that what comes late comes after its neighbours were applied, not in one group with them.
_PAUSE_S = 0.03
#: A refused connection is tried again after this; the system is down for a second or two.
_AGAIN_S = 0.1
#: No answer for so long means that the other side is gone without a word.
_SILENT_S = 10.0
_PUBACK = b"\x40\x02"
_DUP = 0x08


class Sender:
    """One device. `on_acknowledged` is told of every message once it is durable."""

    def __init__(
        self, device: str, password: str, port: int, messages: Sequence[Message], on_acknowledged: Callable[[], None]
    ) -> None:
        self._device = device
        self._password = password
        self._port = port
        self._waiting = deque(enumerate(messages))
        self._unanswered: deque[tuple[int, Message]] = deque()
        self._on_acknowledged = on_acknowledged
        self.connections = 0

    async def run(self) -> None:
        """Until everything is acknowledged."""
        while self._waiting or self._unanswered:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._connection()
                continue
            await asyncio.sleep(_AGAIN_S)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(connect_packet(self._device, self._password))
            async with asyncio.timeout(_SILENT_S):
                answer = await reader.readexactly(len(CONNACK))
            if answer != CONNACK:  # refused while it starts or ends
                raise ConnectionResetError
            self.connections += 1
            for number, message in self._unanswered:
                writer.write(_packet(number, message, again=True))
            await self._exchange(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        due_s = clock()
        while self._waiting or self._unanswered:
            room = bool(self._waiting) and len(self._unanswered) < WINDOW
            if room and clock() >= due_s:
                due_s = clock() + _PAUSE_S
                number, message = self._waiting.popleft()
                self._unanswered.append((number, message))
                writer.write(_packet(number, message, again=False))
                if message.breaks:
                    await writer.drain()
                    return  # cut off right after it was written: what has become of it is unknown
                continue
            try:
                async with asyncio.timeout(due_s - clock() if room else _SILENT_S):
                    answer = await reader.readexactly(4)
            except TimeoutError:
                if room:
                    continue
                raise
            number, _ = self._unanswered[0]
            assert answer == _PUBACK + struct.pack(">H", _packet_id(number)), "acknowledged out of order"
            self._unanswered.popleft()
            self._on_acknowledged()


def _packet_id(number: int) -> int:
    return number % 65_535 + 1


def _packet(number: int, message: Message, *, again: bool) -> bytes:
    packet = publish_packet(message.device, _packet_id(number), message.payload(time.time_ns() // 1000))
    return bytes([packet[0] | _DUP]) + packet[1:] if again else packet
