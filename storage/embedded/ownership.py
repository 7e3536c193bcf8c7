"""One owner for each data directory: a lock held for life, with a note that says who holds it."""

from __future__ import annotations

import fcntl
import os
import time
from enum import StrEnum
from pathlib import Path

import msgspec
import psutil

from storage.embedded.errors import DataDirectoryInUse, DataDirectoryUnusable

POLL_S = 0.05  # how often a waiting process looks again; a command holds the data for about a second


class HolderKind(StrEnum):
    """How long an owner keeps the data: until it is stopped, or for one short command."""

    SERVICE = "service"
    COMMAND = "command"


class Holder(msgspec.Struct, frozen=True):
    """The note in the lock file. `dsn` is empty until the server accepts connections."""

    pid: int
    kind: HolderKind
    dsn: str = ""


_NOTE_BYTES_MAX = 4096  # far above a pid and a socket path


class DataLock:
    """`flock` on `<data>.lock`. The file stays for ever: removing it would let two owners lock two files.

    The kernel lets go of the lock when the process ends, however it ends. It must not be forked into
    children: `subprocess` closes it, `multiprocessing` needs its `spawn` method.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def try_acquire(cls, data_dir: Path) -> DataLock | None:
        """The lock, or None while another process has it. Raises DataDirectoryUnusable."""
        path = lock_path(data_dir)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirectoryUnusable(
                f"Can't open {path} ({error.strerror}). Run as the user who owns it, or set "
                "VITALSTREAM_DATA_DIR to a directory that you can write."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def note(self, holder: Holder) -> None:
        """Say who we are, for those who wait."""
        assert self._descriptor is not None
        text = msgspec.json.encode(holder)
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def release(self) -> None:
        """Let the next owner in; safe to call twice."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def lock_path(data_dir: Path) -> Path:
    """Beside the data, not inside: it must outlive the directory's re-creation."""
    return data_dir.with_name(f"{data_dir.name}.lock")


def current_holder(data_dir: Path) -> Holder | None:
    """Who says to hold the data; None while the note is half written or a dead owner's."""
    try:
        with lock_path(data_dir).open("rb") as file:
            holder = msgspec.json.decode(file.read(_NOTE_BYTES_MAX), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
    return holder if psutil.pid_exists(holder.pid) else None


def acquire(data_dir: Path, kind: HolderKind, *, wait_s: float) -> DataLock | Holder:
    """Own the data, waiting up to `wait_s` for a short-lived command to end.

    Held by a service: a command gets that service's note as soon as it has a dsn, so that it can connect
    there; another service gets DataDirectoryInUse at once.
    """
    deadline = time.monotonic() + wait_s
    while True:
        lock = DataLock.try_acquire(data_dir)
        if lock is not None:
            lock.note(Holder(os.getpid(), kind))
            return lock
        holder = current_holder(data_dir)
        if holder is not None and holder.kind is HolderKind.SERVICE:
            if kind is HolderKind.SERVICE:
                raise _in_use(data_dir, holder)
            if holder.dsn:
                return holder
        if time.monotonic() >= deadline:
            raise _in_use(data_dir, holder)
        time.sleep(POLL_S)


def _in_use(data_dir: Path, holder: Holder | None) -> DataDirectoryInUse:
    who = {
        HolderKind.SERVICE: "a running vitalstream",
        HolderKind.COMMAND: "a vitalstream command that has not ended",
        None: "another process",
    }[holder.kind if holder else None]
    pid = f" (process {holder.pid})" if holder else ""
    return DataDirectoryInUse(
        f"The data in {data_dir} is in use by {who}{pid}. Stop that process first, or set "
        "VITALSTREAM_DATA_DIR to another directory."
    )
