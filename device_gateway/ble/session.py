"""Runs one device's session: the table in states.py, its operations on bleak and BlueZ, its deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from bleak.backends.device import BLEDevice

from device_gateway.ble import clock as clocks
from device_gateway.ble.bounds import Bounds
from device_gateway.ble.faults import BLUETOOTH_FAULTS, BluezRefused, code_of
from device_gateway.ble.link import Link
from device_gateway.ble.outbox import Outbox
from device_gateway.ble.profiles import (
    BATTERY,
    CURRENT_TIME,
    FIRMWARE,
    MEASUREMENTS,
    MODEL,
    SERIAL,
    STREAMS,
    DeviceFacts,
    KnownDevice,
    text,
)
from device_gateway.ble.reports import Deliver, Described, Moved, Report, Trouble
from device_gateway.ble.scanner import Scanner
from device_gateway.ble.states import Action, Event, Kind, Phase, State, step
from device_gateway.ble.watch import BluezWatch

#: Frames wait in these: the link may be up, and the clock that belongs to it is not known yet.
_CLOCK_PENDING: Final = frozenset({Phase.CONNECTING, Phase.SUBSCRIBING, Phase.READING_CLOCK, Phase.SETTING_CLOCK})

#: The radio is this session's in these: closing a failed connect keeps BlueZ busy too.
_WITH_RADIO: Final = frozenset({Phase.SEEN, Phase.CONNECTING, Phase.DISCONNECTING})

#: For an operation that was cancelled to clean up (bleak cancels a connect by a call of its own) before it is cancelled
#: for good; as long as BlueZ takes for an orderly end of a link, and some more.
_CANCEL_S: Final = 3.0
_CANCELS: Final = 2

#: Told once until read: they may come faster than they are read. The others change what is so, and keep their order.
_TOLD_ONCE: Final = frozenset({Kind.ADVERTISED, Kind.NOTIFIED, Kind.CONGESTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all sessions of an adapter share. `now_us` is the wall clock, UTC microseconds."""

    watch: Callable[[], BluezWatch | None]
    scanner: Scanner
    lookup: Callable[[str], KnownDevice | None]
    deliver: Deliver
    report: Callable[[Report], None]
    bounds: Bounds
    now_us: Callable[[], int]


