"""The command line without any database: bad use, settings, `decode`, `fhir`. DESIGN section 6."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commands import run
from tests.running import Installation
from vitalstream.cli import _COMMANDS

UNREACHABLE = "postgresql://monitor:s3cret@127.0.0.1:1/ward"


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Installation]:
    """An installation whose data directory these commands have no reason to make."""
    made = Installation(tmp_path / "data")
    yield made
    assert not made.data_dir.exists()


def lines(text: str) -> list[dict[str, Any]]:
    """Standard output as machines read it: one JSON object a line and nothing else."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        ["--nope"],
        ["up", "--nope"],
        ["up", "now"],
        ["run"],
        ["run", "nope"],
        ["decode"],
        ["decode", "2a37"],
        ["fhir", "--nope"],
        ["ledger", "--nope"],
        ["quarantine"],
        ["quarantine", "list", "--limit", "0"],
        ["quarantine", "show"],
        ["quarantine", "show", "first"],
        ["quarantine", "replay"],
        ["quarantine", "replay", "1", "--all"],
        ["quarantine", "replay", "--device", "d-1", "--all"],
        ["simulate", "--nope"],
        ["replay"],
        ["patient", "add"],
        ["patient", "add", "p-1", "--born", "28.3.51"],
        ["patient", "add", "p-1", "--spo2-target", "high"],
        ["device", "add", "d-1", "--patient", "p-1", "--since", "2026-11-22T10:42:00"],
        ["device", "return", "d-1", "--at", "yesterday"],
        ["token", "add"],
        ["user", "add", "nurse"],
        ["demo", "--nope"],
        ["demo", "--patients", "0"],
        ["demo", "--check"],
        ["demo", "--check", "--for", "59"],
    ],
    ids=" ".join,
)
def test_bad_use_exits_2_and_says_what_is_meant(nowhere: Installation, words: list[str]) -> None:
    done = run(nowhere, *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_refuses_somebody_s_database(nowhere: Installation) -> None:
    done = run(nowhere, "demo", "--for", "60", DATABASE_URL=UNREACHABLE)
    assert done.returncode == 2
    assert "unset it" in done.stderr
    assert "s3cret" not in done.stderr


def test_help_lists_every_command(nowhere: Installation) -> None:
    done = run(nowhere, "--help")
    assert done.returncode == 0
    assert [name for name in _COMMANDS if f"\n  {name} " not in done.stdout] == []
    assert "Not a medical device" in done.stdout


def test_all_wrong_settings_are_named_at_once(nowhere: Installation) -> None:
    done = run(nowhere, "up", VITALSTREAM_HTTP_PORT="http", VITALSTREAM_LATENESS="soon", VITALSTREAM_LOG="paper")
    assert done.returncode == 1
    assert done.stdout == ""
    for name in ("VITALSTREAM_HTTP_PORT", "VITALSTREAM_LATENESS", "VITALSTREAM_LOG"):
        assert name in done.stderr


def test_settings_that_can_t_be_honoured_are_refused(nowhere: Installation) -> None:
    done = run(nowhere, "up", VITALSTREAM_LOG="kafka", VITALSTREAM_EMR_URL="http://127.0.0.1:1/fhir")
    assert done.returncode == 1
    assert "VITALSTREAM_LOG=kafka, VITALSTREAM_EMR_URL" in done.stderr


def test_one_role_alone_wants_a_database_server(nowhere: Installation) -> None:
    done = run(nowhere, "run", "gateway")
    assert done.returncode == 1
    assert "set DATABASE_URL" in done.stderr


# ---------------------------------------------------------------- decode


def test_decode_a_good_frame(nowhere: Installation) -> None:
    # Heart Rate Measurement: flags 0x06 (8 bit, contact detected), 72 /min; twice, to see one line each.
    done = run(nowhere, "decode", "2a37", "0648", "06:49")
    assert done.returncode == 0
    assert done.stderr == ""
    first, second = lines(done.stdout)
    (reading,) = first["readings"]
    assert first["ok"] is True
    assert {**reading, "flags": []} == {
        "metric": "heart_rate", "value": "72", "unit": "/min", "measured_at": None, "flags": [], "absent_reason": None,
    }  # fmt: skip
    assert second["readings"][0]["value"] == "73"


def test_decode_a_blood_pressure(nowhere: Installation) -> None:
    # Flags 0x02 (mmHg, time stamp); 128, 79, 95 as SFLOAT; 2026-11-22 10:42:05.
    (line,) = lines(run(nowhere, "decode", "2a35", "02 8000 4f00 5f00 ea07 0b 16 0a 2a 05".replace(" ", "")).stdout)
    (reading,) = line["readings"]
    assert reading["value"] == {"systolic": "128", "diastolic": "79", "mean": "95"}
    assert reading["unit"] == "mm[Hg]"
    assert reading["measured_at"] == "2026-11-22T10:42:05"


BAD_FRAMES = [
    ("2a37", "06", "truncated"),
    ("2a35", "007800", "truncated"),
    ("2a37", "zz", "bad-hex"),
    ("ffff", "00", "unknown-format"),
]


@pytest.mark.parametrize(("uuid", "frame", "code"), BAD_FRAMES)
def test_decode_says_what_is_wrong_with_a_frame(nowhere: Installation, uuid: str, frame: str, code: str) -> None:
    done = run(nowhere, "decode", uuid, frame)
    (line,) = lines(done.stdout)
    assert line["ok"] is False
    assert line["error"]["code"] == code
    assert line["error"]["message"]
    assert done.returncode == 1


def test_decode_goes_on_after_a_bad_frame_and_exits_1(nowhere: Installation) -> None:
    done = run(nowhere, "decode", "2a37", "06", "0648")
    assert [line["ok"] for line in lines(done.stdout)] == [False, True]
    assert done.returncode == 1


def test_decode_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['vitalstream', 'decode', '2a37', '0648']; import atexit; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); from vitalstream.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert lines(done.stdout)[0]["ok"] is True
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "device_gateway" in loaded
    assert loaded & {"numpy", "psycopg", "fastapi", "starlette", "uvicorn", "paho", "asyncio", "rich", "httpx"} == set()


