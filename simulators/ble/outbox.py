"""Messages leave in order and never faster than the bus takes them.

dbus-fast closes its connection when the socket is full (a write that would block counts as an error there), so after
every WINDOW messages one round trip to the daemon shows that it has read them all.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque

from dbus_fast import Message
from dbus_fast.aio import MessageBus

from vitals.errors import InternalError

#: 64 messages of under 1 kB stay well below the 208 kB that a socket holds.
WINDOW = 64
#: A thousand devices with forty objects each, twice over; more means that nobody reads.
_QUEUE_MAX = 100_000


def daemon_call(member: str, signature: str = "", *body: object) -> Message:
    """A call of the daemon itself."""
    name, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
    return Message(destination=name, path=path, interface=name, member=member, signature=signature, body=list(body))


class Outbox:
    """The only writer of its connection."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._queue: deque[Message] = deque()
        self._unread = 0
        self._pumping: asyncio.Task[None] | None = None

    def post(self, message: Message) -> None:
        """Sends at once when there is room, else as soon as there is."""
        if len(self._queue) >= _QUEUE_MAX:
            raise InternalError("the private message bus takes nothing any more; end what reads too slowly")
        self._queue.append(message)
        if self._pumping is None:
            self._pumping = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        try:
            while self._queue:
                if self._unread >= WINDOW:
                    await self._bus.call(daemon_call("GetId"))
                    self._unread = 0
                message = self._queue.popleft()
                await self._bus.send(message)
                self._unread += 1
                for descriptor in message.unix_fds:
                    os.close(descriptor)  # the receiver has its own by now
        finally:
            self._pumping = None

    async def close(self) -> None:
        """Drops what was not sent."""
        self._queue.clear()
        if self._pumping is not None:
            self._pumping.cancel()
            await asyncio.wait({self._pumping})
