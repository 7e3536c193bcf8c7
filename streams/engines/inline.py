"""The inline engine: one asyncio loop reads the journal and commits group after group. For the PostgreSQL journal."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from streams.processor import POISONED, TICKED_MAX, Applied, Place, Processor, Rehearsed
from vitals import wire
from vitals.errors import PartnerError
from vitals.identity import SHARD_COUNT
from vitals.ports.chart import Due, ShardLost
from vitals.ports.journal import JournalReader, JournalRecord, Lease, ShardLeases

#: Bytes of records taken into one group: about 30,000 readings, some 0.3 s of work, so that a backlog stays responsive.
GROUP_BYTES_MAX = 6 * 1024 * 1024
#: How long to sleep for a wake-up; only a bound on a lost one, since every append wakes us.
WAIT_S = 1.0
#: A third of the lease, so that two renewals may fail before another owner may take over.
RENEW_EVERY_S = 3.0
#: Deadlines of silence are minutes and more; looking once a second is one small query.
TICK_EVERY_S = 1.0
#: A quarter of the hole that counts as blindness, so that two late ones are no hole.
BEAT_EVERY_S = 15.0
#: Back-off after a fault of the database: starts quick (a restart takes 0.1 s), stays bounded.
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 5.0

_log = structlog.get_logger("streams")


class InlineEngine:
    """Owns shards through leases and applies their records until it is told to stop or can't go on."""

    def __init__(
        self,
        journal: JournalReader,
        leases: ShardLeases,
        processor: Processor,
        now_us: Callable[[], int],
        on_applied: Callable[[Applied], None] = lambda applied: None,
    ) -> None:
        self._journal = journal
        self._leases = leases
        self._processor = processor
        self._now_us = now_us
        self._on_applied = on_applied
        self._held: dict[int, Lease] = {}
        self._beat_at = self._ticked_at = -math.inf
        self._unticked: set[int] = set()  # patients whose tick fails every time
        self.ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; gives the shards back at the end."""
        backoff_s = BACKOFF_FIRST_S
        renewed_at = 0.0
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            try:
                if loop.time() - renewed_at > RENEW_EVERY_S or not self._held:
                    await self._own()
                    renewed_at = loop.time()
                await self._round()
                backoff_s = BACKOFF_FIRST_S
            except (PartnerError, ShardLost) as error:
                # The outcome of a commit may be unknown: forget all and read offsets and epochs again.
                _log.warning("retrying", error=type(error).__name__, in_s=backoff_s)
                self._processor.drop()
                self._held.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        await self._give_back()

    async def _own(self) -> None:
        still = await self._leases.renew(self._held)
        for shard in set(self._held) - still:
            self._lose(shard)
        if len(self._held) < SHARD_COUNT:
            taken = await self._leases.acquire(set(range(SHARD_COUNT)) - set(self._held))
            if taken:
                self._processor.drop()
                self._held.update(taken)
                self._unticked.clear()
        if self._held:
            self.ready.set()

    def _lose(self, shard: int) -> None:
        del self._held[shard]
        self._processor.drop()
        _log.warning("shard lost", shard=shard)

    async def _give_back(self) -> None:
        try:
            await self._leases.release(self._held)
        except PartnerError as error:
            _log.info("leases run out by themselves", code=error.code)
        self._held.clear()

    async def _round(self) -> None:
        # Before the read: what was received up to this moment and is there has been applied when nothing comes.
        now_us = self._now_us()
        await self._beat(now_us)
        after = {shard: lease.next_offset for shard, lease in self._held.items()}
        records = await self._journal.read(after, GROUP_BYTES_MAX) if after else []
        if records:
            await self._commit(records)
        elif not await self._tick(now_us):
            await self._journal.wait(WAIT_S)

    async def _beat(self, now_us: int) -> None:
        """Says now and then that we see what comes in: a hole in it, also one of our own making, is blindness."""
        if self._held and asyncio.get_running_loop().time() - self._beat_at >= BEAT_EVERY_S:
            await self._processor.beat(now_us)
            self._beat_at = asyncio.get_running_loop().time()

    async def _tick(self, now_us: int) -> bool:
        """Evaluates silence where it is due, now that the journal is drained; whether there was any."""
        if not self._held or asyncio.get_running_loop().time() - self._ticked_at < TICK_EVERY_S:
            return False
        due = await self._processor.due(self._held, now_us, self._unticked)
        if due:
            await self._tick_all(due, now_us)
        if len(due) < TICKED_MAX:
            self._ticked_at = asyncio.get_running_loop().time()
        return bool(due)

    async def _tick_all(self, due: Sequence[Due], now_us: int) -> None:
        """Ticks patients, by halves around one whose tick fails."""
        try:
            applied = await self._processor.tick(due, self._held, now_us)
        except (PartnerError, ShardLost):
            raise
        except Exception as error:  # noqa: BLE001 - a top loop: one patient's silence must not hide the others'
            self._processor.drop()
            if len(due) > 1:
                await self._tick_all(due[: len(due) // 2], now_us)
                await self._tick_all(due[len(due) // 2 :], now_us)
            else:
                self._unticked.add(due[0].patient_key)
                _log.error("tick-failed", shard=due[0].shard, error=type(error).__name__)
        else:
            self._on_applied(applied)

    async def _commit(self, records: Sequence[JournalRecord], poisoned: frozenset[Place] = frozenset()) -> None:
        """Commits records, splitting by shard and record around what can't be processed."""
        epochs = {shard: lease.epoch for shard, lease in self._held.items()}
        mine = [record for record in records if record.shard in epochs]
        if not mine:
            return
        try:
            applied = await self._processor.apply(mine, epochs, self._now_us(), poisoned)
        except ShardLost as lost:
            self._processor.drop()
            for shard in lost.shards & set(self._held):
                self._lose(shard)
            await self._commit(mine, poisoned)
        except PartnerError:
            raise
        except Exception as error:  # noqa: BLE001 - a top loop: whatever it is, one poisoned reading must not stop its shard
            self._processor.drop()
            await self._split(mine, poisoned, error)
        else:
            for record in mine:
                self._held[record.shard] = Lease(epochs[record.shard], record.offset + 1)
            for shard, offset in applied.refused:
                _log.error("command-refused", shard=shard, offset=offset)
            self._on_applied(applied)

    async def _split(self, records: list[JournalRecord], poisoned: frozenset[Place], error: Exception) -> None:
        shards = {record.shard for record in records}
        if len(shards) > 1:
            for shard in sorted(shards):
                await self._commit([record for record in records if record.shard == shard])
        elif len(records) > 1:
            for record in records:
                await self._commit([record])
        elif poisoned:
            # Even with its culprits set aside the record fails: our own fault, and not one reading's.
            raise error
        else:
            only = records[0]
            culprits = await self._culprits(only)
            _log.error(
                POISONED[0], shard=only.shard, offset=only.offset, rows=len(culprits), error=type(error).__name__
            )
            await self._commit(records, culprits)

    async def _culprits(self, record: JournalRecord) -> frozenset[Place]:
        """The rows that make a record fail, found by rehearsing halves of it; all rows when it is none alone."""
        # A command has no rows and is one itself.
        rows = [(record.shard, record.offset, row) for row in range(max(1, wire.count_of(record.payload)))]

        async def fails(part: Sequence[Place]) -> bool:
            epochs = {record.shard: self._held[record.shard].epoch}
            kept = frozenset(part)
            rest = [place for place in rows if place not in kept]
            return await _rehearsal_fails(
                lambda: self._processor.apply([record], epochs, self._now_us(), frozenset(rest), rehearse=True),
                self._processor.drop,
            )

        found: list[Place] = []
        pending = [rows]
        while pending:
            part = pending.pop()
            if not part or not await fails(part):
                continue
            if len(part) == 1:
                found += part
            else:
                pending += [part[: len(part) // 2], part[len(part) // 2 :]]
        return frozenset(found or rows)


async def _rehearsal_fails(rehearse: Callable[[], Awaitable[Applied]], drop: Callable[[], None]) -> bool:
    try:
        await rehearse()
    except Rehearsed:
        return False
    except (PartnerError, ShardLost):
        raise
    except Exception:  # noqa: BLE001 - the question is whether it fails at all; the caller reports what failed first
        return True
    finally:
        drop()
    return False
