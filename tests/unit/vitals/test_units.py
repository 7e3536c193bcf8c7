"""Units: exact factors, aliases, and nothing unknown ever turned into something plausible."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import codes, units
from vitals.errors import UnitMismatch, UnknownUnit


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (98.6, "F", "Cel", 37.0),
        (100.58, "[degF]", "Cel", 38.1),
        (16.0, "kPa", "mm[Hg]", 120.010200867),  # 16000 Pa / 133.322 Pa
        (154.32, "lb", "kg", 69.998374538),  # x 0.45359237
        (70500, "g", "kg", 70.5),
        (1.8, "m", "cm", 180.0),
        (36.6, "C", "Cel", 36.6),
    ],
)
def test_conversions(value: float, source: str, target: str, expected: float) -> None:
    assert units.convert(value, source, target) == expected


@pytest.mark.parametrize(
    ("alias", "code"),
    [("bpm", "/min"), ("mmHg", "mm[Hg]"), ("C", "Cel"), ("F", "[degF]"), ("lb", "[lb_av]"), ("{beats}/min", "/min")],
)
def test_aliases_of_the_contract(alias: str, code: str) -> None:
    assert units.unit(alias).code == code


@pytest.mark.parametrize("text", ["K", "stone", "mmhg", "MMHG", "celsius", "x" * 5000, "{}", "µg"])
def test_unknown_unit_raises(text: str) -> None:
    with pytest.raises(UnknownUnit):
        units.unit(text)


def test_incompatible_units_raise() -> None:
    with pytest.raises(UnitMismatch, match="pressure"):
        units.scale("mm[Hg]", "kg")


def test_mass_and_substance_concentration_of_glucose_are_not_mixed() -> None:
    with pytest.raises(UnitMismatch):
        units.scale("mg/dL", "mmol/L")


@given(st.sampled_from([(a, b) for m in codes.table().values() for a in m.units for b in m.units]))
def test_there_and_back_is_exactly_nothing(pair: tuple[str, str]) -> None:
    a, b = (units.scale(*pair), units.scale(*reversed(pair)))
    assert a[0] * b[0] == 1
    assert a[1] * b[0] + b[1] == Fraction(0)


def test_numbers_are_stable_and_unique() -> None:
    assert [units.by_number(n).code for n in (1, 2, 3, 6, 8, 10, 25)] == ["1", "%", "/min", "Cel", "mm[Hg]", "kg", "mV"]
    with pytest.raises(UnknownUnit):
        units.by_number(99)
