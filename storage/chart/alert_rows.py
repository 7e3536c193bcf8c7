"""Alerts between their rows and `vitals.events.Alert`: columns for the upsert, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from vitals.events import Alert, AlertChange, Limits, ReadingRef


def upsert_columns(changes: Sequence[AlertChange]) -> dict[str, list[Any]]:
    """Parameters of `chart_upsert_alerts`: the last state of each alert, in order of first mention."""
    alerts = list({change.alert.id: change.alert for change in changes}.values())
    return {
        "ids": [a.id for a in alerts],
        "patients": [a.patient for a in alerts],
        "rules": [a.rule for a in alerts],
        "versions": [a.version for a in alerts],
        "priorities": [a.priority for a in alerts],
        "titles": [a.title for a in alerts],
        "conditions": [a.condition for a in alerts],
        "opened_us": [a.opened_us for a in alerts],
        "cleared_us": [a.cleared_us for a in alerts],
        "late": [a.late for a in alerts],
        "readings": [json.dumps([reading.as_json() for reading in a.readings]) for a in alerts],
        "clearing": [_json(a.clearing) for a in alerts],
        "limits": [json.dumps(a.limits.as_json()) for a in alerts],
        "explanations": [a.explanation for a in alerts],
        "merged_into": [a.merged_into for a in alerts],
    }


def change_columns(changes: Sequence[AlertChange]) -> dict[str, list[Any]]:
    """Parameters of `chart_alert_changes`, in order."""
    return {
        "alerts": [change.alert.id for change in changes],
        "changes": [change.change for change in changes],
        "because": [_json(change.because) for change in changes],
    }


def alerts_of(rows: Iterable[Sequence[Any]]) -> dict[int, list[Alert]]:
    """Alerts by patient from rows of `chart_alerts`."""
    result: dict[int, dict[UUID, Alert]] = {}
    for row in rows:
        key, patient, rule, version, priority, title, condition, opened_us, cleared_us, late, *rest = row
        readings, clearing, limits, explanation, merged_into = rest
        alert = Alert(
            id=key,
            patient=patient,
            rule=rule,
            version=version,
            priority=priority,
            title=title,
            condition=condition,
            opened_us=opened_us,
            cleared_us=cleared_us,
            readings=tuple(_reading(reading) for reading in readings),
            clearing=None if clearing is None else _reading(clearing),
            limits=_limits(limits),
            explanation=explanation,
            late=late,
            merged_into=merged_into,
        )
        result.setdefault(patient, {})[key] = alert
    return {patient: list(alerts.values()) for patient, alerts in result.items()}


def _json(reading: ReadingRef | None) -> str | None:
    return None if reading is None else json.dumps(reading.as_json())


def _reading(stored: dict[str, Any]) -> ReadingRef:
    return ReadingRef(
        UUID(stored["observation"]), stored["metric"], stored["value"], stored["unit"], stored["measured_us"]
    )


def _limits(stored: dict[str, Any]) -> Limits:
    return Limits(stored["metric"], stored["raise"], stored["clear"], stored["for"], stored["unit"], stored["source"])
