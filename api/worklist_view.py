"""The worklist as people read it: pure functions from what is stored and the time to rows in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from api.alert_view import alert_json, direction, family_of, priority_rank, why, worst
from api.cadence import SECOND_US, age_limit_s, state_of
from api.formats import rfc3339
from storage.chart.alerts import AlertRecord
from storage.chart.readings import ENTERED_IN_ERROR, Charted, time_of
from storage.chart.worklist import CADENCE_READINGS, ListedPatient, MetricNow
from vitals import codes, units
from vitals.reading import Flag, Value

Bucket = Literal["unacknowledged", "active", "no_data", "rest"]
BUCKETS: tuple[Bucket, ...] = ("unacknowledged", "active", "no_data", "rest")

#: The families that a row shows, in its order.
FAMILIES = ("heart_rate", "blood_pressure", "spo2", "resp_rate", "body_temp", "body_weight")

#: What stands for a missing half of a blood pressure.
_LOST = "–"


@dataclass(frozen=True, slots=True)
class PatientState:
    """Everything that a row is made of: `metrics` by the code table's number, `alerts` the open ones."""

    patient: ListedPatient
    metrics: Mapping[int, MetricNow]
    alerts: tuple[AlertRecord, ...]


def fold(state: PatientState, reading: Charted) -> PatientState | None:
    """The state after one new reading; None when only the chart can tell (a correction)."""
    if reading.status == ENTERED_IN_ERROR or reading.version > 1:
        return None
    known = state.metrics.get(reading.metric)
    if known is None:
        now = MetricNow(reading, (reading.measured_us,))
    else:
        times = sorted({*known.times_us, reading.measured_us}, reverse=True)[:CADENCE_READINGS]
        newest = reading if reading.measured_us >= known.newest.measured_us else known.newest
        now = MetricNow(newest, tuple(times))
    return replace(state, metrics={**state.metrics, reading.metric: now})


def bucket_of(state: PatientState, now_us: int) -> Bucket:
    """Where the patient stands in the worklist."""
    if any(alert.acknowledged_by is None for alert in state.alerts):
        return "unacknowledged"
    if any(alert.condition == "active" for alert in state.alerts):
        return "active"
    return "rest" if any(_is_fresh(now, now_us) for now in state.metrics.values()) else "no_data"


def row(state: PatientState, now_us: int) -> dict[str, Any]:
    """The Row of the contract."""
    patient, alert = state.patient, worst(state.alerts)
    bucket = bucket_of(state, now_us)
    newest = [now.newest for now in state.metrics.values()]
    last_us = max((reading.measured_us for reading in newest), default=None)
    return {
        "patient": patient.id,
        "name": patient.name,
        "age_years": age_years(patient.born, now_us),
        "sex": patient.sex,
        "identifier": identifier_json(patient.identifier),
        "zone": patient.zone,
        "programmes": list(patient.programmes),
        "bucket": bucket,
        "order": _order(state, bucket, alert, last_us),
        "why": _why(bucket, alert, last_us, now_us),
        "alert": None if alert is None else alert_json(alert),
        "alert_count": len(state.alerts),
        "last_measured_at": rfc3339(last_us),
        "last_received_at": rfc3339(max((reading.received_us for reading in newest), default=None)),
        "vitals": [tile(state, family, now_us) for family in FAMILIES],
    }


def rows(states: Iterable[PatientState], now_us: int) -> list[dict[str, Any]]:
    """All rows in the order of the worklist."""
    return sorted((row(state, now_us) for state in states), key=lambda made: made["order"])


def counts(states: Iterable[PatientState], now_us: int) -> dict[str, int]:
    """The Counts of the contract: open alerts by priority, patients without data, patients."""
    found = {"high": 0, "medium": 0, "low": 0, "technical": 0, "no_data": 0, "patients": 0}
    for state in states:
        found["patients"] += 1
        found["no_data"] += bucket_of(state, now_us) == "no_data"
        for alert in state.alerts:
            found[alert.priority] += 1
    return found


