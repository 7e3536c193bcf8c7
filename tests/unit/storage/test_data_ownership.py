"""The lock beside the data, the note in it, and the server's pid file: files only, no server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.embedded.cluster import PidFile, read_pid_file
from storage.embedded.errors import DataDirectoryInUse
from storage.embedded.ownership import DataLock, Holder, HolderKind, acquire, current_holder, lock_path


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_the_second_gets_nothing_until_the_first_lets_go(tmp_path: Path) -> None:
    first = DataLock.try_acquire(tmp_path / "data")
    assert first is not None
    assert DataLock.try_acquire(tmp_path / "data") is None
    first.release()
    first.release()
    second = DataLock.try_acquire(tmp_path / "data")
    assert second is not None
    second.release()


def test_a_command_gets_the_services_dsn(tmp_path: Path) -> None:
    service = acquire(tmp_path / "data", HolderKind.SERVICE, wait_s=0)
    assert isinstance(service, DataLock)
    with pytest.raises(DataDirectoryInUse, match=f"a running vitalstream \\(process {os.getpid()}\\)"):
        acquire(tmp_path / "data", HolderKind.COMMAND, wait_s=0)  # it has no dsn yet
    service.note(Holder(os.getpid(), HolderKind.SERVICE, "host=/here"))
    found = acquire(tmp_path / "data", HolderKind.COMMAND, wait_s=0)
    assert found == Holder(os.getpid(), HolderKind.SERVICE, "host=/here")
    service.release()


@pytest.mark.parametrize("note", ["", "{", '{"pid": 1}', "null"])
def test_a_half_written_note_is_nobodys(tmp_path: Path, note: str) -> None:
    lock_path(tmp_path / "data").write_text(note)
    assert current_holder(tmp_path / "data") is None


def test_a_dead_owners_note_is_nobodys(tmp_path: Path) -> None:
    lock_path(tmp_path / "data").write_text(f'{{"pid": {dead_pid()}, "kind": "service", "dsn": "host=/gone"}}')
    assert current_holder(tmp_path / "data") is None
    lock = acquire(tmp_path / "data", HolderKind.SERVICE, wait_s=0)
    assert isinstance(lock, DataLock)
    lock.release()


def test_an_owner_that_left_no_note_is_waited_for(tmp_path: Path) -> None:
    lock = DataLock.try_acquire(tmp_path / "data")
    assert lock is not None
    with pytest.raises(DataDirectoryInUse, match=r"in use by another process. Stop that process first"):
        acquire(tmp_path / "data", HolderKind.SERVICE, wait_s=0.1)
    lock.release()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("123\n/data\n1700000000\n5432\n/socket\n\n  42 7\nready   \n", PidFile(123, "/socket", "ready")),
        ("123\n/data\n", PidFile(123, "", "")),
        ("", PidFile(None, "", "")),
        ("nonsense\n", PidFile(None, "", "")),
    ],
)
def test_pid_files_of_every_age_are_read(tmp_path: Path, text: str, expected: PidFile) -> None:
    (tmp_path / "postmaster.pid").write_text(text)
    assert read_pid_file(tmp_path) == expected


def test_no_pid_file(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path) is None
