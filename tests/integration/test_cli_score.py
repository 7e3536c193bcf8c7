"""`vitalstream score news2`: the contract of the command line, from a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

WELL = {"rr": 18, "spo2": 97, "scale": 1, "o2": "air", "sbp": 120, "pulse": 80, "acvpu": "A", "temp": 37.0}


def news2(given: str | dict[str, Any]) -> subprocess.CompletedProcess[str]:
    text = given if isinstance(given, str) else json.dumps(given)
    return subprocess.run(
        [sys.executable, "-m", "vitalstream", "score", "news2", "--json", text],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def answer(given: str | dict[str, Any]) -> dict[str, Any]:
    done = news2(given)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    made: dict[str, Any] = json.loads(line)
    return made


def test_a_complete_set() -> None:
    assert answer(WELL | {"rr": 25, "spo2": 91, "o2": "oxygen", "acvpu": "C", "age_years": 71, "pregnant": False}) == {
        "complete": True,
        "score": 11,
        "points_known": 11,
        "known": ["rr", "spo2", "o2", "sbp", "pulse", "acvpu", "temp"],
        "missing": [],
        "range": [11, 11],
        "band_at_least": "high",
        "single_three": True,
    }


def test_a_partial_set() -> None:
    assert answer({"rr": 21, "spo2": 97, "sbp": 120, "pulse": 91, "temp": 37, "acvpu": None}) == {
        "complete": False,
        "score": None,
        "points_known": 3,
        "known": ["rr", "spo2", "sbp", "pulse", "temp"],
        "missing": ["o2", "acvpu"],
        "range": [3, 8],
        "band_at_least": None,
        "single_three": False,
    }


def test_scale_2_and_oxygen_as_a_boolean() -> None:
    assert answer(WELL | {"scale": 2, "o2": True})["score"] == 5
    assert answer(WELL | {"scale": 2, "o2": False})["score"] == 0


def test_numbers_are_the_decimals_that_were_written() -> None:
    # Both are the same binary number.
    assert answer('{"temp": 38.0499999999999999999}')["points_known"] == 0
    assert answer('{"temp": 38.05}')["points_known"] == 1


@pytest.mark.parametrize(
    ("who", "code", "reason"),
    [({"age_years": 15.9}, "news2-under-16", "under 16"), ({"pregnant": True}, "news2-pregnancy", "pregnancy")],
)
def test_refused_with_the_reason(who: dict[str, Any], code: str, reason: str) -> None:
    done = news2(WELL | who)
    assert done.returncode == 1
    assert done.stderr.startswith("vitalstream: NEWS2 is not for")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"code", "message"}
    assert error["code"] == code
    assert reason in error["message"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"rr": 1e99999999999999999999}', "no JSON"),
        ("[18]", "JSON object"),
        ('{"hr": 80}', "'hr' is unknown"),
        ('{"rr": 18, "rr": 30}', "twice"),
        ('{"rr": NaN}', "NaN"),
        ('{"rr": "18"}', "rr must be a number"),
        ('{"rr": true}', "rr must be a number"),
        ('{"spo2": 101}', "spo2 must be a number from 0 to 100"),
        ('{"temp": 98.6}', "temp must be a number from 10 to 50"),
        ('{"acvpu": "X"}', "ACVPU"),
        ('{"acvpu": 1}', "ACVPU"),
        ('{"o2": "mask"}', "o2 must be"),
        ('{"o2": 1}', "o2 must be"),
        ('{"scale": 3}', "scale must be 1 or 2"),
        ('{"scale": true}', "scale must be 1 or 2"),
        ('{"pregnant": "no"}', "pregnant must be true or false"),
    ],
    ids=lambda text: text[:30],
)
def test_bad_use_exits_2_and_says_what_is_meant(given: str, said: str) -> None:
    done = news2(given)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage:" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_observations_must_be_given() -> None:
    command = [sys.executable, "-m", "vitalstream", "score", "news2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--json" in done.stderr
