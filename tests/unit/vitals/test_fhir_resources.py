"""Patient, Device, Bundle, OperationOutcome, CapabilityStatement and instants as text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fhir_schema import check_schema
from vitals.fhir.bundle import searchset
from vitals.fhir.capability import ResourceCapability, SearchParameter, capability_statement
from vitals.fhir.device import DeviceRow, render_device
from vitals.fhir.outcome import operation_outcome
from vitals.fhir.patient import PatientRow, render_patient
from vitals.fhir.times import fhir_instant

AWKWARD = 'Zoë "Z" O\\Neil\n</script>\u2028\x01 %s {0}'


def test_texts_are_escaped() -> None:
    patient = json.loads(render_patient(PatientRow("p-1", AWKWARD, None, None, [("urn:x", AWKWARD)])))
    assert patient["name"] == [{"text": AWKWARD}]
    assert patient["identifier"] == [{"system": "urn:x", "value": AWKWARD}]
    device = json.loads(render_device(DeviceRow("d-1", maker=AWKWARD)))
    assert device["manufacturer"] == AWKWARD
    outcome = json.loads(operation_outcome("invalid", AWKWARD, expression=AWKWARD))
    assert outcome["issue"] == [
        {"severity": "error", "code": "invalid", "diagnostics": AWKWARD, "expression": [AWKWARD]}
    ]
    bundle = json.loads(searchset([], base="http://x", self_url=AWKWARD))
    assert bundle["link"] == [{"relation": "self", "url": AWKWARD}]


@pytest.mark.parametrize(
    "body",
    [
        render_patient(PatientRow("p-1", None, None, None)),
        render_patient(PatientRow("p-1", "Ada", date(1955, 3, 8), "female", [("urn:x", "1")], test_data=True)),
        render_device(DeviceRow("d-1")),
        render_device(DeviceRow("d-1", "Acme", "Ox-1", "1.2", active=False, patient="p-1", test_data=True)),
        operation_outcome("not-found", "There is no such Observation."),
        operation_outcome("invalid", "date must be a date", expression="http.date"),
        searchset([], base="http://x/fhir", self_url="http://x/fhir/Patient"),
        searchset(
            [("Patient/p-1", b'{"resourceType":"Patient","id":"p-1"}')] * 2,
            base="http://x/fhir/",
            self_url="http://x/fhir/Patient?name=a",
            next_url="http://x/fhir/Patient?name=a&_cursor=b",
            total=2,
        ),
        capability_statement(
            [ResourceCapability("Patient", [SearchParameter("name", "string", "words")])],
            base="http://x/fhir",
            version="1",
            date="2026-11-22",
        ),
    ],
)
def test_resources_are_valid(body: bytes) -> None:
    check_schema(json.loads(body))


def test_entries_have_full_addresses() -> None:
    bundle = json.loads(searchset([("Device/d-1", b"{}")], base="http://x/fhir/", self_url="http://x/fhir/Device"))
    assert bundle["entry"] == [{"fullUrl": "http://x/fhir/Device/d-1", "resource": {}, "search": {"mode": "match"}}]


@pytest.mark.parametrize(
    ("us", "offset_min", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_795_344_120_123_000, 60, "2026-11-22T11:42:00.123+01:00"),
        (1_795_344_120_123_456, -210, "2026-11-22T07:12:00.123456-03:30"),
        (1_795_344_120_000_100, 0, "2026-11-22T10:42:00.000100Z"),
        (-1, 0, "1969-12-31T23:59:59.999999Z"),
        (1_709_164_800_000_000, 840, "2024-02-29T14:00:00+14:00"),
    ],
)
def test_instants(us: int, offset_min: int, text: str) -> None:
    assert fhir_instant(us, offset_min) == text


@given(us=st.integers(-(10**16), 10**17), offset_min=st.integers(-840, 840))
def test_instants_read_back_as_they_were(us: int, offset_min: int) -> None:
    read = datetime.fromisoformat(fhir_instant(us, offset_min))
    assert read == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    assert read.astimezone(timezone(timedelta(minutes=offset_min))).utcoffset() == read.utcoffset()
