"""What the system made of a plan: every identity once, the ledger balanced, the alerts those of the oracle."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg

from alerts.applicability import BEGINNING_US, END_US
from alerts.oracle import AlertKey, key_of
from alerts.pack import shipped_rules
from storage.chart.ledger import Ledger, identities_charted_twice, ledger
from storage.chart.postgres import PostgresChart
from storage.connection import connect
from tests.disorder.plan import Plan
from tests.disorder.truth import planned_contexts, planned_samples, true_alerts
from vitals.events import Alert, PatientContext, Samples
from vitals.ports.alerting import HistoryRequest

_CHARTED = """
SELECT d.id, r.metric, r.device_time_ns, r.sequence, r.value_1, r.decimals_1, us_of(r.received_at)
FROM (SELECT device, metric, device_time_ns, sequence, value_1, decimals_1, received_at FROM observation
      WHERE status <> 2
      UNION ALL
      SELECT device, metric, device_time_ns, sequence, value_1, decimals_1, received_at FROM device_status) AS r
JOIN device d ON d.key = r.device
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of a run that was found right."""

    counts: Ledger
    alerts: int
    late: int
    retracted: int
    merged: int


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the chart holds of everybody."""

    contexts: dict[int, PatientContext]
    samples: Samples
    alerts: list[Alert]


async def judge(dsn: str, plan: Plan, until_us: int) -> Verdict:
    """Raises AssertionError at the first thing that is wrong; `until_us`: nothing silent was due up to then."""
    async with await connect(dsn, application_name="test") as connection:
        counts = await ledger(connection)
        assert await identities_charted_twice(connection) == []
    assert counts.balanced and not counts.inconsistent and counts.pending == 0, counts
    with psycopg.connect(dsn) as connection:
        keys: dict[str, int] = dict(connection.execute("SELECT id, key FROM patient").fetchall())
        device_keys: dict[str, int] = dict(connection.execute("SELECT id, key FROM device").fetchall())
        received_us = _check_charted(connection, plan, counts)
        _check_conflicts(connection, plan)
    stored = await _stored(dsn, list(keys.values()))
    told = [key_of(alert) for alert in stored.alerts if alert.condition != "retracted"]
    assert len(told) == len(set(told)), "an episode has two alerts"
    rules = shipped_rules()
    _same(set(told), true_alerts(rules, stored.contexts, stored.samples, until_us), "the oracle over what is stored")
    # When the pipeline was blind is known to the pipeline alone; all else was planned.
    contexts = {
        key: replace(context, blind=stored.contexts[key].blind) for key, context in planned_contexts(plan, keys).items()
    }
    knowable = {key for patient, key in keys.items() if patient in plan.knowable}
    planned = planned_samples(
        [one for one in plan.unique().values() if _patients(plan)[one.device] in plan.knowable],
        _patients(plan),
        keys,
        device_keys,
        received_us,
    )
    _same(
        {key for key in told if key[0] in knowable},
        true_alerts(rules, {k: c for k, c in contexts.items() if k in knowable}, planned, until_us),
        "the oracle over what was planned",
    )
    return Verdict(
        counts,
        len(told),
        sum(alert.late for alert in stored.alerts),
        sum(alert.condition == "retracted" for alert in stored.alerts),
        sum(alert.merged_into is not None for alert in stored.alerts),
    )


def _patients(plan: Plan) -> dict[str, str]:
    return {device.id: device.patient for device in plan.devices}


def _same(told: set[AlertKey], true: set[AlertKey], what: str) -> None:
    missing, invented = sorted(true - told, key=str), sorted(told - true, key=str)
    assert not missing and not invented, (
        f"not {what}: {len(missing)} of {len(true)} missing, {len(invented)} invented;"
        f" first missing {missing[:2]}, first invented {invented[:2]}"
    )


def _check_charted(connection: psycopg.Connection[Any], plan: Plan, counts: Ledger) -> int:
    """Every identity once, with the value that the device sent first; when the last was received."""
    rows = connection.execute(_CHARTED).fetchall()
    unique = plan.unique()
    charted = Counter(tuple(row[:4]) for row in rows)
    lost = unique.keys() - charted.keys()
    assert not lost, f"{len(lost)} readings are lost, such as {sorted(lost)[:3]}"
    assert charted.keys() == unique.keys(), f"invented: {sorted(charted.keys() - unique.keys())[:3]}"
    assert max(charted.values()) == 1, f"charted twice: {charted.most_common(3)}"
    assert counts.stored == len(unique)
    for *name, number, decimals, _ in rows:
        value = unique[tuple(name)].reading(0).values[0]
        assert (number, decimals) == (value.number, value.decimals), name
    return int(max(row[6] for row in rows))


def _check_conflicts(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Quarantine holds the conflicts and nothing else; one that was sent again is there again."""
    rows = connection.execute("SELECT device, reason, raw FROM quarantine WHERE state = 'open'").fetchall()
    assert {reason for _, reason, _ in rows} <= {"conflict"}, Counter(reason for _, reason, _ in rows)
    kept = {(device, str(json.loads(raw)["seq"]), _value(json.loads(raw)["value"])) for device, _, raw in rows}
    assert kept == {(one.device, str(one.sequence), one.value) for one in plan.conflicts}


def _value(sent: object) -> str:
    if isinstance(sent, dict):
        return f"{sent['systolic']}/{sent['diastolic']}"
    return json.dumps(sent)


async def _stored(dsn: str, patients: list[int]) -> _Stored:
    async with PostgresChart(dsn, "test") as chart, chart.transaction() as unit:
        contexts = await unit.contexts(patients)
        requests = [HistoryRequest(patient, BEGINNING_US, END_US) for patient in patients]
        history = await unit.history(requests, contexts)
    samples = np.concatenate([one.samples for one in history.values()])
    return _Stored(contexts, samples, [alert for one in history.values() for alert in one.alerts])
