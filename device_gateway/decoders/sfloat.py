"""IEEE 11073-20601 SFLOAT (16 bits) and FLOAT (32 bits): mantissa times a power of ten, both two's
complement.

The exponent carries the precision: 986 x 10^-1 is 98.6, kept as number and decimals, never as a product of
floats. Special values have exponent 0 and one of five mantissas; they are reasons for absence, never numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from vitals.errors import DecodeError
from vitals.reading import SIGNIFICANT_DIGITS_MAX, Absent, Value, absent

_SFLOAT_SPECIAL = {
    0x07FF: absent(Absent.NOT_A_NUMBER),
    0x0800: absent(Absent.ERROR),  # NRes: not at this resolution
    0x07FE: absent(Absent.POSITIVE_INFINITY),
    0x0802: absent(Absent.NEGATIVE_INFINITY),
    0x0801: absent(Absent.ERROR),  # reserved
}
_FLOAT_SPECIAL = {
    0x007FFFFF: absent(Absent.NOT_A_NUMBER),
    0x00800000: absent(Absent.ERROR),  # NRes
    0x007FFFFE: absent(Absent.POSITIVE_INFINITY),
    0x00800002: absent(Absent.NEGATIVE_INFINITY),
    0x00800001: absent(Absent.ERROR),  # reserved
}


def _value(mantissa: int, exponent: int) -> Value:
    """Exact: a quotient of two integers is rounded once, so it prints as sent."""
    if exponent < 0:
        decimals, whole = -exponent, len(str(abs(mantissa)))
    else:
        decimals, whole = 0, len(str(abs(mantissa))) + (exponent if mantissa else 0)
    if max(decimals, whole) > SIGNIFICANT_DIGITS_MAX:
        raise DecodeError(
            f"{mantissa} x 10^{exponent} can't be kept in {SIGNIFICANT_DIGITS_MAX} digits; "
            "the frame is damaged or not of this characteristic",
            code="unrepresentable",
        )
    return Value(mantissa / 10**decimals, decimals) if decimals else Value(float(mantissa * 10**exponent))


class _Known(dict[int, Value]):
    """65,536 values at most; a device uses a few hundred of them."""

    def __missing__(self, bits: int) -> Value:
        mantissa, exponent = bits & 0x0FFF, bits >> 12
        value = _SFLOAT_SPECIAL.get(bits) or _value(
            mantissa - ((mantissa & 0x0800) << 1), exponent - ((exponent & 0x8) << 1)
        )
        self[bits] = value
        return value


#: The value of 16 little-endian bits: 4 of exponent, 12 of mantissa. A look-up takes half the time of a cached call.
sfloat: Callable[[int], Value] = _Known().__getitem__


@lru_cache(maxsize=4096)  # temperatures at one decimal between 30 and 45 degrees are a few hundred
def float32(bits: int) -> Value:
    """The value of 32 bits: 8 of exponent, 24 of mantissa; raises DecodeError over 15 digits."""
    special = _FLOAT_SPECIAL.get(bits)
    if special is not None:
        return special
    mantissa, exponent = bits & 0x00FFFFFF, bits >> 24
    return _value(mantissa - ((mantissa & 0x00800000) << 1), exponent - ((exponent & 0x80) << 1))


@lru_cache(maxsize=4096)  # the integers that pulses, weights and percentages take
def scaled(raw: int, numerator: int, decimals: int) -> Value:
    """`raw * numerator / 10**decimals` with that many decimals: GATT's integers with a fixed resolution."""
    return Value(raw * numerator / 10**decimals, decimals)
