"""What tests/conftest.py promises: skips counted with their reason, failures in CI, two profiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

_PLANTED = """
import hypothesis
import pytest

@pytest.mark.browser
def test_in_a_browser():
    pytest.skip("no window")

@pytest.mark.timescale
def test_on_timescale():
    raise AssertionError("ran without a server")

def test_elsewhere():
    pytest.skip("wrong system")

@pytest.mark.xfail(reason="known")
@pytest.mark.mosquitto
def test_known():
    raise AssertionError
"""
_PROFILE = """
import hypothesis

def test_profile():
    settings = hypothesis.settings()
    print("examples", settings.max_examples, "derandomized", settings.derandomize)
"""


def _pytest(folder: Path, text: str, *options: str, ci: str) -> str:
    (folder / "test_planted.py").write_text(text)
    # A browser that is surely there and a TimescaleDB that surely isn't, whatever this machine has.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": ci, "VITALSTREAM_BROWSER": sys.executable}
    environment.pop("VITALSTREAM_TEST_TIMESCALE_URL", None)
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"]
    command += ["--rootdir", folder]
    command += ["-p", "tests.conftest", "-p", "no:cacheprovider", *options, folder]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_skips_are_counted_with_their_reason(tmp_path: Path) -> None:
    said = _pytest(tmp_path, _PLANTED, ci="")
    assert "= skipped: 3 =" in said
    assert "1 × no window" in said
    assert "1 × wrong system" in said
    assert "1 × no TimescaleDB named: set VITALSTREAM_TEST_TIMESCALE_URL" in said
    assert "3 skipped, 1 xfailed" in said


def test_in_ci_a_browser_s_skip_is_a_failure_and_timescale_s_is_not(tmp_path: Path) -> None:
    said = _pytest(tmp_path, _PLANTED, ci="true")
    assert "skipped, which CI=true forbids: no window" in said
    assert "1 failed, 2 skipped, 1 xfailed" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "examples 100 derandomized True"),
        (["--hypothesis-profile=long"], "examples 20000 derandomized False"),
    ],
)
def test_profiles(tmp_path: Path, options: list[str], said: str) -> None:
    assert said in _pytest(tmp_path, _PROFILE, "-s", *options, ci="")
