"""Rules over a recorded history, before they go live: the alerts that they would have raised.

The oracle answers; the online engine, fed in the order of arrival, must answer the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np

from alerts import oracle
from alerts.applicability import EVERYONE
from alerts.online import OnlineEngine
from alerts.pack import SHIPPED, Pack, load_pack, shipped_pack
from alerts.rules import Rule
from streams.group import Columns
from streams.rows import samples, too_late
from vitals import codes
from vitals.errors import OperatorError
from vitals.events import SAMPLE, Alert, Enrolment, PatientContext, PatientHistory, Period, Samples
from vitals.ports.alerting import HistoryRequest, HistoryTooShort
from vitals.reading import Flag
from vitalstream.backtest_csv import Known, Progress, Readings

#: Groups that the online engine gets a history in. Few rows each in a short history, so that order and lateness matter;
#: bounded, because each group with late readings runs the oracle over its patients again.
GROUPS_MAX: Final = 100

_STATUS_METRICS: Final = [metric.number for metric in codes.table().values() if metric.shape == "device-status"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 86_400_000_000
#: A patients' file says nothing of when a pregnancy began: it holds for the whole history.
_ALWAYS: Final = Period(None, None)


@dataclass(frozen=True, slots=True)
class Options:
    """How a history is run: through the online engine, arrival shuffled by a seed, allowed lateness (None: any)."""

    online: bool = False
    shuffle: int | None = None
    late_us: int | None = None


# ---------------------------------------------------------------- rules and patients


def load_packs(names: Sequence[str]) -> list[Pack]:
    """Packs by shipped id or path of a TOML file (the id goes first); raises OperatorError."""
    packs = [_pack(name) for name in names]
    counts = Counter(rule.id for pack in packs for rule in pack.rules)
    for rule, count in counts.items():
        if count > 1:
            raise OperatorError(
                f"rule {rule} is in {count} of the packs; compare two versions of a rule in two runs", code="rule-pack"
            )
    return packs


def _pack(name: str) -> Pack:
    if name in SHIPPED:
        return shipped_pack(name)
    try:
        return load_pack(Path(name).read_text(encoding="utf-8-sig"), name)
    except FileNotFoundError:
        raise OperatorError(
            f"{name!r} is no file and no pack that ships; give a TOML file or one of {', '.join(SHIPPED)}",
            code="rule-pack",
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OperatorError(f"{name!r} can't be read as a rule pack: {why}", code="rule-pack") from None


def contexts_of(
    patients: Sequence[str], packs: Sequence[Pack], known: Mapping[str, Known] | None
) -> dict[int, PatientContext]:
    """What rules must know of each patient, by key, for all times.

    Without a patients' file (None) everybody is in the programmes of the packs; with one, who isn't named there is in
    `general` and `technical` only, as every patient is.
    """
    everywhere = Known(tuple(pack.programme for pack in packs))
    contexts = {}
    for key, patient in enumerate(patients, 1):
        facts = everywhere if known is None else known.get(patient, Known(()))
        programmes = sorted({*EVERYONE, *facts.programmes})
        targets = () if facts.spo2_target is None else (facts.spo2_target,)
        contexts[key] = PatientContext(
            key,
            patient,
            tuple(map(Enrolment, programmes)),
            targets,
            zone=facts.zone,
            born=facts.born,
            pregnancies=(_ALWAYS,) if facts.pregnant else (),
        )
    return contexts


# ---------------------------------------------------------------- history


@dataclass(slots=True)
class _Memory:
    """What storage would hold of the groups so far; answers the engine's requests."""

    contexts: dict[int, PatientContext]
    alerts: dict[int, dict[UUID, Alert]] = field(default_factory=dict)
    samples: dict[int, list[Samples]] = field(default_factory=dict)

    def history(self, request: HistoryRequest) -> PatientHistory:
        """The stretch asked for; whether that reaches back far enough, the engine says."""
        from_us, to_us = request.earliest_us, request.to_us
        found = [
            alert
            for alert in self.alerts.get(request.patient, {}).values()
            if alert.opened_us <= to_us and (alert.cleared_us is None or alert.cleared_us >= from_us)
        ]
        stored = np.concatenate([np.empty(0, SAMPLE), *self.samples.get(request.patient, [])])
        stored = stored[(stored["measured_us"] >= from_us) & (stored["measured_us"] <= to_us)]
        return PatientHistory(self.contexts[request.patient], from_us, to_us, stored, tuple(found))

    def keep(self, fresh: Samples) -> None:
        """Stores a group."""
        for patient in np.unique(fresh["patient"]).tolist():
            self.samples.setdefault(patient, []).append(fresh[fresh["patient"] == patient])

    def commit(self, alerts: Iterable[Alert]) -> None:
        """Stores what became of alerts."""
        for alert in alerts:
            self.alerts.setdefault(alert.patient, {})[alert.id] = alert

    @property
    def standing(self) -> list[Alert]:
        """All alerts that were not retracted."""
        return [alert for alerts in self.alerts.values() for alert in alerts.values() if alert.condition != "retracted"]


