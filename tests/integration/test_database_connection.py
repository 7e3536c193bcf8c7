"""Connections and the pool on a real server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage import connection as door
from storage.connection import DatabaseBusy, DatabaseRefused, DatabaseUnreachable, Pool, connect
from storage.embedded.server import EmbeddedServer


@pytest.fixture
def outsider(postgres_server: EmbeddedServer) -> Iterator[str]:
    """A role that needs a password, unlike our own."""
    rules = Path(postgres_server.data_dir) / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE outsider LOGIN PASSWORD 'right'")
        _rewrite(rules, "local all outsider scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        yield make_conninfo(postgres_server.dsn, user="outsider")
        connection.execute("DROP ROLE outsider")
        _rewrite(rules, before)
        connection.execute("SELECT pg_reload_conf()")


def _rewrite(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(text)
    os.chown(path, status.st_uid, status.st_gid)


async def test_a_session_has_our_limits_and_utc(database_dsn: str) -> None:
    async with await connect(database_dsn, application_name="tests") as connection:
        for name, value in {
            "TimeZone": "UTC",
            "statement_timeout": "30s",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "1min",
            "client_encoding": "UTF8",
            "application_name": "tests",
        }.items():
            cursor = await connection.execute("SELECT current_setting(%s)", [name])
            assert (name, await cursor.fetchone()) == (name, (value,))
        assert connection.autocommit


async def test_wrong_and_missing_passwords_are_refusals(outsider: str) -> None:
    async with await connect(make_conninfo(outsider, password="right"), application_name="tests"):
        pass
    for dsn in (make_conninfo(outsider, password="wr0ng"), outsider):
        with pytest.raises(DatabaseRefused, match=r"as outsider.*Check user, password") as caught:
            await connect(dsn, application_name="tests")
        assert "wr0ng" not in caught.value.message


async def test_a_missing_database_is_a_refusal(postgres_server: EmbeddedServer) -> None:
    with pytest.raises(DatabaseRefused, match='"nowhere" does not exist'):
        await connect(make_conninfo(postgres_server.dsn, dbname="nowhere"), application_name="tests")


async def test_a_full_server_is_not_a_refusal(postgres_server: EmbeddedServer, database_dsn: str) -> None:
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            with pytest.raises(DatabaseUnreachable, match="too many connections"):
                await connect(make_conninfo(database_dsn, user="crowded"), application_name="tests")
        finally:
            connection.execute("DROP ROLE crowded")


async def test_the_pool_is_bounded_and_shared(database_dsn: str) -> None:
    async with Pool(database_dsn, application_name="pooled", size_max=2) as pool:

        async def work() -> int:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.01)")
                found = await connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'"
                    " AND datname = current_database()"
                )
                row = await found.fetchone()
                assert row is not None
                return int(row[0])

        counts = await asyncio.gather(*(work() for _ in range(10)))
        assert max(counts) <= 2


async def test_a_pool_that_stays_full_says_so(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "POOL_WAIT_S", 0.2)
    async with Pool(database_dsn, application_name="tests", size_max=1) as pool, pool.connection():
        with pytest.raises(DatabaseBusy, match=r"within 0 s\. Try again"):
            async with pool.connection():
                pass


async def test_a_pool_hands_out_no_dead_connections(database_dsn: str, postgres_server: EmbeddedServer) -> None:
    async with Pool(database_dsn, application_name="victim", size_max=1) as pool:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
        with psycopg.connect(postgres_server.dsn, autocommit=True) as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'victim'"
            )
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_an_error_inside_the_block_rolls_back_and_returns_the_connection(database_dsn: str) -> None:
    async with Pool(database_dsn, application_name="tests", size_max=1) as pool:
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with pool.connection() as connection, connection.transaction():
                await connection.execute("CREATE TABLE half (n int)")
                await connection.execute("SELECT 1 / 0")
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT to_regclass('half')")).fetchone() == (None,)


async def test_a_pool_without_a_database_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable):
        async with Pool(f"host={tmp_path} user=u", application_name="tests"):
            pass
