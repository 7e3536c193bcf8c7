"""NEWS2 for rules against `alerts.news2.score`, which is tested against the published chart: the same points, and room
for values to move that never hides a raise or a clearing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts import news2_bands
from alerts.news2 import PARAMETERS, Parameters, Scale, bands_of, score
from alerts.rules import Limit, Rule
from tests.unit.alerts.stored import rule
from vitals.codes import CONSCIOUSNESS
from vitals.events import PatientContext, SpO2Target

PLAIN = PatientContext(1, "p")
LOWERED = PatientContext(1, "p", spo2_targets=(SpO2Target(88, 92, 1000), SpO2Target(94, 98, 2000)))

#: Decimals that a charted value has.
DIGITS = {"temp": 1}
MEASURED = ("rr", "spo2", "sbp", "pulse", "temp")


def edges(name: str) -> list[float]:
    """Of each band by any table: its last value, the first of the next, and both sides of the half between them."""
    found = {37.0 if name == "temp" else 60.0}
    for scale, oxygen in ((1, False), (2, False), (2, True)):
        chosen: Scale = 1 if scale == 1 else 2
        for band in bands_of(name, chosen, oxygen):
            if band.highest is None:
                continue
            digits = DIGITS.get(name, 0)
            step, last = 10.0**-digits, float(band.highest)
            half = round(last + step / 2, digits + 1)
            found |= {
                last,
                round(last + step, digits),
                half,
                round(half - step / 1000, 9),
                round(half + step / 1000, 9),
            }
    return sorted(found)


#: Values of each parameter as rules have them: oxygen 0 or 1, the letter's place.
VALUES: dict[str, list[float]] = {
    **{name: edges(name) for name in MEASURED},
    "o2": [0.0, 1.0],
    "acvpu": [float(place) for place in range(len(CONSCIOUSNESS))],
}


def by_chart(values: Mapping[str, float], scale: Scale) -> dict[str, int]:
    """Points by `score`; the patient's temperature and so on as people write them."""
    given = {
        name: bool(value) if name == "o2" else CONSCIOUSNESS[int(value)] if name == "acvpu" else value
        for name, value in values.items()
    }
    return dict(score(Parameters(scale=scale, **given)).points)  # type: ignore[arg-type]


def grid() -> list[dict[str, float]]:
    """Every edge of every parameter: alone, and of SpO2 and temperature with each state of oxygen, too."""
    alone = [{name: value} for name in PARAMETERS for value in VALUES[name]]
    oxygen: list[dict[str, float]] = [{}, {"o2": 0.0}, {"o2": 1.0}]
    both = [{"spo2": spo2} | air for spo2, air in product(VALUES["spo2"], oxygen)]
    rest = {"rr": 25.0, "sbp": 105.0, "pulse": 111.0, "acvpu": 1.0}
    return [{}, *alone, *both, *[one | rest | {"temp": t} for one, t in product(both, (35.05, 38.05, 39.1))]]


@pytest.mark.parametrize("scale", [1, 2])
def test_points_are_those_of_the_chart(scale: Scale) -> None:
    for values in grid():
        assert news2_bands.points_of(values, scale) == by_chart(values, scale), values


@pytest.mark.parametrize("scale", [1, 2])
def test_columns_are_those_of_the_chart(scale: Scale) -> None:
    sets = grid()
    values = np.array([[one.get(name, math.nan) for one in sets] for name in PARAMETERS])
    known = ~np.isnan(values)
    points = news2_bands.columns(values, known, np.full(len(sets), scale))
    for column, one in enumerate(sets):
        wanted = by_chart(one, scale)
        assert points[:, column].tolist() == [wanted.get(name, 0) for name in PARAMETERS], one


