"""From readings as sent to durable groups: repair the time, identify, collect by shard, append, acknowledge.

One loop appends one group at a time; while an append is under way the next group collects. A group waits at
least as long as the last one took to append (1 to 50 ms), so under load groups grow by themselves and a
commit is shared by thousands of readings, and when little comes in a reading waits a millisecond.

Nothing is dropped: a group that could not be appended is appended again until it is durable. Meanwhile what
is queued is bounded and `full` tells senders to wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

import structlog

from device_gateway.payloads.model import Parsed, Sent
from device_gateway.timestamps import repair
from vitals.errors import PartnerError
from vitals.identity import shard_of
from vitals.ports.devices import DeviceAccount
from vitals.ports.journal import JournalAppender
from vitals.reading import NONE, Flag, Reading
from vitals.wire import RecordBuilder, Rejected

#: A group waits this long at least (a burst of one connection fits) and at most (a person notices nothing
#: below 100 ms).
LINGER_MIN_S: Final = 0.001
LINGER_MAX_S: Final = 0.050

#: Readings of one group; beyond that a commit gets no cheaper per reading, only longer.
GROUP_READINGS_MAX: Final = 5_000

#: Raw bytes of one group, so that a record stays far below what a journal takes at once.
GROUP_RAW_MAX_B: Final = 4 * 1024 * 1024

#: What is queued at most: some 40,000 readings, seconds of work for the journal, a small share of a small
#: machine.
QUEUE_MAX_B: Final = 64 * 1024 * 1024

#: What one row costs in memory beside its raw bytes: a tuple of 22 with three inner tuples and its numbers,
#: measured 1.3 kB.
_ROW_B: Final = 1_500

#: Waits between attempts to append the same group: soon again after a hiccup, no hammering of a database
#: that starts.
_RETRY_FIRST_S: Final = 0.05
_RETRY_MAX_S: Final = 2.0

_NO_IDENTITY: Final = int(Flag.NO_IDENTITY)
_CLOCK_UNSET: Final = int(Flag.CLOCK_UNSET)

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Who waits for acknowledgements: a connection."""

    def durable(self, receipts: list[Any]) -> None:
        """The messages of these receipts are durable; in the order submitted."""
        ...


class Origin:
    """One connection as a source of identities for readings that have neither time nor sequence.

    `started_ns` names the connection: no two connections of a device may share it.
    """

    __slots__ = ("_counter", "started_ns")

    def __init__(self, started_ns: int) -> None:
        self.started_ns = started_ns
        self._counter = 0

    def next_sequence(self) -> int:
        """-1, -2, ...: never a device's own sequence, which starts at 0."""
        self._counter += 1
        return -self._counter


class _Group:
    """What one append makes durable."""

    __slots__ = ("builders", "opened_s", "queued_b", "raw_b", "readings", "receipts")

    def __init__(self, opened_s: float) -> None:
        self.opened_s = opened_s
        self.builders: dict[int, RecordBuilder] = {}
        self.receipts: dict[Sink, list[Any]] = {}
        self.readings = 0
        self.raw_b = 0
        self.queued_b = 0


