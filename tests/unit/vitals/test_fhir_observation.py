"""Observations: golden files typed by hand, every row of the code table, profile rules, decimals, marks."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fhir_rules import ID, PRESENT, UNUSED, check_vital_signs, row
from tests.fhir_schema import check_schema
from vitals import codes
from vitals.errors import InternalError
from vitals.fhir.codings import charted
from vitals.fhir.observation import (
    ObservationRow,
    render_observation,
    render_phd_observation,
    render_unstored,
)
from vitals.reading import Absent, Flag, Source, value_of

GOLDEN = Path(__file__).parents[2] / "data" / "fhir" / "golden"
NAN = (0.0, 0, int(Absent.NOT_A_NUMBER))
CHARTED = [metric for metric in codes.table().values() if charted(metric)]
UNCHARTED = [metric for metric in codes.table().values() if not charted(metric)]
BP = ((128.0, 0, PRESENT), (79.0, 0, PRESENT))


def parsed(body: bytes) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(body)
    return resource


def as_text(body: bytes) -> Any:
    """Numbers stay the text that was written: 36.60 is not 36.6."""
    return json.loads(body, parse_float=str, parse_int=str)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("heart_rate", row("heart_rate", (72.0, 0, PRESENT))),
        ("spo2_simulated", row("spo2", (86.0, 1, PRESENT), flags=int(Flag.TEST_DATA))),
        (
            "blood_pressure_lost_part",
            row("blood_pressure", (128.0, 0, PRESENT), NAN, (95.0, 0, PRESENT), status=1, version=2),
        ),
        ("temperature_36_60", row("body_temp_ear", (36.6, 2, PRESENT))),
        (
            "weight_lb_marked",
            row(
                "body_weight",
                (1030.5, 1, PRESENT),
                unit="lb",
                flags=int(Flag.IMPROBABLE | Flag.QUESTIONABLE),
                source=int(Source.MANUAL),
            ),
        ),
    ],
)
def test_golden(name: str, made: ObservationRow) -> None:
    wanted = (GOLDEN / f"{name}.json").read_bytes()
    check_schema(parsed(wanted))
    check_vital_signs(parsed(wanted))
    assert as_text(render_observation(made)) == as_text(wanted)


def variants(metric: codes.Metric) -> list[ObservationRow]:
    """Every unit, with a value, with marks, hand-entered, and without a value."""
    values: tuple[tuple[float, int, int], ...] = ((1.0, 0, PRESENT),)
    if metric.shape == "blood_pressure":
        values = (*BP, (95.5, 1, PRESENT))
    made = []
    for unit in metric.units:
        plain = row(metric.key, *values, unit=unit)
        made += [
            plain,
            plain._replace(flags=int(Flag.TEST_DATA)),
            plain._replace(flags=int(Flag.IMPROBABLE | Flag.EARLY_ESTIMATE | Flag.CLOCK_OFFSET), status=1),
            plain._replace(source=int(Source.IMPORTED), status=2),
            plain._replace(absent_1=int(Absent.ERROR)),
            plain._replace(absent_1=1, absent_2=2, absent_3=int(Absent.UNKNOWN)),
        ]
    return made


@pytest.mark.parametrize("metric", CHARTED, ids=lambda metric: metric.key)
def test_every_row_of_the_table_is_valid(metric: codes.Metric) -> None:
    for made in variants(metric):
        for body in (
            render_observation(made),
            render_phd_observation(made, "gw-1"),
            render_unstored(made),
            render_unstored(made, phd=True, gateway="gw-1"),
        ):
            resource = parsed(body)
            check_schema(resource)
            check_vital_signs(resource)


@pytest.mark.parametrize("metric", CHARTED, ids=lambda metric: metric.key)
def test_the_quick_way_and_the_long_way_write_the_same(metric: codes.Metric) -> None:
    # A mark sends a row the long way; without what the mark adds, both must be equal.
    for made in variants(metric)[::6]:
        marked = parsed(render_observation(made._replace(flags=int(Flag.LOW_PERFUSION))))
        assert marked.pop("note") == [{"text": "Quality marks: low-perfusion."}]
        assert marked.pop("extension")[0]["valueCode"] == "low-perfusion"
        assert parsed(render_observation(made)) == marked


@pytest.mark.parametrize("metric", UNCHARTED, ids=lambda metric: metric.key)
def test_device_status_and_derived_values_are_no_observations(metric: codes.Metric) -> None:
    with pytest.raises(InternalError):
        render_observation(row(metric.key))


def test_an_unknown_metric_number_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="metric number 999"):
        render_observation(row()._replace(metric=999))


def test_spo2_carries_both_loinc_codes_the_generic_one_first() -> None:
    codings = parsed(render_observation(row("spo2")))["code"]["coding"]
    assert [coding["code"] for coding in codings] == ["2708-6", "59408-5", "150456"]


@pytest.mark.parametrize(
    ("metric", "unit", "sent", "decimals", "shown", "shown_unit"),
    [
        ("map", "kPa", 16.93, 2, "127.0", "mm[Hg]"),  # 16.93 kPa x 7.50062 = 126.98...
        ("map", "kPa", 12.1, 1, "91", "mm[Hg]"),  # 90.76
        ("map", "kPa", 16.0, 0, "120", "mm[Hg]"),  # 120.01
        ("body_height", "m", 1.76, 2, "176", "cm"),
        ("body_height", "m", 1.7653, 4, "176.53", "cm"),
        ("body_height", "m", 2.0, 0, "200", "cm"),
    ],
)
def test_a_unit_that_the_profile_refuses_is_converted_and_kept(
    metric: str, unit: str, sent: float, decimals: int, shown: str, shown_unit: str
) -> None:
    made = row(metric, (sent, decimals, PRESENT), unit=unit)
    quantity = as_text(render_observation(made))["valueQuantity"]
    (extension,) = quantity.pop("extension")
    assert (quantity["value"], quantity["code"]) == (shown, shown_unit)
    assert extension["url"] == "urn:vitalstream:value-as-sent"
    assert extension["valueQuantity"]["value"] == f"{sent:.{decimals}f}"
    assert extension["valueQuantity"]["code"] == unit


def test_a_negative_value_is_rounded_away_from_zero() -> None:
    made = row("map", (-0.1, 1, PRESENT), unit="kPa")
    assert as_text(render_observation(made))["valueQuantity"]["value"] == "-1"


def test_pressure_in_kpa_with_a_lost_part() -> None:
    resource = parsed(render_observation(row("blood_pressure", (17.1, 1, PRESENT), NAN, unit="kPa")))
    check_schema(resource)
    check_vital_signs(resource)
    systolic, diastolic = resource["component"]
    assert systolic["valueQuantity"]["value"] == 128
    assert diastolic["dataAbsentReason"]["coding"][0]["code"] == "not-a-number"


def test_a_pressure_that_lost_everything_keeps_both_parts() -> None:
    resource = parsed(render_observation(row("blood_pressure", NAN, NAN)))
    check_vital_signs(resource)
    assert len(resource["component"]) == 2


@pytest.mark.parametrize("reason", [reason for reason in Absent if reason])
def test_absent_reasons_take_the_place_of_the_value(reason: Absent) -> None:
    resource = parsed(render_observation(row("spo2", (float("nan"), 0, int(reason)))))
    assert "valueQuantity" not in resource
    assert resource["dataAbsentReason"]["coding"][0]["code"] == reason.code


def test_bmi_without_a_value_claims_the_general_profile_only() -> None:
    assert parsed(render_observation(row("bmi", NAN)))["meta"]["profile"] == [
        "http://hl7.org/fhir/StructureDefinition/vitalsigns"
    ]
    assert parsed(render_observation(row("bmi", (24.1, 1, PRESENT))))["meta"]["profile"] == [
        "http://hl7.org/fhir/StructureDefinition/bmi"
    ]


@pytest.mark.parametrize(
    ("metric", "number", "system", "code", "text"),
    [
        ("consciousness", 0.0, "urn:vitalstream:consciousness", "A", "Alert"),
        ("consciousness", 1.0, "urn:vitalstream:consciousness", "C", "New confusion"),
        ("consciousness", 4.0, "urn:vitalstream:consciousness", "U", "Unresponsive"),
        ("oxygen_in_use", 0.0, "urn:vitalstream:oxygen", "air", "Room air"),
        ("oxygen_in_use", 1.0, "urn:vitalstream:oxygen", "oxygen", "Supplemental oxygen"),
    ],
)
def test_coded_values_have_a_local_code_and_a_text(
    metric: str, number: float, system: str, code: str, text: str
) -> None:
    resource = parsed(render_observation(row(metric, (number, 0, PRESENT))))
    assert resource["code"]["coding"][0]["system"] == "urn:vitalstream:metric"
    assert resource["valueCodeableConcept"] == {
        "coding": [{"system": system, "code": code, "display": text}],
        "text": text,
    }


@pytest.mark.parametrize("metric", ["consciousness", "oxygen_in_use"])
@pytest.mark.parametrize("number", [-1.0, 7.0])
def test_a_code_that_means_nothing_is_never_shown_as_something(metric: str, number: float) -> None:
    with pytest.raises(InternalError):
        render_observation(row(metric, (number, 0, PRESENT)))


def test_personal_health_device_form() -> None:
    made = row("spo2", (86.0, 0, PRESENT), flags=int(Flag.EARLY_ESTIMATE))
    resource = parsed(render_phd_observation(made, "gw-1"))
    assert resource["status"] == "preliminary"
    assert [c["coding"][0]["code"] for c in resource["category"]] == ["vital-signs", "phd"]
    assert resource["code"]["coding"][0] == {
        "system": "urn:iso:std:iso:11073:10101",
        "code": "150456",
        "display": "MDC_PULS_OXIM_SAT_O2",
    }
    assert {
        "url": "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice",
        "valueReference": {"reference": "Device/gw-1"},
    } in resource["extension"]
    assert resource["interpretation"][0]["coding"][0]["code"] == "early-indication"
    assert resource["meta"]["profile"][1].endswith("/PhdNumericObservation")
    pressure = parsed(render_phd_observation(row("blood_pressure", *BP), "gw-1"))
    assert pressure["meta"]["profile"][1].endswith("/PhdCompoundNumericObservation")
    assert pressure["component"][0]["code"]["coding"][0]["code"] == "150021"


def test_a_metric_without_mdc_code_keeps_the_plain_form() -> None:
    made = row("consciousness", (0.0, 0, PRESENT))
    assert render_phd_observation(made, "gw-1") == render_observation(made)


def test_a_reading_that_nobody_received_claims_no_receipt() -> None:
    resource = parsed(render_unstored(row()))
    assert "issued" not in resource
    assert resource["meta"] == {"profile": ["http://hl7.org/fhir/StructureDefinition/heartrate"]}
    assert resource["id"] == ID


@pytest.mark.parametrize("flag", [flag for flag in Flag if flag is not Flag.TEST_DATA])
def test_each_mark_is_told_to_programs_and_people(flag: Flag) -> None:
    resource = parsed(render_observation(row(flags=int(flag | Flag.TEST_DATA))))
    (name,) = flag.names
    assert resource["extension"] == [{"url": "urn:vitalstream:flag", "valueCode": name}]
    assert resource["note"] == [{"text": f"Quality marks: {name}."}]
    assert resource["meta"]["security"][0]["code"] == "HTEST"


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3)
    | st.integers(-(10**15) + 1, 10**15 - 1).map(Decimal)
    | st.decimals(min_value=0, max_value=1, places=14),
    metric=st.sampled_from(["spo2", "glucose_capillary_mass", "body_temp", "pef"]),
    flags=st.sampled_from([0, int(Flag.TEST_DATA), int(Flag.IMPROBABLE)]),
)
def test_the_number_is_written_as_it_was_sent(number: Decimal, metric: str, flags: int) -> None:
    value = value_of(number)
    made = row(metric, (value.number, value.decimals, PRESENT), flags=flags)
    shown = as_text(render_observation(made))["valueQuantity"]["value"]
    assert shown == f"{number:f}"


@given(
    values=st.tuples(*[st.tuples(st.integers(0, 3000), st.integers(0, 3), st.sampled_from(Absent))] * 3),
    metric=st.sampled_from([m for m in CHARTED if m.shape in ("quantity", "blood_pressure")]),
    flags=st.integers(0, 2**22 - 1),
    us=st.integers(-(10**16), 10**17),
    offset=st.integers(-840, 840),
    source=st.sampled_from(Source),
    status=st.integers(0, 2),
    phd=st.booleans(),
    data=st.data(),
)
def test_every_row_renders_to_valid_json(
    values: tuple[tuple[int, int, Absent], ...],
    metric: codes.Metric,
    flags: int,
    us: int,
    offset: int,
    source: Source,
    status: int,
    phd: bool,
    data: st.DataObject,
) -> None:
    triples = [(number / 10**decimals, decimals, int(absent)) for number, decimals, absent in values]
    made = row(
        metric.key,
        *triples,
        unit=data.draw(st.sampled_from(metric.units)),
        flags=flags,
        measured_us=us,
        utc_offset_min=offset,
        source=int(source),
        status=status,
    )
    resource = parsed(render_phd_observation(made, "gw-1") if phd else render_observation(made))
    check_vital_signs(resource)


def test_unused_values_do_not_matter() -> None:
    assert UNUSED[2] == Absent.UNKNOWN
    made = row("heart_rate", (72.0, 0, PRESENT))
    assert render_observation(made._replace(value_2=5.0, absent_2=0)) == render_observation(made)
