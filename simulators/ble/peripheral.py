"""A Bluetooth device as its radio sees it: a table of characteristics, a memory, a clock and a script of faults.

Nothing of D-Bus here, and no timers: whoever plays the device calls `take`, the adapter calls the methods that begin
with `on_`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from simulators.ble import faults
from simulators.ble.clock import Clock
from simulators.encoders import gatt

#: What a device measured: the quantities of its kind by name; None is a value that it could not measure.
Values = Mapping[str, float | None]
#: From values and the face of the device's clock to characteristic and frame.
Encode = Callable[[Values, datetime | None], tuple[str, bytes]]

#: Records that a device keeps before it forgets the oldest, as cuffs for the home do.
_MEMORY_RECORDS = 250


@dataclass(slots=True)
class Characteristic:
    """`uuid` is four hex digits, `flags` as BlueZ names them: read, write, notify, indicate."""

    uuid: str
    flags: tuple[str, ...]
    value: bytes = b""


@dataclass(frozen=True, slots=True)
class Service:
    """One primary service; `uuid` is four hex digits."""

    uuid: str
    characteristics: tuple[Characteristic, ...]


class Adapter(Protocol):
    """What a peripheral asks of the other end's radio."""

    def on_value(self, peripheral: Peripheral, uuid: str, frame: bytes) -> None:
        """A notification or an indication; the other end confirms every one."""

    def on_dropped(self, peripheral: Peripheral) -> None:
        """The device closed the link."""

    def on_awake(self, peripheral: Peripheral) -> None:
        """The device began to advertise."""


@dataclass(slots=True)
class Peripheral:
    """One device. Those with a memory (`keeps`) send what they keep once somebody subscribes; others only live values.

    `window_s`: how long it advertises after a measurement, or until its memory is empty; None: whenever it is not
    connected.
    """

    address: str
    name: str
    services: tuple[Service, ...]
    encode: Encode
    advertised: tuple[str, ...] = ()
    keeps: bool = False
    window_s: float | None = None
    clock: Clock = field(default_factory=Clock)
    faults: faults.Faults = faults.NONE
    rssi: int = -60
    reachable: bool = True
    linked: bool = False
    sent: int = 0
    subscribed: set[str] = field(default_factory=set)
    memory: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=_MEMORY_RECORDS))
    adapter: Adapter | None = None
    _started: float = field(default_factory=time.monotonic)
    _awake_until: float = 0.0
    _links: int = 0
    _on_link: int = 0
    _taken: int = 0

    def characteristic(self, uuid: str) -> Characteristic:
        """The characteristic of four hex digits; KeyError when the device has none."""
        for service in self.services:
            for one in service.characteristics:
                if one.uuid == uuid:
                    return one
        raise KeyError(uuid)

    # What the device does by itself.

    def take(self, values: Values, at_s: float | None = None) -> None:
        """Measures at an instant (UTC seconds, default now) and sends or keeps it, as devices of this kind do."""
        self._taken += 1
        if self._taken in self.faults.not_a_number:
            values = dict.fromkeys(values)
        uuid, frame = self.encode(values, self.clock.face(time.time() if at_s is None else at_s))
        if self._taken in self.faults.truncated:
            frame = frame[:-1]
        if self.keeps:
            self.memory.append((uuid, frame))
            self._wake()
            self.flush()
        elif self.linked and uuid in self.subscribed:
            self.send(uuid, frame)

    def remember(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Puts characteristics and frames into the memory, oldest first, as if measured before."""
        self.memory.extend(frames)
        self._wake()
        self.flush()

    def flush(self) -> None:
        """Sends what is in memory, oldest first, as far as it is subscribed to and the link lasts."""
        while self.linked and self.memory and self.memory[0][0] in self.subscribed:
            self.send(*self.memory.popleft())
            if not self.memory:
                self._awake_until = 0.0

    def send(self, uuid: str, frame: bytes) -> None:
        """One notification or indication, subscribed to or not; the link must be up."""
        assert self.linked and self.adapter is not None, "only a connected device can send"
        self.sent += 1
        self._on_link += 1
        self.adapter.on_value(self, uuid, frame)
        limits = self.faults.drop_after
        if self._links <= len(limits) and self._on_link >= limits[self._links - 1]:
            self.drop()

    def drop(self) -> None:
        """Closes the link, if there is one."""
        if self.linked and self.adapter is not None:
            self.adapter.on_dropped(self)

    def leave(self) -> None:
        """Goes out of reach: no link, no advertisements."""
        self.reachable = False
        self.drop()

    def come_back(self) -> None:
        """Is in reach again."""
        self.reachable = True
        self._wake()

    def _wake(self) -> None:
        if self.window_s is not None and self.memory:
            self._awake_until = time.monotonic() + self.window_s
        if self.adapter is not None and self.advertises():
            self.adapter.on_awake(self)

    # What the other end's radio notices and does.

    def advertises(self) -> bool:
        """Whether it can be seen and connected to now."""
        now = time.monotonic()
        silent = any(begin <= now - self._started < end for begin, end in self.faults.silent)
        awake = self.window_s is None or now < self._awake_until
        return self.reachable and not self.linked and awake and not silent

    def on_linked(self) -> None:
        """The link is up; nobody has subscribed yet."""
        self.linked = True
        self._links += 1
        self._on_link = 0
        if self.faults.drop_after[self._links - 1 : self._links] == (0,):
            self.drop()
        elif self.faults.early and self.memory:
            self.send(*self.memory.popleft())

    def on_unlinked(self) -> None:
        """The link is down, whoever closed it; subscriptions don't outlive it."""
        self.linked = False
        self.subscribed.clear()

    def on_subscribed(self, uuid: str, subscribed: bool) -> None:
        """Somebody wrote the characteristic's configuration."""
        if subscribed:
            self.subscribed.add(uuid)
            self.flush()
        else:
            self.subscribed.discard(uuid)

    def on_read(self, uuid: str) -> bytes:
        """The value that a read answers."""
        if uuid == gatt.CURRENT_TIME:
            return gatt.current_time(self.clock.face(time.time()))
        return self.characteristic(uuid).value

    def on_write(self, uuid: str, value: bytes) -> None:
        """A write; the current time sets the clock, where that can be set."""
        if uuid == gatt.CURRENT_TIME:
            self.clock.set(gatt.read_current_time(value), time.time())
        else:
            self.characteristic(uuid).value = value
