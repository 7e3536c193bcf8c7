"""A running `vitalstream up` in a process of its own, for tests that look at the whole system from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from storage.embedded.server import temporary_parent

READY_S = 30.0
STOP_S = 10.0


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """A data directory, ports and the environment that commands and processes of it share."""

    data_dir: Path
    http_port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """Environment of every process of this installation; nothing of ours is taken from the outside."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("VITALSTREAM_") and k != "DATABASE_URL"}
        return clean | {
            "VITALSTREAM_DATA_DIR": str(self.data_dir),
            "VITALSTREAM_HTTP_PORT": str(self.http_port),
            "VITALSTREAM_MQTT_PORT": str(self.mqtt_port),
            **self.settings,
        }

    @property
    def url(self) -> str:
        """Where dashboard and API are."""
        return f"http://127.0.0.1:{self.http_port}"

    def command(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Runs `vitalstream WORDS` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "vitalstream", *words],
            env=self.env | env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *words: str) -> dict[str, Any]:
        """Runs a command that must succeed and returns its one line of JSON."""
        done = self.command(*words)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def up(self) -> None:
        """Starts `vitalstream up` and waits until it is ready."""
        command = [sys.executable, "-m", "vitalstream", "up"]
        with (self.data_dir.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(f"not ready in {READY_S} s:\n{self.log()}")

    def log(self) -> str:
        """What `up` said so far."""
        return (self.data_dir.parent / "up.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def kill_everything(self) -> None:
        """SIGKILL of the process and of its PostgreSQL, as a power cut."""
        assert self.process is not None
        postmaster = int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGKILL)
        self.process.wait(STOP_S)

    def token(self, role: str = "clinician") -> dict[str, str]:
        """Headers of a program with this role."""
        return {"Authorization": f"Bearer {self.json('token', 'add', '--role', role)['token']}"}


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    """A new installation; whatever runs of it is ended and its data deleted at the end."""
    parent = temporary_parent()
    made = Installation(parent / "data")
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.terminate()
            try:
                made.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                made.process.kill()
                made.process.wait(STOP_S)
        shutil.rmtree(parent, ignore_errors=True)
