"""The JSON lines of `vitalstream decode`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from device_gateway.decode_lines import decode_lines


def test_a_blood_pressure_shows_decimal_strings_and_the_devices_local_time() -> None:
    (line,) = decode_lines("0x2A35", ["16 8000 4f00 ff07 e80706170e230a 4800 0100"])
    pressure = {
        "metric": "blood_pressure",
        "value": {"systolic": "128", "diastolic": "79", "mean": None},
        "unit": "mm[Hg]",
        "measured_at": "2024-06-23T14:35:10",
        "flags": ["body-movement"],
        "absent_reason": None,
    }
    assert line["ok"] is True
    assert line["readings"][0] == pressure
    assert line["readings"][1]["metric"] == "pulse_rate_cuff"
    assert line["readings"][1]["value"] == "72"


def test_absent_values_have_a_reason() -> None:
    (line,) = decode_lines("2a35", ["16 ff07 ff07 ff07 e80706170e230a ff07 0000"])
    pressure, pulse = line["readings"]
    assert pressure["value"] == {"systolic": None, "diastolic": None, "mean": None}
    assert pressure["absent_reason"] == pulse["absent_reason"] == "not-a-number"
    assert pulse["value"] is None


def test_improbable_values_are_marked_as_the_gateway_would() -> None:
    (line,) = decode_lines("2a37", ["000a"])
    assert line["readings"][0]["flags"] == ["improbable"]
    assert line["readings"][0]["measured_at"] is None


@pytest.mark.parametrize(
    ("uuid", "frame", "code"),
    [
        ("2a37", "zz", "bad-hex"),
        ("2a37", "064", "bad-hex"),
        ("2a37", "", "truncated"),
        ("2a37", "06", "truncated"),
        ("2a37", "064800", "trailing-bytes"),
        ("2a00", "0648", "unknown-format"),
        ("2a1c", "00 0100007f", "unrepresentable"),
    ],
)
def test_errors_have_a_code_and_a_message(uuid: str, frame: str, code: str) -> None:
    (line,) = decode_lines(uuid, [frame])
    assert line["ok"] is False
    assert line["error"]["code"] == code
    assert line["error"]["message"]


def test_frames_are_answered_one_by_one_in_order() -> None:
    lines = list(decode_lines("2a37", ["0048", "00", "06:49", "0x064a"]))
    assert [line["ok"] for line in lines] == [True, False, True, True]
    assert lines[3]["readings"][0]["value"] == "74"


def test_it_starts_without_numpy() -> None:
    program = "import sys, device_gateway.decode_lines; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0
