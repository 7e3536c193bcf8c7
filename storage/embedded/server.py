"""What others call: start the embedded server and own it, or join the one that runs. All of it blocks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from storage.embedded.account import account_for
from storage.embedded.binaries import binaries_for
from storage.embedded.cluster import SUPERUSER, clear_remains, ensure_cluster, make_parents, read_pid_file
from storage.embedded.errors import ServerStartFailed
from storage.embedded.ownership import DataLock, Holder, HolderKind, acquire
from storage.embedded.process import ServerProcess, remove_socket_dir, start_process

DATABASE = "vitalstream"

# Backends of a postmaster that was killed with -9 end within moments, but until the last one has, PostgreSQL
# refuses to start on the same shared memory.
OLD_BACKENDS_WAIT_S = 20.0
_OLD_BACKENDS_SIGN = "pre-existing shared memory block"
_OLD_BACKENDS_POLL_S = 0.2


@dataclass(frozen=True)
class EmbeddedServer:
    """A PostgreSQL server that this process owns and that ends with it, even when it is killed with SIGKILL.

    `dsn` is a connection string for its database over a Unix socket; it holds no password.
    """

    dsn: str
    data_dir: Path
    _process: ServerProcess = field(repr=False)
    _lock: DataLock = field(repr=False)

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        wait_s: float,
        settings: Mapping[str, str] | None = None,
    ) -> EmbeddedServer:
        """Own `data_dir` (created when missing) and serve it; `settings` override PostgreSQL's of `process`.

        Waits up to `wait_s` for a short-lived command that owns the data. Raises DataDirectoryInUse,
        DataDirectoryUnusable, ServerAccountMissing, ServerBinariesMissing, ServerStartFailed.
        """
        data_dir = data_dir.resolve()
        make_parents(data_dir, account_for(data_dir))
        lock = acquire(data_dir, HolderKind.SERVICE, wait_s=wait_s)
        assert isinstance(lock, DataLock)  # a service never joins another
        return cls._serve(data_dir, lock, HolderKind.SERVICE, settings)

    @classmethod
    def _serve(
        cls, data_dir: Path, lock: DataLock, kind: HolderKind, settings: Mapping[str, str] | None
    ) -> EmbeddedServer:
        with ExitStack() as undo:
            undo.callback(lock.release)
            account = account_for(data_dir)
            binaries = binaries_for(account)
            durable = (settings or {}).get("fsync", "on") == "on"
            ensure_cluster(data_dir, account, binaries, durable=durable)
            left = read_pid_file(data_dir)
            clear_remains(data_dir)
            if left is not None:
                remove_socket_dir(Path(left.socket_dir))
            deadline = time.monotonic() + OLD_BACKENDS_WAIT_S
            while True:
                try:
                    process = start_process(data_dir, account, binaries, settings)
                    break
                except ServerStartFailed as error:
                    if _OLD_BACKENDS_SIGN not in error.message or time.monotonic() >= deadline:
                        raise
                    time.sleep(_OLD_BACKENDS_POLL_S)
            undo.callback(process.stop)
            _ensure_database(process.socket_dir)
            server = cls(_dsn(process.socket_dir, DATABASE), data_dir, process, lock)
            lock.note(Holder(os.getpid(), kind, server.dsn))
            undo.pop_all()
        return server

    def running(self) -> bool:
        """Whether the server is there; False after it ended by itself."""
        return self._process.running()

    def stop(self) -> None:
        """End the server and give up the data, within 11 s at worst; safe to call twice."""
        try:
            self._process.stop()
        finally:
            self._lock.release()


@contextmanager
def attach_or_start(data_dir: Path, wait_s: float) -> Iterator[str]:
    """A dsn for the duration of one command: of the running service's server, else of one of our own.

    Commands that overlap without a service wait for each other, up to `wait_s`. Raises what
    `EmbeddedServer.start` raises; DataDirectoryInUse only when the wait was too short.
    """
    data_dir = data_dir.resolve()
    make_parents(data_dir, account_for(data_dir))
    owner = acquire(data_dir, HolderKind.COMMAND, wait_s=wait_s)
    if isinstance(owner, Holder):
        yield owner.dsn
        return
    server = EmbeddedServer._serve(data_dir, owner, HolderKind.COMMAND, None)
    try:
        yield server.dsn
    finally:
        server.stop()


def temporary_parent(prefix: str = "vitalstream-") -> Path:
    """A new directory for throw-away data; its path is short, and the server's account can pass."""
    parent = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if os.geteuid() == 0:
        parent.chmod(0o711)
    return parent


def _dsn(socket_dir: Path, database: str) -> str:
    # The port is written out because libpq would otherwise take PGPORT from the environment.
    return make_conninfo(host=str(socket_dir), port=5432, user=SUPERUSER, dbname=database)


def _ensure_database(socket_dir: Path) -> None:
    with psycopg.connect(_dsn(socket_dir, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')
