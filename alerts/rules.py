"""Rules: what a clinician wrote down, checked and ready to compare."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitals import codes, units
from vitals.errors import OperatorError, UnitMismatch
from vitals.events import Priority

SECOND_US = 1_000_000

#: Largest silence inside a dwell when the device's cadence is unknown (the upper end of 3 × cadence, at most
#: 120 s).
MAX_GAP_US = 120 * SECOND_US

Operator = Literal[">=", ">", "<=", "<"]
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
OPERATORS = tuple(_COMPARE)

#: Which reading of the earlier days a delta compares with.
Reference = Literal["nearest", "minimum", "maximum"]
REFERENCES: tuple[Reference, ...] = ("nearest", "minimum", "maximum")

#: Inputs of NEWS2 by its parameters: metric and the unit in which the chart's bands are printed.
NEWS2_INPUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "rr": (("resp_rate", "/min"),),
    "spo2": (("spo2", "%"),),
    "o2": (("oxygen_in_use", "1"), ("oxygen_flow", "L/min")),
    "sbp": (("blood_pressure.systolic", "mm[Hg]"),),
    "pulse": (("heart_rate", "/min"),),
    "acvpu": (("consciousness", "1"),),
    "temp": (("body_temp", "Cel"),),
}

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Digits kept when values are converted to the rule's unit, as `vitals.units.convert` keeps them.
_CONVERTED_DIGITS = 9


def duration_us(text: str) -> int:
    """Microseconds of "60s", "5m", "2h", "3d"; raises OperatorError for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise OperatorError(
            f"duration {text[:20]!r} is not understood; write a whole number and s, m, h or d, such as 5m"
        )
    return int(found[1]) * _SECONDS[found[2]] * SECOND_US


