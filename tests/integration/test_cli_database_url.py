"""Commands and roles on a PostgreSQL server of the operator's own: DATABASE_URL."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from storage.embedded.server import EmbeddedServer
from tests.integration.commands import run
from tests.running import Installation

REFUSED = "postgresql://monitor:s3cret@127.0.0.1:1/ward"
ROLES = ("stream", "gateway", "api")
SERVES_S = 20.0
STOPS_S = 5.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data")
    yield made
    assert not made.data_dir.exists(), "no embedded server beside the operator's own"


@pytest.mark.parametrize(
    "words", [["up"], ["ledger"], ["migrate"], ["run", "api"], ["patient", "add", "p-1"]], ids=" ".join
)
def test_a_server_that_refuses(site: Installation, words: list[str]) -> None:
    done = run(site, *words, DATABASE_URL=REFUSED)
    assert (done.returncode, done.stdout) == (1, "")
    assert "127.0.0.1:1" in done.stderr and "DATABASE_URL" in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there(site: Installation, postgres_server: EmbeddedServer) -> None:
    done = run(site, "ledger", DATABASE_URL=make_conninfo(postgres_server.dsn, dbname="ward", password="s3cret"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "ward" in done.stderr
    assert "s3cret" not in done.stderr


def test_an_address_that_is_none(site: Installation) -> None:
    done = run(site, "ledger", DATABASE_URL="monitor:s3cret@ward")
    assert done.returncode == 1
    assert "postgresql://" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("words", [["up"], ["ledger"], ["token", "add", "--role", "clinician"]], ids=" ".join)
def test_a_schema_out_of_date_names_the_command(site: Installation, empty_database_dsn: str, words: list[str]) -> None:
    done = run(site, *words, DATABASE_URL=empty_database_dsn)
    assert (done.returncode, done.stdout) == (1, "")
    assert "vitalstream migrate" in done.stderr


def test_doctor_exits_1_when_something_is_wrong(site: Installation, empty_database_dsn: str) -> None:
    done = run(site, "doctor", DATABASE_URL=empty_database_dsn)
    schema = next(line for line in map(json.loads, done.stdout.splitlines()) if line["check"] == "schema")
    assert schema["ok"] is False
    assert "vitalstream migrate" in schema["advice"]
    assert done.returncode == 1


def test_migrate_then_all_roles_as_processes_of_their_own(site: Installation, empty_database_dsn: str) -> None:
    env = {"DATABASE_URL": empty_database_dsn}
    assert json.loads(run(site, "migrate", **env).stdout)["applied"] != []
    assert json.loads(run(site, "ledger", **env).stdout)["balanced"] is True
    running = []
    try:
        for role in ROLES:
            with (site.data_dir.parent / f"{role}.log").open("wb") as log:
                command = [sys.executable, "-m", "vitalstream", "run", role]
                running.append(subprocess.Popen(command, env=site.env | env, stdout=log, stderr=log))
        wait_until_ready(site)
        for process in running:
            assert process.poll() is None
        assert httpx.get(f"{site.url}/readyz").json() == {"ready": True, "roles": ["api"]}
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(STOPS_S) for process in running]
    assert codes == [0, 0, 0]


def wait_until_ready(site: Installation) -> None:
    """Until the API serves and the other two have said so."""
    deadline = time.monotonic() + SERVES_S
    logs = [site.data_dir.parent / f"{role}.log" for role in ROLES]
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            said = ['"ready"' in log.read_text() for log in logs]
            if httpx.get(f"{site.url}/readyz").status_code == 200 and all(said):
                return
        time.sleep(0.05)
    raise AssertionError("\n".join(log.read_text() for log in logs))
