"""Readings as lines: the same ids as the pipeline gives, and an error for each line that is none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fhir_rules import check_vital_signs
from tests.fhir_schema import check_schema
from vitals.fhir.lines import LINE_BYTES_MAX, LineError, observation_lines
from vitals.identity import identity, observation_id
from vitals.reading import NONE

READING = {
    "patient": "p-001",
    "device": "d-1",
    "metric": "body_temp",
    "value": 36.6,
    "unit": "C",
    "at": "2026-11-22T11:42:00.5+01:00",
}
AT_NS = 1_795_344_120_500_000_000


def line(**changes: Any) -> bytes:
    return json.dumps({**READING, **changes}).encode()


def one(text: bytes, **options: Any) -> Any:
    (found,) = observation_lines([text], **options)
    return found


def resource_of(text: bytes, **options: Any) -> dict[str, Any]:
    found = one(text, **options)
    assert isinstance(found, bytes), found
    resource: dict[str, Any] = json.loads(found)
    check_schema(resource)
    check_vital_signs(resource)
    return resource


def test_the_id_is_the_pipelines() -> None:
    assert resource_of(line())["id"] == str(observation_id(identity("d-1", "body_temp", AT_NS, NONE), "p-001"))
    assert resource_of(line(seq=7))["id"] == str(observation_id(identity("d-1", "body_temp", AT_NS, 7), "p-001"))


def test_digits_and_local_time_stay_as_sent() -> None:
    text = line().replace(b"36.6", b"36.60")
    assert b'"value":36.60,' in one(text)
    assert resource_of(text)["effectiveDateTime"] == "2026-11-22T11:42:00.500+01:00"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (1_795_344_120_500, "2026-11-22T10:42:00.500Z"),
        ("2026-11-22T10:42:00Z", "2026-11-22T10:42:00Z"),
        ("2026-11-22t10:42:00.000001z", "2026-11-22T10:42:00.000001Z"),
        ("2026-11-22 05:12:00-05:30", "2026-11-22T05:12:00-05:30"),
    ],
)
def test_times(at: object, shown: str) -> None:
    assert resource_of(line(at=at))["effectiveDateTime"] == shown


def test_aliases_of_units_become_ucum() -> None:
    assert resource_of(line(metric="heart_rate", value=72, unit="bpm"))["valueQuantity"]["code"] == "/min"


def test_a_pressure_with_a_lost_part() -> None:
    pressure = line(metric="blood_pressure", unit="mmHg", value={"systolic": 128, "diastolic": None})
    systolic, diastolic = resource_of(pressure)["component"]
    assert systolic["valueQuantity"]["value"] == 128
    assert diastolic["dataAbsentReason"]["coding"][0]["code"] == "unknown"


@pytest.mark.parametrize(
    ("metric", "value", "code"),
    [("consciousness", "V", "V"), ("oxygen_in_use", True, "oxygen"), ("oxygen_in_use", False, "air")],
)
def test_coded_values_need_no_unit(metric: str, value: object, code: str) -> None:
    resource = resource_of(line(metric=metric, value=value, unit=None))
    assert resource["valueCodeableConcept"]["coding"][0]["code"] == code


def test_a_lost_value_has_a_reason() -> None:
    assert resource_of(line(value=None))["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_personal_health_device_form() -> None:
    resource = resource_of(line(), phd=True)
    assert resource["code"]["coding"][0]["code"] == "150364"
    assert resource["extension"][0]["valueReference"] == {"reference": "Device/vitalstream"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"nonsense", "malformed-json"),
        (b"[]", "malformed"),
        (b"\xff", "malformed-json"),
        (b"[" * 100_000, "malformed"),
        (b"{" + b" " * LINE_BYTES_MAX + b"}", "malformed"),
        (line(patient="a/b"), "malformed"),
        (line(patient='"'), "malformed"),
        (line(device=None), "malformed"),
        (line(device="d" * 65), "malformed"),
        (line(metric="pulse"), "unknown-metric"),
        (line(metric=None), "malformed"),
        (line(metric="battery", unit="%"), "unknown-metric"),
        (line(metric="cgm_mean", unit="mg/dL"), "unknown-metric"),
        (line(unit="K"), "unknown-unit"),
        (line(unit=None), "unknown-unit"),
        (line(unit="kg"), "unit-mismatch"),
        (line(value="36.6"), "bad-value"),
        (line(value=True), "bad-value"),
        (line(value={}), "bad-value"),
        (line(value=float("nan")), "unrepresentable"),
        (line(value=float("inf")), "unrepresentable"),
        (line(value=1).replace(b": 1,", b": 1e308,"), "unrepresentable"),
        (line(value=1).replace(b": 1,", b": 1e999999999,"), "unrepresentable"),
        (line(metric="blood_pressure", unit="mmHg", value=128), "bad-value"),
        (line(metric="blood_pressure", unit="mmHg", value={"systolic": 128}), "bad-value"),
        (line(metric="consciousness", unit=None, value="AC"), "bad-value"),
        (line(metric="oxygen_in_use", unit=None, value=1), "bad-value"),
        (line(at=None), "bad-time"),
        (line(at="yesterday"), "bad-time"),
        (line(at="2026-11-22T11:42:00"), "naive-time"),
        (line(at="2026-02-30T11:42:00Z"), "bad-time"),
        (line(at="9999-11-22T11:42:00Z"), "bad-time"),
        (line(at="2026-11-22T11:42:00+15:00"), "bad-time"),
        (line(at=-1), "bad-time"),
        (line(at=1e300), "bad-time"),
        (line(seq=-1), "bad-sequence"),
        (line(seq=1.5), "bad-sequence"),
        (line(seq=2**63), "bad-sequence"),
        (line(seq="7"), "bad-sequence"),
    ],
)
def test_what_is_no_reading_is_said(text: bytes, code: str) -> None:
    found = one(text)
    assert isinstance(found, LineError)
    assert (found.line, found.code) == (1, code)


def test_lines_stand_for_themselves() -> None:
    found = list(observation_lines([line(), b"\n", b"x", b"", line()]))
    assert [item.line if isinstance(item, LineError) else "ok" for item in found] == ["ok", 3, "ok"]


@given(
    st.dictionaries(
        st.sampled_from(["patient", "device", "metric", "value", "unit", "at", "seq"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_nothing_that_is_json_breaks_the_run(changes: dict[str, Any]) -> None:
    found = one(line(**changes))
    assert isinstance(found, LineError) or json.loads(found, parse_float=Decimal)["resourceType"] == "Observation"
