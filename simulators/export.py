"""Scenarios and their patients as CSV, in the columns that `vitalstream backtest` reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from simulators.plan import SimulatedDevice, SimulatedPatient

_PATIENT_COLUMNS = ("patient", "born", "zone", "programme", "spo2_target", "pregnant")
_COLUMNS = ("patient", "measured_at", "metric", "value", "unit", "received_at")


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: str) -> str:
    """A JSON value as CSV has it: a blood pressure as 128/79, everything else as it is."""
    if value.startswith("{"):
        return "/".join(str(part) for part in json.loads(value).values())
    return value.strip('"')


def _rows(patient: str, plan: SimulatedDevice, start_s: float, live_s: float) -> Iterator[tuple[str, ...]]:
    window = plan.scenario.offline
    times = [(t_s, 0.0) for t_s in plan.history(start_s)]
    for t_s in plan.live():
        if t_s > live_s:
            break
        times.append((t_s, t_s))
    for t_s, arrives_s in times:
        if window is not None and window[0] <= t_s < window[1]:
            arrives_s = window[1]
        for metric, (value, unit) in plan.measure(t_s).items():
            yield patient, _instant(start_s + t_s), metric, _text(value), unit, _instant(start_s + arrives_s)


def _patients(path: Path, patients: list[SimulatedPatient]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_PATIENT_COLUMNS)
        for one in patients:
            target = "-".join(map(str, one.scenario.spo2_target or ()))
            writer.writerow((one.id, one.born, one.zone, ";".join(one.scenario.programmes), target, ""))
    return path


def export(folder: Path, patients: list[SimulatedPatient], start_s: float, live_s: float) -> list[Path]:
    """Writes one CSV a scenario (all its patients, by received time) and `patients.csv`; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    by_scenario: dict[str, list[tuple[str, ...]]] = {}
    for patient in patients:
        rows = by_scenario.setdefault(patient.scenario.name, [])
        for plan in patient.devices:
            rows += _rows(patient.id, plan, start_s, live_s)
    paths = [_patients(folder / "patients.csv", patients)]
    for name, rows in by_scenario.items():
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            rows.sort(key=lambda row: (row[5], row[1], row[0], row[2]))
            writer.writerows(rows)
        paths.append(path)
    return paths
