"""COPY BINARY by numpy, read again with `struct` from the format's description."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from storage.chart.copy_binary import DEVICE_STATUS, HISTORY, OBSERVATION, encode_chart
from tests.charting import NOON_US, chart_row
from vitals.errors import InternalError


def fields_of(copied: bytes) -> list[list[bytes]]:
    """Rows of fields, taken apart as PostgreSQL's documentation of the format says."""
    assert copied[:11] == b"PGCOPY\n\377\r\n\0"
    flags, extension = struct.unpack_from(">ii", copied, 11)
    assert (flags, extension) == (0, 0)
    at, rows = 19, []
    while (count := struct.unpack_from(">h", copied, at)[0]) != -1:
        at += 2
        row = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", copied, at)
            row.append(copied[at + 4 : at + 4 + length])
            at += 4 + length
        rows.append(row)
    assert at + 2 == len(copied)
    return rows


def test_an_observation_row_field_by_field() -> None:
    row = chart_row(
        NOON_US,
        patient=70_000,
        device=-2,
        metric="blood_pressure",
        unit="mm[Hg]",
        values=[(128.5, 1, 0), (79.0, 0, 0), (0.0, 0, 4)],
        sequence=-(2**63),
        shard=63,
        offset=2**40,
    )
    (fields,) = fields_of(encode_chart(OBSERVATION, row))
    named = dict(zip(OBSERVATION.columns, fields, strict=True))
    assert named["id"] == row["id"].tobytes()
    assert named["patient"] == bytes.fromhex("00011170")
    assert named["device"] == bytes.fromhex("fffffffe")
    assert named["metric"] == bytes.fromhex("000d")
    assert named["unit"] == bytes.fromhex("0008")
    assert named["values"] == bytes.fromhex("0003")
    assert named["sequence"] == bytes.fromhex("8000000000000000")
    assert named["device_time_ns"] == struct.pack(">q", NOON_US * 1000)
    assert named["clock_offset_us"] == struct.pack(">q", -5)
    assert named["utc_offset_min"] == struct.pack(">h", 60)
    assert [named[f"value_{i}"] for i in (1, 2, 3)] == [struct.pack(">d", v) for v in (128.5, 79.0, 0.0)]
    assert [named[f"decimals_{i}"][1] for i in (1, 2, 3)] == [1, 0, 0]
    assert [named[f"absent_{i}"][1] for i in (1, 2, 3)] == [0, 0, 4]
    assert named["shard"] == struct.pack(">h", 63)
    assert named["journal_offset"] == struct.pack(">q", 2**40)
    assert named["journal_row"] == struct.pack(">i", 7)


def test_times_count_from_the_year_2000() -> None:
    (fields,) = fields_of(encode_chart(OBSERVATION, chart_row(NOON_US)))
    named = dict(zip(OBSERVATION.columns, fields, strict=True))
    (since_us,) = struct.unpack(">q", named["measured_at"])
    measured = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=since_us)
    assert measured == datetime.fromtimestamp(NOON_US / 1e6, UTC)
    assert named["received_at"] == struct.pack(">q", since_us + 1_000_000)


def test_every_row_is_there_in_order() -> None:
    rows = np.concatenate([chart_row(NOON_US, device=device) for device in (5, 3, 9)])
    place = DEVICE_STATUS.columns.index("device")
    decoded = fields_of(encode_chart(DEVICE_STATUS, rows))
    assert [struct.unpack(">i", fields[place])[0] for fields in decoded] == [5, 3, 9]
    assert {len(fields) for fields in decoded} == {16}


def test_no_rows_are_header_and_trailer() -> None:
    assert fields_of(encode_chart(OBSERVATION, chart_row(NOON_US)[:0])) == []


def test_decoding_gives_back_what_was_encoded() -> None:
    rows = np.concatenate([chart_row(NOON_US + i, sequence=i) for i in range(4)])
    decoded = OBSERVATION.decode(encode_chart(OBSERVATION, rows))
    assert decoded["sequence"].tolist() == [0, 1, 2, 3]
    assert decoded["value_1"].tolist() == [72.0] * 4
    assert decoded["id"].tobytes() == rows["id"].tobytes()


@pytest.mark.parametrize("damage", ["layout", "cut", "null"])
def test_another_layout_is_refused(damage: str) -> None:
    copied = encode_chart(OBSERVATION, chart_row(NOON_US))
    if damage == "cut":
        copied = copied[:-3]
    elif damage == "null":
        copied = copied[:21] + b"\xff\xff\xff\xff" + copied[25:]
    with pytest.raises(InternalError):
        (HISTORY if damage == "layout" else OBSERVATION).decode(copied)
