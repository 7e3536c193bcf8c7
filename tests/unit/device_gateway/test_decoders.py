"""GATT decoders against bytes typed from the Bluetooth specifications, field by field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.decoders.model import Decoded
from device_gateway.decoders.registry import decoder
from vitals.errors import DecodeError
from vitals.reading import Absent, Flag

#: e807 06 17 0e 23 0a: year 0x07e8, month 6, day 23, 14:35:10
WHEN = "e80706170e230a"
WHEN_US = int(datetime(2024, 6, 23, 14, 35, 10, tzinfo=UTC).timestamp()) * 1_000_000

UUIDS = ("2a19", "2a1c", "2a35", "2a37", "2a5e", "2a5f", "2a9d")


def decode(uuid: str, frame: str) -> Decoded:
    return decoder(uuid)(bytes.fromhex(frame))


def shown(decoded: Decoded) -> list[tuple[str, list[str | None], str]]:
    """Metric, texts of the values and unit of each reading."""
    return [(one.metric, [value.text for value in one.values], one.unit) for one in decoded]


def flags(uuid: str, frame: str) -> Flag:
    """The flags of a frame whose readings all have the same."""
    (common,) = {one.flags for one in decode(uuid, frame)}
    return Flag(common)


# Heart Rate Measurement: flags, u8 or u16 rate, [u16 energy], [u16 RR]...
@pytest.mark.parametrize(
    ("frame", "rate", "contact"),
    [
        ("0048", "72", Flag(0)),  # u8, contact not supported
        ("0648", "72", Flag(0)),  # contact supported and detected
        ("0448", "72", Flag.NO_CONTACT),  # supported, not detected
        ("0248", "72", Flag(0)),  # 1 of the two bits alone: not supported
        ("01 2c01", "300", Flag(0)),  # u16
        ("08 48 6400", "72", Flag(0)),  # energy expended 100 kJ
        ("10 48 4003 5003", "72", Flag(0)),  # two RR intervals
        ("1f 4800 6400 4003", "72", Flag(0)),  # everything, u16
        ("e6 48", "72", Flag(0)),  # RFU bits set
    ],
)
def test_heart_rate(frame: str, rate: str, contact: Flag) -> None:
    (one,) = decode("2a37", frame)
    assert (one.metric, one.values[0].text, one.unit) == ("heart_rate", rate, "/min")
    assert one.local_us is None
    assert Flag(one.flags) == contact


# Blood Pressure Measurement: flags, SFLOAT systolic, diastolic, mean, [time], [SFLOAT pulse], [u8 user], [u16 status]
@pytest.mark.parametrize(
    ("frame", "values", "unit", "pulse", "timed"),
    [
        ("00 8000 4f00 5f00", ["128", "79", "95"], "mm[Hg]", None, False),
        ("00 8000 4f00 ff07", ["128", "79", None], "mm[Hg]", None, False),  # the mean is often NaN
        ("01 abf0 69f0 7ff0", ["17.1", "10.5", "12.7"], "kPa", None, False),  # 171, 105, 127 x 10^-1
        (f"02 8000 4f00 5f00 {WHEN}", ["128", "79", "95"], "mm[Hg]", None, True),
        ("04 8000 4f00 5f00 4800", ["128", "79", "95"], "mm[Hg]", "72", False),
        ("08 8000 4f00 5f00 01", ["128", "79", "95"], "mm[Hg]", None, False),  # user 1
        ("10 8000 4f00 5f00 0000", ["128", "79", "95"], "mm[Hg]", None, False),  # status 0
        (f"1e 8000 4f00 5f00 {WHEN} 4800 ff 0000", ["128", "79", "95"], "mm[Hg]", "72", True),
        (f"ff abf0 69f0 7ff0 {WHEN} 4800 ff 0000", ["17.1", "10.5", "12.7"], "kPa", "72", True),  # RFU bits
    ],
)
def test_blood_pressure(frame: str, values: list[str | None], unit: str, pulse: str | None, timed: bool) -> None:
    decoded = decode("2a35", frame)
    expected: list[tuple[str, list[str | None], str]] = [("blood_pressure", values, unit)]
    if pulse is not None:
        expected.append(("pulse_rate_cuff", [pulse], "/min"))
    assert shown(decoded) == expected
    assert {one.local_us for one in decoded} == {WHEN_US if timed else None}


def test_a_failed_measurement_of_a_boso_cuff_is_absent_and_never_2047() -> None:
    # 16: mmHg, time, pulse, status; three NaN; 2024-06-23 14:35:10; pulse NaN; status without a bit
    pressure, pulse = decode("2a35", "16 ff07 ff07 ff07 e80706170e230a ff07 0000")
    assert [value.absent for value in pressure.values] == [Absent.NOT_A_NUMBER] * 3
    assert [value.absent for value in pulse.values] == [Absent.NOT_A_NUMBER]
    assert pressure.local_us == pulse.local_us == WHEN_US
    assert pressure.flags == 0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("0100", Flag.BODY_MOVEMENT),
        ("0200", Flag.CUFF_LOOSE),
        ("0400", Flag.IRREGULAR_PULSE),
        ("0800", Flag.PULSE_RANGE),  # bits 3-4 = 1: above the upper limit
        ("1000", Flag.PULSE_RANGE),  # 2: below the lower limit
        ("1800", Flag(0)),  # 3: reserved
        ("2000", Flag.BAD_POSITION),
        ("c0ff", Flag(0)),  # reserved bits
        ("2700", Flag.BODY_MOVEMENT | Flag.CUFF_LOOSE | Flag.IRREGULAR_PULSE | Flag.BAD_POSITION),
    ],
)
def test_blood_pressure_status(status: str, expected: Flag) -> None:
    assert flags("2a35", f"14 8000 4f00 5f00 4800 {status}") == expected


# PLX Spot-Check: flags, SFLOAT SpO2, PR, [time], [u16 status], [u24 device and sensor status], [SFLOAT amplitude]
@pytest.mark.parametrize(
    ("frame", "amplitude", "timed"),
    [
        ("00 6100 4800", None, False),
        (f"01 6100 4800 {WHEN}", None, True),
        ("02 6100 4800 0000", None, False),
        ("04 6100 4800 000000", None, False),
        ("08 6100 4800 1ff0", "3.1", False),  # 31 x 10^-1
        (f"0f 6100 4800 {WHEN} 0000 000000 1ff0", "3.1", True),
        (f"ef 6100 4800 {WHEN} 0000 000000 1ff0", "3.1", True),  # RFU bits
    ],
)
def test_spot_oximeter(frame: str, amplitude: str | None, timed: bool) -> None:
    decoded = decode("2a5e", frame)
    expected: list[tuple[str, list[str | None], str]] = [
        ("spo2", ["97"], "%"),
        ("pulse_rate_oximeter", ["72"], "/min"),
    ]
    if amplitude is not None:
        expected.append(("perfusion_index", [amplitude], "%"))
    assert shown(decoded) == expected
    assert {one.local_us for one in decoded} == {WHEN_US if timed else None}


def test_a_spot_oximeter_that_says_its_clock_is_not_set_keeps_the_face_for_identity() -> None:
    spo2, _ = decode("2a5e", f"11 6100 4800 {WHEN}")
    assert spo2.local_us == WHEN_US
    assert Flag(spo2.flags) == Flag.CLOCK_UNSET


# PLX Continuous: flags, normal pair, [fast pair], [slow pair], [u16 status], [u24 sensor status], [SFLOAT amplitude]
@pytest.mark.parametrize(
    ("frame", "amplitude"),
    [
        ("00 6100 4800", None),
        ("01 6100 4800 6000 4900", None),
        ("02 6100 4800 5f00 4a00", None),
        ("04 6100 4800 0000", None),
        ("08 6100 4800 000000", None),
        ("10 6100 4800 1ff0", "3.1"),
        ("1f 6100 4800 6000 4900 5f00 4a00 0000 000000 1ff0", "3.1"),
        ("ff 6100 4800 6000 4900 5f00 4a00 0000 000000 1ff0", "3.1"),  # RFU bits
    ],
)
def test_continuous_oximeter_reads_the_normal_average(frame: str, amplitude: str | None) -> None:
    decoded = decode("2a5f", frame)
    assert shown(decoded)[:2] == [("spo2", ["97"], "%"), ("pulse_rate_oximeter", ["72"], "/min")]
    assert [one.values[0].text for one in decoded[2:]] == ([] if amplitude is None else [amplitude])


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("2000", Flag.MEASUREMENT_ONGOING),  # bit 5
        ("4000", Flag.EARLY_ESTIMATE),  # bit 6
        ("8001", Flag(0)),  # validated, fully qualified
        ("0004", Flag.TEST_DATA),  # bit 10, demonstration
        ("0008", Flag.TEST_DATA),  # bit 11, testing
        ("0010", Flag.QUESTIONABLE),  # bit 12, calibration
        ("0040", Flag.QUESTIONABLE),  # bit 14, questionable
        ("0080", Flag.QUESTIONABLE),  # bit 15, invalid
        ("1f00", Flag(0)),  # RFU
    ],
)
def test_oximeter_measurement_status(status: str, expected: Flag) -> None:
    assert flags("2a5e", f"02 6100 4800 {status}") == expected
    assert flags("2a5f", f"04 6100 4800 {status}") == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("010000", Flag(0)),  # bit 0, display update
        ("020000", Flag.DEVICE_ALARM),  # equipment malfunction
        ("080000", Flag.QUESTIONABLE),  # inadequate signal
        ("200000", Flag.LOW_PERFUSION),  # bit 5
        ("000800", Flag.NO_CONTACT),  # bit 11, sensor unconnected to user
        ("002000", Flag.NO_CONTACT),  # bit 13, displaced
        ("004000", Flag.DEVICE_ALARM),  # bit 14, sensor malfunction
        ("008000", Flag.NO_CONTACT),  # bit 15, disconnected
        ("0000ff", Flag(0)),  # RFU
    ],
)
def test_oximeter_sensor_status(status: str, expected: Flag) -> None:
    assert flags("2a5e", f"04 6100 4800 {status}") == expected
    assert flags("2a5f", f"08 6100 4800 {status}") == expected


# Temperature Measurement: flags, FLOAT, [time], [u8 type]
@pytest.mark.parametrize(
    ("frame", "metric", "text", "unit", "timed"),
    [
        ("00 6e0100ff", "body_temp", "36.6", "Cel", False),
        ("01 da0300ff", "body_temp", "98.6", "[degF]", False),
        (f"02 6e0100ff {WHEN}", "body_temp", "36.6", "Cel", True),
        ("04 6e0100ff 01", "body_temp_axilla", "36.6", "Cel", False),
        ("04 6e0100ff 02", "body_temp", "36.6", "Cel", False),  # body, general
        ("04 6e0100ff 03", "body_temp_ear", "36.6", "Cel", False),
        ("04 6e0100ff 06", "body_temp_oral", "36.6", "Cel", False),
        ("04 6e0100ff 07", "body_temp_rectal", "36.6", "Cel", False),
        ("04 6e0100ff 08", "body_temp", "36.6", "Cel", False),  # toe
        ("04 6e0100ff 09", "body_temp_ear", "36.6", "Cel", False),  # tympanum
        ("04 6e0100ff fe", "body_temp", "36.6", "Cel", False),  # reserved type
        (f"ff 4c0e00fe {WHEN} 06", "body_temp_oral", "36.60", "[degF]", True),  # 3660 x 10^-2; RFU bits
    ],
)
def test_thermometer(frame: str, metric: str, text: str, unit: str, timed: bool) -> None:
    decoded = decode("2a1c", frame)
    assert shown(decoded) == [(metric, [text], unit)]
    assert decoded[0].local_us == (WHEN_US if timed else None)


# Weight Measurement: flags, u16 weight, [time], [u8 user], [u16 BMI, u16 height]
@pytest.mark.parametrize(
    ("frame", "expected", "timed"),
    [
        ("00 b036", [("body_weight", ["70.000"], "kg")], False),  # 14000 x 0.005
        ("00 b136", [("body_weight", ["70.005"], "kg")], False),
        ("01 383c", [("body_weight", ["154.16"], "[lb_av]")], False),  # 15416 x 0.01
        (f"02 b036 {WHEN}", [("body_weight", ["70.000"], "kg")], True),
        ("04 b036 01", [("body_weight", ["70.000"], "kg")], False),
        (
            f"0e b036 {WHEN} 01 e700 d606",  # BMI 231 x 0.1, height 1750 x 0.001 m
            [("body_weight", ["70.000"], "kg"), ("bmi", ["23.1"], "kg/m2"), ("body_height", ["1.750"], "m")],
            True,
        ),
        (
            "09 383c e700 b102",  # height 689 x 0.1 in
            [
                ("body_weight", ["154.16"], "[lb_av]"),
                ("bmi", ["23.1"], "kg/m2"),
                ("body_height", ["68.9"], "[in_i]"),
            ],
            False,
        ),
        ("f0 b036", [("body_weight", ["70.000"], "kg")], False),  # RFU bits
    ],
)
def test_weight(frame: str, expected: list[tuple[str, list[str | None], str]], timed: bool) -> None:
    decoded = decode("2a9d", frame)
    assert shown(decoded) == expected
    assert {one.local_us for one in decoded} == {WHEN_US if timed else None}


@pytest.mark.parametrize("frame", ["00 ffff", "01 ffff"])
def test_an_unsuccessful_weight_is_absent_and_never_327_kg(frame: str) -> None:
    (one,) = decode("2a9d", frame)
    assert one.values[0].absent is Absent.ERROR


def test_battery() -> None:
    assert shown(decode("2a19", "57")) == [("battery", ["87"], "%")]


@pytest.mark.parametrize(
    "when",
    [
        "00000617 0e230a",  # year not known
        "e8070017 0e230a",  # month not known
        "e8070600 0e230a",  # day not known
        "e807061f 0e230a",  # 31 June
        "e8070617 18230a",  # 24 h
        "e8070617 0e3c0a",  # 60 min
        "2d06 0617 0e230a",  # year 1581, before the field's range
    ],
)
@pytest.mark.parametrize(
    ("uuid", "frame"),
    [("2a35", "02 8000 4f00 5f00 {}"), ("2a5e", "01 6100 4800 {}"), ("2a1c", "02 6e0100ff {}"), ("2a9d", "02 b036 {}")],
)
def test_a_time_that_is_unset_or_unreal_never_loses_the_reading(uuid: str, frame: str, when: str) -> None:
    decoded = decode(uuid, frame.format(when))
    assert {one.local_us for one in decoded} == {None}
    assert {Flag(one.flags) for one in decoded} == {Flag.CLOCK_UNSET}


@pytest.mark.parametrize(
    ("uuid", "frame"),
    [
        ("2a37", "1f 4800 6400 4003"),
        ("2a35", f"1e 8000 4f00 5f00 {WHEN} 4800 01 0000"),
        ("2a5e", f"0f 6100 4800 {WHEN} 0000 000000 1ff0"),
        ("2a5f", "1f 6100 4800 6000 4900 5f00 4a00 0000 000000 1ff0"),
        ("2a1c", f"06 6e0100ff {WHEN} 06"),
        ("2a9d", f"0e b036 {WHEN} 01 e700 d606"),
        ("2a19", "57"),
    ],
)
def test_every_shorter_frame_is_truncated_and_every_longer_one_has_trailing_bytes(uuid: str, frame: str) -> None:
    whole = bytes.fromhex(frame)
    for length in range(len(whole)):
        with pytest.raises(DecodeError) as caught:
            decoder(uuid)(whole[:length])
        assert caught.value.code == "truncated"
    if uuid != "2a37":  # there one byte more is half an RR interval
        with pytest.raises(DecodeError) as caught:
            decoder(uuid)(whole + b"\0")
        assert caught.value.code == "trailing-bytes"


@pytest.mark.parametrize(
    ("frame", "code"), [("10 48 40", "truncated"), ("10 48", "truncated"), ("00 48 00", "trailing-bytes")]
)
def test_heart_rate_lengths_around_rr_intervals(frame: str, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode("2a37", frame)
    assert caught.value.code == code


@pytest.mark.parametrize("uuid", UUIDS)
@given(frame=st.binary(max_size=40))
def test_any_bytes_are_readings_or_a_decode_error(uuid: str, frame: bytes) -> None:
    try:
        decoded = decoder(uuid)(frame)
    except DecodeError as error:
        assert error.code in {"truncated", "trailing-bytes", "unrepresentable"}
        return
    assert decoded
    for one in decoded:
        assert len(one.values) == (3 if one.metric == "blood_pressure" else 1)


@pytest.mark.parametrize(
    "spelling", ["2a37", "2A37", "0x2A37", "00002a37-0000-1000-8000-00805f9b34fb", "00002A3700001000800000805F9B34FB"]
)
def test_a_uuid_may_be_spelled_in_any_way(spelling: str) -> None:
    assert shown(decoder(spelling)(b"\x00\x48")) == [("heart_rate", ["72"], "/min")]


@pytest.mark.parametrize("uuid", ["2a1e", "2a38", "", "heart_rate", "00002a37-0000-1000-8000-00805f9b34fc", "12342a37"])
def test_an_unknown_characteristic_says_so(uuid: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder(uuid)
    assert caught.value.code == "unknown-format"
