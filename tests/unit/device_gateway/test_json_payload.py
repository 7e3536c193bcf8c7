"""JSON payloads: what becomes a reading, and what is said of the rest."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.payloads.json_payload import ELEMENTS_MAX, parse
from device_gateway.payloads.model import Sent, Unusable
from device_gateway.timestamps import Instant
from vitals.reading import NONE, Absent, Flag

RATE = '{"metric":"heart_rate","value":72,"unit":"/min"}'


def one(text: str | bytes) -> Sent:
    (part,) = parse(text if isinstance(text, bytes) else text.encode()).parts
    assert isinstance(part, Sent), part
    return part


def reason(text: str | bytes) -> str:
    (part,) = parse(text if isinstance(text, bytes) else text.encode()).parts
    assert isinstance(part, Unusable), part
    assert part.message
    return part.reason


def quantity(value: str) -> str:
    return f'{{"metric":"body_temp","value":{value},"unit":"Cel"}}'


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("36.60", "36.60"),
        ("36.6", "36.6"),
        ("37", "37"),
        ("3.66e1", "36.6"),
        ("0", "0"),
        ("-1.50", "-1.50"),
        ("1E2", "100"),
    ],
)
def test_digits_are_kept_as_sent(sent: str, text: str) -> None:
    assert one(quantity(sent)).values[0].text == text


@pytest.mark.parametrize(("unit", "code"), [("bpm", "/min"), ("/min", "/min"), ("{beats}/min", "/min")])
def test_units_and_their_aliases(unit: str, code: str) -> None:
    assert one(f'{{"metric":"heart_rate","value":72,"unit":"{unit}"}}').unit == code


def test_a_reading_may_have_time_sequence_and_the_devices_now() -> None:
    sent = one(RATE[:-1] + ',"at":"2026-01-31T08:30:00.25+01:00","seq":7,"now":1769845000123}')
    assert sent.time == Instant(1_769_844_600_250_000_000, 60)
    assert (sent.sequence, sent.device_now_us) == (7, 1_769_845_000_123_000)
    assert one(RATE).sequence == NONE
    assert one(RATE).time is None


@pytest.mark.parametrize(
    ("at", "ns", "offset"),
    [
        ('"1970-01-01T00:00:01Z"', 1_000_000_000, 0),
        ('"1970-01-01t00:00:01z"', 1_000_000_000, 0),
        ('"1970-01-01 00:00:01+00:00"', 1_000_000_000, 0),
        ('"1969-12-31T19:00:01.5-05:00"', 1_500_000_000, -300),
        ('"1970-01-01T00:00:00.123456789Z"', 123_456_789, 0),
        ("1000", 1_000_000_000, None),
        ("1000.5", 1_000_500_000, None),
        ('"0000-00-00T00:00:00Z"', -(10**21), 0),  # never set: wrong, and not lost for that
        ("1e300", 10**21, None),
        ("-1e300", -(10**21), None),
    ],
)
def test_times(at: str, ns: int, offset: int | None) -> None:
    assert one(RATE[:-1] + f',"at":{at}}}').time == Instant(ns, offset)


@pytest.mark.parametrize("field", ["at", "now"])
@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ('"2026-01-31T08:30:00"', "naive-time"),
        ('"2026-01-31 08:30:00"', "naive-time"),
        ('"yesterday"', "bad-time"),
        ('"2026-02-30T08:30:00Z"', "bad-time"),
        ('"2026-01-31T25:30:00Z"', "bad-time"),
        ('"2026-01-31T08:30:00+25:00"', "bad-time"),
        ('"2026-01-31"', "bad-time"),
        ('""', "bad-time"),
        ("true", "bad-time"),
        ("[]", "bad-time"),
    ],
)
def test_times_that_nobody_can_read(field: str, time: str, expected: str) -> None:
    assert reason(RATE[:-1] + f',"{field}":{time}}}') == expected


def test_a_blood_pressure_is_one_reading_of_three_values() -> None:
    sent = one('{"metric":"blood_pressure","value":{"systolic":128,"diastolic":79.5,"mean":null},"unit":"mmHg"}')
    assert [value.text for value in sent.values] == ["128", "79.5", None]
    assert sent.values[2].absent is Absent.UNKNOWN
    without_mean = one('{"metric":"blood_pressure","value":{"systolic":17.1,"diastolic":10.5},"unit":"kPa"}')
    assert [value.text for value in without_mean.values] == ["17.1", "10.5", None]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('{"metric":"oxygen_in_use","value":true}', 1.0),
        ('{"metric":"oxygen_in_use","value":false,"unit":"1"}', 0.0),
        ('{"metric":"sensor_contact","value":false}', 0.0),
        ('{"metric":"consciousness","value":"A"}', 0.0),
        ('{"metric":"consciousness","value":"U"}', 4.0),
        ('{"metric":"battery","value":87,"unit":"%"}', 87.0),
    ],
)
def test_other_shapes(text: str, number: float) -> None:
    assert one(text).values[0].number == number


@pytest.mark.parametrize("text", [quantity("null"), '{"metric":"oxygen_in_use","value":null}'])
def test_null_is_a_value_that_the_device_lost(text: str) -> None:
    assert one(text).values[0].absent is Absent.UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty-payload"),
        (" \n", "empty-payload"),
        ("[]", "empty-payload"),
        ("nonsense", "malformed-json"),
        (RATE[:-1], "malformed-json"),
        (RATE + RATE, "malformed-json"),
        ("3", "malformed-json"),
        ('"heart_rate"', "malformed-json"),
        ("{}", "unknown-metric"),
        ('{"metric":3,"value":72,"unit":"/min"}', "unknown-metric"),
        ('{"metric":"hart_rate","value":72,"unit":"/min"}', "unknown-metric"),
        ('{"metric":"cgm_mean","value":72,"unit":"mg/dL"}', "unknown-metric"),
        ('{"metric":"heart_rate","value":72}', "unknown-unit"),
        ('{"metric":"heart_rate","value":72,"unit":"furlong"}', "unknown-unit"),
        ('{"metric":"heart_rate","value":72,"unit":7}', "unknown-unit"),
        ('{"metric":"heart_rate","value":72,"unit":"kg"}', "unit-mismatch"),
        ('{"metric":"heart_rate","value":72,"unit":""}', "unit-mismatch"),
        ('{"metric":"heart_rate","unit":"/min"}', "bad-value"),
        (quantity('"36.6"'), "bad-value"),
        (quantity("true"), "bad-value"),
        (quantity("[36.6]"), "bad-value"),
        (quantity("1e308"), "unrepresentable"),
        (quantity("1e999999"), "unrepresentable"),
        (quantity("36.600000000000001"), "unrepresentable"),
        (quantity("1000000000000000"), "unrepresentable"),
        (quantity("NaN"), "unrepresentable"),
        (quantity("-Infinity"), "unrepresentable"),
        (quantity('"NaN"'), "unrepresentable"),
        (quantity('"inf"'), "unrepresentable"),
        ('{"metric":"blood_pressure","value":128,"unit":"mmHg"}', "bad-value"),
        ('{"metric":"blood_pressure","value":{"systolic":128},"unit":"mmHg"}', "bad-value"),
        ('{"metric":"blood_pressure","value":{"systolic":"x","diastolic":79},"unit":"mmHg"}', "bad-value"),
        ('{"metric":"oxygen_in_use","value":1}', "bad-value"),
        ('{"metric":"consciousness","value":"X"}', "bad-value"),
        ('{"metric":"consciousness","value":"AV"}', "bad-value"),
        (RATE[:-1] + ',"seq":-1}', "bad-sequence"),
        (RATE[:-1] + ',"seq":1.5}', "bad-sequence"),
        (RATE[:-1] + ',"seq":9223372036854775808}', "bad-sequence"),
        (RATE[:-1] + ',"seq":true}', "bad-sequence"),
    ],
)
def test_what_can_not_become_a_reading_says_why(text: str, expected: str) -> None:
    assert reason(text) == expected


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"metric":"\xff"}', b"[" * 100_000, b'{"metric":' + b"[" * 100_000])
def test_hostile_bytes_are_one_malformed_payload(payload: bytes) -> None:
    assert reason(payload) == "malformed-json"


def test_one_bad_element_never_spoils_its_siblings_and_keeps_its_own_bytes() -> None:
    payload = f'[{RATE}, {quantity("1e308")} ,3,{{"metric":"x"}},{RATE}]'.encode()
    parsed = parse(payload)
    kinds = [part.reason if isinstance(part, Unusable) else part.metric for part in parsed.parts]
    assert kinds == ["heart_rate", "unrepresentable", "malformed-json", "unknown-metric", "heart_rate"]
    pieces = [parsed.raw[part.start : part.start + part.length].decode() for part in parsed.parts]
    assert pieces == [RATE, quantity("1e308"), "3", '{"metric":"x"}', RATE]


def test_a_bare_nan_spoils_only_its_own_element() -> None:
    parsed = parse(f'[{RATE},{quantity("NaN")},{{"metric":"NaN \\" NaN","value":1}}]'.encode())
    assert [part.reason if isinstance(part, Unusable) else "good" for part in parsed.parts] == [
        "good",
        "unrepresentable",
        "unknown-metric",
    ]


def test_more_elements_than_a_group_holds_are_refused_as_one() -> None:
    assert len(parse(f"[{','.join([RATE] * ELEMENTS_MAX)}]".encode()).parts) == ELEMENTS_MAX
    assert reason(f"[{','.join([RATE] * (ELEMENTS_MAX + 1))}]") == "payload-too-many"


@pytest.mark.parametrize(
    ("metric", "value", "unit", "improbable"),
    [
        ("heart_rate", "19", "/min", True),
        ("heart_rate", "20", "/min", False),
        ("heart_rate", "300", "/min", False),
        ("heart_rate", "301", "/min", True),
        ("body_temp", "76.9", "[degF]", True),  # below 25 Cel = 77 degF
        ("body_temp", "77", "[degF]", False),
        ("body_temp", "113", "F", False),  # 45 Cel
        ("body_temp", "113.1", "F", True),
        ("body_weight", "19999", "g", True),
        ("body_weight", "20000", "g", False),
        ("battery", "101", "%", True),
        ("map", "5000", "mmHg", False),  # no limits in the table
        ("heart_rate", "null", "/min", False),
        ("blood_pressure", '{"systolic":128,"diastolic":79}', "mmHg", False),
        ("blood_pressure", '{"systolic":301,"diastolic":79}', "mmHg", True),
        ("blood_pressure", '{"systolic":128,"diastolic":19}', "mmHg", True),
        ("blood_pressure", '{"systolic":128,"diastolic":79,"mean":251}', "mmHg", True),
        ("blood_pressure", '{"systolic":79,"diastolic":79}', "mmHg", True),
        ("blood_pressure", '{"systolic":79,"diastolic":null}', "mmHg", False),
        ("blood_pressure", '{"systolic":17.1,"diastolic":10.5}', "kPa", False),
        ("blood_pressure", '{"systolic":5.3,"diastolic":2.7}', "kPa", True),  # 39.8 mmHg
    ],
)
def test_improbable_values_are_flagged_and_never_refused(metric: str, value: str, unit: str, improbable: bool) -> None:
    sent = one(f'{{"metric":"{metric}","value":{value},"unit":"{unit}"}}')
    assert (Flag.IMPROBABLE in Flag(sent.flags)) is improbable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metric", "value", "unit", "at", "seq", "now", "systolic", "diastolic"]), inner, max_size=6
        )
    ),
    max_leaves=12,
)


@given(JSON | st.lists(JSON, max_size=4))
def test_any_json_is_readings_or_reasons(document: object) -> None:
    payload = json.dumps(document).encode()
    parsed = parse(payload)
    assert parsed.parts
    assert all(part.start + part.length <= len(parsed.raw) for part in parsed.parts)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:NaInfity\\ 1.e-', max_size=80).map(str.encode))
def test_any_bytes_are_readings_or_reasons(payload: bytes) -> None:
    assert parse(payload).parts


def test_time_to_say_no_is_linear_in_hostile_input() -> None:
    assert reason(b'NaN"' + b'\\"' * 120_000) == "malformed-json"
