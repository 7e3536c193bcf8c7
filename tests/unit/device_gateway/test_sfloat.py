"""IEEE 11073-20601 SFLOAT and FLOAT; vectors from the standard's annex F.8 and the HL7 PHD guide."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.decoders.sfloat import float32, sfloat
from vitals.errors import DecodeError
from vitals.reading import Absent


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0x0072, "114"),  # exponent 0
        (0xF3DA, "98.6"),  # 986 x 10^-1
        (0xF16E, "36.6"),
        (0xE17C, "3.80"),  # 380 x 10^-2: the trailing zero was sent
        (0x0FFF, "-1"),  # mantissa -1
        (0xF800, "-204.8"),  # -2048 x 10^-1: special only with exponent 0
        (0x1002, "20"),  # 2 x 10^1
        (0x7001, "10000000"),  # largest exponent, 7
        (0x8001, "0.00000001"),  # smallest exponent, -8
        (0x17FF, "20470"),  # 2047 x 10^1 is a number, 2047 x 10^0 is NaN
        (0x0000, "0"),
        (0xF000, "0.0"),
    ],
)
def test_sfloat_keeps_number_and_decimals(bits: int, text: str) -> None:
    assert sfloat(bits).text == text


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        (0x07FF, Absent.NOT_A_NUMBER),
        (0x0800, Absent.ERROR),  # NRes
        (0x07FE, Absent.POSITIVE_INFINITY),
        (0x0802, Absent.NEGATIVE_INFINITY),
        (0x0801, Absent.ERROR),  # reserved
    ],
)
def test_special_sfloats_are_reasons_and_never_numbers(bits: int, reason: Absent) -> None:
    value = sfloat(bits)
    assert value.absent is reason
    assert math.isnan(value.number)
    assert value.text is None


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0xFF00016E, "36.6"),  # 366 x 10^-1, the thermometer specification's own example
        (0xFE000E3A, "36.42"),
        (0xFF00017B, "37.9"),
        (0x00FFFFFF, "-1"),
        (0x02000001, "100"),
        (0xFE000E4C, "36.60"),
    ],
)
def test_float_keeps_number_and_decimals(bits: int, text: str) -> None:
    assert float32(bits).text == text


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        (0x007FFFFF, Absent.NOT_A_NUMBER),
        (0x00800000, Absent.ERROR),
        (0x007FFFFE, Absent.POSITIVE_INFINITY),
        (0x00800002, Absent.NEGATIVE_INFINITY),
        (0x00800001, Absent.ERROR),
    ],
)
def test_special_floats_are_reasons(bits: int, reason: Absent) -> None:
    assert float32(bits).absent is reason


@pytest.mark.parametrize("bits", [0x7F000001, 0x80000001, 0x10000001, 0xF0000001])
def test_a_float_beyond_15_digits_is_refused(bits: int) -> None:
    with pytest.raises(DecodeError) as caught:
        float32(bits)
    assert caught.value.code == "unrepresentable"


def test_every_sfloat_is_a_number_as_its_digits_say_or_a_reason() -> None:
    for bits in range(0x10000):
        value = sfloat(bits)
        if value.absent:
            assert bits in (0x07FF, 0x0800, 0x07FE, 0x0802, 0x0801)
            continue
        mantissa = bits & 0x0FFF if bits & 0x0800 == 0 else (bits & 0x0FFF) - 0x1000
        exponent = bits >> 12 if bits < 0x8000 else (bits >> 12) - 16
        assert value.number == float(f"{mantissa}e{exponent}")
        assert value.decimals == max(-exponent, 0)


@given(st.integers(0, 0xFFFFFFFF))
def test_any_float_is_a_value_or_a_decode_error(bits: int) -> None:
    try:
        value = float32(bits)
    except DecodeError:
        return
    assert bool(value.absent) or math.isfinite(value.number)
