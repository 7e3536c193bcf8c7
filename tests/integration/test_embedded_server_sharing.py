"""One owner for each data directory; commands join a service or take turns."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from storage.embedded.errors import DataDirectoryInUse
from storage.embedded.ownership import HolderKind, current_holder
from storage.embedded.server import EmbeddedServer, attach_or_start
from tests.server_owner import rows, write


def test_a_second_owner_is_refused_at_once(stopped_server_dir: Path) -> None:
    server = EmbeddedServer.start(stopped_server_dir, wait_s=0)
    try:
        begin = time.monotonic()
        with pytest.raises(DataDirectoryInUse, match=rf"process {os.getpid()}.*VITALSTREAM_DATA_DIR") as caught:
            EmbeddedServer.start(stopped_server_dir, wait_s=30)
        assert time.monotonic() - begin < 1
        assert caught.value.code == "data-directory-in-use"
        assert server.running()
    finally:
        server.stop()


def test_a_command_joins_a_running_service(stopped_server_dir: Path) -> None:
    server = EmbeddedServer.start(stopped_server_dir, wait_s=0)
    try:
        with attach_or_start(stopped_server_dir, 0) as dsn:
            assert dsn == server.dsn
            write(dsn, 1)
        assert server.running()
        assert rows(server.dsn) == [1]
    finally:
        server.stop()


def test_a_service_and_other_commands_wait_for_a_short_command(stopped_server_dir: Path) -> None:
    working, done = threading.Event(), threading.Event()

    def command() -> None:
        with attach_or_start(stopped_server_dir, 0) as dsn:
            write(dsn, 1)
            working.set()
            done.wait(30)

    thread = threading.Thread(target=command)
    thread.start()
    try:
        assert working.wait(30)
        holder = current_holder(stopped_server_dir)
        assert holder is not None and holder.kind is HolderKind.COMMAND
        with pytest.raises(DataDirectoryInUse, match="a vitalstream command that has not ended"):
            EmbeddedServer.start(stopped_server_dir, wait_s=0.1)
        threading.Timer(0.3, done.set).start()
        server = EmbeddedServer.start(stopped_server_dir, wait_s=30)
        assert rows(server.dsn) == [1]
        server.stop()
    finally:
        done.set()
        thread.join(30)


def test_commands_that_overlap_take_turns(new_server_dir: Path) -> None:
    failures: list[BaseException] = []

    def command(number: int) -> None:
        try:
            with attach_or_start(new_server_dir, 60) as dsn:
                write(dsn, number)
        except Exception as error:  # noqa: BLE001  a thread's error has to reach the test
            failures.append(error)

    threads = [threading.Thread(target=command, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with attach_or_start(new_server_dir, 0) as dsn:
        assert rows(dsn) == [0, 1, 2, 3]
