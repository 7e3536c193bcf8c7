"""The least that a Python server can do with MQTT: finds packets, acknowledges PUBLISH at once, looks at nothing else.

A job (empty) comes first on stdin, the answer is its port; ends when standard input does. Keeps nothing, checks
nothing, and believes that every PUBLISH has QoS 1: a bound on what asyncio and the socket allow, not a server.
"""

from __future__ import annotations

import asyncio
import sys

_CONNECT, _PUBLISH = 1, 3
_CONNACK = b"\x20\x02\x00\x00"
_PUBACK = b"\x40\x02"


class Framing(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers all whole packets with one write."""
        answers, self._rest = answer(self._rest + data)
        if answers and self._transport is not None:
            self._transport.write(answers)


def answer(data: bytes) -> tuple[bytes, bytes]:
    """CONNACKs and PUBACKs for the whole packets in `data`, and the bytes after them."""
    answers = []
    at, have = 0, len(data)
    while have - at >= 2:
        kind = data[at] >> 4
        body, length, shift = at + 1, 0, 0
        while body < have and data[body] & 0x80:
            length |= (data[body] & 0x7F) << shift
            shift += 7
            body += 1
        if body == have:
            break
        length |= data[body] << shift
        body += 1
        if body + length > have:
            break
        if kind == _PUBLISH:
            packet_id = body + 2 + (data[body] << 8 | data[body + 1])
            answers.append(_PUBACK + data[packet_id : packet_id + 2])
        elif kind == _CONNECT:
            answers.append(_CONNACK)
        at = body + length
    return b"".join(answers), data[at:]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Framing, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    sys.stdin.readline()
    asyncio.run(_serve())