# ---------------------------------------------------------------- fhir

READING = {
    "patient": "p-1",
    "device": "d-1",
    "metric": "body_temp",
    "value": 36.6,
    "unit": "Cel",
    "at": "2026-11-22T10:42:00Z",
}


def test_fhir_renders_a_reading_with_its_digits(nowhere: Installation) -> None:
    text = json.dumps(READING | {"seq": 7}).replace("36.6", "36.60")
    done = run(nowhere, "fhir", stdin=text + "\n")
    assert done.returncode == 0, done.stderr
    (observation,) = lines(done.stdout)
    assert observation["resourceType"] == "Observation"
    assert observation["subject"] == {"reference": "Patient/p-1"}
    assert observation["valueQuantity"]["code"] == "Cel"
    assert '"value":36.60' in done.stdout


def test_fhir_phd_names_its_profile(nowhere: Installation) -> None:
    (observation,) = lines(run(nowhere, "fhir", "--phd", stdin=json.dumps(READING)).stdout)
    assert any("phd" in profile for profile in observation["meta"]["profile"])


def test_fhir_goes_on_after_a_bad_line_and_exits_1(nowhere: Installation) -> None:
    bad = [READING | {"unit": "kg"}, READING | {"metric": "mood"}, READING | {"at": "2026-11-22T10:42:00"}]
    text = "\n".join(["nope", *map(json.dumps, [*bad, READING])])
    done = run(nowhere, "fhir", stdin=text)
    assert len(lines(done.stdout)) == 1
    assert [f"line {n}:" in done.stderr for n in (1, 2, 3, 4, 5)] == [True, True, True, True, False]
    assert done.returncode == 1
