"""The processor: a group of journal records in, one transaction out. Order of the stages and nothing else.

Stages: lay out, obey commands, attribute, forward, dedupe, chart, evaluate. What it remembers (heads of series, the
engine's state) is a copy of what is stored: after any failure it is dropped and read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams import attribute, dedupe, group, repair, rows
from streams.evaluate import Evaluated, evaluate
from streams.group import Columns, Group, Ints, Mask
from streams.repair import Repaired
from vitals.events import AlertChange
from vitals.identity import SHARD_COUNT
from vitals.ports.alerting import AlertEngine
from vitals.ports.chart import (
    OBSERVATION,
    Chart,
    Due,
    Effects,
    Head,
    IdentityKey,
    Known,
    Quarantined,
    ShardProgress,
    Unit,
)
from vitals.ports.journal import JournalRecord, Lease
from vitals.reading import NONE, Flag

#: Series heads kept in memory; past it all are forgotten and read again on demand (about 200 bytes each).
HEADS_MAX = 200_000

#: Patients whose silence is evaluated in one transaction: as many as a large group of readings brings.
TICKED_MAX = 500

POISONED = ("poisoned", "the reading could not be processed; it is kept here, please report it with its raw bytes")

UNMARKED = Flag(0)
#: One row of the journal: (shard, offset, row); a command is row 0 of its record.
Place = tuple[int, int, int]

_NO_ROWS = np.zeros(0, OBSERVATION)


class Rehearsed(Exception):
    """A rehearsal went through and was rolled back."""


@dataclass(slots=True)
class Applied:
    """What a committed group did, for counters and logs; no values. `refused`: (shard, offset) of commands passed."""

    readings: int = 0
    observations: int = 0
    duplicates: int = 0
    quarantined: int = 0
    forwarded: int = 0
    alerts: Sequence[AlertChange] = field(default=())
    refused: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """Dedupe's answer: row masks over the group's columns, and the columns with counter runs settled."""

    new: Mask
    duplicate: Mask
    conflict: Mask
    columns: Columns


class Processor:
    """Applies groups through a Chart. One instance a process; not reentrant: one committer calls it."""

    def __init__(self, chart: Chart, engine: AlertEngine, lateness_us: int, mark: Flag = UNMARKED) -> None:
        """`mark` is set on every reading that is charted (TEST_DATA in a simulation)."""
        self._chart = chart
        self._engine = engine
        self._lateness_us = lateness_us
        self._mark = int(mark)
        self._heads: dict[tuple[int, int], Head] = {}

    def drop(self) -> None:
        """Forgets everything that is a copy of what is stored."""
        self._heads.clear()
        self._engine.drop(None)

    async def apply(
        self,
        records: Sequence[JournalRecord],
        epochs: dict[int, int],
        now_us: int,
        poisoned: Collection[Place] = frozenset(),
        *,
        rehearse: bool = False,
    ) -> Applied:
        """Applies records (in shard and offset order) in one transaction.

        `epochs` is the owner's epoch a shard; rows in `poisoned` go to quarantine untouched, commands in it are passed;
        `rehearse` does everything and rolls back. Raises what the chart raises; nothing is kept then and the caller
        must `drop`.
        """
        laid = group.lay_out(records)
        async with self._chart.transaction() as unit:
            effects, applied, heads = await self._decide(unit, laid, epochs, now_us, poisoned)
            await unit.write(effects)
            if rehearse:
                raise Rehearsed
        if len(self._heads) + len(heads) > HEADS_MAX:
            self._heads.clear()
        self._heads.update(heads)
        return applied

    async def due(self, shards: Collection[int], now_us: int, without: Collection[int]) -> list[Due]:
        """Patients of these shards whose silence is to be looked at now, at most TICKED_MAX, none of `without`."""
        async with self._chart.transaction() as unit:
            return await unit.due(shards, now_us, TICKED_MAX, without)

    async def tick(self, due: Sequence[Due], held: Mapping[int, Lease], now_us: int) -> Applied:
        """Evaluates the silence of patients up to `now_us`, in one transaction that moves no offset.

        All that was received up to then must have been applied, and their shards be in `held`. Raises what the chart
        raises; nothing is kept then and the caller must `drop`.
        """
        progress = [
            ShardProgress(shard, held[shard].epoch, held[shard].next_offset, held[shard].next_offset, 0, 0, 0)
            for shard in sorted({one.shard for one in due})
        ]
        samples = rows.samples(_NO_ROWS, _NO_ROWS)
        async with self._chart.transaction() as unit:
            keys = [one.patient_key for one in due]
            found = await evaluate(unit, self._engine, samples, keys, now_us, tick=True)
            # Whatever the rules say of a patient, the deadline that woke us is over.
            deadlines = dict.fromkeys(keys) | dict(found.deadlines)
            await unit.write(Effects(progress, _NO_ROWS, _NO_ROWS, alerts=found.alerts, deadlines=deadlines))
        return Applied(alerts=found.alerts)

    async def beat(self, now_us: int) -> None:
        """Says that readings are being processed."""
        async with self._chart.transaction() as unit:
            await unit.beat(now_us)

    async def _decide(
        self, unit: Unit, laid: Group, epochs: dict[int, int], now_us: int, poisoned: Collection[Place]
    ) -> tuple[Effects, Applied, dict[tuple[int, int], Head]]:
        bad = np.zeros(len(laid.columns), np.bool_)
        if poisoned:
            places = zip(laid.shard.tolist(), laid.offset.tolist(), laid.row.tolist(), strict=True)
            bad[:] = [place in poisoned for place in places]
        good = (laid.columns["reason"] == 0) & ~bad
        names = group.texts(laid.names, laid.columns["device"][good])
        repaired = await self._repair(unit, laid, names, now_us, poisoned)
        devices = await unit.devices(names)
        owned = attribute.attribute(laid.columns, laid.names, laid.shard, good, devices)
        lost = np.zeros(len(good), np.bool_)
        lost[list(owned.reasons)] = True
        away = good & ~lost & (owned.shard != laid.shard)
        judged = await self._judge(unit, laid, owned, good & ~lost & ~away)
        charted, status = await self._chart_rows(unit, laid, owned, judged)
        found = await self._evaluate(unit, charted, status, repaired, now_us)
        quarantined = self._quarantine(laid, owned, judged, bad)
        forward = {
            int(shard): laid.extract(np.flatnonzero(away & (owned.shard == shard)))
            for shard in np.unique(owned.shard[away])
        }
        effects = Effects(
            progress=_progress(laid, epochs, judged.duplicate, away),
            observations=charted,
            device_status=status,
            quarantined=quarantined,
            alerts=found.alerts,
            forward=forward,
            commands=repaired.commands,
            deadlines=found.deadlines,
            replayed=repaired.replayed,
        )
        applied = Applied(
            readings=sum(span.readings for span in laid.spans),
            observations=len(charted),
            duplicates=int(judged.duplicate.sum()),
            quarantined=len(quarantined),
            forwarded=int(away.sum()),
            alerts=found.alerts,
            refused=repaired.refused,
        )
        return effects, applied, self._advance(charted, status)

    async def _judge(self, unit: Unit, laid: Group, owned: attribute.Attribution, here: Mask) -> _Judged:
        """Dedupe of the rows that belong `here`: columnar above the heads, one look-up for all others."""
        index = np.flatnonzero(here)
        part = laid.columns[index]
        keys = dedupe.Keys(
            owned.device[index],
            part["metric"].astype(np.int64),
            part["device_time_ns"].astype(np.int64),
            part["sequence"].astype(np.int64),
        )
        settled = owned.settled[index]
        await self._load_heads(unit, keys, settled)
        fast = settled & dedupe.above_heads(keys, self._heads) & ~dedupe.repeated(keys)
        new, duplicate, conflict = (np.zeros(len(here), np.bool_) for _ in range(3))
        new[index[fast]] = True
        columns = laid.columns
        slow = np.flatnonzero(~fast).tolist()
        if slow:
            columns = columns.copy()
            wanted: set[IdentityKey] = set()
            for i in slow:
                key = keys.at(i)
                wanted.update(dedupe.runs_of(key) if key[2] == NONE else (key,))
            charted: dict[IdentityKey, Known] = dict(await unit.known(wanted))
            for i in slow:
                at = index[i]
                verdict, run = dedupe.judge(keys.at(i), dedupe.known_of(laid.columns, int(at)), charted)
                {dedupe.Verdict.NEW: new, dedupe.Verdict.DUPLICATE: duplicate}.get(verdict, conflict)[at] = True
                if verdict is dedupe.Verdict.NEW and run:
                    columns["device_time_ns"][at] = NONE + run
                    columns["flags"][at] |= int(Flag.COUNTER_RESTART)
        return _Judged(new, duplicate, conflict, columns)

    async def _load_heads(self, unit: Unit, keys: dedupe.Keys, settled: Mask) -> None:
        series = [divmod(code, dedupe.METRICS_MAX) for code in np.unique(dedupe.series_of(keys)[settled]).tolist()]
        missing = [one for one in series if one not in self._heads]
        if missing:
            stored = await unit.heads(missing)
            self._heads.update({one: stored.get(one, dedupe.NO_HEAD) for one in missing})

    async def _chart_rows(
        self, unit: Unit, laid: Group, owned: attribute.Attribution, judged: _Judged
    ) -> tuple[Columns, Columns]:
        index = np.flatnonzero(judged.new)
        part = judged.columns[index]
        rows.too_late(part, self._lateness_us)
        part["flags"] |= self._mark
        names = group.texts(laid.names, part["gateway"])
        gateways = await unit.gateways(names)
        by_index = np.array([gateways.get(name, 0) for name in laid.names], np.int64)
        patient = owned.patient[index]
        table = rows.observations(
            part,
            device=owned.device[index],
            patient=patient,
            gateway=by_index[part["gateway"]] if len(part) else patient,
            place=(laid.shard[index], laid.offset[index], laid.row[index]),
            names=(rows.device_ids(laid.names, part["device"]), rows.patient_ids(owned.patients, patient)),
        )
        status = owned.status[index]
        # Device status is rare, and a copy of the table is not free.
        return (table[~status], table[status]) if status.any() else (table, table[:0])

    async def _repair(
        self, unit: Unit, laid: Group, devices: Collection[str], now_us: int, poisoned: Collection[Place]
    ) -> Repaired:
        """Obeys the group's commands; everything that is read after the locks is as the last owner left it."""
        want = repair.wanted(laid.commands, poisoned, now_us)
        if not want:
            return Repaired(refused=want.refused)
        if want.corrected or want.devices:
            # With `devices`, which dedupe locks later: in one call nobody waits in a circle.
            await unit.lock(want.devices.union(devices), want.corrected)
        repaired = await repair.obey(unit, want, {span.shard for span in laid.spans})
        for patient, from_us in repaired.again.items():
            self._engine.reexamine(patient, from_us)
        return repaired

    async def _evaluate(
        self, unit: Unit, charted: Columns, status: Columns, repaired: Repaired, now_us: int
    ) -> Evaluated:
        samples = rows.samples(charted, status)
        patients = np.unique(samples["patient"]).tolist()
        return await evaluate(unit, self._engine, samples, {*patients, *repaired.again}, now_us)

    def _quarantine(
        self, laid: Group, owned: attribute.Attribution, judged: _Judged, bad: Mask
    ) -> Sequence[Quarantined]:
        undecoded = laid.columns["reason"] != 0
        rest = undecoded | bad | judged.conflict
        rest[list(owned.reasons)] = True
        result = []
        for i in np.flatnonzero(rest).tolist():
            record = None
            if undecoded[i]:
                code, message = laid.text_of(i, "reason"), laid.text_of(i, "message")
            else:
                code, message = POISONED if bad[i] else owned.reasons.get(i, dedupe.CONFLICT)
                record = laid.extract(np.array([i]))
            result.append(
                Quarantined(
                    device=laid.names[int(laid.columns["device"][i])],
                    reason=code,
                    message=message,
                    received_us=int(laid.columns["received_us"][i]),
                    raw=laid.raw_of(i),
                    record=record,
                    shard=int(laid.shard[i]),
                    offset=int(laid.offset[i]),
                    row=int(laid.row[i]),
                )
            )
        return result

    def _advance(self, charted: Columns, status: Columns) -> dict[tuple[int, int], Head]:
        """Heads of series after this group; entered only once it is committed.

        A series whose head was never read stays unread: its highest row could be an older one of the chart.
        """
        result: dict[tuple[int, int], Head] = {}
        for table in (charted, status):
            order = np.lexsort((table["sequence"], table["device_time_ns"], table["metric"], table["device"]))
            device, metric = table["device"][order], table["metric"][order]
            last: Ints = np.flatnonzero(np.append((device[1:] != device[:-1]) | (metric[1:] != metric[:-1]), True))
            for i in order[last].tolist() if len(table) else []:
                key = (int(table["device"][i]), int(table["metric"][i]))
                head = Head(int(table["device_time_ns"][i]), int(table["sequence"][i]))
                before = self._heads.get(key)
                if before is not None and _order(head) > _order(before):
                    result[key] = head
        return result


def _order(head: Head) -> tuple[int, int]:
    return head.device_time_ns, head.sequence


def _progress(laid: Group, epochs: dict[int, int], duplicate: Mask, away: Mask) -> list[ShardProgress]:
    duplicates = np.bincount(laid.shard[duplicate], minlength=SHARD_COUNT)
    forwarded = np.bincount(laid.shard[away], minlength=SHARD_COUNT)
    return [
        ShardProgress(
            shard=span.shard,
            epoch=epochs[span.shard],
            expected=span.expected,
            next_offset=span.next_offset,
            applied=span.readings,
            duplicates=int(duplicates[span.shard]),
            forwarded=int(forwarded[span.shard]),
        )
        for span in laid.spans
    ]
