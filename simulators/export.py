"""Scenarios and their patients as CSV, in the columns that `vitalstream backtest` reads.

A reading is written as it is charted in the end: under the patient whose it turned out to be, a wrong clock's at its
receipt. What a value can't show (no contact, a wrong clock) stands in the column `flags`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from simulators.devices import Measurement, out_of_contact
from simulators.plan import SimulatedDevice, SimulatedPatient
from vitals.reading import Flag

_PATIENT_COLUMNS = ("patient", "born", "zone", "programme", "spo2_target", "pregnant")
_COLUMNS = ("patient", "measured_at", "metric", "value", "unit", "received_at", "device", "flags")
_CLOCK_FLAGS = {"ahead": Flag.CLOCK_AHEAD, "unset": Flag.CLOCK_UNSET}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: str) -> str:
    """A JSON value as CSV has it: a blood pressure as 128/79, everything else as it is."""
    if value.startswith("{"):
        return "/".join(str(part) for part in json.loads(value).values())
    return value.strip('"')


def _flags(plan: SimulatedDevice, t_s: float, values: Measurement) -> str:
    """Marks that the gateway gives such a reading, as the chart names them."""
    flags = Flag.NO_CONTACT if out_of_contact(values) else Flag(0)
    if t_s >= 0 and plan.device.clock != "right":
        flags |= _CLOCK_FLAGS[plan.device.clock]
    return ";".join(flags.names)


def _rows(plan: SimulatedDevice, start_s: float, live_s: float) -> Iterator[tuple[str, ...]]:
    """A device's readings as charted in the end: whose they are, when they were measured as far as that is believed."""
    window = plan.scenario.offline
    times = [(t_s, 0.0) for t_s in plan.history(start_s)]
    times += [(t_s, t_s) for t_s in takewhile(lambda t_s: t_s <= live_s, plan.live())]
    for t_s, arrives_s in times:
        if window is not None and window[0] <= t_s < window[1]:
            arrives_s = window[1]
        patient = plan.owner(t_s)
        assert patient is not None, "a story's device measures only while it is somebody's"
        values = plan.measure(t_s)
        flags = _flags(plan, t_s, values)
        for metric, (value, unit) in values.items():
            if metric == "sensor_contact" and plan.device.form == "gatt":
                continue  # a mark on the value beside it, no reading of its own
            times_of = _instant(start_s + t_s), _instant(start_s + arrives_s)
            yield patient, times_of[0], metric, _text(value), unit, times_of[1], plan.id, flags


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
            rows += _rows(plan, start_s, live_s)
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
