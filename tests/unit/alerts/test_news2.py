"""NEWS2 against the published chart, typed in: every band edge, both scales, partial sets, refusals."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest

from alerts.news2 import PARAMETERS, BadParameter, News2, NotApplicable, Parameters, Scale, score

#: Nobody scores less: 0 points in every parameter, on both scales.
WELL = Parameters(rr=18, spo2=97, o2=False, sbp=120, pulse=80, acvpu="A", temp=37.0)


def having(**values: Any) -> News2:
    return score(replace(WELL, **values))


def lacking(*names: str, **values: Any) -> News2:
    return having(**values, **dict.fromkeys(names))


# ---------------------------------------------------------------- the chart

WORKED = [
    ({"rr": 20, "spo2": 96, "o2": False, "sbp": 111, "pulse": 90, "acvpu": "A", "temp": 38.0, "scale": 1}, 0),
    ({"rr": 21, "spo2": 95, "o2": False, "sbp": 110, "pulse": 91, "acvpu": "A", "temp": 38.1, "scale": 1}, 6),
    ({"rr": 25, "spo2": 91, "o2": True, "sbp": 90, "pulse": 131, "acvpu": "C", "temp": 35.0, "scale": 1}, 20),
    ({"rr": 18, "spo2": 97, "o2": True, "sbp": 120, "pulse": 80, "acvpu": "A", "temp": 37.0, "scale": 2}, 5),
    ({"rr": 18, "spo2": 97, "o2": False, "sbp": 120, "pulse": 80, "acvpu": "A", "temp": 37.0, "scale": 2}, 0),
    ({"rr": 18, "spo2": 90, "o2": True, "sbp": 120, "pulse": 80, "acvpu": "A", "temp": 37.0, "scale": 2}, 2),
    ({"rr": 18, "spo2": 90, "o2": True, "sbp": 120, "pulse": 80, "acvpu": "A", "temp": 37.0, "scale": 1}, 5),
    ({"rr": 11, "spo2": 93, "o2": False, "sbp": 220, "pulse": 50, "acvpu": "A", "temp": 36.0, "scale": 1}, 8),
]


@pytest.mark.parametrize(("values", "total"), WORKED)
def test_worked_examples(values: dict[str, Any], total: int) -> None:
    result = score(Parameters(**values))
    assert (result.score, result.low, result.high, result.missing) == (total, total, total, ())


# Each step of the chart: the value below it, its points, the value above it, its points.
Step = tuple[int | str, int, int | str, int]
STEPS: dict[str, list[Step]] = {
    "rr": [(8, 3, 9, 1), (11, 1, 12, 0), (20, 0, 21, 2), (24, 2, 25, 3)],
    "spo2": [(91, 3, 92, 2), (93, 2, 94, 1), (95, 1, 96, 0)],
    "sbp": [(90, 3, 91, 2), (100, 2, 101, 1), (110, 1, 111, 0), (219, 0, 220, 3)],
    "pulse": [(40, 3, 41, 1), (50, 1, 51, 0), (90, 0, 91, 1), (110, 1, 111, 2), (130, 2, 131, 3)],
    "temp": [
        ("35.0", 3, "35.1", 1), ("36.0", 1, "36.1", 0), ("38.0", 0, "38.1", 1), ("39.0", 1, "39.1", 2),
    ],
}  # fmt: skip
SCALE_2_LOW: list[Step] = [(83, 3, 84, 2), (85, 2, 86, 1), (87, 1, 88, 0)]
SCALE_2_OXYGEN: list[Step] = [(92, 0, 93, 1), (94, 1, 95, 2), (96, 2, 97, 3)]


def around(step: Step) -> list[tuple[Decimal, int]]:
    """Both edges, and what lies between them on either side of the half; the half itself belongs above."""
    below, below_points, above, above_points = Decimal(step[0]), step[1], Decimal(step[2]), step[3]
    half = (below + above) / 2
    hair = Decimal("1e-9")
    return [(v, below_points) for v in (below, half - hair)] + [(v, above_points) for v in (half, above)]


EDGES = [(name, value, points) for name, steps in STEPS.items() for s in steps for value, points in around(s)]


@pytest.mark.parametrize(("name", "value", "points"), EDGES)
def test_every_edge_from_both_sides(name: str, value: Decimal, points: int) -> None:
    assert having(**{name: value}).points[name] == points
    # A float is rounded as the number that people wrote: 38.05 is above the half although its bits are below.
    assert having(**{name: float(value)}).points[name] == points


@pytest.mark.parametrize(
    ("value", "on_oxygen", "points"),
    [(v, oxygen, p) for s in SCALE_2_LOW for v, p in around(s) for oxygen in (False, True)]
    + [(v, True, p) for s in SCALE_2_OXYGEN for v, p in around(s)]
    + [(v, False, 0) for s in SCALE_2_OXYGEN for v, _ in around(s)],
)
def test_every_edge_of_scale_2(value: Decimal, on_oxygen: bool, points: int) -> None:
    assert having(spo2=value, o2=on_oxygen, scale=2).points["spo2"] == points


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [
        ("pulse", 90.5, 1), ("pulse", 90.49, 0), ("pulse", 40.5, 1), ("temp", 38.05, 1), ("temp", 38.049, 0),
        ("temp", 35.05, 1), ("temp", 39.05, 2), ("temp", 36.049999, 1), ("rr", 8.5, 1), ("rr", 24.5, 3),
        ("sbp", 219.5, 3), ("sbp", 219.4, 0), ("spo2", 91.5, 2), ("spo2", 95.49, 1),
    ],
)  # fmt: skip
def test_fractions_round_half_away_from_zero_before_banding(name: str, value: float, points: int) -> None:
    assert having(**{name: value}).points[name] == points
    assert having(**{name: np.float64(value)}).points[name] == points


@pytest.mark.parametrize(
    ("name", "lowest", "points", "highest", "high_points"),
    [
        ("rr", 0, 3, 200, 3), ("spo2", 0, 3, 100, 0), ("sbp", 0, 3, 500, 3), ("pulse", 0, 3, 500, 3),
        ("temp", 10, 3, 50, 2),
    ],
)  # fmt: skip
def test_the_outer_bands_have_no_end(name: str, lowest: int, points: int, highest: int, high_points: int) -> None:
    assert having(**{name: lowest}).points[name] == points
    assert having(**{name: highest}).points[name] == high_points


@pytest.mark.parametrize(("letter", "points"), [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)])
def test_consciousness(letter: str, points: int) -> None:
    assert having(acvpu=letter).points["acvpu"] == points


def test_oxygen_adds_two() -> None:
    assert having(o2=True).points == {"rr": 0, "spo2": 0, "o2": 2, "sbp": 0, "pulse": 0, "acvpu": 0, "temp": 0}
    assert having(o2=False).score == 0


@pytest.mark.parametrize(("value", "points"), [(v, p) for s in STEPS["spo2"] for v, p in around(s)])
def test_oxygen_changes_nothing_about_spo2_on_scale_1(value: Decimal, points: int) -> None:
    assert having(spo2=value, o2=True).points["spo2"] == points


# ---------------------------------------------------------------- risk


@pytest.mark.parametrize(
    ("values", "total", "single_three", "risk"),
    [
        ({}, 0, False, "low"),
        ({"rr": 21, "pulse": 111}, 4, False, "low"),
        ({"rr": 25}, 3, True, "low-medium"),
        ({"rr": 25, "pulse": 91}, 4, True, "low-medium"),
        ({"rr": 21, "pulse": 111, "temp": 38.1}, 5, False, "medium"),
        ({"rr": 25, "pulse": 111}, 5, True, "medium"),
        ({"rr": 21, "pulse": 111, "o2": True}, 6, False, "medium"),
        ({"rr": 21, "pulse": 111, "o2": True, "temp": 38.1}, 7, False, "high"),
        ({"rr": 25, "pulse": 131, "temp": 38.1}, 7, True, "high"),
    ],
)
def test_risk_of_a_complete_set(values: dict[str, Any], total: int, single_three: bool, risk: str) -> None:
    result = having(**values)
    assert (result.score, result.single_three, result.band_at_least) == (total, single_three, risk)


# ---------------------------------------------------------------- partial sets


def test_nothing_known() -> None:
    result = score(Parameters())
    assert (result.score, result.points, result.low, result.high) == (None, {}, 0, 20)
    assert result.missing == ("rr", "spo2", "o2", "sbp", "pulse", "acvpu", "temp")
    assert (result.single_three, result.band_at_least) == (False, None)


def test_three_points_from_five_of_seven() -> None:
    result = lacking("acvpu", "o2", rr=21, pulse=91)
    assert (result.score, result.low, result.high) == (None, 3, 8)
    assert result.missing == ("o2", "acvpu")
    assert result.points == {"rr": 2, "spo2": 0, "sbp": 0, "pulse": 1, "temp": 0}


@pytest.mark.parametrize(
    ("missing", "values", "risk"),
    [
        ("temp", {}, None),
        # Whatever the oxygen state, this total would be low; a partial set still does not say so.
        ("o2", {}, None),
        ("temp", {"rr": 21, "pulse": 111}, None),
        ("temp", {"rr": 25}, "low-medium"),
        ("temp", {"rr": 25, "o2": True}, "medium"),
        ("temp", {"rr": 25, "o2": True, "pulse": 111}, "high"),
    ],
)
def test_a_partial_set_speaks_by_its_lower_bound_and_never_says_low(
    missing: str, values: dict[str, Any], risk: str | None
) -> None:
    result = lacking(missing, **values)
    assert (result.score, result.band_at_least) == (None, risk)


def test_spo2_on_scale_2_without_oxygen_state_has_only_the_points_that_are_certain() -> None:
    result = lacking("o2", spo2=97, scale=2)
    assert (result.points["spo2"], result.low, result.high) == (0, 0, 5)
    assert not result.single_three
    certain = lacking("o2", spo2=83, scale=2)
    assert (certain.points["spo2"], certain.low, certain.high, certain.single_three) == (3, 3, 5, True)


#: For each parameter a value for each number of points it can have; SpO2 in each band of its scale.
RUNGS: dict[str, tuple[Any, ...]] = {
    "rr": (18, 10, 22, 25),
    "o2": (False, True),
    "sbp": (120, 105, 95, 220),
    "pulse": (70, 45, 120, 140),
    "acvpu": ("A", "C"),
    "temp": (37.0, 38.5, 39.5, 34.0),
}
SPO2 = {1: (98, 95, 93, 90), 2: (80, 85, 87, 90, 94, 96, 98)}
RISKS = (None, "low", "low-medium", "medium", "high")


@pytest.mark.parametrize("scale", [1, 2])
def test_every_partial_set_has_exactly_the_range_of_its_completions(scale: Scale) -> None:
    rungs = [(*(RUNGS | {"spo2": SPO2[scale]})[name],) for name in PARAMETERS]
    shape = tuple(len(values) for values in rungs)
    names = (*PARAMETERS, "scale")
    complete = [score(Parameters(**dict(zip(names, (*v, scale), strict=True)))) for v in product(*rungs)]
    totals = np.array([result.low for result in complete]).reshape(shape)
    threes = np.array([result.single_three for result in complete]).reshape(shape)
    risks = np.array([RISKS.index(result.band_at_least) for result in complete]).reshape(shape)
    assert totals.max() == 20
    wrong: list[Any] = []
    for mask in product((False, True), repeat=7):
        axes = tuple(i for i, gone in enumerate(mask) if gone)
        if not axes:
            continue
        low, high = totals.min(axis=axes).ravel(), totals.max(axis=axes).ravel()
        three, risk = threes.all(axis=axes).ravel(), risks.min(axis=axes).ravel()
        known = product(*((None,) if gone else values for gone, values in zip(mask, rungs, strict=True)))
        for place, values in enumerate(known):
            result = score(Parameters(**dict(zip(names, (*values, scale), strict=True))))
            said = (result.low, result.high, result.single_three, result.band_at_least, len(result.missing))
            least = RISKS[risk[place]]
            if said != (low[place], high[place], three[place], None if least == "low" else least, len(axes)):
                wrong.append((values, said))
            if sum(result.points.values()) != result.low or result.score is not None:
                wrong.append((values, result.points))
    assert wrong == []


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("age_years", [0, 15, 15.99, Decimal("15.9999")])
def test_under_16_is_refused(age_years: float) -> None:
    with pytest.raises(NotApplicable, match="under 16") as refusal:
        having(age_years=age_years)
    assert refusal.value.code == "news2-under-16"


@pytest.mark.parametrize("age_years", [16, 16.0, 90, 150, None])
def test_from_16_on_and_without_an_age_it_is_scored(age_years: float | None) -> None:
    assert having(age_years=age_years).score == 0


def test_pregnancy_is_refused_even_for_a_partial_set() -> None:
    with pytest.raises(NotApplicable, match="pregnancy") as refusal:
        score(Parameters(pregnant=True, age_years=30))
    assert refusal.value.code == "news2-pregnancy"
    assert having(pregnant=False).score == 0


BEYOND = {"rr": (0, 200), "spo2": (0, 100), "sbp": (0, 500), "pulse": (0, 500), "temp": (10, 50), "age_years": (0, 150)}


@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("Infinity"), 1e9])
def test_what_is_no_value_is_never_scored(name: str, value: float) -> None:
    with pytest.raises(BadParameter, match=f"{name} must be a number from"):
        having(**{name: value})


@pytest.mark.parametrize(("name", "limits"), BEYOND.items())
def test_impossible_values_are_refused_not_banded(name: str, limits: tuple[int, int]) -> None:
    for value in (limits[0] - 0.001, limits[1] + 0.001):
        with pytest.raises(BadParameter) as error:
            having(**{name: value})
        assert str(value) not in error.value.message, "messages hold no values"


def test_fahrenheit_is_refused() -> None:
    with pytest.raises(BadParameter, match="10 to 50 °C"):
        having(temp=98.6)


@pytest.mark.parametrize("letter", ["", "a", "X", "AV", "Alert"])
def test_only_the_letters_of_acvpu(letter: str) -> None:
    with pytest.raises(BadParameter, match="ACVPU"):
        having(acvpu=letter)


def test_parameters_are_those_of_the_chart_and_who_it_is_for() -> None:
    assert {f.name for f in fields(Parameters)} == {*PARAMETERS, "scale", "age_years", "pregnant"}
