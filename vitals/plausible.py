"""Improbable but possible values: charted and flagged, never refused. Limits are the code table's."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import NamedTuple

from vitals import codes, units
from vitals.reading import Flag, Value

_IMPROBABLE = int(Flag.IMPROBABLE)
#: units.convert keeps this many digits; the same here, so that a limit compares the same way everywhere.
_CONVERTED_DIGITS = 9


class _Limits(NamedTuple):
    """`limits` of each place of the values, in `metric.units[0]`; factor and offset convert to that unit."""

    limits: tuple[tuple[float, float], ...]
    factor: float
    offset: float
    pressure: bool


@lru_cache(maxsize=512)  # metrics times their units; both are checked before
def _limits(metric: str, unit: str) -> _Limits:
    row = codes.metric(metric)
    factor, offset = units.scale(unit, row.units[0])
    pressure = row.shape == "blood_pressure"
    if pressure:
        limits = tuple((part.improbable_below, part.improbable_above) for part in row.components)
    else:
        low = -inf if row.improbable_below is None else row.improbable_below
        high = inf if row.improbable_above is None else row.improbable_above
        limits = ((low, high),)
    return _Limits(limits, float(factor), float(offset), pressure)


def improbable(metric: str, values: tuple[Value, ...], unit: str) -> int:
    """The IMPROBABLE bit when a value is outside its limits or a systolic not above its diastolic, else 0."""
    limits, factor, offset, pressure = _limits(metric, unit)
    for value, (low, high) in zip(values, limits, strict=True):
        if value.absent:
            continue
        number = value.number
        if factor != 1.0 or offset:
            number = round(number * factor + offset, _CONVERTED_DIGITS)
        if not low <= number <= high:
            return _IMPROBABLE
    if pressure:
        systolic, diastolic = values[0], values[1]
        if not systolic.absent and not diastolic.absent and systolic.number <= diastolic.number:
            return _IMPROBABLE
    return 0
