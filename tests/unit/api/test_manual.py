"""Values entered by hand: what becomes a reading, what is refused and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.manual import METRICS, READINGS_MAX, BadReading, entry_of, readings_of, record_of
from vitals import codes, wire
from vitals.reading import Absent, Flag, Reading, Source

ENTRY = UUID("0c1d2e3f-4a5b-4c6d-8e7f-101112131415")
NOON = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)
NOW_US = int(NOON.timestamp()) * 1_000_000


def entered(*rows: Any, entry: UUID = ENTRY, zone: str = "Europe/Berlin", now_us: int = NOW_US) -> list[Reading]:
    """Through JSON, as a page sends it; a string of raw JSON stays what it is."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    body = f'{{"entry": "{entry}", "readings": [{", ".join(texts)}]}}'.encode()
    return readings_of(*entry_of(body), device="manual-7", zone=zone, now_us=now_us)


def refused(*rows: Any) -> tuple[int | None, str]:
    with pytest.raises(BadReading) as caught:
        entered(*rows)
    return caught.value.place, caught.value.code


def test_a_whole_round() -> None:
    readings = entered(
        {"metric": "heart_rate", "value": 72},
        {"metric": "blood_pressure", "value": {"systolic": 128, "diastolic": 79}, "unit": "mmHg"},
        '{"metric": "body_temp", "value": 98.60, "unit": "F", "at": "2026-07-14T11:58:00+02:00"}',
        {"metric": "consciousness", "value": "V"},
        {"metric": "oxygen_in_use", "value": True},
        {"metric": "oxygen_flow", "value": 2},
        {"metric": "glucose_capillary_moles", "value": 6.1, "at": int(NOON.timestamp() * 1000) - 1000},
    )
    assert [(each.metric, each.unit, [value.text for value in each.values]) for each in readings] == [
        ("heart_rate", "/min", ["72"]),
        ("blood_pressure", "mm[Hg]", ["128", "79", None]),
        ("body_temp", "[degF]", ["98.60"]),
        ("consciousness", "1", ["2"]),
        ("oxygen_in_use", "1", ["1"]),
        ("oxygen_flow", "L/min", ["2"]),
        ("glucose_capillary_moles", "mmol/L", ["6.1"]),
    ]
    assert readings[1].values[2].absent == Absent.UNKNOWN
    assert {(each.source, each.device, each.flags) for each in readings} == {(Source.MANUAL, "manual-7", Flag(0))}
    assert [each.measured_us for each in readings[:3]] == [NOW_US, NOW_US, NOW_US - 2 * 3600 * 1_000_000 - 120_000_000]
    # Summer time in Berlin, whatever zone the page wrote the time in.
    assert {each.utc_offset_min for each in readings} == {120}
    assert all(each.earliest_us == each.latest_us == each.measured_us for each in readings)
    assert {each.received_us for each in readings} == {NOW_US}


def test_every_metric_offered_is_in_the_code_table() -> None:
    assert codes.table().keys() >= METRICS


def test_an_entry_sent_again_has_the_same_identities() -> None:
    rows = [{"metric": "heart_rate", "value": 72}, {"metric": "heart_rate", "value": 74}]

    def identities(entry: UUID, now_us: int = NOW_US) -> list[tuple[int, int]]:
        return [(each.device_time_ns, each.sequence) for each in entered(*rows, entry=entry, now_us=now_us)]

    first = identities(ENTRY)
    assert identities(ENTRY, NOW_US + 60_000_000) == first, "a retry a minute later, though `at` was left out"
    assert len({*first, *identities(UUID(int=5))}) == 4
    assert all(0 <= sequence < 2**63 for _, sequence in first)


