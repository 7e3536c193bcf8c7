"""NEWS2 for rules: points of many values at once, and how far values may move before a score can pass a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vitals.codes import CONSCIOUSNESS
from vitals.events import PatientContext

from .applicability import target_steps
from .news2 import PARAMETERS, Parameters, Scale, bands_of, score
from .rules import NEWS2_INPUTS, Rule

_MEASURED = ("rr", "sbp", "pulse", "temp", "spo2")
#: Values are banded after rounding, half away from zero: whole numbers, temperature by tenths.
_STEPS = {"temp": 10}
#: Kept off a band's edge when it is given as an interval, so that rounding can't matter.
_MARGIN = 1e-3
_TEXTS = {
    "rr": "breathing",
    "spo2": "SpO2",
    "o2": "oxygen",
    "sbp": "systolic",
    "pulse": "pulse",
    "acvpu": "ACVPU",
    "temp": "temperature",
}

#: Which table SpO2 is read from: scale 1, scale 2 on air, scale 2 on oxygen.
_TABLES: tuple[tuple[Scale, bool], ...] = ((1, False), (2, False), (2, True))


@cache
def _table(name: str, table: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Highest rounded value of each band but the last, and the points of all bands."""
    bands = bands_of(name, *_TABLES[table])
    return (
        np.array([float(band.highest) for band in bands if band.highest is not None]),
        np.array([band.points for band in bands]),
    )


