"""`simulate` and `replay` against a running system: what they publish is charted and causes what they say."""

from __future__ import annotations

import csv
import json
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.commands import run
from tests.running import Installation, installation

SOON_S = 20.0
#: Port 9, "discard", on which nothing listens.
NOBODY = "mqtt://127.0.0.1:9"


@pytest.fixture(scope="module")
def site() -> Iterator[Installation]:
    with installation() as made:
        made.up()
        yield made


def alerts_of(site: Installation, headers: dict[str, str], patient: str) -> list[dict[str, Any]]:
    params = {"state": "all", "patient": patient}
    found = httpx.get(f"{site.url}/api/alerts", params=params, headers=headers).raise_for_status().json()["alerts"]
    return [one for one in found if one["condition"] != "retracted"]


def drained(site: Installation) -> dict[str, Any]:
    deadline = time.monotonic() + SOON_S
    while True:
        counts: dict[str, Any] = json.loads(run(site, "ledger").stdout)
        if not counts["pending"]:
            return counts
        assert time.monotonic() < deadline, counts
        time.sleep(0.2)


def test_a_story_is_told_and_causes_its_alerts(site: Installation) -> None:
    headers = site.token()
    done = run(site, "simulate", "--scenario", "hypertensive-crisis", "--seed", "5", "--for", "14")
    assert done.returncode == 0, done.stderr
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    assert expected == [{"patient": "p-sim5-hypertensive-crisis-001", "rule": "bp-severe-systolic"}]
    counts = drained(site)
    assert counts["balanced"]
    (alert,) = alerts_of(site, headers, expected[0]["patient"])
    assert alert["rule"] == "bp-severe-systolic"
    known = httpx.get(f"{site.url}/fhir/Patient/{expected[0]['patient']}", headers=headers).json()
    assert "(simulated)" in json.dumps(known["name"])

    again = run(site, "simulate", "--scenario", "hypertensive-crisis", "--seed", "5", "--for", "1")
    assert again.returncode == 1
    assert "give another --seed" in again.stderr
    free = run(site, "simulate", "--scenario", "hypertensive-crisis", "--for", "1")
    assert json.loads(free.stdout)["patient"] == "p-sim1-hypertensive-crisis-001"


def test_credentials_instead_of_a_registry(site: Installation, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.touch()
    door = f"mqtt://127.0.0.1:{site.mqtt_port}"
    words = ["simulate", "--scenario", "hypoglycaemia", "--seed", "9", "--to", door, "--credentials", str(file)]
    done = run(site, *words, "--for", "1")
    assert done.returncode == 1
    *commands, error = done.stderr.splitlines()
    assert "no credentials of 2 of 2 devices" in error
    for command in commands:
        name, *rest = shlex.split(command)
        assert name == "vitalstream"
        made = run(site, *rest)
        assert made.returncode == 0, made.stderr
        if rest[:2] == ["device", "add"]:
            with file.open("a") as lines:
                lines.write(made.stdout)
    done = run(site, *words, "--for", "2")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rule"] == "glucose-l2-hypo"
    other = run(site, "simulate", "--scenario", "binding-corrected", "--credentials", str(file), "--to", door)
    assert other.returncode == 1
    assert "corrects the registry" in other.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["simulate", "--scenario", "measles"], 2, "choose from copd-desaturation"),
        (["simulate", "--scenario", "returned-cuff", "--patients", "1"], 2, "about 2 patients"),
        (["simulate", "--to", "http://127.0.0.1"], 2, "mqtt://HOST"),
        (["simulate", "--to", "mqtt://mail.example:99999"], 2, "port"),
        (["simulate", "--to", "mqtt://mail.example"], 2, "--credentials FILE"),
        (["simulate", "--patients", "0"], 2, "--patients"),
        (["simulate", "--to", NOBODY], 1, "start `vitalstream up`"),
        (["replay"], 2, "F.csv"),
        (["replay", "nowhere.csv"], 2, "nowhere.csv"),
        (["replay", __file__], 2, "no column"),
        (["replay", __file__, "--speed", "0"], 2, "--speed"),
        (["replay", __file__, "--to", "mqtt://mail.example"], 2, "--credentials FILE"),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else "",
)
def test_bad_use_says_what_to_do(site: Installation, words: list[str], code: int, said: str) -> None:
    done = run(site, *words)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def recording(folder: Path) -> Path:
    """Two patients, one device that went from one to the other, a reading without contact, a row that is none."""
    start = datetime.now(UTC) - timedelta(hours=2)

    def at(minutes: float) -> str:
        return (start + timedelta(minutes=minutes)).isoformat()

    rows = [
        ["rec-a", at(0), "blood_pressure", "128/79", "mmHg", "", "cuff", ""],
        ["rec-a", at(1), "blood_pressure", "191/101/120", "mmHg", "", "cuff", ""],
        ["rec-b", at(20), "blood_pressure", "121/80", "mmHg", at(20.01), "cuff", ""],
        ["rec-b", at(10), "body_temp", "39.40", "C", at(20), "", ""],
        ["rec-b", at(11), "heart_rate", "34", "bpm", at(20), "strap", "no-contact"],
        ["rec-b", at(12), "body_temp", "warm", "C", at(20), "", ""],
    ]
    path = folder / "recording.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "measured_at", "metric", "value", "unit", "received_at", "device", "flags"])
        writer.writerows(rows)
    return path


def test_a_recording_is_replayed_and_charted_once(site: Installation, tmp_path: Path) -> None:
    headers = site.token()
    path = recording(tmp_path)
    people = tmp_path / "people.csv"
    people.write_text("patient,programme\nrec-a,hypertension\n")
    before = drained(site)
    words = ["replay", str(path), "--speed", "1200", "--patients", str(people)]
    done = run(site, *words)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {"devices": 3, "refused_rows": 1, "published": 5, "acknowledged": 5, "refused": 0}
    assert "line 7: the value must be" in done.stderr
    after = drained(site)
    assert after["stored"] - before["stored"] == 5
    assert after["quarantined"] == before["quarantined"]
    assert [one["rule"] for one in alerts_of(site, headers, "rec-a")] == ["bp-severe-systolic"]
    assert sorted(one["rule"] for one in alerts_of(site, headers, "rec-b")) == ["temp-fever", "temp-high"]

    again = run(site, *words)
    assert again.returncode == 0, again.stderr
    counts = drained(site)
    assert (counts["stored"], counts["duplicates"] - after["duplicates"]) == (after["stored"], 5)


def test_gaps_are_played_faster(site: Installation, tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    rows = "".join(f"rec-c,2026-11-01T10:00:{second:02d}Z,spo2,97,%\n" for second in (0, 20, 40))
    path.write_text("patient,measured_at,metric,value,unit\n" + rows)
    begun = time.monotonic()
    done = run(site, "replay", str(path), "--speed", "20")
    assert done.returncode == 0, done.stderr
    assert 2.0 <= time.monotonic() - begun < 12.0
