"""The MQTT endpoint: listens, admits connections and knows them, starts and stops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

import structlog

from device_gateway.intake import Intake
from device_gateway.mqtt.connection import Connection, Hold
from device_gateway.mqtt.packets import Reason
from device_gateway.mqtt.presence import Presence
from vitals.errors import OperatorError, PartnerError
from vitals.ports.devices import DeviceDirectory
from vitals.reading import NONE

#: Connections at once: a hospital's devices on one process; a connection that sends little costs some 10 kB.
CONNECTIONS_MAX: Final = 10_000

#: Connections that the kernel queues while we are busy: all devices of a ward coming back after an outage.
_BACKLOG: Final = 1024

#: A TLS handshake of a small device on a slow link.
_TLS_HANDSHAKE_TIMEOUT_S: Final = 15.0

#: Refusals that are being counted at a time; beyond it reading would only add more.
_REFUSALS_MAX: Final = 1_000

#: How long closing connections may take to send their last bytes.
_CLOSE_S: Final = 1.0

_log = structlog.get_logger(__name__)


class _Device:
    """Connections of one device, and the highest durable sequence since the first of them came."""

    __slots__ = ("connections", "sequence")

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.sequence = NONE


class Endpoint:
    """Our MQTT endpoint (3.1.1 and 5, QoS 0 and 1).

    `now_us` is the wall clock in UTC microseconds. `listener` is a bound socket; without one it listens on
    `host` and `port` (0 takes a free one; `port` says which). The caller
    runs the intake and outlives it with `stop`.
    """

    def __init__(
        self,
        intake: Intake,
        directory: DeviceDirectory,
        now_us: Callable[[], int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        listener: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.intake = intake
        self.directory = directory
        self.now_us = now_us
        self.presence = Presence(directory)
        self.port = port
        self._host = host
        self._listener = listener
        self._tls = tls
        self._connections_max = connections_max
        self._connections: set[Connection] = set()
        self._by_key: dict[tuple[str, str], Connection] = {}
        self._devices: dict[str, _Device] = {}
        self._made = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._refusals: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._presence_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens; raises OperatorError when the port can't be had."""
        loop = asyncio.get_running_loop()
        listener = self._listener or self._bound()
        self._server = await loop.create_server(
            self._connection,
            sock=listener,
            backlog=_BACKLOG,
            ssl=self._tls,
            ssl_handshake_timeout=_TLS_HANDSHAKE_TIMEOUT_S if self._tls else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._presence_task = loop.create_task(self.presence.run())

    def _bound(self) -> socket.socket:
        try:
            return socket.create_server((self._host, self.port), backlog=_BACKLOG)
        except OSError as error:
            raise OperatorError(
                f"MQTT can't listen on {self._host}:{self.port} ({error.strerror or error}); "
                "stop what uses the port or choose another with VITALSTREAM_MQTT_PORT",
                code="port-in-use",
            ) from error

    async def stop(self, grace_s: float) -> None:
        """Stops reading, acknowledges what becomes durable within `grace_s`, then closes every connection."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.hold(Hold.STOPPING)
        if not await self.intake.drain(grace_s):
            _log.warning("mqtt_stopped_with_unacknowledged_messages", grace_s=grace_s)
        for connection in tuple(self._connections):
            connection.end(Reason.SERVER_SHUTTING_DOWN, "the gateway is stopping; connect again soon")
        await self._all_left()
        if self._presence_task is not None:
            self._presence_task.cancel()
            await asyncio.gather(self._presence_task, return_exceptions=True)
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await self.presence.flush()
            except TimeoutError:
                _log.warning("presence_not_told_at_stop")
        await asyncio.gather(*self._refusals, return_exceptions=True)

    async def _all_left(self) -> None:
        """Waits a moment for last bytes to leave, then aborts who is still there."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
            await self._empty.wait()

    # ------------------------------------------------------------ what connections ask

    def _connection(self) -> Connection:
        self._made += 1
        return Connection(self, self._made)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        if len(self._connections) >= self._connections_max:
            _log.warning("mqtt_connections_exhausted", limit=self._connections_max)
            return False
        self._connections.add(connection)
        self._empty.clear()
        return True

    def take_over(self, connection: Connection) -> None:
        """The newer connection of the same user name and client id stays, the older goes."""
        assert connection.key is not None
        older = self._by_key.get(connection.key)
        self._by_key[connection.key] = connection
        self._devices.setdefault(connection.key[0], _Device()).connections.add(connection)
        if older is not None:
            older.end(Reason.SESSION_TAKEN_OVER, "another connection came with the same user name and client id")

    def left(self, connection: Connection) -> None:
        """A connection is gone; with its last one a device is offline."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        if connection.key is None:
            return
        if self._by_key.get(connection.key) is connection:
            del self._by_key[connection.key]
        name = connection.key[0]
        device = self._devices[name]
        device.connections.discard(connection)
        if not device.connections:
            del self._devices[name]
            self.presence.note(name, False, self.now_us())

    def sequence(self, name: str, durable: int) -> None:
        """Tells a device the highest sequence that is durable, on whichever of its connections it listens."""
        device = self._devices.get(name)
        if device is None or durable <= device.sequence:
            return
        device.sequence = durable
        for connection in device.connections:
            connection.sequence(durable)

    def refused(self, device: str | None, reason: str, sample: bytes) -> None:
        """Counts a refusal in the background."""
        if len(self._refusals) >= _REFUSALS_MAX:
            _log.warning("refusal_not_counted", device=device, reason=reason)
            return
        task = asyncio.get_running_loop().create_task(self._count_refusal(device, reason, sample))
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    async def _count_refusal(self, device: str | None, reason: str, sample: bytes) -> None:
        try:
            await self.directory.refused(device, reason, sample)
        except PartnerError as error:
            _log.warning("refusal_not_counted", device=device, reason=reason, code=error.code, error=error.message)
