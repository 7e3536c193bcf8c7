"""`vitalstream backtest` as people and programs use it. DESIGN section 6."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.commands import run
from tests.running import Installation

READINGS = (
    "patient,measured_at,metric,value,unit,received_at\n"
    "p-2,2026-03-01T10:00:00+01:00,body_temp,38.10,C,\n"
    "p-1,2026-03-01T09:00:00Z,blood_pressure,89/60,mmHg,2026-03-03T09:00:00Z\n"
    "p-1,2026-03-01T09:00:00Z,blood_pressure,120/60,mmHg,\n"
    "p-1,2026-03-01T09:30:00Z,blood_pressure,95/60/70,mmHg,\n"
    "p-2,2026-03-01T09:00:00,body_temp,37.0,C,\n"
    "p-2,2026-03-01T09:00:00.0005Z,body_temp,103,F,\n"
)
#: Found by hand: 89 is below 90, 95 clears; 38.10 is at the limit of 38.1; 103 °F are 39.4 °C.
ALERTS = """\
{"patient": "p-1", "rule": "bp-low", "version": 1, "priority": "medium", "opened_at": "2026-03-01T09:00:00.000Z", \
"cleared_at": "2026-03-01T09:30:00.000Z", "readings": [{"metric": "blood_pressure.systolic", \
"measured_at": "2026-03-01T09:00:00.000Z", "value": "89"}]}
{"patient": "p-2", "rule": "temp-fever", "version": 1, "priority": "low", "opened_at": "2026-03-01T09:00:00.000Z", \
"cleared_at": null, "readings": [{"metric": "body_temp", "measured_at": "2026-03-01T09:00:00.000Z", "value": "38.10"}]}
{"patient": "p-2", "rule": "temp-high", "version": 1, "priority": "medium", "opened_at": "2026-03-01T09:00:00.000Z", \
"cleared_at": null, "readings": [{"metric": "body_temp", "measured_at": "2026-03-01T09:00:00.000Z", "value": "103"}]}
"""
SUMMARY = """\
{"summary": {"patients": 2, "readings": 4, "duplicate_rows": 1, "refused_rows": 1, "too_late": 0, "alerts": 3, \
"by_rule": {"bp-low": 1, "temp-fever": 1, "temp-high": 1}, "alerts_per_patient_day": 1.5}}
"""


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Installation]:
    """An installation whose data directory this command has no reason to make."""
    made = Installation(tmp_path / "data")
    yield made
    assert not made.data_dir.exists()


@pytest.fixture
def readings(tmp_path: Path) -> str:
    file = tmp_path / "readings.csv"
    file.write_text(READINGS, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("mode", ["", "--shuffle 7", "--online", "--online --shuffle 7", "--late 2d"])
def test_alerts_then_a_summary(nowhere: Installation, readings: str, mode: str) -> None:
    done = run(nowhere, "backtest", "--rules", "general", "--readings", readings, *mode.split())
    assert done.stdout == ALERTS + SUMMARY
    assert done.returncode == 0
    assert done.stderr.startswith(f"vitalstream backtest: {readings}, line 6: the time has no zone")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("mode", ["", "--online", "--online --shuffle 7"])
def test_allowed_lateness(nowhere: Installation, readings: str, mode: str) -> None:
    done = run(nowhere, "backtest", "--rules", "general", "--readings", readings, "--late", "47h", *mode.split())
    *alerts, last = map(json.loads, done.stdout.splitlines())
    assert [alert["rule"] for alert in alerts] == ["temp-fever", "temp-high"]
    assert last["summary"]["too_late"] == 1


def test_patients_and_several_packs(nowhere: Installation, readings: str, tmp_path: Path) -> None:
    trial = tmp_path / "trial.toml"
    trial.write_text(
        '[pack]\nid = "trial"\nversion = 1\nprogramme = "hypertension"\n[[rule]]\nid = "not-low"\nversion = 4\n'
        'kind = "threshold"\nmetric = "blood_pressure.systolic"\nunit = "kPa"\npriority = "low"\nsource = "test"\n'
        'raise = { op = ">", value = 11 }\n',
        encoding="utf-8",
    )
    known = tmp_path / "patients.csv"
    words = ["backtest", "--rules", "technical", "--rules", str(trial), "--readings", readings]
    fired = {}
    for programme in ("hypertension", "copd"):
        known.write_text(f"patient,programme\np-1,{programme}\n", encoding="utf-8")
        done = run(nowhere, *words, "--patients", str(known))
        *alerts, _ = map(json.loads, done.stdout.splitlines())
        fired[programme] = [(alert["patient"], alert["rule"], alert["version"]) for alert in alerts]
        assert "1 patients with readings are not in the patients' file" in done.stderr
    assert fired == {"hypertension": [("p-1", "not-low", 4)], "copd": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--rules": None}, "--rules"),
        ({"--readings": None}, "--readings"),
        ({"--rules": "generall"}, "no pack that ships"),
        ({"--rules": "broken.toml"}, "not valid TOML"),
        ({"--readings": "nowhere.csv"}, "does not exist"),
        ({"--readings": "empty.csv"}, "is empty"),
        ({"--readings": "patients.csv"}, "no column"),
        ({"--patients": "patients.csv"}, "line 2: there is no programme"),
        ({"--late": "soon"}, "duration"),
        ({"--shuffle": "-1"}, "--shuffle"),
    ],
    ids=str,
)
def test_bad_use_exits_2(
    nowhere: Installation, readings: str, tmp_path: Path, change: dict[str, str | None], said: str
) -> None:
    (tmp_path / "broken.toml").write_text("[pack", encoding="utf-8")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "patients.csv").write_text("patient,programme\np-1,gout\n", encoding="utf-8")
    options = {"--rules": "general", "--readings": readings} | change
    words = [
        word
        for name, value in options.items()
        if value is not None
        for word in (name, str(tmp_path / value) if value.endswith((".csv", ".toml")) else value)
    ]
    done = run(nowhere, "backtest", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage:" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("rows", [b"", b"p-1,yesterday,spo2,97,%\n", b"\xff\n"])
def test_nothing_usable_exits_1(nowhere: Installation, tmp_path: Path, rows: bytes) -> None:
    file = tmp_path / "readings.csv"
    file.write_bytes(b"patient,measured_at,metric,value,unit\n" + rows)
    done = run(nowhere, "backtest", "--rules", "general", "--readings", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"vitalstream: {file} ")
    assert done.stderr.count("\n") == 1
