"""The demo as a newcomer runs it: it ends by itself or on Ctrl-C, leaves nothing behind, and its check holds."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.processes import family, still_running
from tests.running import Installation

#: Contract: gone within this time after Ctrl-C.
STOPS_S = 5.0
URL_S = 30.0
ENDS_S = 30.0
#: All alerts are there this long after the URL.
ALL_S = 45.0
LATENCY_P99_MS = 1000.0
PORTS = {"VITALSTREAM_HTTP_PORT", "VITALSTREAM_MQTT_PORT"}


@dataclass
class Running:
    """A demo that has printed its URL; `processes` are all of it, `data_dir` its throw-away PostgreSQL."""

    process: subprocess.Popen[str]
    processes: list[psutil.Process]
    data_dir: Path
    url: str
    user: str
    password: str

    def nothing_left(self) -> bool:
        """Whether it left neither a process nor a file."""
        return still_running(self.processes) == [] and not self.data_dir.parent.exists()


@contextmanager
def demo(env: dict[str, str], *options: str) -> Iterator[Running]:
    """`vitalstream demo`, from its URL on; killed at the end if it still runs."""
    command = [sys.executable, "-m", "vitalstream", "demo", *options]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url, user, password = said(process)
            processes = family(process.pid)
            servers = [one.cmdline() for one in processes if one.name() == "postgres" and "-D" in one.cmdline()]
            data_dir = Path(servers[0][servers[0].index("-D") + 1])
            assert any("simulators.child" in one.cmdline() for one in processes)
            yield Running(process, processes, data_dir, url, user, password)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def said(process: subprocess.Popen[str]) -> tuple[str, str, str]:
    """URL, user and password out of what the demo prints for people, once it has printed all of it."""
    assert process.stderr is not None
    deadline = time.monotonic() + URL_S
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "Ctrl-C" in line:
            text = "".join(lines)
            assert "Three things to try" in text
            assert "Simulated patients. Not a medical device." in text
            match = re.search(r"(http://\S+) +sign in as (\S+) with (\S+)", text)
            assert match is not None
            return match[1], match[2], match[3]
        assert time.monotonic() < deadline, lines
    raise AssertionError(f"ended without a URL: {lines}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """Ports and an environment; the demo has a data directory of its own."""
    made = Installation(tmp_path / "data")
    yield made
    assert not made.data_dir.exists()


def test_a_short_demo_ends_by_itself_and_cleans_up(site: Installation, tmp_path: Path) -> None:
    with demo(site.env, "--patients", "4", "--for", "4", "--export", str(tmp_path / "csv")) as running:
        assert running.url == site.url
        with httpx.Client(base_url=running.url) as client:
            me = client.post("/api/sign-in", json={"user": running.user, "password": running.password})
            assert me.json()["simulated"] is True
            rows = client.get("/api/worklist").json()["rows"]
        assert len(rows) == 4
        assert all(row["last_received_at"] for row in rows), "everybody has a history"
        out, rest = running.process.communicate(timeout=ENDS_S)
        assert running.process.returncode == 0, rest
        assert out == "", "the summary is --check's"
        assert "Traceback" not in rest
        assert running.nothing_left()
    assert len(list((tmp_path / "csv").glob("*.csv"))) == 4 + 1, "one a story, and their patients"


@pytest.mark.long
@pytest.mark.timeout(120)
def test_what_came_and_went_in_an_outage_is_late_and_what_was_not_theirs_is_taken_back(site: Installation) -> None:
    with demo(site.env, "--patients", "13") as running, httpx.Client(base_url=running.url) as client:
        client.post("/api/sign-in", json={"user": running.user, "password": running.password})
        time.sleep(ALL_S)
        alerts = client.get("/api/alerts", params={"state": "all"}).json()["alerts"]
    late = {(one["patient"], one["rule"]) for one in alerts if one["late"]}
    # A crisis in a returned cuff, and two rules that saw one low pressure in the burst of the outage.
    assert late == {("p-004", "bp-low"), ("p-004", "hf-systolic-low"), ("p-010", "bp-severe-systolic")}
    assert all(one["condition"] == "cleared" for one in alerts if one["late"])
    fevers = [(one["patient"], one["condition"]) for one in alerts if one["patient"] in ("p-012", "p-013")]
    assert sorted(fevers) == [
        ("p-012", "retracted"),
        ("p-012", "retracted"),
        ("p-013", "active"),
        ("p-013", "active"),
    ]


def test_ctrl_c_ends_it_and_a_taken_default_port_is_no_obstacle(site: Installation) -> None:
    env = {name: value for name, value in site.env.items() if name not in PORTS}
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody else has it: just as well
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        with demo(env, "--patients", "2") as running:
            assert not running.url.endswith(":8080")
            begun = time.monotonic()
            running.process.send_signal(signal.SIGINT)
            running.process.communicate(timeout=STOPS_S)
            assert time.monotonic() - begun < STOPS_S
            assert running.process.returncode == 0
            assert running.nothing_left()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_demo_s_own_check_holds(site: Installation) -> None:
    command = [sys.executable, "-m", "vitalstream", "demo", "--patients", "20", "--for", "60", "--check"]
    done = subprocess.run(command, env=site.env, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["ok"] is True
    assert summary["readings"] == summary["stored"] + summary["duplicates"] + summary["quarantined"]
    assert summary["alerts"] == summary["expected_alerts"]
    # Typed here once more: p-008 and later are the technical ones, the returned cuff's and the corrected binding's.
    assert [(alert["patient"], alert["rule"]) for alert in summary["alerts"]] == [
        ("p-001", "spo2-copd"),
        ("p-002", "bp-severe-systolic"),
        ("p-003", "temp-fever"),
        ("p-003", "temp-high"),
        ("p-004", "bp-low"),
        ("p-004", "hf-systolic-low"),
        ("p-005", "news2-high"),
        ("p-005", "news2-medium"),
        ("p-005", "temp-fever"),
        ("p-006", "hf-weight-24h"),
        ("p-006", "hf-weight-7d"),
        ("p-007", "glucose-l2-hypo"),
        ("p-008", "sensor-off"),
        ("p-009", "device-clock"),
        ("p-010", "bp-severe-systolic"),
        ("p-013", "temp-fever"),
        ("p-013", "temp-high"),
    ]
    assert summary["readings"] > 2_000
    assert summary["duplicates"] > 0, "a device resends after the outage"
    assert summary["quarantined"] == 0
    assert summary["latency_ms"]["p99"] < LATENCY_P99_MS