def _rounded(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = _STEPS.get(name, 1)
    # Six digits first: 38.05 * 10 is a hair below 380.5.
    rounded: NDArray[np.float64] = np.floor(np.round(values * steps, 6) + 0.5) / steps
    return rounded


def _banded(name: str, values: NDArray[np.float64], table: int) -> NDArray[np.int64]:
    highest, points = _table(name, table)
    # The two sides of a tenth can differ in the last bit: 351 / 10 is the double nearest to 35.1, as the table's is.
    banded: NDArray[np.int64] = points[np.searchsorted(highest, _rounded(name, values))]
    return banded


def columns(values: NDArray[np.float64], known: NDArray[np.bool_], scale: NDArray[np.int64]) -> NDArray[np.int64]:
    """Certain points, a row a parameter (in the order of PARAMETERS) and a column a set; unknown values have none.

    `scale`: 1 or 2 for each set. Oxygen is 0 or 1, ACVPU the letter's place.
    """
    points = np.zeros(values.shape, dtype=np.int64)
    oxygen = PARAMETERS.index("o2")
    on_oxygen = known[oxygen] & (values[oxygen] > 0)
    points[oxygen] = 2 * on_oxygen
    consciousness = PARAMETERS.index("acvpu")
    points[consciousness] = 3 * (known[consciousness] & (values[consciousness] > 0))
    for name in _MEASURED:
        row = PARAMETERS.index(name)
        here = known[row]
        given = values[row][here]
        if name != "spo2":
            points[row][here] = _banded(name, given, 0)
            continue
        tables = np.where(scale == 1, 0, np.where(on_oxygen, 2, 1))[here]
        points[row][here] = np.choose(tables, [_banded(name, given, table) for table in range(3)])
    return points


def points_of(values: Mapping[str, float], scale: Scale) -> dict[str, int]:
    """Certain points of each known parameter."""
    table = 0 if scale == 1 else 2 if values.get("o2", 0) > 0 else 1
    found = {}
    for name, value in values.items():
        found[name] = _points(name, value, table)
    return found


def _points(name: str, value: float, table: int) -> int:
    if name == "o2":
        return 2 if value > 0 else 0
    if name == "acvpu":
        return 3 if value > 0 else 0
    return int(_banded(name, np.array([value]), table if name == "spo2" else 0)[0])


def _tables_of(name: str, context: PatientContext) -> tuple[int, ...]:
    """Tables that this patient's values may be read from at some time."""
    lowered = any(is_low for _, is_low in target_steps(context))
    return (0, 1, 2) if name == "spo2" and lowered else (0,)


def possible_points(name: str, value: float, context: PatientContext) -> tuple[int, ...]:
    """Points that a value can have, whatever the scale and oxygen then."""
    return tuple(_points(name, value, table) for table in _tables_of(name, context))


def _needed(rule: Rule) -> int:
    """The fewest points that raise."""
    assert rule.raise_limit is not None
    return next(points for points in range(22) if rule.raise_limit.holds(points) or points == 21)


def _calming(rule: Rule) -> int:
    """The most points that clear; -1: none does."""
    assert rule.clear_limit is not None
    return max((points for points in range(21) if rule.clear_limit.holds(points)), default=-1)


def room_below(rule: Rule, most: Mapping[str, int]) -> dict[str, int] | None:
    """The points that each parameter may rise to, all at once, without raising; None when there is no room."""
    ceiling = 2 if rule.single_three else 3
    spare = _needed(rule) - 1 - sum(most.values())
    if spare < 0 or any(points > ceiling for points in most.values()):
        return None
    bounds = dict(most)
    while spare > 0 and (free := [name for name in bounds if bounds[name] < ceiling]):
        for name in free[:spare]:
            bounds[name] += 1
            spare -= 1
    return bounds


def room_above(rule: Rule, fewest: Mapping[str, int]) -> dict[str, int] | None:
    """The points that each parameter may fall to, all at once, without clearing; None when there is no room."""
    if rule.single_three and 3 in fewest.values():
        three = next(name for name, points in fewest.items() if points == 3)
        return {name: 3 if name == three else 0 for name in fewest}
    spare = sum(fewest.values()) - _calming(rule) - 1
    if spare < 0:
        return None
    bounds = dict(fewest)
    while spare > 0 and (free := [name for name in bounds if bounds[name] > 0]):
        for name in free[:spare]:
            bounds[name] -= 1
            spare -= 1
    return bounds


def band_within(name: str, bound: int, value: float, context: PatientContext, *, lower: bool) -> tuple[float, float]:
    """The closed interval of values around `value` with at most (`lower`: at least) `bound` points by every table."""
    if name in ("o2", "acvpu"):
        points = _points(name, value, 0)
        whole = bound <= 0 if lower else bound >= (2 if name == "o2" else 3)
        if whole:
            return -math.inf, math.inf
        if (points < bound) if lower else (points > bound):
            return math.inf, -math.inf
        return (_MARGIN, math.inf) if points else (-math.inf, 0.0)
    edges = [_band_within(name, table, bound, value, lower) for table in _tables_of(name, context)]
    return max(low for low, _ in edges), min(high for _, high in edges)


def _band_within(name: str, table: int, bound: int, value: float, lower: bool) -> tuple[float, float]:
    highest, points = _table(name, table)
    fits = points >= bound if lower else points <= bound
    place = int(np.searchsorted(highest, _rounded(name, np.array([value]))[0]))
    if not fits[place]:
        return math.inf, -math.inf
    first = last = place
    while first > 0 and fits[first - 1]:
        first -= 1
    while last < len(points) - 1 and fits[last + 1]:
        last += 1
    half = 0.5 / _STEPS.get(name, 1)
    low = -math.inf if first == 0 else float(highest[first - 1]) + half + _MARGIN
    high = math.inf if last == len(points) - 1 else float(highest[last]) + half - _MARGIN
    return low, high


def scales_at(context: PatientContext, times_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The SpO2 scale at each instant: 2 while a recorded target of 88-92 % is in force."""
    targets = target_steps(context)
    steps = np.array([1, *(2 if lowered else 1 for _, lowered in targets)], dtype=np.int64)
    scales: NDArray[np.int64] = steps[np.searchsorted([since for since, _ in targets], times_us, side="right")]
    return scales


def scale_at(context: PatientContext, at_us: int) -> Scale:
    """The SpO2 scale at one instant."""
    scale: Scale = 1
    for since_us, lowered in target_steps(context):
        if since_us <= at_us:
            scale = 2 if lowered else 1
    return scale


def sentence(values: Mapping[str, float], scale: Scale) -> str:
    """Such as "NEWS2 8 to 13: 8 points from 5 of 7 (breathing 3, SpO2 2, ...), missing oxygen, ACVPU"."""
    given = {
        name: bool(value) if name == "o2" else CONSCIOUSNESS[int(value)] if name == "acvpu" else value
        for name, value in values.items()
    }
    result = score(Parameters(scale=scale, **given))  # type: ignore[arg-type]
    points = ", ".join(f"{_TEXTS[name]} {result.points[name]}" for name in PARAMETERS if name in result.points)
    on_scale = " on SpO2 scale 2" if scale == 2 else ""
    if not result.missing:
        return f"NEWS2 {result.low}{on_scale}: {points}"
    missing = ", ".join(_TEXTS[name] for name in result.missing)
    known = f"{len(result.points)} of {len(NEWS2_INPUTS)}"
    return (
        f"NEWS2 at least {result.low}{on_scale}, possibly up to {result.high}: "
        f"{result.low} points from {known} ({points}); missing {missing}"
    )
