"""The worklist's logic without a database: age limits, buckets, order, why, tiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from api.alert_view import alert_json, direction, limit_words, why
from api.cadence import age_limit_s, state_of
from api.formats import BadCursor, decode_cursor, encode_cursor, rfc3339
from api.reading_view import value_text
from api.worklist_view import PatientState, age_years, bucket_of, counts, fold, row, rows, tile
from storage.chart.alerts import AlertRecord
from storage.chart.readings import Charted
from storage.chart.worklist import ListedPatient, MetricNow
from storage.registry.gateways import Signs
from vitals import codes, units
from vitals.reading import Absent, Value, absent

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_795_000_000 * SECOND

#: Everybody is alive.
SIGNS = Signs(NOW, NOW)
PATIENT = ListedPatient(1, "p-001", "Ada", date(1950, 1, 1), None, "UTC", None, (), frozenset({1}))


def reading(number: float = 95, *, metric: str = "spo2", at: int = NOW, **fields: Any) -> Charted:
    row = codes.metric(metric)
    values = fields.pop("values", (Value(number),))
    unit = units.unit(fields.pop("unit", row.units[0])).number
    made = Charted(UUID(int=at), 1, "d-1", row.number, unit, 0, 0, 1, at, at + SECOND, values)
    return replace(made, **fields)


def alert(**fields: Any) -> AlertRecord:
    about = {"observation": str(UUID(int=1)), "metric": "spo2", "value": "86", "unit": "%", "measured_us": NOW}
    limits = {"metric": "spo2", "raise": "< 88", "clear": ">= 89", "for": "5m", "unit": "%", "source": "s"}
    made = AlertRecord(
        id=UUID(int=7),
        patient_key=1,
        patient="p-001",
        patient_name="Ada",
        gateway=None,
        rule="spo2",
        version=1,
        priority="high",
        title="Low oxygen",
        condition="active",
        opened_us=NOW,
        cleared_us=None,
        late=False,
        readings=[about],
        clearing=None,
        limits=limits,
        explanation="e",
        acknowledged_by=None,
        acknowledged_us=None,
        outcome=None,
        outcome_note=None,
        closed_by=None,
        closed_us=None,
        updates=[],
    )
    return replace(made, **fields)


def state(*readings: Charted, alerts: tuple[AlertRecord, ...] = (), **patient: Any) -> PatientState:
    made = PatientState(replace(PATIENT, **patient), {}, alerts)
    for each in readings:
        after = fold(made, each)
        assert after is not None
        made = after
    return made


@pytest.mark.parametrize(
    ("family", "every_us", "expected_s"),
    [
        ("spo2", SECOND, 60),
        ("spo2", 30 * SECOND, 90),
        ("spo2", 5 * MINUTE, 900),
        ("spo2", 6 * HOUR, 18 * 3600),
        ("spo2", 24 * HOUR, 24 * 3600),
        ("body_weight", 24 * HOUR, 48 * 3600),
    ],
)
def test_age_limits_follow_how_often_a_patient_measures(family: str, every_us: int, expected_s: int) -> None:
    times = [NOW - i * every_us for i in range(6)]
    assert age_limit_s(family, times) == expected_s
    # One long pause among the newest doesn't change it.
    assert age_limit_s(family, [*times[:3], *(t - 90 * HOUR for t in times[3:])]) == expected_s


def test_age_limits_of_few_readings() -> None:
    assert age_limit_s("spo2", []) == 24 * 3600
    assert age_limit_s("spo2", [NOW]) == 24 * 3600
    assert age_limit_s("spo2", [NOW, NOW]) == 24 * 3600


@pytest.mark.parametrize(
    ("age_s", "expected"), [(-5, "fresh"), (60, "fresh"), (61, "late"), (120, "late"), (121, "stale")]
)
def test_states_by_age(age_s: int, expected: str) -> None:
    assert state_of(age_s * SECOND, 60) == expected


def test_buckets() -> None:
    fresh, old = reading(), reading(at=NOW - 25 * HOUR)
    seen = alert(acknowledged_by="dr", acknowledged_us=NOW)
    assert bucket_of(state(fresh, alerts=(seen, alert(condition="cleared"))), NOW) == "unacknowledged"
    assert bucket_of(state(old, alerts=(seen,)), NOW) == "active"
    assert bucket_of(state(old), NOW) == "no_data"
    assert bucket_of(state(), NOW) == "no_data"
    assert bucket_of(state(old, reading(80, metric="body_weight", at=NOW - 47 * HOUR)), NOW) == "rest"
    assert bucket_of(state(reading(5, metric="cgm_moles")), NOW) == "rest"


def test_order_by_bucket_priority_age_silence_and_name() -> None:
    def of(name: str, **fields: Any) -> PatientState:
        return state(*fields.pop("readings", (reading(),)), name=name, id=name, **fields)

    states = [
        of("rest-b"),
        of("Rest-a"),
        of("silent", readings=(reading(at=NOW - 30 * HOUR),)),
        of("longer-silent", readings=(reading(at=NOW - 90 * HOUR),)),
        of("seen", alerts=(alert(acknowledged_by="x", acknowledged_us=1),)),
        of("technical", alerts=(alert(priority="technical", opened_us=NOW - 99 * HOUR),)),
        of("high-new", alerts=(alert(opened_us=NOW - 1),)),
        of("high-old", alerts=(alert(opened_us=NOW - HOUR), alert(priority="low", opened_us=1))),
        of("medium", alerts=(alert(priority="medium", opened_us=5),)),
    ]
    names = [made["name"] for made in rows(states, SIGNS, NOW)]
    assert names == [
        "high-old",
        "high-new",
        "medium",
        "technical",
        "seen",
        "longer-silent",
        "silent",
        "Rest-a",
        "rest-b",
    ]
    assert counts(states, NOW) == {"high": 3, "medium": 1, "low": 1, "technical": 1, "no_data": 2, "patients": 9}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "SpO2 86 % for 5 min, limit below 88"),
        ({"condition": "cleared"}, "SpO2 86 % for 5 min, limit below 88 (over since)"),
        (
            {
                "limits": {"metric": "blood_pressure.systolic", "raise": "above 180 mmHg", "for": None},
                "readings": [{"metric": "blood_pressure.systolic", "value": "192", "unit": "mm[Hg]"}],
            },
            "Systolic blood pressure 192 mmHg, limit above 180 mmHg",
        ),
        (
            {
                "limits": {"metric": "news2", "raise": "at or above 7 points", "for": None},
                "explanation": "NEWS2 8: breathing 2, SpO2 2",
            },
            "NEWS2 8: breathing 2, SpO2 2",
        ),
        ({"readings": []}, "Low oxygen"),
        ({"limits": {}}, "Low oxygen"),
    ],
)
def test_why(fields: dict[str, Any], expected: str) -> None:
    assert why(alert(**fields)) == expected


def test_why_without_alert() -> None:
    assert row(state(reading()), SIGNS, NOW)["why"] == ""
    assert row(state(), SIGNS, NOW)["why"] == "No readings yet"
    assert row(state(reading(at=NOW - 30 * HOUR)), SIGNS, NOW)["why"] == "No data for 30 h"
    assert row(state(reading(at=NOW - 72 * HOUR)), SIGNS, NOW)["why"] == "No data for 3 days"


@pytest.mark.parametrize(
    ("text", "words", "way"),
    [
        ("< 88", "below 88", "down"),
        (">= 38.1", "at or above 38.1", "up"),
        ("at or below 8 /min", "at or below 8 /min", "down"),
        ("outside the plausible range", "outside the plausible range", None),
        ("", "", None),
    ],
)
def test_limits_in_words(text: str, words: str, way: str | None) -> None:
    assert limit_words(text) == words
    assert direction(alert(limits={"raise": text})) == way


def test_directions_come_from_active_alerts_of_the_family() -> None:
    def way(*alerts: AlertRecord) -> Any:
        return tile(state(reading(), alerts=alerts), "spo2", NOW)["direction"]

    assert way(alert()) == "down"
    assert way(alert(acknowledged_by="x", acknowledged_us=1)) == "down"
    assert way(alert(condition="cleared")) is None
    assert way(alert(limits={"metric": "heart_rate", "raise": "> 130"})) is None
    systolic = alert(limits={"metric": "blood_pressure.systolic", "raise": "> 180"})
    assert tile(state(reading(), alerts=(systolic,)), "blood_pressure", NOW)["direction"] is None, (
        "no reading, no arrow"
    )


def test_value_texts_are_as_sent() -> None:
    temperature, pressure = codes.metric("body_temp"), codes.metric("blood_pressure")
    assert value_text(temperature, (Value(36.6, 2),)) == "36.60"
    assert value_text(temperature, (absent(Absent.NOT_A_NUMBER),)) is None
    lost = absent(Absent.NOT_A_NUMBER)
    assert value_text(pressure, (Value(128), Value(79), lost)) == "128/79"
    assert value_text(pressure, (Value(128), lost, lost)) == "128/–"
    assert value_text(pressure, (lost, lost, lost)) is None


def test_coded_values_in_words() -> None:
    consciousness, oxygen = codes.metric("consciousness"), codes.metric("oxygen_in_use")
    assert [value_text(consciousness, (Value(float(i)),)) for i in range(5)] == list("ACVPU")
    assert [value_text(oxygen, (Value(float(i)),)) for i in range(2)] == ["no", "yes"]
    assert value_text(oxygen, (absent(Absent.UNKNOWN),)) is None


def test_folding_takes_any_order_and_repeats() -> None:
    readings = [reading(90 + i, at=NOW - i * MINUTE) for i in range(8)]
    forward, backward = state(*readings), state(*reversed(readings), *readings)
    assert forward == backward
    number = codes.metric("spo2").number
    assert forward.metrics[number] == MetricNow(readings[0], tuple(NOW - i * MINUTE for i in range(6)))


@pytest.mark.parametrize("fields", [{"status": 2}, {"version": 2}])
def test_corrections_cannot_be_folded(fields: dict[str, Any]) -> None:
    assert fold(state(reading()), reading(**fields)) is None


@pytest.mark.parametrize(
    ("born", "expected"), [(None, None), (date(1950, 11, 18), 75), (date(1950, 11, 17), 76), (date(2026, 1, 1), 0)]
)
def test_ages(born: date | None, expected: int | None) -> None:
    at_us = 1_794_873_600 * SECOND  # 2026-11-17T00:00:00Z
    assert rfc3339(at_us) == "2026-11-17T00:00:00.000Z"
    assert age_years(born, at_us) == expected


def test_times_have_milliseconds_cut_not_rounded() -> None:
    assert rfc3339(NOW + 999_999) == rfc3339(NOW + 999_000)
    assert rfc3339(None) is None


def test_alert_json_holds_what_the_contract_names() -> None:
    made = alert_json(alert())
    assert made["limits"]["raise"] == "< 88"
    assert set(made) == {
        "id", "patient", "patient_name", "rule", "version", "priority", "title", "explanation", "condition",
        "opened_at", "cleared_at", "acknowledged_by", "acknowledged_at", "late", "readings", "limits", "updates",
        "outcome", "gateway",
    }  # fmt: skip
    assert made["outcome"] is None
    closed = alert_json(alert(outcome="artefact", outcome_note="cold hands", closed_by="dr", closed_us=NOW))
    assert closed["outcome"] == {"outcome": "artefact", "note": "cold hands", "by": "dr", "at": rfc3339(NOW)}


def test_cursors_come_back_as_they_went() -> None:
    assert decode_cursor(encode_cursor("1", "é"), 2) == ["1", "é"]
    for wrong in ("", "%%%", "AAAA", encode_cursor("1")):
        with pytest.raises(BadCursor):
            decode_cursor(wrong, 2)