class Intake:
    """The one way into the journal for everything that devices send.

    `gateway` names this gateway in every reading; `now_us` is the wall clock in UTC microseconds. `run` must
    run, in a task of the caller's, for anything to become durable.
    """

    def __init__(self, journal: JournalAppender, gateway: str, now_us: Callable[[], int]) -> None:
        self._journal = journal
        self._gateway = gateway
        self._now_us = now_us
        self._groups: deque[_Group] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._queued_b = 0
        self._waiting: list[Callable[[], None]] = []
        self._linger_s = LINGER_MIN_S

    @property
    def full(self) -> bool:
        """Whether senders must wait; `when_free` says until when."""
        return self._queued_b >= QUEUE_MAX_B

    def when_free(self, callback: Callable[[], None]) -> None:
        """Calls back once there is room again; a caller asks once at a time, so callers bound the list."""
        self._waiting.append(callback)

    def submit(self, account: DeviceAccount, origin: Origin, parsed: Parsed, sink: Sink, receipt: Any) -> int:
        """Queues the parts of one message; `sink.durable([receipt])` follows once all are durable.

        Returns the highest sequence among its readings, NONE when none has one.
        """
        raw, parts = parsed
        group = self._group(len(parts), len(raw))
        shard = _shard(account.shard_key)
        builder = group.builders.get(shard)
        if builder is None:
            builder = group.builders[shard] = RecordBuilder(self._gateway)
        received_us = self._now_us()
        first = builder.raw(raw)[0]
        highest = NONE
        for part in parts:
            place = (first + part.start, part.length)
            if isinstance(part, Sent):
                builder.reading(_reading(part, account, origin, received_us), place)
                highest = max(highest, part.sequence)
            else:
                builder.rejected(Rejected(account.device, part.reason, part.message, received_us), place)
        cost_b = len(raw) + len(parts) * _ROW_B
        group.queued_b += cost_b
        self._queued_b += cost_b
        group.receipts.setdefault(sink, []).append(receipt)
        return highest

    def _group(self, readings: int, raw_b: int) -> _Group:
        """The open group, or a new one when these readings would make it too big."""
        if self._groups:
            group = self._groups[-1]
            if group.readings + readings <= GROUP_READINGS_MAX and group.raw_b + raw_b <= GROUP_RAW_MAX_B:
                group.readings += readings
                group.raw_b += raw_b
                return group
        group = _Group(asyncio.get_running_loop().time())
        group.readings, group.raw_b = readings, raw_b
        self._groups.append(group)
        self._arrived.set()
        self._idle.clear()
        return group

    async def drain(self, timeout_s: float) -> bool:
        """Waits until everything submitted is durable; False when it isn't after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Appends group after group until cancelled. What was not acknowledged then, devices send again."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._groups:
                self._idle.set()
                self._arrived.clear()
                await self._arrived.wait()
            if len(self._groups) == 1:
                wait_s = self._groups[0].opened_s + self._linger_s - loop.time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
            group = self._groups.popleft()
            started_s = loop.time()
            await self._append({shard: builder.encode() for shard, builder in group.builders.items()})
            self._linger_s = min(max(loop.time() - started_s, LINGER_MIN_S), LINGER_MAX_S)
            self._queued_b -= group.queued_b
            for sink, receipts in group.receipts.items():
                sink.durable(receipts)
            if self._waiting and not self.full:
                waiting, self._waiting = self._waiting, []
                for callback in waiting:
                    callback()

    async def _append(self, records: dict[int, bytes]) -> None:
        wait_s = _RETRY_FIRST_S
        while True:
            try:
                return await self._journal.append(records)
            except PartnerError as error:
                # The same bytes again, for as long as it takes: if the first attempt did become durable, the
                # second one's readings have the same identities and are duplicates.
                _log.warning("journal_append_failed", code=error.code, error=error.message, retry_in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _RETRY_MAX_S)


_shard = lru_cache(maxsize=65_536)(shard_of)  # one entry a patient; a few megabytes at most


def _reading(sent: Sent, account: DeviceAccount, origin: Origin, received_us: int) -> Reading:
    flags = sent.flags
    repaired = repair(
        sent.time,
        received_us,
        account.zone,
        device_now_us=sent.device_now_us,
        unset=bool(flags & _CLOCK_UNSET),
    )
    flags |= repaired.flags
    device_time_ns, sequence = repaired.device_time_ns, sent.sequence
    if device_time_ns == NONE and sequence == NONE:
        device_time_ns, sequence = origin.started_ns, origin.next_sequence()
        flags |= _NO_IDENTITY
    return Reading(
        device=account.device,
        metric=sent.metric,
        values=sent.values,
        unit=sent.unit,
        measured_us=repaired.measured_us,
        received_us=received_us,
        device_time_ns=device_time_ns,
        sequence=sequence,
        offset_us=repaired.offset_us,
        utc_offset_min=repaired.utc_offset_min,
        earliest_us=repaired.earliest_us,
        latest_us=repaired.latest_us,
        flags=Flag(flags),
    )
