"""The worklist as people read it: pure functions from what is stored and the time to rows in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from api.alert_view import alert_json, direction, family_of, priority_rank, why, worst
from api.cadence import SECOND_US, age_limit_s, state_of
from api.formats import rfc3339
from api.reading_view import value_text
from api.silence import Cause, cause_of, silent_gateways
from storage.chart.alerts import AlertRecord
from storage.chart.readings import ENTERED_IN_ERROR, Charted, time_of
from storage.chart.worklist import CADENCE_READINGS, ListedPatient, MetricNow
from storage.registry.gateways import Signs
from vitals import codes, units
from vitals.reading import Flag, Source

Bucket = Literal["unacknowledged", "active", "no_data", "rest"]
BUCKETS: tuple[Bucket, ...] = ("unacknowledged", "active", "no_data", "rest")

#: The families that a row shows, in its order.
FAMILIES = ("heart_rate", "blood_pressure", "spo2", "resp_rate", "body_temp", "body_weight")


@dataclass(frozen=True, slots=True)
class PatientState:
    """Everything that a row is made of: `metrics` by the code table's number, `alerts` the open ones."""

    patient: ListedPatient
    metrics: Mapping[int, MetricNow]
    alerts: tuple[AlertRecord, ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """What rows and the worklist need beside the patients: who gave signs of life, and the gateways' open alerts."""

    signs: Signs
    gateway_alerts: tuple[AlertRecord, ...]


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
    return "rest" if _has_fresh(state, now_us) else "no_data"


def silence_of(state: PatientState, signs: Signs, now_us: int) -> Cause | None:
    """Why nothing comes; None while any value is fresh."""
    if _has_fresh(state, now_us):
        return None
    sent = [now.newest for now in state.metrics.values() if now.newest.source == Source.DEVICE]
    return cause_of(
        signs,
        now_us,
        newest=[(now.newest.measured_us, _age_limit_s(now)) for now in state.metrics.values()],
        gateway=max(sent, key=lambda reading: reading.received_us).gateway if sent else None,
        is_offline=state.patient.key in signs.offline,
    )


def row(state: PatientState, signs: Signs, now_us: int) -> dict[str, Any]:
    """The Row of the contract."""
    patient, alert = state.patient, worst(state.alerts)
    bucket = bucket_of(state, now_us)
    silence = silence_of(state, signs, now_us)
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
        "why": _why(bucket, alert, silence, last_us, now_us),
        "silence": None if silence is None else {"since": rfc3339(last_us), "cause": silence},
        "alert": None if alert is None else alert_json(alert),
        "alert_count": len(state.alerts),
        "last_measured_at": rfc3339(last_us),
        "last_received_at": rfc3339(max((reading.received_us for reading in newest), default=None)),
        "vitals": [tile(state, family, now_us) for family in FAMILIES],
    }


def rows(states: Iterable[PatientState], signs: Signs, now_us: int) -> list[dict[str, Any]]:
    """All rows in the order of the worklist."""
    return sorted((row(state, signs, now_us) for state in states), key=lambda made: made["order"])


def gateways_json(watch: Watch, now_us: int) -> list[dict[str, Any]]:
    """The gateways of the contract's Worklist: those that are silent, each with its alert once it has one."""
    alerts = {alert.gateway: alert for alert in watch.gateway_alerts if alert.condition == "active"}
    return [
        {
            "gateway": gateway.id,
            "seen_at": rfc3339(gateway.seen_us),
            "alert": alert_json(alerts[gateway.id]) if gateway.id in alerts else None,
        }
        for gateway in silent_gateways(watch.signs, now_us)
    ]


def counts(states: Iterable[PatientState], now_us: int, gateway_alerts: Iterable[AlertRecord] = ()) -> dict[str, int]:
    """The Counts of the contract: open alerts by priority, the gateways' with them; patients without data, patients."""
    found = {"high": 0, "medium": 0, "low": 0, "technical": 0, "no_data": 0, "patients": 0}
    for alert in gateway_alerts:
        found[alert.priority] += 1
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
    text = value_text(codes.by_number()[reading.metric], reading.values)
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


def _has_fresh(state: PatientState, now_us: int) -> bool:
    return any(
        state_of(now_us - now.newest.measured_us, _age_limit_s(now)) == "fresh" for now in state.metrics.values()
    )


def _age_limit_s(now: MetricNow) -> int:
    return age_limit_s(codes.by_number()[now.newest.metric].family, now.times_us)


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


def _why(bucket: Bucket, alert: AlertRecord | None, silence: Cause | None, last_us: int | None, now_us: int) -> str:
    if alert is not None:
        return why(alert)
    if bucket != "no_data":
        return ""
    words = "No readings yet" if last_us is None else f"No data for {_age_words(now_us - last_us)}"
    # That the patient hasn't measured goes without saying.
    return words if silence == "patient" else f"{words} ({silence})"


def _age_words(age_us: int) -> str:
    minutes = max(age_us, 0) // SECOND_US // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