def test_each_column_has_its_own_scale() -> None:
    values = np.full((len(PARAMETERS), 4), math.nan)
    values[PARAMETERS.index("spo2")] = 90, 90, 97, 97
    values[PARAMETERS.index("o2")] = 1
    points = news2_bands.columns(values, ~np.isnan(values), np.array([1, 2, 1, 2]))
    assert points[PARAMETERS.index("spo2")].tolist() == [3, 0, 0, 3]


def test_no_sets_and_nothing_known() -> None:
    nothing = np.full((len(PARAMETERS), 2), math.nan)
    assert news2_bands.columns(nothing, ~np.isnan(nothing), np.array([1, 2])).sum() == 0
    assert news2_bands.columns(nothing[:, :0], nothing[:, :0] > 0, np.empty(0, np.int64)).shape == (7, 0)


@pytest.mark.parametrize("at_us", [-1, 999, 1000, 1999, 2000, 10**15])
def test_the_scale_by_the_dated_target(at_us: int) -> None:
    wanted = 2 if 1000 <= at_us < 2000 else 1
    assert news2_bands.scale_at(LOWERED, at_us) == wanted
    assert news2_bands.scales_at(LOWERED, np.array([at_us])).tolist() == [wanted]
    assert news2_bands.scale_at(PLAIN, at_us) == 1
    assert news2_bands.scales_at(PLAIN, np.array([at_us])).tolist() == [1]
    always = PatientContext(1, "p", spo2_targets=(SpO2Target(88, 92),))
    assert news2_bands.scale_at(always, at_us) == 2
    assert news2_bands.scales_at(always, np.array([at_us])).tolist() == [2]


@pytest.mark.parametrize("name", PARAMETERS)
def test_possible_points_are_those_of_every_scale_and_oxygen(name: str) -> None:
    for value in VALUES[name]:
        wanted = (
            {by_chart({"o2": oxygen, name: value}, scale)[name] for scale in (1, 2) for oxygen in (0.0, 1.0)}
            if name == "spo2"
            else {by_chart({name: value}, 1)[name]}
        )
        assert set(news2_bands.possible_points(name, value, LOWERED)) == wanted
        assert set(news2_bands.possible_points(name, value, PLAIN)) == {by_chart({name: value}, 1)[name]}


# ---------------------------------------------------------------- room to move

LIMITS = ((5, 4, False), (5, 4, True), (7, 5, False), (7, 6, True), (1, 0, False), (3, 0, True))
RULES = [
    rule("news2", "score", "news2", Limit(">=", raised), cleared=Limit("<=", cleared), single_three=three)
    for raised, cleared, three in LIMITS
]
rules = st.sampled_from(RULES)
contexts = st.sampled_from((PLAIN, LOWERED))
some = st.fixed_dictionaries({}, optional={name: st.sampled_from(VALUES[name]) for name in PARAMETERS})


def says(one: Rule, points: Mapping[str, int]) -> tuple[bool, bool]:
    """Whether these points raise and whether they clear."""
    assert one.raise_limit is not None and one.clear_limit is not None
    three, total = one.single_three and 3 in points.values(), sum(points.values())
    return three or one.raise_limit.holds(total), not three and one.clear_limit.holds(total)


@given(rules, contexts, some, st.data())
def test_inside_the_bounds_nothing_raises_and_nothing_clears(
    one: Rule, context: PatientContext, values: dict[str, float], data: st.DataObject
) -> None:
    """Whatever combination of values lies within every parameter's band, old and new ones mixed, by either scale."""
    is_open = data.draw(st.booleans())
    chosen = {name: news2_bands.possible_points(name, value, context) for name, value in values.items()}
    if is_open:
        room = news2_bands.room_above(one, {name: min(points) for name, points in chosen.items()})
    else:
        room = news2_bands.room_below(one, {name: max(points) for name, points in chosen.items()})
    assume(room is not None)
    assert room is not None and room.keys() == values.keys()
    moved = dict(values)
    for name, value in values.items():
        low, high = news2_bands.band_within(name, room[name], value, context, lower=is_open)
        assert low <= value <= high or high < low or _near_an_edge(value, low, high), "it lies around the value"
        inside = [v for v in VALUES[name] if low <= v <= high]
        moved[name] = data.draw(st.sampled_from([value, *inside]))
    scales: tuple[Scale, ...] = (1, 2) if context is LOWERED else (1,)
    for scale in scales:
        raises, clears = says(one, by_chart(moved, scale))
        assert not (clears if is_open else raises), (room, moved)