def test_improbable_values_are_taken_and_flagged() -> None:
    readings = entered(
        {"metric": "heart_rate", "value": 330},
        {"metric": "blood_pressure", "value": {"systolic": 79, "diastolic": 128}},
        {"metric": "heart_rate", "value": 72},
    )
    assert [each.flags for each in readings] == [Flag.IMPROBABLE, Flag.IMPROBABLE, Flag(0)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([], "malformed"),
        ({}, "unknown-metric"),
        ({"metric": ["spo2"], "value": 95}, "unknown-metric"),
        ({"metric": "battery", "value": 95}, "unknown-metric"),
        ({"metric": "steps_day", "value": 95, "unit": "/d"}, "unknown-metric"),
        ({"metric": "spo2"}, "bad-value"),
        ({"metric": "spo2", "value": None}, "bad-value"),
        ({"metric": "spo2", "value": "95"}, "bad-value"),
        ({"metric": "spo2", "value": True}, "bad-value"),
        ('{"metric": "spo2", "value": 1234567890123456}', "unrepresentable"),
        ({"metric": "spo2", "value": 95, "unit": "kPa"}, "unit-mismatch"),
        ({"metric": "spo2", "value": 95, "unit": "furlong"}, "unknown-unit"),
        ({"metric": "spo2", "value": 95, "unit": 5}, "unknown-unit"),
        ({"metric": "blood_pressure", "value": {"systolic": 128}}, "bad-value"),
        ({"metric": "blood_pressure", "value": {"systolic": 128, "diastolic": None}}, "bad-value"),
        ({"metric": "blood_pressure", "value": 128}, "bad-value"),
        ({"metric": "consciousness", "value": "X"}, "bad-value"),
        ({"metric": "consciousness", "value": ""}, "bad-value"),
        ({"metric": "oxygen_in_use", "value": 1}, "bad-value"),
        ({"metric": "spo2", "value": 95, "at": "2026-07-14T11:58:00"}, "naive-time"),
        ({"metric": "spo2", "value": 95, "at": "yesterday"}, "bad-time"),
        ({"metric": "spo2", "value": 95, "at": (NOON + timedelta(seconds=31)).isoformat()}, "bad-time"),
        ({"metric": "spo2", "value": 95, "at": (NOON - timedelta(days=7, seconds=1)).isoformat()}, "bad-time"),
    ],
)
def test_what_can_not_be_taken_says_which_and_why(row: Any, code: str) -> None:
    assert refused({"metric": "heart_rate", "value": 72}, row) == (1, code)


def test_times_at_the_edges() -> None:
    edges = [NOON - timedelta(days=7), NOON + timedelta(seconds=30)]
    readings = entered(*({"metric": "spo2", "value": 95, "at": edge.isoformat()} for edge in edges))
    assert [each.measured_us for each in readings] == [int(edge.timestamp()) * 1_000_000 for edge in edges]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b"[]", "malformed"),
        (b'{"readings": [1]}', "bad-entry"),
        (b'{"entry": 5, "readings": [1]}', "bad-entry"),
        (b'{"entry": "today", "readings": [1]}', "bad-entry"),
        (b'{"entry": "0c1d2e3f-4a5b-4c6d-8e7f-101112131415"}', "bad-entry"),
        (b'{"entry": "0c1d2e3f-4a5b-4c6d-8e7f-101112131415", "readings": []}', "bad-entry"),
        (b'{"entry": "0c1d2e3f-4a5b-4c6d-8e7f-101112131415", "readings": {"a": 1}}', "bad-entry"),
        (b'{"entry": "0c1d2e3f-4a5b-4c6d-8e7f-101112131415", "readings": [{"value": NaN}]}', "unrepresentable"),
    ],
)
def test_entries_that_make_no_sense(body: bytes, code: str) -> None:
    with pytest.raises(BadReading) as caught:
        entry_of(body)
    assert (caught.value.place, caught.value.code) == (None, code)


def test_entries_are_bounded() -> None:
    row = {"metric": "spo2", "value": 95}
    assert len(entered(*[row] * READINGS_MAX)) == READINGS_MAX
    assert refused(*[row] * (READINGS_MAX + 1)) == (None, "bad-entry")


def test_the_record_keeps_what_was_sent() -> None:
    readings = entered({"metric": "spo2", "value": 95}, {"metric": "oxygen_in_use", "value": False})
    record = wire.decode(record_of(readings, b"as sent"))
    assert [wire.reading_of(record, place) for place in (0, 1)] == readings
    assert record.raw_of(1) == b"as sent"