@dataclass(frozen=True, slots=True)
class Limit:
    """One comparison in the rule's unit. Bands are half-open, so `>=` 38.1 and `<` 38.1 share no value."""

    op: Operator
    value: float

    @property
    def upward(self) -> bool:
        """Whether high values satisfy it."""
        return self.op in (">=", ">")

    def holds(self, value: float) -> bool:
        """For one value in the rule's unit."""
        return bool(_COMPARE[self.op](value, self.value))

    def mask(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For an array of values in the rule's unit."""
        mask: NDArray[np.bool_] = _COMPARE[self.op](values, self.value)
        return mask

    def outside(self) -> tuple[float, float]:
        """The closed interval [low, high] of the values for which it does not hold."""
        edge = (
            self.value if self.op in (">", "<") else math.nextafter(self.value, -math.inf if self.upward else math.inf)
        )
        return (-math.inf, edge) if self.upward else (edge, math.inf)

    def mirrored(self) -> Limit:
        """The default clear limit: one display unit back, inclusive: `>=` 38.1 gives `<=` 37.1, `<` 88 gives
        `>=` 89.
        """
        if self.upward:
            return Limit("<=", round(self.value - 1, _CONVERTED_DIGITS))
        return Limit(">=", round(self.value + 1, _CONVERTED_DIGITS))

    def excludes(self, other: Limit) -> bool:
        """Whether no value satisfies both and they look in opposite directions."""
        if self.upward == other.upward:
            return False
        low, high = (self, other) if self.upward else (other, self)
        return high.value < low.value or (high.value == low.value and (low.op == ">" or high.op == "<"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a care programme.

    - `metric`: a key of the code table, with the part for a blood pressure (`blood_pressure.systolic`). It
      stands for its family: a rule on `heart_rate` sees every pulse. A metric that can't be measured in
      `unit` is not seen. `any` and `news2` stand for the families in COMPOSED.
    - `raise_limit`, `clear_limit`: in `unit`; None for kinds that look at marks or at silence.
    - `for_us`: how long the raise limit must hold, or data must be missing; `max_gap_us`: largest silence inside a
      dwell; `spot`: a reading that stands alone (none other of its series within `max_gap_us`) counts by itself.
    - `every_us`: how often data is expected (absence). `window_us`, `min_gap_us`, `against`: how far back, how much
      earlier at least, and which one of the earlier days' readings is the reference (delta).
    - `single_three`: three points in one parameter raise as well (score).
    - `spo2_target`: `required` or `excluded`: whether a recorded target of 88-92 % must be there or must not.
      `unless`: a programme during which the rule does not hold.
    """

    id: str
    version: int
    programme: str
    kind: str
    title: str
    metric: str
    unit: str
    priority: Priority
    source: str
    raise_limit: Limit | None = None
    clear_limit: Limit | None = None
    for_us: int = 0
    max_gap_us: int = MAX_GAP_US
    spot: bool = False
    every_us: int = 0
    window_us: int = 0
    min_gap_us: int = 0
    against: Reference | None = None
    single_three: bool = False
    spo2_target: Literal["required", "excluded"] | None = None
    unless: str | None = None


def family_of(metric: str) -> tuple[str, tuple[int, ...]]:
    """Family and components that a rule's metric names: (0,) for a plain value, 1..3 for pressures, all when
    none is named.

    Raises UnknownMetric or OperatorError.
    """
    key, _, part = metric.partition(".")
    row = codes.metric(key)
    if row.shape != "blood_pressure":
        if part:
            raise OperatorError(f"metric {key} has no parts; write {key} alone")
        return row.family, (0,)
    if not part:
        return row.family, (1, 2, 3)
    if part not in codes.PRESSURE_PARTS:
        raise OperatorError(f"{part[:20]!r} is no part of {key}; write {key}.systolic, {key}.diastolic or {key}.mean")
    return row.family, (codes.PRESSURE_PARTS.index(part) + 1,)


def _every_vital() -> tuple[tuple[str, str], ...]:
    """What devices measure, and their own word on sensor contact."""
    vitals = [row for row in codes.table().values() if row.shape in ("quantity", "blood_pressure")]
    return tuple((row.key, row.units[0]) for row in (*vitals, codes.metric("sensor_contact")))


#: Names that stand for several families, with their metrics and units.
COMPOSED: dict[str, Callable[[], tuple[tuple[str, str], ...]]] = {
    "any": _every_vital,
    "news2": lambda: tuple(pair for pairs in NEWS2_INPUTS.values() for pair in pairs),
}


@cache
def sees(metric: str, unit: str) -> dict[tuple[int, int], tuple[float, float]]:
    """Series kinds (metric number, component) that a rule on `metric` in `unit` looks at, with factor and
    offset.
    """
    if metric in COMPOSED:
        return {kind: scale for part, its_unit in COMPOSED[metric]() for kind, scale in sees(part, its_unit).items()}
    family, components = family_of(metric)
    seen = {}
    for number in codes.family_numbers(family):
        try:
            factor, offset = units.scale(codes.by_number()[number].units[0], unit)
        except UnitMismatch:
            continue  # mmol/L beside mg/dL: another rule states its limits for that unit
        for component in components:
            seen[number, component] = (float(factor), float(offset))
    return seen


def in_unit(rule: Rule, metric: int, component: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of one kind of series in the rule's unit, rounded to 9 digits after the point when converted."""
    factor, offset = sees(rule.metric, rule.unit)[metric, component]
    if factor == 1 and offset == 0:
        return values
    return np.round(values * factor + offset, _CONVERTED_DIGITS)


def in_metric_unit(rule: Rule, metric: int, component: int, low: float, high: float) -> tuple[float, float]:
    """A closed interval of the rule's unit in the series' own, narrower where rounding could matter."""
    factor, offset = sees(rule.metric, rule.unit)[metric, component]
    if factor == 1 and offset == 0:
        return low, high
    # Ten times the rounding of `in_unit`: values this close to an edge are looked at one by one.
    margin = 10.0 ** (1 - _CONVERTED_DIGITS)
    return (low + margin - offset) / factor, (high - margin - offset) / factor