def run(
    rules: Sequence[Rule],
    contexts: Mapping[int, PatientContext],
    readings: Readings,
    options: Options,
    progress: Progress,
) -> list[Alert]:
    """The final alerts, sorted by logical id, rule and opening: the same whatever `options` say, except for lateness.

    Time has passed up to the last measured reading. `progress` is told groups done (online only).
    """
    rows = readings.rows
    if options.late_us is not None:
        too_late(rows, options.late_us)
    until_us = int(rows["measured_us"].max())
    arrival = np.argsort(rows["received_us"], kind="stable")
    if options.shuffle is not None:
        arrival = np.random.default_rng(options.shuffle).permutation(arrival)
    if not options.online:
        return oracle.history(rules, contexts, _samples(rows[arrival]), until_us)
    alerts = _online(rules, contexts, rows[arrival], until_us, progress)
    return sorted(alerts, key=lambda a: (contexts[a.patient].patient, a.rule, a.opened_us))


def _samples(rows: Columns) -> Samples:
    """What rules look at of these rows; device status goes its own way, as in the processor."""
    status = np.isin(rows["metric"], _STATUS_METRICS)
    return samples(rows[~status], rows[status])


def _online(
    rules: Sequence[Rule],
    contexts: Mapping[int, PatientContext],
    rows: Columns,
    until_us: int,
    progress: Progress,
) -> list[Alert]:
    """The alerts that stand after the online engine took all rows, in this order, group by group."""
    engine = OnlineEngine(rules)
    memory = _Memory(dict(contexts))
    size = -(-len(rows) // GROUPS_MAX)
    for start in range(0, len(rows), size):
        progress(start // size, GROUPS_MAX)
        group = _samples(rows[start : start + size])
        _take(engine, memory, group, np.unique(group["patient"]).tolist(), until_us)
    # Everything that came is applied: now silence counts too, for everybody.
    _take(engine, memory, np.empty(0, SAMPLE), list(contexts), until_us, tick=True)
    progress(GROUPS_MAX, GROUPS_MAX)
    return memory.standing


def _take(
    engine: OnlineEngine, memory: _Memory, group: Samples, patients: list[int], until_us: int, *, tick: bool = False
) -> None:
    """One group, or the tick, through the engine; what it says is kept."""
    context = {key: memory.contexts[key] for key in patients}
    requests: Sequence[HistoryRequest] = engine.needs(group, context, tick=tick)
    while True:
        history = {request.patient: memory.history(request) for request in requests}
        try:
            changes = engine.apply(group, context, history, until_us, tick=tick)
            break
        except HistoryTooShort as short:
            requests = short.requests  # from further back each time
    memory.commit(change.alert for change in changes)
    memory.keep(group)
    for key, deadline in engine.deadlines(patients).items():
        memory.contexts[key] = replace(memory.contexts[key], deadline=deadline)


# ---------------------------------------------------------------- what is printed


def rfc3339(time_us: int) -> str:
    """UTC with milliseconds, such as 2026-11-22T10:42:00.123Z."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_us // 1000 % 1000:03d}Z"


def alert_line(alert: Alert, context: PatientContext) -> dict[str, Any]:
    """One alert of the history; values are decimal strings as sent."""
    return {
        "patient": context.patient,
        "rule": alert.rule,
        "version": alert.version,
        "priority": alert.priority,
        "opened_at": rfc3339(alert.opened_us),
        "cleared_at": None if alert.cleared_us is None else rfc3339(alert.cleared_us),
        "readings": [
            {"metric": reading.metric, "measured_at": rfc3339(reading.measured_us), "value": reading.value}
            for reading in alert.readings
        ],
    }


def summary(readings: Readings, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Counts: rows in = readings + duplicate rows + refused rows. A patient-day is a day (UTC) with a reading."""
    rows = readings.rows
    days = np.unique(np.column_stack((rows["patient"], rows["measured_us"] // _DAY_US)), axis=0)
    return {
        "patients": len(readings.patients),
        "readings": len(rows),
        "duplicate_rows": readings.duplicates,
        "refused_rows": readings.refused.count,
        "too_late": int(np.count_nonzero(rows["flags"] & int(Flag.TOO_LATE))),
        "alerts": len(alerts),
        "by_rule": dict(sorted(Counter(alert.rule for alert in alerts).items())),
        "alerts_per_patient_day": round(len(alerts) / len(days), 4),
    }


def remarks(readings: Readings, packs: Sequence[Pack], known: Mapping[str, Known] | None) -> Iterator[str]:
    """What a person should know before believing the numbers. No names: a log may keep it."""
    if known is None:
        # The general pack has a rule for either case: there nothing is missing.
        rules = [rule for pack in packs if pack.programme != "general" for rule in pack.rules]
        wanting = [rule.id for rule in rules if rule.spo2_target == "required"]
        if wanting:
            yield f"no patient has a recorded SpO2 target, which {', '.join(wanting)} wants: say it with --patients"
        return
    missing = sum(patient not in known for patient in readings.patients)
    if missing:
        yield f"{missing} patients with readings are not in the patients' file: general and technical rules only"
