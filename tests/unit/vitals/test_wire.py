"""Journal records: what goes in comes out, and a damaged one is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import codes, wire
from vitals.errors import InternalError
from vitals.reading import NONE, Absent, Flag, Reading, Source, Value, absent

_quantities = [m for m in codes.table().values() if m.shape == "quantity"]
_int64 = st.integers(-(2**63), 2**63 - 1)
_values = st.builds(Value, st.floats(-1e6, 1e6), st.integers(0, 15)) | st.sampled_from(
    [absent(reason) for reason in Absent if reason]
)


@st.composite
def _readings(draw: st.DrawFn) -> Reading:
    metric = draw(st.sampled_from(_quantities))
    return Reading(
        device=draw(st.text(min_size=1, max_size=20)),
        metric=metric.key,
        values=(draw(_values),),
        unit=draw(st.sampled_from(metric.units)),
        measured_us=draw(_int64),
        received_us=draw(_int64),
        device_time_ns=draw(_int64),
        sequence=draw(st.just(NONE) | st.integers(0, 2**40)),
        offset_us=draw(_int64),
        utc_offset_min=draw(st.integers(-720, 840)),
        earliest_us=draw(_int64),
        latest_us=draw(_int64),
        flags=Flag(draw(st.integers(0, 2**22 - 1))),
        source=draw(st.sampled_from(Source)),
    )


@given(st.lists(st.tuples(_readings(), st.binary(max_size=40)), max_size=8))
def test_records_come_back_unchanged(pairs: list[tuple[Reading, bytes]]) -> None:
    builder = wire.RecordBuilder("gateway")
    for reading, raw in pairs:
        builder.reading(reading, builder.raw(raw))
    encoded = builder.encode()
    record = wire.decode(encoded)
    assert wire.count_of(encoded) == len(pairs)
    for row, (reading, raw) in enumerate(pairs):
        # repr, because NaN is not equal to itself
        assert repr(wire.reading_of(record, row)) == repr(reading)
        assert record.raw_of(row) == raw


def test_rejected_payload_keeps_reason_message_and_bytes() -> None:
    builder = wire.RecordBuilder("gateway")
    builder.rejected(wire.Rejected("d-1", "malformed-json", "not JSON; send an object", 7), builder.raw(b"\xff{"))
    record = wire.decode(builder.encode())
    row = record.columns[0]
    assert record.strings[int(row["reason"])] == "malformed-json"
    assert record.strings[int(row["message"])] == "not JSON; send an object"
    assert record.raw_of(0) == b"\xff{"


@pytest.mark.parametrize("damage", [b"", b"VSJ", b"\x00" * 40])
def test_what_is_no_record_raises(damage: bytes) -> None:
    with pytest.raises(InternalError):
        wire.decode(damage)


def test_truncated_record_raises() -> None:
    encoded = wire.encode_command({"command": "registry-changed"})
    with pytest.raises(InternalError, match="length"):
        wire.decode(encoded[:-1])


def test_record_of_a_newer_program_raises() -> None:
    encoded = bytearray(wire.encode_command({"command": "registry-changed"}))
    encoded[3] = wire.VERSION + 1
    with pytest.raises(InternalError, match="newer program"):
        wire.decode(bytes(encoded))


def test_packed_rows_have_the_layout_of_the_columns() -> None:
    assert wire._ROW.size == wire.READING.itemsize
