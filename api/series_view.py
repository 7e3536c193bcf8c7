"""Trends as the page draws them: pure functions from stored points to series with limits and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low
from typing import Any

from storage.chart.series import RuleLimit, SeriesPoints
from vitals import codes, units
from vitals.errors import UnitMismatch
from vitals.reading import DOUBTS

#: Lines are drawn over up to three missed readings; a stream of once a second over 10 s, so a hiccup is no gap; spot
#: readings never over more than a day and a half, which skips one daily measurement.
MISSED_READINGS = 3
GAP_MIN_MS = 10_000
GAP_MAX_MS = 36 * 3600 * 1000

#: The recorded SpO2 target that replaces the general SpO2 rules.
LOWERED_SPO2_TARGET = (88, 92)


def series_json(
    series: Sequence[SeriesPoints], limits: Sequence[RuleLimit], spo2_target: tuple[int, int] | None
) -> list[dict[str, Any]]:
    """The `series` of the contract, values in the first unit of the metric's row."""
    held = [limit for limit in limits if _holds(limit, spo2_target)]
    return [_one(each, held) for each in series]


def gap_ms(times_us: Sequence[int], slice_us: int) -> int:
    """The longest distance over which two neighbouring points are joined."""
    steps = [later - earlier for earlier, later in pairwise(times_us) if later > earlier]
    usual_us = max(median_low(steps) if steps else 0, slice_us)
    return max(GAP_MIN_MS, min(GAP_MAX_MS, MISSED_READINGS * usual_us // 1000))


def _one(series: SeriesPoints, limits: Sequence[RuleLimit]) -> dict[str, Any]:
    metric = codes.by_number()[series.metric]
    unit = metric.units[0]
    sent = units.by_number(series.unit).code
    times_us = [us for us, _, _ in series.points]
    return {
        "metric": metric.key,
        "component": component_name(series.component),
        "device": series.device,
        "label": metric.label,
        "unit": unit,
        "gap_ms": gap_ms(times_us, series.slice_us),
        "t": [us // 1000 for us in times_us],
        "v": [None if value is None else units.convert(value, sent, unit) for _, value, _ in series.points],
        "flags": [flags & DOUBTS for _, _, flags in series.points],
        "wrong": [
            {"t": us // 1000, "v": units.convert(value, sent, unit), "observation": str(observation)}
            for us, value, observation in series.wrong
        ],
        "limits": [made for limit in limits if (made := _limit(limit, metric, series.component)) is not None],
    }


def component_name(component: int) -> str | None:
    """`systolic`, `diastolic`, `mean` for 1 to 3, None for 0."""
    return codes.PRESSURE_PARTS[component - 1] if component else None


def _holds(limit: RuleLimit, spo2_target: tuple[int, int] | None) -> bool:
    wanted = limit.definition.get("spo2_target")
    if wanted is None:
        return True
    is_lowered = spo2_target == LOWERED_SPO2_TARGET
    return is_lowered if wanted == "required" else not is_lowered


def _limit(limit: RuleLimit, metric: codes.Metric, component: int) -> dict[str, Any] | None:
    raised = limit.definition.get("raise")
    key, _, part = limit.metric.partition(".")
    row = codes.table().get(key)
    if not isinstance(raised, dict) or row is None or row.family != metric.family:
        return None
    if part and part != component_name(component):
        return None
    try:
        value = units.convert(float(raised["value"]), limit.unit, metric.units[0])
    except UnitMismatch:
        return None  # glucose in mmol/L beside mg/dL: another rule states its limits for that unit
    return {"rule": limit.rule, "priority": limit.priority, "op": raised["op"], "value": value}
