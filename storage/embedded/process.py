"""The running server, and the watchdog that ends it together with its parent."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.embedded.account import Account
from storage.embedded.cluster import read_pid_file
from storage.embedded.errors import ServerStartFailed

# Crash recovery replays at most max_wal_size (1 GB): seconds on a laptop, a minute or two on an SD card.
READY_TIMEOUT_S = 180.0

# `demo` promises to be gone 5 s after Ctrl-C. A clean stop takes 0.02 s with little to write; what has not
# ended by then is stopped without its checkpoint, which costs a crash recovery at the next start and no data.
FAST_STOP_S = 4.0
IMMEDIATE_STOP_S = 7.0  # the postmaster itself kills backends that ignore it for 5 s

# sockaddr_un holds 108 bytes on Linux, 104 on macOS; the file is named .s.PGSQL.5432.lock.
SOCKET_DIR_BYTES_MAX = 85
SOCKET_DIR_PREFIX = "vitalstream-pg-"

_POLL_S = 0.01
_WORDS_LINES_MAX = 4

# Standard input is a pipe that the parent never writes to. When its end closes, because the parent closed it
# or died in any way, the server gets SIGINT: its fast shutdown. Repeated, because a server that is just being
# forked still ignores it. The pid on standard output is the postmaster's.
_WATCHDOG = """
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
echo "$server"
exec >&2
( read -r _ <&3; while kill -INT "$server" 2>/dev/null; do sleep 1; done ) &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"""


def default_settings(socket_dir: Path) -> dict[str, str]:
    """Settings for a small machine, given on the command line so that a release can change them."""
    return {
        # Who gets in: nobody but us. No TCP, the socket lies in a 0700 directory, so `trust` is safe.
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        # Acknowledged means durable.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # A machine of 2 cores and 2 GB: PostgreSQL's own 128 MB; all roles together use under 40 connections.
        "shared_buffers": "128MB",
        "max_connections": "60",
        # A query whose client is gone ends within a second. Without this a busy backend outlives a killed
        # server and keeps its shared memory, and no new server can start until the query is through.
        "client_connection_check_interval": "1s",
        "jit": "off",  # the wheel has no LLVM, and our queries are short
        "wal_compression": "pglz",  # the wheel has neither lz4 nor zstd
        "max_wal_size": "1GB",  # bounds the disk and the time of a crash recovery
        "autovacuum": "on",
        "timezone": "UTC",
        # Seven files, one for each day of the week, emptied when their day comes again.
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_file_mode": "0600",
        "log_timezone": "UTC",
        # No patient data and no growth: `log` leaves out the errors of statements (the caller gets them, and
        # their texts quote values), `terse` their details; only starts, stops and faults of the server itself
        # remain.
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
    }


@dataclass(frozen=True)
class ServerProcess:
    """A postmaster and the shell that watches over it."""

    watchdog: subprocess.Popen[bytes]
    postmaster_pid: int
    socket_dir: Path

    def running(self) -> bool:
        """Whether the server is there; False after it ended by itself."""
        return self.watchdog.poll() is None

    def stop(self) -> None:
        """End the server within FAST_STOP_S + IMMEDIATE_STOP_S; safe to call twice."""
        assert self.watchdog.stdin is not None
        self.watchdog.stdin.close()
        try:
            self.watchdog.wait(FAST_STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.postmaster_pid, signal.SIGQUIT)
            self.watchdog.wait(IMMEDIATE_STOP_S)
        finally:
            remove_socket_dir(self.socket_dir)


def start_process(
    data_dir: Path, account: Account, binaries: Path, settings: Mapping[str, str] | None
) -> ServerProcess:
    """Start the server on a cluster and wait until it takes connections. Raises ServerStartFailed."""
    socket_dir = _socket_dir(data_dir, account)
    options = {**default_settings(socket_dir), **(settings or {})}
    command: list[str | Path] = [binaries / "postgres", "-D", data_dir]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    deadline = time.monotonic() + READY_TIMEOUT_S
    with start_up_log(data_dir).open("wb") as log:
        watchdog = account.popen(
            ["/bin/sh", "-c", _WATCHDOG, "vitalstream-watchdog", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            new_session=True,  # so that Ctrl-C in a terminal does not stop the database before us
        )
    assert watchdog.stdout is not None
    with watchdog.stdout as answers:
        pid = int(answers.readline() or b"0")
    process = ServerProcess(watchdog, pid, socket_dir)
    try:
        _wait_ready(process, data_dir, deadline)
    except BaseException:  # Ctrl-C included: nothing that we started stays behind
        process.stop()
        raise
    return process


def _wait_ready(process: ServerProcess, data_dir: Path, deadline: float) -> None:
    while process.running():
        said = read_pid_file(data_dir)
        # The pid tells this start's file from one that a crash left behind.
        if said is not None and said.pid == process.postmaster_pid and said.status == "ready":
            return
        if time.monotonic() >= deadline:
            raise ServerStartFailed(
                f"PostgreSQL did not become ready within {READY_TIMEOUT_S:.0f} s. Its log is in "
                f"{data_dir / 'log'}: {last_words(data_dir)}"
            )
        time.sleep(_POLL_S)
    raise ServerStartFailed(f"PostgreSQL did not start on {data_dir}. Its last words: {last_words(data_dir)}")


def start_up_log(data_dir: Path) -> Path:
    """What the server says before its own log opens; emptied at each start."""
    return data_dir.with_name(f"{data_dir.name}.startup.log")


def last_words(data_dir: Path) -> str:
    """The newest log lines, from before and after the server's own log opened."""
    logs = sorted((data_dir / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    words: list[str] = []
    for path in [start_up_log(data_dir), *logs[-1:]]:
        words += path.read_text(errors="replace").splitlines()[-_WORDS_LINES_MAX:]
    return "; ".join(line.strip() for line in words if line.strip())


def _socket_dir(data_dir: Path, account: Account) -> Path:
    """The data directory itself; where its path is too long for a socket, a private one with a short name."""
    if len(os.fsencode(data_dir)) <= SOCKET_DIR_BYTES_MAX:
        return data_dir
    short = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir="/tmp"))  # mode 0700
    if account.switch:
        os.chown(short, account.uid, account.gid)
    return short


def remove_socket_dir(socket_dir: Path) -> None:
    """Remove a socket directory that we made (never the data)."""
    if socket_dir.parent == Path("/tmp") and socket_dir.name.startswith(SOCKET_DIR_PREFIX):
        shutil.rmtree(socket_dir, ignore_errors=True)