class Session:
    """One device by its address; `run` until it has ended."""

    def __init__(self, address: str, known: KnownDevice, around: Surroundings) -> None:
        self.device_id = known.device_id
        self._address = address
        self._zone = known.zone
        self._around = around
        self._state = State()
        self._inbox: asyncio.Queue[tuple[int | None, Event]] = asyncio.Queue()
        self._pending: set[Kind] = set()
        self._operation: asyncio.Task[None] | None = None
        self._serial = 0
        self._has_radio = False
        self._device: BLEDevice | None = None
        self._facts = DeviceFacts()
        self._link = Link(known.device_id, lambda: self.post(Kind.LINK_LOST))
        self._outbox = Outbox(known.device_id, around.deliver, around.bounds, around.report)

    def heard(self, device: BLEDevice, rssi_dbm: int) -> None:
        """An advertisement of this device."""
        self._device = device
        if self._state.phase is Phase.AWAITING:
            self._describe(replace(self._facts, rssi_dbm=rssi_dbm))
        self.post(Kind.ADVERTISED)

    def post(self, kind: Kind) -> None:
        """Tells the session of something."""
        if kind in self._pending:
            return
        if kind in _TOLD_ONCE:
            self._pending.add(kind)
        self._inbox.put_nowait((None, Event(kind)))

    async def run(self) -> None:
        """Until the session has ended; then every frame is delivered or reported, and nothing is left open."""
        # A fault in delivering ends the session, and the gateway with it.
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(self._outbox.run())
            try:
                while self._state.phase is not Phase.ENDED:
                    event = await self._next()
                    if event is not None:
                        self._take(event)
                await self._outbox.flush()
            finally:
                delivering.cancel()
                await self._end_operation(self._operation)
                await self._link.close()
                self._release_radio()

    async def _next(self) -> Event | None:
        """The next event; None for the end of an operation that nobody waits for any more."""
        try:
            async with asyncio.timeout_at(self._state.deadline_s):
                serial, event = await self._inbox.get()
        except TimeoutError:
            return Event(Kind.TIMED_OUT)
        if serial is None:
            self._pending.discard(event.kind)
        elif serial != self._serial:
            return None
        return event

    def _take(self, event: Event) -> None:
        before = self._state.phase
        if event.kind is Kind.TIMED_OUT and before is not Phase.BACKING_OFF:
            self._trouble(f"timed-out-{before.value.replace(' ', '-')}")
        now_s = asyncio.get_running_loop().time()
        self._state, actions = step(self._state, event, now_s, self._around.bounds)
        phase = self._state.phase
        for action in actions:
            self._act(action)
        if phase is before:
            return
        self._outbox.hold(phase in _CLOCK_PENDING)
        self._settle_radio()
        self._around.report(Moved(self.device_id, phase.value))

    def _act(self, action: Action) -> None:
        """Starts an action's operation in place of the one that runs."""
        old, self._operation = self._operation, None
        self._serial += 1
        operations: dict[Action, Callable[[], Coroutine[Any, Any, Event]]] = {
            Action.ASK_TURN: self._ask_turn,
            Action.CONNECT: self._connect,
            Action.SUBSCRIBE: self._subscribe,
            Action.READ_CLOCK: self._read_clock,
            Action.SET_CLOCK: self._set_clock,
            Action.READ_DETAILS: self._read_details,
            Action.CLOSE: self._close,
            Action.ABANDON: _nothing,
        }
        self._operation = asyncio.create_task(self._operate(operations[action], old, self._serial))

    async def _operate(
        self, operation: Callable[[], Coroutine[Any, Any, Event]], old: asyncio.Task[None] | None, serial: int
    ) -> None:
        await self._end_operation(old)
        try:
            event = await operation()
        except BLUETOOTH_FAULTS as fault:
            if serial == self._serial:
                self._trouble(code_of(fault))
            event = Event(Kind.FAILED)
        self._settle_radio()
        self._inbox.put_nowait((serial, event))

    async def _end_operation(self, operation: asyncio.Task[None] | None) -> None:
        """Cancels and waits, as often as is sensible; an operation that resists is left to itself."""
        for _ in range(_CANCELS):
            if operation is None or operation.done():
                return
            operation.cancel()
            await asyncio.wait({operation}, timeout=_CANCEL_S)
        if operation is not None and not operation.done():
            self._trouble("operation-stuck")

    async def _ask_turn(self) -> Event:
        await self._around.scanner.acquire()
        self._has_radio = True
        return Event(Kind.GRANTED)

    async def _connect(self) -> Event:
        adapter = self._watch().up
        if adapter is None or self._device is None:
            raise BluezRefused("NotReady")
        await self._link.connect(self._device, adapter)
        streams = any(uuid in self._link.found for uuid in STREAMS)
        return Event(Kind.CONNECTED, streams=streams, has_clock=CURRENT_TIME in self._link.found)

    async def _subscribe(self) -> Event:
        """First of all: a cuff sends what it has and goes to sleep."""
        wanted = [uuid for uuid in MEASUREMENTS if self._link.notifies(uuid)]
        if not wanted:
            raise BluezRefused("NotSupported")
        for uuid in wanted:
            await self._hold(uuid)
        return Event(Kind.DONE)

    async def _read_clock(self) -> Event:
        face_us = clocks.parse(await self._link.read(CURRENT_TIME))
        right_us = clocks.right_face_us(self._around.now_us(), self._refreshed_zone())
        self._outbox.clock = clocks.compared(self._outbox.clock, face_us, right_us)
        settable = self._zone is not None and "write" in self._link.found[CURRENT_TIME].characteristic.properties
        return Event(Kind.DONE, clock_wrong=settable and clocks.needs_setting(self._outbox.clock))

    async def _set_clock(self) -> Event:
        """Sets and reads back: some devices say that they have done it and have not."""
        face_us = clocks.right_face_us(self._around.now_us(), self._zone)
        await self._link.write(CURRENT_TIME, clocks.encode(face_us))
        shown_us = clocks.parse(await self._link.read(CURRENT_TIME))
        right_us = clocks.right_face_us(self._around.now_us(), self._zone)
        if shown_us is None or abs(right_us - shown_us) > clocks.SET_BEYOND_US:
            self._trouble("clock-not-set")
        else:
            self._outbox.clock = self._outbox.clock._replace(set_face_us=face_us)
        return Event(Kind.DONE)

    async def _read_details(self) -> Event:
        """Battery and name plate, each if it can be had; a battery that reports by itself is held after it was read,
        because BlueZ shows a value that was read as a notification too."""
        if BATTERY in self._link.found:
            self._watch().release(self._link.found[BATTERY].path)
            value = await self._read_if_possible(BATTERY)
            if value is not None:
                self._outbox.put(BATTERY, value, self._around.now_us())
            if self._link.notifies(BATTERY):
                await self._hold(BATTERY)
        said = {
            uuid: await self._read_if_possible(uuid) for uuid in (MODEL, SERIAL, FIRMWARE) if uuid in self._link.found
        }
        model, serial, firmware = (text(said.get(uuid) or b"") for uuid in (MODEL, SERIAL, FIRMWARE))
        self._describe(replace(self._facts, model=model, serial=serial, firmware=firmware))
        return Event(Kind.DONE)

    async def _read_if_possible(self, uuid: str) -> bytes | None:
        try:
            async with asyncio.timeout(self._around.bounds.read_s):
                return await self._link.read(uuid)
        except BLUETOOTH_FAULTS as fault:
            self._trouble(code_of(fault))
            return None

    async def _close(self) -> Event:
        await self._link.close()
        return Event(Kind.CLOSED)

    async def _hold(self, uuid: str) -> None:
        await self._watch().hold(self._link.found[uuid].path, partial(self._on_value, uuid))

    def _on_value(self, uuid: str, value: bytes) -> None:
        """A notification or indication, wherever the session stands: BlueZ has confirmed it to the device."""
        if self._around.lookup(self._address) is None:
            self._around.report(Trouble(self.device_id, "device-not-known", frames_lost=1))
            self.post(Kind.STOP)
            return
        self._outbox.zone = self._zone
        self._outbox.put(uuid, value, self._around.now_us())
        self.post(Kind.CONGESTED if self._outbox.congested else Kind.NOTIFIED)

    def _refreshed_zone(self) -> str | None:
        known = self._around.lookup(self._address)
        self._zone = self._outbox.zone = None if known is None else known.zone
        return self._zone

    def _describe(self, facts: DeviceFacts) -> None:
        if facts != self._facts:
            self._facts = facts
            self._around.report(Described(self.device_id, facts))

    def _trouble(self, code: str) -> None:
        self._around.report(Trouble(self.device_id, code))

    def _watch(self) -> BluezWatch:
        watch = self._around.watch()
        if watch is None:
            raise BluezRefused("ServiceUnknown")
        return watch

    def _settle_radio(self) -> None:
        if self._state.phase not in _WITH_RADIO:
            self._release_radio()

    def _release_radio(self) -> None:
        if self._has_radio:
            self._has_radio = False
            self._around.scanner.release()


async def _nothing() -> Event:
    """What is left after abandoning: a phase that waits for something else ignores it."""
    return Event(Kind.DONE)
