"""The embedded server killed in every way, and what a crash leaves behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from storage.embedded.account import account_for
from storage.embedded.cluster import read_pid_file
from storage.embedded.server import EmbeddedServer, attach_or_start
from tests.server_owner import Owner, give_to_server, gone, rows, wait_until, write

# ------------------------------------------------------------ killed


def test_the_server_dies_with_its_parent_and_recovers(stopped_server_dir: Path) -> None:
    owner = Owner(stopped_server_dir)
    for number in range(3):
        owner.commit(number)
    owner.kill()
    took_s = wait_until(lambda: gone(owner.postmaster), timeout_s=5)
    assert took_s < 2
    wait_until(lambda: all(map(gone, owner.watchdogs)), timeout_s=5)
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [0, 1, 2]


def test_a_start_need_not_wait_for_the_dying_server(stopped_server_dir: Path) -> None:
    owner = Owner(stopped_server_dir)
    owner.commit(1)
    owner.kill()
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [1]


def test_parent_and_server_killed_at_once_three_times(stopped_server_dir: Path) -> None:
    for number in range(3):
        owner = Owner(stopped_server_dir)
        owner.commit(number)
        owner.kill(owner.postmaster)
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [0, 1, 2]


def test_every_process_of_it_killed_at_once(stopped_server_dir: Path) -> None:
    owner = Owner(stopped_server_dir)
    owner.commit(1)
    owner.kill(owner.postmaster, *owner.watchdogs, *owner.postmaster.children())
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [1]


def test_a_busy_backend_that_outlived_its_server(stopped_server_dir: Path) -> None:
    """A backend in the middle of a query does not see its postmaster die, and keeps the shared memory."""
    owner = Owner(stopped_server_dir)
    owner.commit(1)
    busy = owner.begin("DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1 min' LOOP END LOOP; END $$")
    owner.kill(owner.postmaster)
    assert not gone(busy)
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [1]
    assert gone(busy)


def test_an_orphan_without_parent_and_watchdog_is_taken_over(stopped_server_dir: Path) -> None:
    owner = Owner(stopped_server_dir)
    owner.commit(1)
    for watchdog in owner.watchdogs:
        watchdog.kill()
    owner.kill()
    assert not gone(owner.postmaster)
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert gone(owner.postmaster)
        assert rows(dsn) == [1]


def test_a_server_that_is_killed_alone_is_noticed(stopped_server_dir: Path) -> None:
    server = EmbeddedServer.start(stopped_server_dir, wait_s=0)
    pid_file = read_pid_file(stopped_server_dir)
    assert pid_file is not None and pid_file.pid is not None
    os.kill(pid_file.pid, signal.SIGKILL)
    wait_until(lambda: not server.running(), timeout_s=5)
    server.stop()
    with attach_or_start(stopped_server_dir, 0) as dsn:
        write(dsn, 1)


# ------------------------------------------------------------ what a crash left behind


@pytest.mark.parametrize("zombie", [False, True], ids=["alive", "zombie"])
def test_a_pid_file_whose_pid_belongs_to_somebody_else(stopped_server_dir: Path, zombie: bool) -> None:
    with attach_or_start(stopped_server_dir, 0) as dsn:
        write(dsn, 1)
        pid_file = (stopped_server_dir / "postmaster.pid").read_text()
    # The same account, or PostgreSQL would not mind.
    with account_for(stopped_server_dir).popen(["true"] if zombie else ["sleep", "60"]) as stranger:
        if zombie:
            wait_until(lambda: psutil.Process(stranger.pid).status() == psutil.STATUS_ZOMBIE, timeout_s=5)
        stale = stopped_server_dir / "postmaster.pid"
        stale.write_text(f"{stranger.pid}\n{pid_file.partition(chr(10))[2]}")
        give_to_server(stale, stopped_server_dir)
        (stopped_server_dir / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
        give_to_server(stopped_server_dir / ".s.PGSQL.5432.lock", stopped_server_dir)
        with attach_or_start(stopped_server_dir, 0) as dsn:
            assert rows(dsn) == [1]
        if not zombie:
            assert stranger.poll() is None, "a process that is none of ours was ended"
            stranger.kill()


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_a_pid_file_that_a_crash_cut_off(stopped_server_dir: Path, text: str) -> None:
    with attach_or_start(stopped_server_dir, 0) as dsn:
        write(dsn, 1)
    (stopped_server_dir / "postmaster.pid").write_text(text)
    give_to_server(stopped_server_dir / "postmaster.pid", stopped_server_dir)
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [1]


def test_an_interrupted_initdb_is_done_again(new_server_dir: Path) -> None:
    unfinished = new_server_dir.with_name("data.initdb")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")  # initdb's first act
    with attach_or_start(new_server_dir, 0) as dsn:
        write(dsn, 1)
        assert rows(dsn) == [1]
    assert not unfinished.exists()


def test_an_empty_directory_is_filled(new_server_dir: Path) -> None:
    new_server_dir.mkdir()
    with attach_or_start(new_server_dir, 0) as dsn:
        write(dsn, 1)
