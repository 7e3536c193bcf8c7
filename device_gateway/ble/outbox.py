"""A device's frames on their way to the intake: in order, bounded, each one delivered or counted as lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from device_gateway.ble.bounds import Bounds
from device_gateway.ble.clock import DeviceClock, right_face_us
from device_gateway.ble.reports import Deliver, Frame, Report, Trouble
from device_gateway.decoders.registry import decoder
from vitals.errors import DecodeError, PartnerError


class Outbox:
    """Queue and worker of one device.

    While `held`, frames wait: those that come before the clock was read (BlueZ has them before we are told of the link)
    are delivered with the clock that follows. `clock` and `zone` are read for each frame as it leaves.
    """

    def __init__(self, device_id: str, deliver: Deliver, bounds: Bounds, report: Callable[[Report], None]) -> None:
        self.clock = DeviceClock()
        self.zone: str | None = None
        self._device_id = device_id
        self._deliver = deliver
        self._bounds = bounds
        self._report = report
        self._frames: deque[tuple[str, bytes, int]] = deque()
        self._held = False
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def congested(self) -> bool:
        """Whether so much waits that the device should be told to keep its readings: its link is closed."""
        return 2 * len(self._frames) >= self._bounds.queue_frames

    def hold(self, held: bool) -> None:
        """Whether frames wait for the clock."""
        if held != self._held:
            self._held = held
            self._changed.set()

    def put(self, uuid: str, value: bytes, received_us: int) -> None:
        """Queues a frame; one that finds the queue full is lost, counted and reported as `queue-full`."""
        if len(self._frames) >= self._bounds.queue_frames:
            self._report(Trouble(self._device_id, "queue-full", frames_lost=1))
            return
        self._frames.append((uuid, value, received_us))
        self._empty.clear()
        self._changed.set()

    async def run(self) -> None:
        """Delivers until cancelled."""
        while True:
            self._changed.clear()
            while self._frames and not self._held:
                await self._hand_over(self._framed(*self._frames[0]))
                self._frames.popleft()
            if not self._frames:
                self._empty.set()
            await self._changed.wait()

    async def flush(self) -> None:
        """Waits until the queue is empty, `flush_s` at most; what then is left is reported as `undelivered`."""
        self.hold(False)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.flush_s):
                await self._empty.wait()
        if self._frames:
            self._report(Trouble(self._device_id, "undelivered", frames_lost=len(self._frames)))

    def _framed(self, uuid: str, value: bytes, received_us: int) -> Frame:
        offset_us = self.clock.offset_for(_face_us(uuid, value), right_face_us(received_us, self.zone))
        return Frame(self._device_id, uuid, value, received_us, offset_us)

    async def _hand_over(self, frame: Frame) -> None:
        wait_s = self._bounds.retry_first_s
        while True:
            try:
                return await self._deliver(frame)
            except PartnerError as error:
                self._report(Trouble(self._device_id, error.code))
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._bounds.retry_max_s)


def _face_us(uuid: str, value: bytes) -> int | None:
    """The device time in a frame; None for what has none, or can't be decoded (the intake says why)."""
    try:
        return decoder(uuid)(value)[0].local_us
    except DecodeError:
        return None
