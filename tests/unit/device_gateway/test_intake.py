"""From readings as sent to durable groups, and acknowledgement after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from device_gateway import intake as intake_module
from device_gateway.intake import Intake, Origin
from device_gateway.payloads import json_payload
from tests.contract.gateway_fakes import MemoryJournal
from vitals import wire
from vitals.identity import shard_of
from vitals.ports.devices import DeviceAccount
from vitals.reading import NONE, Flag

NOW_US = 1_780_000_000_000_000
ACCOUNT = DeviceAccount("dev", "p1", "Europe/Berlin")


class Sink:
    """Remembers what was acknowledged, in order."""

    def __init__(self) -> None:
        self.receipts: list[Any] = []

    def durable(self, receipts: list[Any]) -> None:
        self.receipts += receipts


def rate(**more: Any) -> bytes:
    extra = "".join(f',"{key}":{value}' for key, value in more.items())
    return f'{{"metric":"heart_rate","value":72,"unit":"bpm"{extra}}}'.encode()


@asynccontextmanager
async def running(journal: MemoryJournal) -> AsyncIterator[Intake]:
    intake = Intake(journal, "gw", lambda: NOW_US)
    task = asyncio.create_task(intake.run())
    try:
        yield intake
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def submit(intake: Intake, payload: bytes, sink: Sink, receipt: object, account: DeviceAccount = ACCOUNT) -> int:
    return intake.submit(account, Origin(5_000), json_payload.parse(payload), sink, receipt)


async def test_a_reading_reaches_the_shard_of_its_patient_and_is_acknowledged_after() -> None:
    journal, sink = MemoryJournal(), Sink()
    journal.gate.clear()
    async with running(journal) as intake:
        highest = submit(intake, rate(at=1_779_999_999_000, seq=4), sink, "a")
        assert highest == 4
        await asyncio.sleep(0.02)
        assert sink.receipts == []
        journal.gate.set()
        assert await intake.drain(5)
    assert sink.receipts == ["a"]
    assert list(journal.shards) == [shard_of("p1")]
    ((record, row),) = journal.rows
    reading = wire.reading_of(record, row)
    assert (reading.device, reading.metric, reading.unit, reading.sequence) == ("dev", "heart_rate", "/min", 4)
    assert reading.measured_us == reading.earliest_us == NOW_US - 1_000_000
    assert (reading.received_us, reading.utc_offset_min) == (NOW_US, 120)
    assert record.strings[int(record.columns["gateway"][row])] == "gw"
    assert record.raw_of(row) == rate(at=1_779_999_999_000, seq=4)


async def test_what_can_not_become_a_reading_is_kept_with_its_bytes_beside_its_siblings() -> None:
    journal, sink = MemoryJournal(), Sink()
    async with running(journal) as intake:
        submit(intake, b"[" + rate() + b',{"metric":"x"},' + rate(seq=1) + b"]", sink, 1)
        submit(intake, b"garbage", sink, 2)
        assert await intake.drain(5)
    assert sink.receipts == [1, 2]
    reasons = [record.strings[int(record.columns["reason"][row])] for record, row in journal.rows]
    assert reasons == ["", "unknown-metric", "", "malformed-json"]
    raws = [record.raw_of(row) for record, row in journal.rows]
    assert raws == [rate(), b'{"metric":"x"}', rate(seq=1), b"garbage"]


async def test_a_reading_with_neither_time_nor_sequence_is_identified_by_connection_and_counter() -> None:
    journal, sink, origin = MemoryJournal(), Sink(), Origin(5_000)
    async with running(journal) as intake:
        for payload in (rate(), rate(seq=0), rate(at=0), rate()):
            intake.submit(ACCOUNT, origin, json_payload.parse(payload), sink, None)
        assert await intake.drain(5)
    readings = [wire.reading_of(record, row) for record, row in journal.rows]
    identities = [(reading.device_time_ns, reading.sequence) for reading in readings]
    assert identities == [(5_000, -1), (NONE, 0), (0, NONE), (5_000, -2)]
    assert readings[0].flags == Flag.NO_IDENTITY | Flag.NO_TIME
    assert readings[1].flags == Flag.NO_TIME
    assert readings[2].flags == Flag.CLOCK_UNSET


async def test_while_one_group_is_appended_the_next_collects() -> None:
    journal, sink = MemoryJournal(), Sink()
    journal.gate.clear()
    async with running(journal) as intake:
        submit(intake, rate(seq=0), sink, 0)
        await asyncio.sleep(0.02)
        for number in range(1, 50):
            submit(intake, rate(seq=number), sink, number, DeviceAccount(f"d{number}", f"p{number}", None))
        journal.gate.set()
        assert await intake.drain(5)
    assert len(journal.groups) == 2
    assert sink.receipts == list(range(50))


async def test_a_failed_append_is_repeated_unchanged_until_it_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "_RETRY_FIRST_S", 0.001)
    journal, sink = MemoryJournal(), Sink()
    journal.failures = 4
    async with running(journal) as intake:
        submit(intake, rate(), sink, "a")
        assert await intake.drain(5)
    assert journal.attempts == 5
    assert sink.receipts == ["a"]
    assert len(journal.rows) == 1


async def test_groups_are_bounded_and_keep_their_order() -> None:
    journal, sink = MemoryJournal(), Sink()
    array = b"[" + b",".join([rate(seq=1)] * 2_000) + b"]"
    async with running(journal) as intake:
        for number in range(5):
            submit(intake, array, sink, number)
        assert await intake.drain(10)
    assert [sum(map(wire.count_of, group.values())) for group in journal.groups] == [4_000, 4_000, 2_000]
    assert sink.receipts == [0, 1, 2, 3, 4]


async def test_a_full_queue_says_so_and_calls_back_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "QUEUE_MAX_B", 4_000)
    journal, sink, called = MemoryJournal(), Sink(), asyncio.Event()
    journal.gate.clear()
    async with running(journal) as intake:
        full: list[bool] = []
        for number in range(4):
            submit(intake, rate(), sink, number)
            full.append(intake.full)
        assert full == [False, False, True, True]
        intake.when_free(called.set)
        assert not await intake.drain(0.05)
        assert not called.is_set()
        journal.gate.set()
        await asyncio.wait_for(called.wait(), 5)
        full.append(intake.full)
    assert full[-1] is False
    assert len(journal.rows) == 4


async def test_two_patients_go_to_two_shards_with_one_append() -> None:
    journal, sink = MemoryJournal(), Sink()
    async with running(journal) as intake:
        submit(intake, rate(), sink, 1)
        submit(intake, rate(), sink, 2, DeviceAccount("dev2", "p2", None))
        assert await intake.drain(5)
    (group,) = journal.groups
    assert set(group) == {shard_of("p1"), shard_of("p2")}
