"""Databases for tests: real PostgreSQL, a fresh and migrated database for each test, none of them shared.

`database_dsn` is a copy of a template that was migrated once for each pytest worker. `timescale_dsn` is a
fresh database on the server that VITALSTREAM_TEST_TIMESCALE_URL names. `any_database` runs a test on both.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage import connection as door
from storage.embedded.server import EmbeddedServer, temporary_parent
from storage.migrate import MigrationReport, migrate
from tests.system_tools import why_not

# What a test database may lose in a power cut is nothing that a test asks for; tests that kill servers start
# their own.
FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """One embedded server for each pytest worker, without fsync."""
    parent = temporary_parent()
    server = EmbeddedServer.start(parent / "data", wait_s=0, settings=FAST_AND_FORGETFUL)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(parent)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedServer) -> str:
    """The name of a migrated database that nobody is connected to."""
    name = "migrated_template"
    _create(postgres_server.dsn, name)
    migrate_now(make_conninfo(postgres_server.dsn, dbname=name))
    return name


@pytest.fixture
def empty_database_dsn(postgres_server: EmbeddedServer) -> Iterator[str]:
    """A fresh database without any schema."""
    yield from _database(postgres_server.dsn, template=None)


@pytest.fixture
def database_dsn(postgres_server: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """A fresh, migrated database on plain PostgreSQL."""
    yield from _database(postgres_server.dsn, template=migrated_template)


@pytest.fixture
def timescale_dsn() -> Iterator[str]:
    """A fresh, migrated database on TimescaleDB (migrated each time: its workers forbid a template)."""
    url = os.environ.get("VITALSTREAM_TEST_TIMESCALE_URL")
    if not url:
        pytest.skip(why_not("timescale") or "")
    for dsn in _database(url, template=None):
        assert migrate_now(dsn).engine == "timescaledb"
        yield dsn


@pytest.fixture(params=["postgresql", pytest.param("timescaledb", marks=pytest.mark.timescale)])
def any_database(request: pytest.FixtureRequest) -> str:
    """The dsn of a fresh, migrated database, once on each engine."""
    name = {"postgresql": "database_dsn", "timescaledb": "timescale_dsn"}[request.param]
    dsn: str = request.getfixturevalue(name)
    return dsn


@pytest.fixture(scope="session")
def made_server_dir() -> Iterator[Path]:
    """The files of a cluster that was created once and stopped."""
    parent = temporary_parent()
    EmbeddedServer.start(parent / "data", wait_s=0, settings={"fsync": "off"}).stop()
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture
def new_server_dir() -> Iterator[Path]:
    """A data directory that is not there yet."""
    parent = temporary_parent()
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture
def stopped_server_dir(new_server_dir: Path, made_server_dir: Path) -> Path:
    """The data directory of a stopped server: a copy, because creating one takes half a second."""
    subprocess.run(["cp", "-a", made_server_dir, new_server_dir], check=True)  # owners and modes too
    return new_server_dir


def migrate_now(dsn: str) -> MigrationReport:
    """Migrate from code that is not async, in a thread so that no event loop of a test is touched."""

    async def run() -> MigrationReport:
        async with await door.connect(dsn, application_name="tests") as connection:
            return await migrate(connection)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


def _database(server_dsn: str, *, template: str | None) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _create(server_dsn, name, template)
    try:
        yield make_conninfo(server_dsn, dbname=name)
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _create(server_dsn: str, name: str, template: str | None = None) -> None:
    # Copying files takes 0.1 s; the default writes each page to the log and takes 0.2 s.
    copy = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copy}')
