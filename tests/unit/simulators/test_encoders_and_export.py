"""What simulated devices send is what their specifications say, and what `--export` writes is what they sent."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest

from device_gateway.decoders.registry import decoder
from simulators.encoders import gatt
from simulators.export import export
from simulators.mqtt_device import Taken, elements, frame
from simulators.plan import patients
from simulators.scenarios import NAMES, STORIES
from vitals.reading import Flag

START_S = 1_795_343_000.0
COLUMNS = ["patient", "measured_at", "metric", "value", "unit", "received_at", "device", "flags"]
DAY_S = 86_400


def read(uuid: str, payload: bytes) -> dict[str, tuple[str | None, str]]:
    """Metric to value and unit, as our decoders understand a frame."""
    return {reading.metric: (reading.values[0].text, reading.unit) for reading in decoder(uuid)(payload)}


def test_frames_follow_the_specification() -> None:
    # Heart Rate Measurement: 8 bit value, contact supported and detected. PLX: flags 0, then two SFLOATs.
    assert gatt.heart_rate(72) == bytes.fromhex("0648")
    # Contact supported (bit 2) and not detected (bit 1).
    assert gatt.heart_rate(34, contact=False) == bytes.fromhex("0422")
    assert gatt.oximeter_continuous(97, 61) == bytes.fromhex("0061003d00")


@pytest.mark.parametrize("beats", [30, 72, 255])
def test_heart_rate_is_read_back(beats: int) -> None:
    assert read(gatt.HEART_RATE, gatt.heart_rate(beats))["heart_rate"] == (str(beats), "/min")


@pytest.mark.parametrize(("spo2", "pulse"), [(97, 61), (85, 140), (100, 40)])
def test_oximeter_is_read_back(spo2: int, pulse: int) -> None:
    found = read(gatt.PULSE_OXIMETER_CONTINUOUS, gatt.oximeter_continuous(spo2, pulse))
    assert found["spo2"] == (str(spo2), "%")
    assert found["pulse_rate_oximeter"] == (str(pulse), "/min")


def test_gatt_devices_measure_what_their_frames_say() -> None:
    plans = [plan for patient in patients(20) for plan in patient.devices if plan.device.form == "gatt"]
    assert {plan.device.kind for plan in plans} == {"strap", "oximeter"}
    for plan in plans:
        values = plan.measure(30.0)
        found = read(*frame(values))
        assert {metric: text for metric, (text, _) in found.items()} == {
            metric: value for metric, (value, _) in values.items() if metric != "sensor_contact"
        }


def test_a_loose_strap_says_so_in_its_frame() -> None:
    (plan,) = (plan for patient in patients(20) for plan in patient.devices if plan.id == "strap-008")
    (before,) = decoder(frame(plan.measure(-300.0))[0])(frame(plan.measure(-300.0))[1])
    (after,) = decoder(frame(plan.measure(5.0))[0])(frame(plan.measure(5.0))[1])
    assert not before.flags & Flag.NO_CONTACT
    assert after.flags & Flag.NO_CONTACT
    assert after.values[0].text == "34"


def test_json_keeps_the_digits_that_the_device_shows() -> None:
    assert elements(Taken(1_000, 7, {"body_weight": ("71.50", "kg")})) == [
        '{"metric":"body_weight","value":71.50,"unit":"kg","at":1000,"seq":7}'
    ]


def instant(text: str) -> float:
    assert text.endswith("Z")
    return datetime.fromisoformat(text).timestamp()


def test_export_writes_one_file_a_scenario_in_the_columns_of_backtest(tmp_path: Path) -> None:
    everybody = patients(20)
    about, *paths = export(tmp_path / "new" / "folder", everybody, START_S, 60.0)
    with about.open(newline="", encoding="utf-8") as file:
        known = list(csv.DictReader(file))
    assert [(row["patient"], row["programme"], row["spo2_target"]) for row in known[:2]] == [
        ("p-001", "copd", "88-92"),
        ("p-002", "hypertension", ""),
    ]
    assert {path.stem for path in paths} == set(NAMES)
    seen = set()
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == COLUMNS
        received = [row["received_at"] for row in rows]
        assert received == sorted(received)
        assert all(instant(row["measured_at"]) <= instant(row["received_at"]) for row in rows)
        seen |= {row["patient"] for row in rows}
    assert seen == {patient.id for patient in everybody}


def test_export_shows_an_outage_as_late_arrival(tmp_path: Path) -> None:
    story = next(scenario for scenario in STORIES if scenario.offline)
    assert story.offline is not None
    path = next(path for path in export(tmp_path, patients(10), START_S, 60.0) if path.stem == story.name)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    begin, end = story.offline
    away = [row for row in rows if begin <= instant(row["measured_at"]) - START_S < end]
    assert away
    assert {round(instant(row["received_at"]) - START_S, 3) for row in away} == {end}
    assert any("/" in row["value"] for row in rows) == any(row["metric"] == "blood_pressure" for row in rows)


def test_export_writes_pressures_with_a_slash(tmp_path: Path) -> None:
    path = next(path for path in export(tmp_path, patients(3), START_S, 60.0) if path.stem == "hypertensive-crisis")
    with path.open(newline="", encoding="utf-8") as file:
        pressures = [row["value"] for row in csv.DictReader(file) if row["metric"] == "blood_pressure"]
    assert "194/112" in pressures
    assert all(part.isdigit() for pressure in pressures for part in pressure.split("/"))


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    export(folder, patients(20), START_S, 60.0)
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_returned_cuff_s_records_are_their_first_owner_s(tmp_path: Path) -> None:
    rows = [row for row in rows_of(tmp_path, "returned-cuff") if row["device"] == "cuff-011"]
    assert {row["patient"] for row in rows} == {"p-010", "p-011"}
    for row in rows:
        assert (row["patient"] == "p-010") == (instant(row["measured_at"]) - START_S < -2 * DAY_S)
    stored = [row for row in rows if row["value"] == "191/109"]
    assert stored and {row["patient"] for row in stored} == {"p-010"}
    assert all(instant(row["received_at"]) - instant(row["measured_at"]) > 3 * DAY_S for row in stored)


def test_a_corrected_binding_is_exported_as_it_is_in_the_end(tmp_path: Path) -> None:
    rows = [row for row in rows_of(tmp_path, "binding-corrected") if row["device"] == "thermometer-013"]
    assert {row["patient"] for row in rows if instant(row["measured_at"]) < START_S} == {"p-012"}
    assert {row["patient"] for row in rows if instant(row["measured_at"]) >= START_S} == {"p-013"}


def test_export_shows_marks(tmp_path: Path) -> None:
    clocks = {(row["device"], row["flags"]) for row in rows_of(tmp_path, "wrong-clock") if is_live(row)}
    assert clocks == {("thermometer-009", "clock-ahead"), ("cuff-009", "clock-unset"), ("strap-009", "")}
    strap = [row for row in rows_of(tmp_path, "sensor-off") if row["metric"] == "heart_rate"]
    loose = [row for row in strap if row["flags"] == "no-contact"]
    assert {row["value"] for row in loose} == {"34"}
    assert min(instant(row["measured_at"]) for row in loose) == START_S - 290


def is_live(row: dict[str, str]) -> bool:
    return instant(row["measured_at"]) >= START_S
