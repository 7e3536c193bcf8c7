"""What rows run on: durable databases with patients and devices, Mosquitto, and helpers in processes of their own.

Everything listens on loopback or a Unix socket only and is gone, data included, when its `with` block ends.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import Skipped
from storage.connection import connect
from storage.embedded.server import EmbeddedServer
from storage.migrate import migrate
from storage.registry.devices import add_device
from storage.registry.patients import NewPatient, add_patient
from tests.running import Installation, free_port
from tests.system_tools import find_program, why_not

#: Where data lies: /tmp is memory on many machines, /var/tmp is a disk (Filesystem Hierarchy Standard 3.0, 5.15).
DISK = Path("/var/tmp")

#: Bindings start before every reading that a row makes.
_BOUND_BEFORE = timedelta(days=2)

#: A helper ends as soon as its standard input does, Mosquitto and `up` at SIGTERM.
_STOP_S = 5.0
_MOSQUITTO_READY_S = 5.0

# Nothing that would slow it down: no queue or window ends, no disk, no log, no waiting for full packets.
_MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_dest none
"""


class Helper:
    """A module of ours that runs in a process of its own: lines in, lines out."""

    def __init__(self, module: str, job: object) -> None:
        self._module = module
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tell(json.dumps(job))

    def tell(self, line: str) -> None:
        """Sends one line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """The next line; helpers bound their own time, so there is one or the helper ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{self._module} ended without an answer; its words are above")
        return line

    def expect(self, word: str) -> None:
        """Waits for this answer; anything else is a fault of the benchmark."""
        said = self.answer()
        if said != word:
            raise RuntimeError(f"{self._module} said {said!r} in place of {word!r}")


@contextmanager
def helper(module: str, job: object) -> Iterator[Helper]:
    """Starts `python -m MODULE` with a job (JSON) as its first line, and ends it."""
    made = Helper(module, job)
    try:
        yield made
    finally:
        assert made.process.stdin is not None and made.process.stdout is not None
        made.process.stdin.close()
        _end(made.process)
        made.process.stdout.close()


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def data_parent() -> Iterator[Path]:
    """A throw-away directory on a disk, which the database's account can pass."""
    parent = Path(tempfile.mkdtemp(prefix="vitalstream-bench-", dir=DISK))
    parent.chmod(0o711)
    try:
        yield parent
    finally:
        shutil.rmtree(parent, ignore_errors=True)


@contextmanager
def database() -> Iterator[str]:
    """The dsn of a migrated database on a server of its own, as durable as the one that ships."""
    with data_parent() as parent:
        server = EmbeddedServer.start(parent / "data", wait_s=0)
        try:
            asyncio.run(_migrate(server.dsn))
            yield server.dsn
        finally:
            server.stop()


async def _migrate(dsn: str) -> None:
    async with await connect(dsn, application_name="benchmark") as connection:
        await migrate(connection)


@contextmanager
def running_system() -> Iterator[Installation]:
    """A whole `vitalstream up` in a process of its own, ready to serve."""
    with data_parent() as parent:
        made = Installation(parent / "data")
        try:
            made.up()
            yield made
        finally:
            if made.process is not None:
                made.process.terminate()
                _end(made.process)


async def register(dsn: str, count: int) -> list[tuple[str, str]]:
    """Registers `count` patients `p0`, `p1`... with a device each; the devices' (id, password)."""
    now = datetime.now(UTC)
    made = []
    async with await connect(dsn, application_name="benchmark") as connection, connection.transaction():
        for number in range(count):
            patient = NewPatient(id=f"p{number}", zone="Europe/Berlin")
            await add_patient(connection, patient, author="benchmark")
            device = await add_device(connection, f"device-{number}", patient.id, now - _BOUND_BEFORE, now)
            made.append((device.device_id, device.password))
    return made


@contextmanager
def mosquitto() -> Iterator[int]:
    """The port of a Mosquitto that refuses and keeps nothing. Raises Skipped where there is none."""
    program, missing = find_program("mosquitto"), why_not("mosquitto")
    if program is None or missing is not None:
        raise Skipped(missing)
    port = free_port()
    with tempfile.NamedTemporaryFile("w", prefix="vitalstream-bench-", suffix=".conf") as settings:
        settings.write(_MOSQUITTO.format(port=port))
        settings.flush()
        process = subprocess.Popen([program, "-c", settings.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            _end(process)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _MOSQUITTO_READY_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