def _near_an_edge(value: float, low: float, high: float) -> bool:
    """Close to a band's edge values are looked at one by one."""
    return low - 0.01 <= value <= high + 0.01


@given(rules, contexts, some)
def test_no_room_means_that_it_could_change(one: Rule, context: PatientContext, values: dict[str, float]) -> None:
    """None is only said where the points at hand, each at its worst, already pass the limit."""
    chosen = {name: news2_bands.possible_points(name, value, context) for name, value in values.items()}
    most = {name: max(points) for name, points in chosen.items()}
    fewest = {name: min(points) for name, points in chosen.items()}
    assert (news2_bands.room_below(one, most) is None) == says(one, most)[0]
    assert (news2_bands.room_above(one, fewest) is None) == says(one, fewest)[1]


@pytest.mark.parametrize("name", MEASURED)
def test_a_band_is_as_wide_as_it_can_be(name: str) -> None:
    for value in VALUES[name]:
        (points,) = news2_bands.possible_points(name, value, PLAIN)
        for bound in range(4):
            low, high = news2_bands.band_within(name, bound, value, PLAIN, lower=False)
            assert (low <= high) == (points <= bound)
            if math.isfinite(high):
                assert by_chart({name: high}, 1)[name] <= bound < by_chart({name: high + 0.01}, 1)[name]
            if math.isfinite(low):
                assert by_chart({name: low}, 1)[name] <= bound < by_chart({name: low - 0.01}, 1)[name]


@pytest.mark.parametrize(
    ("name", "bound", "value", "lower", "inside", "outside"),
    [
        ("o2", 0, 0.0, False, (0.0,), (1.0,)),
        ("o2", 1, 0.0, False, (0.0,), (1.0,)),
        ("o2", 2, 0.0, False, (0.0, 1.0), ()),
        ("o2", 2, 1.0, True, (1.0, 0.5, 15.0), (0.0,)),
        ("o2", 0, 1.0, True, (0.0, 1.0), ()),
        ("acvpu", 2, 0.0, False, (0.0,), (1.0, 4.0)),
        ("acvpu", 3, 0.0, False, (0.0, 4.0), ()),
        ("acvpu", 3, 2.0, True, (1.0, 4.0), (0.0,)),
        ("acvpu", 1, 0.0, True, (), (0.0, 1.0)),
        ("acvpu", 2, 1.0, False, (), (0.0, 1.0)),
    ],
)
def test_the_bands_of_oxygen_and_consciousness(
    name: str, bound: int, value: float, lower: bool, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    low, high = news2_bands.band_within(name, bound, value, PLAIN, lower=lower)
    assert all(low <= one <= high for one in inside)
    assert not any(low <= one <= high for one in outside)


def test_what_a_sentence_says() -> None:
    values = {"rr": 25.0, "spo2": 90.0, "pulse": 111.0, "temp": 38.5, "sbp": 120.0}
    assert news2_bands.sentence(values, 1) == (
        "NEWS2 at least 9, possibly up to 14: 9 points from 5 of 7 "
        "(breathing 3, SpO2 3, systolic 0, pulse 2, temperature 1); missing oxygen, ACVPU"
    )
    whole = {**values, "o2": 1.0, "acvpu": 0.0}
    assert news2_bands.sentence(whole, 2) == (
        "NEWS2 8 on SpO2 scale 2: breathing 3, SpO2 0, oxygen 2, systolic 0, pulse 2, ACVPU 0, temperature 1"
    )
