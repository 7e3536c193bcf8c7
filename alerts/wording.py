"""How alerts are put into words: units, limits, times, metrics, readings."""

from __future__ import annotations

from vitals import codes
from vitals.events import ReadingRef

from .rules import COMPOSED, SECOND_US, Limit

_BEYOND = {">=": "at or above", ">": "above", "<=": "at or below", "<": "below"}

#: How people write units; everything else is shown as its UCUM code.
_UNIT_TEXTS = {
    "Cel": "°C",
    "[degF]": "°F",
    "mm[Hg]": "mmHg",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "/min": "/min",
    "1": "",
}


def unit_text(unit: str) -> str:
    """A unit as people write it."""
    return _UNIT_TEXTS.get(unit, unit)


def _quantity(value: str, unit: str) -> str:
    return f"{value} {unit_text(unit)}".strip()


def limit_text(limit: Limit, unit: str) -> str:
    """Such as "below 88 %"."""
    return f"{_BEYOND[limit.op]} {_quantity(f'{limit.value:g}', unit)}"


def dwell_text(for_us: int) -> str:
    """Such as "5 min", in the largest unit that divides it."""
    seconds = for_us // SECOND_US
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def metric_text(metric: str) -> str:
    """Label of a rule's metric, such as "SpO2" or "Systolic blood pressure"."""
    if metric in COMPOSED:
        return "NEWS2" if metric == "news2" else "Any reading"
    key, _, part = metric.partition(".")
    label = codes.metric(key).label
    return f"{part.capitalize()} {label.lower()}" if part else label


def readings_text(readings: tuple[ReadingRef, ...]) -> str:
    """Such as "86 %, then 85 %"; when that was, pages say in the patient's own zone."""
    return ", then ".join(_quantity(reading.value, reading.unit) for reading in readings)
