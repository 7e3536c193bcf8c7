"""What all watchers of one organisation look at: patient states kept up by folding, rows encoded once. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from orjson import Fragment

from api.alert_view import alert_json
from api.formats import json_bytes, rfc3339
from api.series_view import component_name
from api.silence import Cause
from api.worklist_view import Bucket, PatientState, Watch, bucket_of, fold, gateways_json, row, silence_of
from storage.chart.alerts import AlertRecord
from storage.chart.readings import Charted
from storage.chart.worklist import ListedPatient
from storage.scope import Scope
from vitals import codes, units
from vitals.reading import DOUBTS, Absent

#: New readings in one event; beyond it a page fetches its trends again.
POINTS_MAX = 2_000
#: New readings of an organisation kept between two events, a few MB.
POINTS_KEPT_MAX = 20_000

#: patient key, and the point as the contract writes it.
Point = tuple[int, list[Any]]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A row as it was last rendered."""

    order: list[int | str]
    data: Fragment
    bucket: Bucket
    silence: Cause | None
    priorities: tuple[str, ...]


class Picture:
    """One organisation's worklist in memory. `version` grows with every change of what it shows."""

    def __init__(self, organisation: int, simulated: bool, watch: Watch) -> None:
        self.scope = Scope(organisation)
        self.version = 0
        self._simulated = simulated
        self._watch = watch
        self._watch_news = False
        self._watch_told = True
        self._states: dict[int, PatientState] = {}
        self._shown: dict[int, _Shown] = {}
        self._members: dict[Scope, frozenset[int]] = {}
        self._dirty: set[int] = set()
        self._points: list[Point] = []
        self._points_dropped = False
        self._snapshots: dict[Scope, tuple[int, int, bytes]] = {}

    def __contains__(self, patient: int) -> bool:
        return patient in self._states

    def has_news(self) -> bool:
        """Whether `render` has something to do."""
        return bool(self._dirty) or self._watch_news

    def put(self, states: dict[int, PatientState]) -> None:
        """Takes patients as the chart has them now."""
        if states.keys() - self._states.keys():
            self._members.clear()
        self._states |= states
        self._touch(states)

    def replace_all(self, states: dict[int, PatientState]) -> None:
        """Starts over; readings not yet told are forgotten, for watchers load everything again."""
        self._states, self._shown, self._points, self._dirty = {}, {}, [], set()
        self._members.clear()
        self.put(states)

    def take_readings(self, readings: Iterable[Charted]) -> set[int]:
        """Folds new readings in; returns patients that only the chart can tell about (corrections)."""
        unclear = set()
        for reading in readings:
            state = self._states.get(reading.patient)
            if state is None:
                continue
            after = fold(state, reading)
            if after is None:
                unclear.add(reading.patient)
                continue
            self._states[reading.patient] = after
            self._touch((reading.patient,))
            self._keep_points(state.patient.id, reading)
        return unclear

    def take_alerts(self, patients: Collection[int], alerts: dict[int, list[AlertRecord]]) -> None:
        """The open alerts of these patients are now these."""
        for patient in patients:
            if (state := self._states.get(patient)) is not None:
                self._states[patient] = replace(state, alerts=tuple(alerts.get(patient, ())))
                self._touch((patient,))

    def take_watch(self, watch: Watch) -> None:
        """Signs of life and the gateways' alerts as they are now."""
        self._watch_news |= watch.gateway_alerts != self._watch.gateway_alerts
        self._watch = watch
        self.version += 1

    def take_patients(self, listed: Iterable[ListedPatient]) -> list[ListedPatient]:
        """Names, programmes and teams as the registry has them; returns patients that are new."""
        new = []
        for patient in listed:
            state = self._states.get(patient.key)
            if state is None:
                new.append(patient)
            elif state.patient != patient:
                self._states[patient.key] = replace(state, patient=patient)
                self._members.clear()
                self._touch((patient.key,))
        return new

    def let_time_pass(self, now_us: int) -> None:
        """Rows whose bucket or silence changes because nothing came."""
        for key, shown in self._shown.items():
            state = self._states[key]
            said = bucket_of(state, now_us), silence_of(state, self._watch.signs, now_us)
            if said != (shown.bucket, shown.silence):
                self._touch((key,))

    def members(self, scope: Scope) -> frozenset[int]:
        """Patients of a scope."""
        found = self._members.get(scope)
        if found is None:
            found = frozenset(
                key for key, state in self._states.items() if scope.covers(patient=key, teams=state.patient.teams)
            )
            self._members[scope] = found
        return found

    def render(self, now_us: int) -> tuple[set[int], list[Point], bool]:
        """Renders what changed; returns these patients, the new points, and whether points were left out."""
        changed, points, dropped = self._dirty, self._points, self._points_dropped
        self._dirty, self._points, self._points_dropped = set(), [], False
        self._watch_told, self._watch_news = not self._watch_news, False
        for key in changed:
            self._show(key, now_us)
        return changed, points, dropped

    def vitals(
        self, scope: Scope, changed: Collection[int], points: Collection[Point], dropped: bool, now_us: int
    ) -> bytes | None:
        """Data of a `vitals` event for one scope; None when it has nothing new."""
        members = self.members(scope)
        keys = members.intersection(changed).intersection(self._shown)
        if not keys and (self._watch_told or scope.patient is not None):
            return None
        own = [point for key, point in points if key in members]
        dropped = dropped or len(own) > POINTS_MAX
        body: dict[str, Any] = {
            "server_time": rfc3339(now_us),
            "counts": self._counts(scope, members),
            "gateways": self._gateways(scope, now_us),
            "rows": [self._shown[key].data for key in sorted(keys, key=lambda key: self._shown[key].order)],
            "points": [] if dropped else own,
        }
        if dropped:
            body["points_dropped"] = True
        return json_bytes(body)

    def snapshot(self, scope: Scope, now_us: int) -> bytes:
        """Data of a `snapshot` event; made once a second at most for each scope while nothing changes."""
        made = self._snapshots.get(scope)
        if made is not None and made[0] == self.version and 0 <= now_us - made[1] < 1_000_000:
            return made[2]
        self.let_time_pass(now_us)
        members = self.members(scope)
        for key in members:
            self._show(key, now_us)
        shown = sorted((self._shown[key] for key in members), key=lambda each: each.order)
        data = json_bytes(
            {
                "server_time": rfc3339(now_us),
                "simulated": self._simulated,
                "counts": self._counts(scope, members),
                "gateways": self._gateways(scope, now_us),
                "rows": [each.data for each in shown],
            }
        )
        self._snapshots = {s: m for s, m in self._snapshots.items() if m[0] == self.version}
        self._snapshots[scope] = (self.version, now_us, data)
        return data

    def covers(self, scope: Scope, alert: AlertRecord) -> bool:
        """Whether a scope of this organisation holds the alert; a gateway's is for all staff."""
        return scope.patient is None if alert.patient_key is None else alert.patient_key in self.members(scope)

    def _touch(self, patients: Iterable[int]) -> None:
        self._dirty.update(patients)
        self.version += 1

    def _show(self, key: int, now_us: int) -> None:
        state = self._states[key]
        made = row(state, self._watch.signs, now_us)
        silence = made["silence"] and made["silence"]["cause"]
        priorities = tuple(alert.priority for alert in state.alerts)
        self._shown[key] = _Shown(made["order"], Fragment(json_bytes(made)), made["bucket"], silence, priorities)

    def _gateways(self, scope: Scope, now_us: int) -> list[dict[str, Any]]:
        return gateways_json(self._watch, now_us) if scope.patient is None else []

    def _counts(self, scope: Scope, members: Iterable[int]) -> dict[str, int]:
        found = {"high": 0, "medium": 0, "low": 0, "technical": 0, "no_data": 0, "patients": 0}
        for alert in self._watch.gateway_alerts if scope.patient is None else ():
            found[alert.priority] += 1
        for key in members:
            found["patients"] += 1
            if (shown := self._shown.get(key)) is None:
                continue  # came this moment, is rendered next
            found["no_data"] += shown.bucket == "no_data"
            for priority in shown.priorities:
                found[priority] += 1
        return found

    def _keep_points(self, patient: str, reading: Charted) -> None:
        if len(self._points) >= POINTS_KEPT_MAX:
            self._points_dropped = True
            return
        self._points.extend((reading.patient, point) for point in points_of(patient, reading))


def points_of(patient: str, reading: Charted) -> list[list[Any]]:
    """One reading as points: patient, metric, component, device, ms, value (metric's first unit), flags, absent."""
    metric = codes.by_number()[reading.metric]
    sent = units.by_number(reading.unit).code
    made = []
    for place, value in enumerate(reading.values):
        component = place + 1 if len(reading.values) > 1 else 0
        if component == 3 and value.absent:
            continue  # most cuffs send no mean
        number = None if value.absent else units.convert(value.number, sent, metric.units[0])
        reason = value.absent.code if value.absent is not Absent.PRESENT else None
        made.append(
            [
                patient,
                metric.key,
                component_name(component),
                reading.device,
                reading.measured_us // 1000,
                number,
                reading.flags & DOUBTS,
                reason,
            ]
        )
    return made


def alert_data(alert: AlertRecord) -> bytes:
    """Data of an `alert` event."""
    return json_bytes(alert_json(alert))