def tile(state: PatientState, family: str, now_us: int) -> dict[str, Any]:
    """The Tile of the contract: the family's newest value from any of its metrics."""
    head = codes.by_number()[codes.family_numbers(family)[0]]
    candidates = [now for number, now in state.metrics.items() if codes.by_number()[number].family == family]
    if not candidates:
        return _empty_tile(family, head)
    now = max(candidates, key=lambda candidate: candidate.newest.measured_us)
    reading, limit_s = now.newest, age_limit_s(family, now.times_us)
    text = value_text(reading.values)
    return {
        "metric": family,
        "label": head.label,
        "unit": units.by_number(reading.unit).code,
        "text": text,
        "measured_at": rfc3339(reading.measured_us),
        "age_limit_s": limit_s,
        "state": state_of(now_us - reading.measured_us, limit_s),
        "direction": _direction(state, family),
        "flags": Flag(reading.flags).names,
        "absent_reason": reading.values[0].absent.code if text is None else None,
        "observation": str(reading.observation),
    }


def value_text(values: tuple[Value, ...]) -> str | None:
    """The decimal text as sent; a blood pressure as systolic/diastolic, a lost half a dash; None when all is lost."""
    if len(values) == 1:
        return values[0].text
    systolic, diastolic = values[0].text, values[1].text
    return None if systolic is None and diastolic is None else f"{systolic or _LOST}/{diastolic or _LOST}"


def age_years(born: date | None, now_us: int) -> int | None:
    """Whole years at `now_us` (UTC date)."""
    if born is None:
        return None
    today = time_of(now_us).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def identifier_json(identifier: tuple[str, str] | None) -> dict[str, str] | None:
    """An identifier with its assigning system."""
    return None if identifier is None else {"system": identifier[0], "value": identifier[1]}


def _empty_tile(family: str, head: codes.Metric) -> dict[str, Any]:
    return {
        "metric": family,
        "label": head.label,
        "unit": head.units[0],
        "text": None,
        "measured_at": None,
        "age_limit_s": age_limit_s(family, ()),
        "state": "none",
        "direction": None,
        "flags": [],
        "absent_reason": None,
        "observation": None,
    }


def _is_fresh(now: MetricNow, now_us: int) -> bool:
    family = codes.by_number()[now.newest.metric].family
    return state_of(now_us - now.newest.measured_us, age_limit_s(family, now.times_us)) == "fresh"


def _direction(state: PatientState, family: str) -> str | None:
    about = [
        alert
        for alert in state.alerts
        if alert.condition == "active" and family_of(alert.limits.get("metric") or "") == family
    ]
    alert = worst([alert for alert in about if direction(alert)])
    return None if alert is None else direction(alert)


def _order(state: PatientState, bucket: Bucket, alert: AlertRecord | None, last_us: int | None) -> list[int | str]:
    """Bucket; then priority and age of the alert, or the longest silence, or nothing; then the name."""
    rank, since_us = 0, 0
    if bucket in ("unacknowledged", "active") and alert is not None:
        rank, since_us = priority_rank(alert.priority), alert.opened_us
    elif bucket == "no_data":
        since_us = last_us or 0
    name = (state.patient.name or state.patient.id).casefold()
    # Milliseconds: JavaScript's numbers hold them exactly.
    return [BUCKETS.index(bucket), rank, since_us // 1000, name, state.patient.id]


def _why(bucket: Bucket, alert: AlertRecord | None, last_us: int | None, now_us: int) -> str:
    if alert is not None:
        return why(alert)
    if bucket != "no_data":
        return ""
    return "No readings yet" if last_us is None else f"No data for {_age_words(now_us - last_us)}"


def _age_words(age_us: int) -> str:
    minutes = max(age_us, 0) // SECOND_US // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
