"""One device's connection: the socket around a Session; performs its actions and decides when to read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from enum import IntFlag
from typing import TYPE_CHECKING, Any, Final

import structlog

from device_gateway.intake import Origin
from device_gateway.mqtt.framing import SAMPLE_B, parse
from device_gateway.mqtt.messages import parse_message
from device_gateway.mqtt.packets import ProtocolError, Reason
from device_gateway.mqtt.session import (
    Action,
    Authenticate,
    Close,
    Phase,
    Receipt,
    Refuse,
    Send,
    Session,
    Status,
    Take,
)
from vitals.errors import PartnerError
from vitals.ports.devices import DeviceAccount
from vitals.reading import NONE

if TYPE_CHECKING:
    from device_gateway.mqtt.endpoint import Endpoint

#: A connection that has not sent a good CONNECT by then is closed: a device on a slow mobile link needs a
#: few seconds.
CONNECT_TIMEOUT_S: Final = 10.0

#: The specification's grace (3.1.2.10): one and a half times the keep-alive.
_KEEP_ALIVE_GRACE: Final = 1.5

#: What a device may have unacknowledged before we stop reading: four of the largest messages.
UNACKNOWLEDGED_MAX_B: Final = 1024 * 1024
UNACKNOWLEDGED_MAX: Final = 1024

#: How long a device may take to hang up after our goodbye.
_LINGER_S: Final = 1.0

#: A registry answer older than this is asked again before the next packet is handled.
ACCOUNT_AGE_MAX_S: Final = 1.0

#: Between attempts while the registry can't be asked; the connection is not read meanwhile.
_REGISTRY_RETRY_S: Final = 1.0

#: Acknowledgements that a device does not read, in bytes, before we stop reading it.
_WRITE_HIGH_B: Final = 64 * 1024

_log = structlog.get_logger(__name__)


class Hold(IntFlag):
    """Why the socket is not being read. Any one is enough."""

    REGISTRY = 1  # an answer of the registry is awaited
    UNACKNOWLEDGED = 2  # too much of this device is not durable yet
    INTAKE = 4  # too much of all devices is not durable yet
    WRITER = 8  # the device does not read what we send
    STOPPING = 16


class Connection(asyncio.Protocol):
    """Made by the endpoint for every accepted socket."""

    def __init__(self, endpoint: Endpoint, number: int) -> None:
        self._endpoint = endpoint
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._session = Session(f"auto-{number}")
        self._buffer = bytearray()
        self._held = 0
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._account: DeviceAccount | None = None
        self._checked_s = 0.0
        self._heard_s = 0.0
        self._origin = Origin(0)
        self.key: tuple[str, str] | None = None

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._endpoint.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_WRITE_HIGH_B)
        # A device that vanished without a keep-alive of MQTT is noticed by TCP's, in the end.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        started_us = self._endpoint.now_us()
        # The number tells connections of one microsecond apart.
        self._origin = Origin(started_us * 1000 + self._number % 1000)
        self._start_timer(CONNECT_TIMEOUT_S, self._connect_timed_out)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._heard_s = self._loop.time()
        if self._session.phase is Phase.CLOSED:
            return  # we said goodbye and only wait for the device to hang up
        self._buffer += data
        self._process()

    def pause_writing(self) -> None:
        """The device does not read our acknowledgements."""
        self.hold(Hold.WRITER)

    def resume_writing(self) -> None:
        """It does again."""
        self.release(Hold.WRITER)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, with or without a goodbye."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._perform(self._session.lost())
        self._transport = None
        self._buffer.clear()
        self._endpoint.left(self)

    # ------------------------------------------------------------ reading

    def hold(self, reason: Hold) -> None:
        """Stops reading for this reason."""
        if not self._held and self._transport is not None and self._session.phase is not Phase.CLOSED:
            self._transport.pause_reading()
        self._held |= int(reason)

    def release(self, reason: Hold) -> None:
        """This reason is over; reads on when it was the last."""
        if not self._held & reason:
            return
        self._held &= ~int(reason)
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            # What was left in the buffer comes first; not from here, so that callers never find us
            # re-entered.
            self._loop.call_soon(self._process)

    def _process(self) -> None:
        """Handles the packets in the buffer for as long as nothing holds us."""
        buffer, session, start = self._buffer, self._session, 0
        try:
            while not self._held and session.phase is not Phase.CLOSED:
                parsed = parse(buffer, start, session.version)
                if parsed is None:
                    break
                if self._account is not None and self._loop.time() - self._checked_s > ACCOUNT_AGE_MAX_S:
                    self._ask(self._check_again(self._account.device))
                    break
                packet, start = parsed
                self._perform(session.receive(packet))
        except ProtocolError as error:
            _log.info("mqtt_protocol_error", device=self._device, error=error.text)
            self._perform(session.violated(error))
        if start and self._buffer is buffer:
            del buffer[:start]

    @property
    def _device(self) -> str | None:
        return None if self._account is None else self._account.device

    # ------------------------------------------------------------ actions

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if type(action) is Take:
                self._take(action)
            elif isinstance(action, Send):
                if self._transport is not None:
                    self._transport.write(action.data)
            elif isinstance(action, Close):
                self._close(action.text)
            elif isinstance(action, Authenticate):
                self._ask(self._authenticate(action))
            elif isinstance(action, Status):
                assert self._account is not None
                self._endpoint.presence.note(self._account.device, action.online, self._endpoint.now_us())
            else:
                assert isinstance(action, Refuse)
                self._refuse(action)

    def _take(self, take: Take) -> None:
        assert self._account is not None
        intake = self._endpoint.intake
        take.receipt.sequence = intake.submit(self._account, self._origin, parse_message(take), self, take.receipt)
        session = self._session
        if session.unacknowledged_b > UNACKNOWLEDGED_MAX_B or session.unacknowledged >= UNACKNOWLEDGED_MAX:
            self.hold(Hold.UNACKNOWLEDGED)
        if intake.full and not self._held & Hold.INTAKE:
            self.hold(Hold.INTAKE)
            intake.when_free(self._intake_free)

    def _intake_free(self) -> None:
        self.release(Hold.INTAKE)

    def durable(self, receipts: list[Receipt]) -> None:
        """The journal holds these messages."""
        data = self._session.durable(receipts)
        if data and self._transport is not None and self._session.phase is Phase.OPEN:
            self._transport.write(data)
        highest = max(receipt.sequence for receipt in receipts)
        if highest != NONE and self._account is not None:
            self._endpoint.sequence(self._account.device, highest)
        if (
            self._held & Hold.UNACKNOWLEDGED
            and self._session.unacknowledged_b <= UNACKNOWLEDGED_MAX_B // 2
            and self._session.unacknowledged <= UNACKNOWLEDGED_MAX // 2
        ):
            self.release(Hold.UNACKNOWLEDGED)

    def sequence(self, highest: int) -> None:
        """The journal holds the device's readings up to here."""
        data = self._session.sequence(highest)
        if data and self._transport is not None:
            self._transport.write(data)

    def _refuse(self, refuse: Refuse) -> None:
        _log.warning("mqtt_message_refused", device=self._device, reason=refuse.reason)
        self._endpoint.refused(self._device, refuse.reason, refuse.sample[:SAMPLE_B])

    def _close(self, text: str) -> None:
        """Ends what we send and waits a moment for the device to hang up.

        A socket closed with unread bytes in it is reset, and a reset can overtake our last words.
        """
        _log.info("mqtt_connection_closed", device=self._device, reason=text)
        self._buffer = bytearray()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not transport.can_write_eof():  # TLS: its own goodbye does the same
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # the device hung up first
            transport.abort()
            return
        if self._held:
            transport.resume_reading()
        self._start_timer(_LINGER_S, transport.abort)

    def end(self, reason: int, text: str) -> None:
        """Ends the connection from our side, with MQTT 5's reason."""
        self._perform(self._session.end(reason, text))

    def abort(self) -> None:
        """Ends the connection at once, unsent bytes and all."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ registry

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        """One question to the registry at a time; nothing is read until it is answered."""
        self.hold(Hold.REGISTRY)
        self._task = self._loop.create_task(question)

    async def _authenticate(self, action: Authenticate) -> None:
        password = action.password.decode("utf-8", "replace")
        refusal: list[Action] = []
        account = None
        try:
            account = await self._endpoint.directory.authenticate(action.device, password)
        except PartnerError as error:
            _log.warning("registry_unreachable", code=error.code, error=error.message)
            refusal = [*self._session.denied(Reason.SERVER_UNAVAILABLE, "the registry is away; try again soon")]
        if self._session.phase is Phase.CLOSED:
            self._perform(refusal)
            return
        if account is None:
            # The user name is not logged: whatever somebody typed there need not be a device's id.
            _log.warning("mqtt_credentials_refused")
            self._perform(self._session.denied(Reason.NOT_AUTHORIZED))
            return
        self._account, self._checked_s = account, self._loop.time()
        self.key = (account.device, action.client_id)
        self._endpoint.take_over(self)
        self._perform(self._session.accepted())
        self._watch_keep_alive()
        self.release(Hold.REGISTRY)

    async def _check_again(self, device: str) -> None:
        """A revocation, a new password or a new claim holds from the next packet on."""
        while self._session.phase is Phase.OPEN:
            try:
                account = await self._endpoint.directory.account(device)
            except PartnerError as error:
                _log.warning("registry_unreachable", code=error.code, error=error.message)
                await asyncio.sleep(_REGISTRY_RETRY_S)
                continue
            if account is None:
                self.end(Reason.NOT_AUTHORIZED, "the device was revoked; `vitalstream device add` registers it")
                return
            if self._account is not None and account.credential != self._account.credential:
                self.end(Reason.NOT_AUTHORIZED, "the device has a new password; connect with that one")
                return
            self._account, self._checked_s = account, self._loop.time()
            self.release(Hold.REGISTRY)
            return

    # ------------------------------------------------------------ time

    def _start_timer(self, after_s: float, callback: Callable[[], None]) -> None:
        """A connection has one timer: for CONNECT, then for its keep-alive, then for hanging up."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(after_s, callback)

    def _connect_timed_out(self) -> None:
        self.end(Reason.KEEP_ALIVE_TIMEOUT, "no CONNECT in time")

    def _watch_keep_alive(self) -> None:
        """From the welcome on; a keep-alive of 0 is none."""
        if self._timer is not None:
            self._timer.cancel()
        if self._session.keep_alive_s:
            self._start_timer(self._session.keep_alive_s * _KEEP_ALIVE_GRACE, self._keep_alive_due)

    def _keep_alive_due(self) -> None:
        allowed_s = self._session.keep_alive_s * _KEEP_ALIVE_GRACE
        now_s = self._loop.time()
        if self._held:
            self._heard_s = now_s  # it is we who don't listen
        silent_s = now_s - self._heard_s
        if silent_s >= allowed_s:
            self.end(Reason.KEEP_ALIVE_TIMEOUT, f"nothing heard for {silent_s:.0f} s")
        else:
            self._start_timer(allowed_s - silent_s, self._keep_alive_due)
