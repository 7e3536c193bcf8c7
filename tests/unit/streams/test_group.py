"""Records of many shards laid side by side, and rows taken out again for another shard."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from streams.group import lay_out
from vitals import wire
from vitals.errors import InternalError
from vitals.ports.journal import JournalRecord
from vitals.reading import Reading, value_of


def reading(device: str, number: str, at_us: int = 1) -> Reading:
    return Reading(device, "spo2", (value_of(Decimal(number)),), "%", at_us, at_us, device_time_ns=at_us * 1000)


def record(shard: int, offset: int, *readings: Reading) -> JournalRecord:
    builder = wire.RecordBuilder("gateway-1")
    for one in readings:
        builder.reading(one, builder.raw(f"raw of {one.device} {one.values[0].text}".encode()))
    return JournalRecord(shard, offset, builder.encode())


def test_rows_keep_their_place_and_their_bytes() -> None:
    laid = lay_out([record(2, 7, reading("a", "96"), reading("b", "97.50")), record(5, 0, reading("a", "95"))])
    assert [laid.names[i] for i in laid.columns["device"]] == ["a", "b", "a"]
    assert list(zip(laid.shard.tolist(), laid.offset.tolist(), laid.row.tolist(), strict=True)) == [
        (2, 7, 0),
        (2, 7, 1),
        (5, 0, 0),
    ]
    assert laid.raw_of(1) == b"raw of b 97.50"
    assert [(s.shard, s.expected, s.next_offset, s.readings) for s in laid.spans] == [(2, 7, 8, 2), (5, 0, 1, 1)]


def test_commands_are_passed_in_their_turn_and_count_no_reading() -> None:
    command = JournalRecord(2, 1, wire.encode_command({"command": "registry-changed", "patients": ["p"]}))
    laid = lay_out([record(2, 0, reading("a", "96")), command])
    assert len(laid.columns) == 1
    assert [(s.next_offset, s.readings) for s in laid.spans] == [(2, 1)]
    assert [(c.shard, c.offset) for c in laid.commands] == [(2, 1)]
    assert laid.commands[0].body == b'{"command":"registry-changed","patients":["p"]}'


def test_gap_in_offsets_is_our_fault_and_raises() -> None:
    with pytest.raises(InternalError, match="jumps from offset 1 to 2"):
        lay_out([record(2, 0, reading("a", "96")), record(2, 2, reading("a", "97"))])


def test_extracted_rows_are_the_same_readings_with_the_same_bytes() -> None:
    laid = lay_out([record(1, 0, reading("a", "96"), reading("b", "97.50"), reading("c", "91"))])
    taken = wire.decode(laid.extract(np.array([1, 2])))
    assert [wire.reading_of(taken, row).device for row in range(2)] == ["b", "c"]
    assert wire.reading_of(taken, 0).values[0].text == "97.50"
    assert taken.raw_of(0) == b"raw of b 97.50"
    assert taken.strings[int(taken.columns["gateway"][0])] == "gateway-1"


def test_nothing_but_commands_is_an_empty_group() -> None:
    laid = lay_out([JournalRecord(2, 1, wire.encode_command({"command": "registry-changed"}))])
    assert len(laid.columns) == 0
    assert len(laid.shard) == 0
