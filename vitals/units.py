"""UCUM units with exact conversion: a table of the units that home devices send. An unknown unit raises.

Factors are exact fractions: definitions of the pound (0.45359237 kg), inch (2.54 cm), degree Fahrenheit, and UCUM's
mm[Hg] = 133.322 Pa.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from vitals.errors import UnitMismatch, UnknownUnit

#: What devices and people write beside UCUM; the part of the contract that payloads rely on.
ALIASES = {
    "bpm": "/min",
    "mmHg": "mm[Hg]",
    "C": "Cel",
    "°C": "Cel",
    "F": "[degF]",
    "°F": "[degF]",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "1/min": "/min",
    "": "1",
}

#: UCUM annotations ({beats}/min) carry no meaning for the quantity.
_ANNOTATION = re.compile(r"\{[^{}]{0,40}\}")


@dataclass(frozen=True, slots=True)
class Unit:
    """`value_in_base = value * factor + offset`; `dimension` names what may be converted into each other."""

    code: str
    number: int
    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _unit(code: str, number: int, dimension: str, factor: Fraction | int | str, offset: str = "0") -> Unit:
    return Unit(code, number, dimension, Fraction(factor), Fraction(offset))


_UNITS = (
    # `number` is stored in the database and on the wire: it never changes.
    _unit("1", 1, "unity", 1),
    _unit("%", 2, "ratio", 1),
    _unit("/min", 3, "rate", 1),
    _unit("/d", 4, "rate-per-day", 1),
    _unit("{steps}", 5, "count", 1),
    _unit("Cel", 6, "temperature", 1),
    _unit("[degF]", 7, "temperature", Fraction(5, 9), "-160/9"),
    _unit("mm[Hg]", 8, "pressure", 1),
    _unit("kPa", 9, "pressure", Fraction(1000000, 133322)),
    _unit("kg", 10, "mass", 1),
    _unit("g", 11, "mass", Fraction(1, 1000)),
    _unit("[lb_av]", 12, "mass", "0.45359237"),
    _unit("cm", 13, "length", 1),
    _unit("m", 14, "length", 100),
    _unit("[in_i]", 15, "length", "2.54"),
    _unit("kg/m2", 16, "mass-area", 1),
    _unit("mg/dL", 17, "mass-concentration", 1),
    _unit("mmol/L", 18, "substance-concentration", 1),
    _unit("L/min", 19, "flow", 1),
    _unit("L/s", 20, "flow", 60),
    _unit("L", 21, "volume", 1),
    _unit("mL", 22, "volume", Fraction(1, 1000)),
    _unit("ms", 23, "time", 1),
    _unit("s", 24, "time", 1000),
    _unit("mV", 25, "voltage", 1),
)
_BY_CODE = {unit.code: unit for unit in _UNITS}
_BY_NUMBER = {unit.number: unit for unit in _UNITS}


@cache
def _resolve(text: str) -> Unit:
    code = ALIASES.get(text, text)
    found = _BY_CODE.get(code) or _BY_CODE.get(_ANNOTATION.sub("", code))
    if found is None:
        raise UnknownUnit(f"unit {text[:40]!r} is not known; send a UCUM code such as /min, %, mm[Hg], Cel or kg")
    return found


def unit(text: str) -> Unit:
    """The unit named by a UCUM code or one of the aliases; raises UnknownUnit."""
    # Bounded before the cache, so that a hostile sender can't fill it with long strings.
    if len(text) > 40:
        raise UnknownUnit(f"unit of {len(text)} characters is not known; send a UCUM code such as mm[Hg]")
    return _resolve(text)


def by_number(number: int) -> Unit:
    """The unit with this stored number; raises UnknownUnit."""
    found = _BY_NUMBER.get(number)
    if found is None:
        raise UnknownUnit(f"unit number {number} is not in the table of this version; upgrade the program")
    return found


def scale(source: str, target: str) -> tuple[Fraction, Fraction]:
    """`(factor, offset)` with `value_in_target = value_in_source * factor + offset`, exact.

    Raises UnknownUnit, or UnitMismatch when the two measure different things.
    """
    a, b = unit(source), unit(target)
    if a.dimension != b.dimension:
        raise UnitMismatch(f"{a.code} can't be converted to {b.code}: it measures {a.dimension}, not {b.dimension}")
    return a.factor / b.factor, (a.offset - b.offset) / b.factor


#: Digits kept after the binary conversion of a float: enough for every device, few enough to drop its rounding noise.
CONVERTED_DIGITS = 9


def convert(value: float, source: str, target: str) -> float:
    """`value` in another unit; the same number when the units are the same. For rules and views, never for storage."""
    factor, offset = scale(source, target)
    if factor == 1 and offset == 0:
        return value
    return round(value * float(factor) + float(offset), CONVERTED_DIGITS)
