"""An alert as the contract shows it, and in one line for the worklist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from api.formats import rfc3339
from storage.chart.alerts import AlertRecord
from vitals import codes
from vitals.events import PRIORITIES

_OPERATORS = {"<": "below", "<=": "at or below", ">": "above", ">=": "at or above"}
_COMPARISON = re.compile(r"(<=?|>=?)\s*(\S.*)")
_DWELL = re.compile(r"(\d+)\s*(s|m|min|h|d)")
_UNITS = {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F", "[lb_av]": "lb", "1": ""}


def alert_json(alert: AlertRecord) -> dict[str, Any]:
    """The Alert of the contract."""
    return {
        "id": str(alert.id),
        "patient": alert.patient,
        "patient_name": alert.patient_name,
        "gateway": alert.gateway,
        "rule": alert.rule,
        "version": alert.version,
        "priority": alert.priority,
        "title": alert.title,
        "explanation": alert.explanation,
        "condition": alert.condition,
        "opened_at": rfc3339(alert.opened_us),
        "cleared_at": rfc3339(alert.cleared_us),
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": rfc3339(alert.acknowledged_us),
        "outcome": None if alert.outcome is None else _outcome(alert),
        "late": alert.late,
        "readings": [_reading(reading) for reading in alert.readings],
        "limits": alert.limits,
        "updates": [
            {
                "at": rfc3339(update["at_us"]),
                "change": update["change"],
                "because": None if update["because"] is None else _reading(update["because"]),
            }
            for update in alert.updates
        ],
    }


def urgency(alert: AlertRecord) -> tuple[int, int, int]:
    """Sort key: not acknowledged first, then by priority, then the oldest."""
    return int(alert.acknowledged_by is not None), priority_rank(alert.priority), alert.opened_us


def priority_rank(priority: str) -> int:
    """0 for the worst."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)


def worst(alerts: Sequence[AlertRecord]) -> AlertRecord | None:
    """The alert that a row is about."""
    return min(alerts, key=urgency, default=None)


def why(alert: AlertRecord) -> str:
    """One line, such as "SpO2 86 % for 5 min, limit below 88"; what isn't a value beyond a limit explains itself."""
    over = " (over since)" if alert.condition == "cleared" else ""
    limit = limit_words(alert.limits.get("raise") or "")
    if not alert.readings or not limit:
        return alert.title
    if direction(alert) is None:
        return alert.explanation + over
    last = alert.readings[-1]
    dwell = _dwell_words(alert.limits.get("for"))
    line = f"{_label(last['metric'])} {last['value']} {_UNITS.get(last['unit'], last['unit'])}".rstrip()
    line += f" for {dwell}" if dwell else ""
    return f"{line}, limit {limit}{over}"


def limit_words(text: str) -> str:
    """`< 88` as "below 88"; words stay as they are."""
    compared = _COMPARISON.fullmatch(text.strip())
    return f"{_OPERATORS[compared[1]]} {compared[2]}" if compared else text.strip()


def direction(alert: AlertRecord) -> str | None:
    """`up` when a value is too high for the alert's limit, `down` when too low, None when the rule has no limit."""
    metric = alert.limits.get("metric")
    if metric and family_of(metric) is None:
        return None  # a score's points are no value of a vital
    words = limit_words(alert.limits.get("raise") or "")
    if words.startswith(("below", "at or below")):
        return "down"
    return "up" if words.startswith(("above", "at or above")) else None


def family_of(metric: str) -> str | None:
    """Family of a metric with or without its part; None when the code table lost it."""
    row = codes.table().get(metric.partition(".")[0])
    return None if row is None else row.family


def _outcome(alert: AlertRecord) -> dict[str, Any]:
    return {
        "outcome": alert.outcome,
        "note": alert.outcome_note,
        "by": alert.closed_by,
        "at": rfc3339(alert.closed_us),
    }


def _reading(reading: dict[str, Any]) -> dict[str, Any]:
    return {
        "observation": reading["observation"],
        "metric": reading["metric"],
        "value": reading["value"],
        "unit": reading["unit"],
        "measured_at": rfc3339(reading["measured_us"]),
    }


def _dwell_words(dwell: str | None) -> str | None:
    found = _DWELL.fullmatch(dwell or "")
    return f"{found[1]} {'min' if found[2] == 'm' else found[2]}" if found else dwell


def _label(metric: str) -> str:
    key, _, part = metric.partition(".")
    row = codes.table().get(key)
    label = key if row is None else row.label
    return f"{part.capitalize()} {label.lower()}" if part else label
