"""A process that owns an embedded server, and ways to kill it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg

from storage.embedded.cluster import read_pid_file

REPOSITORY = Path(__file__).parents[1]

# A process that owns a server, runs each line of SQL it is sent, and says when it committed.
OWNER = """
import sys
from pathlib import Path
import psycopg
from storage.embedded.server import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]), wait_s=0)
with psycopg.connect(server.dsn, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    print("ready", flush=True)
    for line in sys.stdin:
        connection.execute(line)
        print("committed", flush=True)
server.stop()
"""


class Owner:
    """The process OWNER, and what belongs to it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(data_dir)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"
        pid_file = read_pid_file(data_dir)
        assert pid_file is not None and pid_file.pid is not None
        self.postmaster = psutil.Process(pid_file.pid)
        watchdog = self.postmaster.parent()
        assert watchdog is not None
        watchers = [child for child in watchdog.children() if child.pid != self.postmaster.pid]
        self.watchdogs = [watchdog, *watchers]

    def commit(self, number: int) -> None:
        """Add a row and wait until it is durable."""
        self._send(f"INSERT INTO kept VALUES ({number})")
        assert self._answer() == "committed"

    def begin(self, sql: str) -> psutil.Process:
        """Start a statement without waiting for its end; the process that is busy with it."""
        self._send(sql)
        word = sql.partition(" ")[0]

        def busy() -> list[psutil.Process]:
            return [child for child in self.postmaster.children() if child.cmdline()[0].endswith(word)]

        wait_until(lambda: bool(busy()), timeout_s=5)
        return busy()[0]

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def kill(self, *others: psutil.Process) -> None:
        """SIGKILL the owner and then the others, as nearly at once as it goes."""
        self.process.kill()
        for other in others:
            with contextlib.suppress(psutil.NoSuchProcess):
                other.kill()
        self.process.wait(5)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> float:
    """Seconds until the condition held; fails when it did not within the time."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout_s, f"still not so after {timeout_s} s"
        time.sleep(0.01)
    return time.monotonic() - begin


def gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def rows(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM kept ORDER BY n")]


def write(dsn: str, number: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def give_to_server(path: Path, data_dir: Path) -> None:
    """Make a file look as if the server had written it."""
    owner = data_dir.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)
