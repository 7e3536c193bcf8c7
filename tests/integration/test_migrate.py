"""Migrations on a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from storage.connection import connect
from storage.migrate import (
    Migration,
    MigrationFailed,
    SchemaMismatch,
    SchemaNewer,
    SchemaOutOfDate,
    check,
    engine_of,
    load_migrations,
    migrate,
)
from tests.schema_comparison import schema_of

ONE = Migration(1, "0001_one", "CREATE TABLE one (n int); INSERT INTO one VALUES (1);", "")
TWO = Migration(2, "0002_two", "ALTER TABLE one ADD COLUMN share text DEFAULT '50 %';", "")


async def test_migrating_an_empty_database_applies_everything_once(empty_database_dsn: str) -> None:
    names = [migration.name for migration in load_migrations()]
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        first = await migrate(connection)
        second = await migrate(connection)
        await check(connection)
        assert (first.applied, first.engine, first.version) == (names, "postgresql", len(names))
        assert (second.applied, second.engine, second.version) == ([], "postgresql", len(names))
        assert await engine_of(connection) == "postgresql"


async def test_two_processes_may_migrate_at_once(empty_database_dsn: str) -> None:
    async def run() -> list[str]:
        async with await connect(empty_database_dsn, application_name="tests") as connection:
            return (await migrate(connection)).applied

    applied = await asyncio.gather(run(), run(), run())
    assert sorted(applied, key=len) == [[], [], [migration.name for migration in load_migrations()]]


async def test_an_unmigrated_database_is_out_of_date(empty_database_dsn: str) -> None:
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        with pytest.raises(SchemaOutOfDate, match=r"version 0.*`vitalstream migrate`"):
            await check(connection)
        with pytest.raises(SchemaOutOfDate, match="`vitalstream migrate`"):
            await engine_of(connection)


async def test_an_older_database_is_brought_up_to_date_step_by_step(empty_database_dsn: str) -> None:
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        await migrate(connection, [ONE])
        with pytest.raises(SchemaOutOfDate, match="version 1, this program needs 2"):
            await check(connection, [ONE, TWO])
        assert (await migrate(connection, [ONE, TWO])).applied == ["0002_two"]
        rows = await connection.execute("SELECT n, share FROM one")
        assert await rows.fetchall() == [(1, "50 %")]


async def test_a_newer_database_is_left_alone(empty_database_dsn: str) -> None:
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        await migrate(connection, [ONE, TWO])
        for attempt in (migrate, check):
            with pytest.raises(SchemaNewer, match=r"version 2, this program knows 1.*Upgrade"):
                await attempt(connection, [ONE])


async def test_a_changed_migration_file_is_noticed(empty_database_dsn: str) -> None:
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        await migrate(connection, [ONE])
        for changed in (replace(ONE, sql=ONE.sql + "\n"), replace(ONE, timescale="SELECT 1")):
            for attempt in (migrate, check):
                with pytest.raises(SchemaMismatch, match="0001_one"):
                    await attempt(connection, [changed])


async def test_a_failing_migration_leaves_the_one_before(empty_database_dsn: str) -> None:
    broken = Migration(2, "0002_broken", "CREATE TABLE two (n int); SELECT 1 / 0;", "")
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        with pytest.raises(MigrationFailed, match=r"0002_broken.*division by zero"):
            await migrate(connection, [ONE, broken])
        await check(connection, [ONE])
        tables = await connection.execute("SELECT to_regclass('one') IS NULL, to_regclass('two') IS NULL")
        assert await tables.fetchone() == (False, True)
        # The lock is free again: another connection gets it without waiting.
        async with await connect(empty_database_dsn, application_name="tests") as other:
            assert (await migrate(other, [ONE, TWO])).applied == ["0002_two"]


async def test_the_sql_knows_its_engine(empty_database_dsn: str) -> None:
    asks = Migration(1, "0001_asks", "CREATE TABLE e AS SELECT current_setting('vitalstream.engine') AS e;", "")
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        await migrate(connection, [asks])
        assert await (await connection.execute("SELECT e FROM e")).fetchone() == ("postgresql",)


async def test_migrated_equals_fresh(empty_database_dsn: str, database_dsn: str) -> None:
    """One step at a time and everything at once must end with the same schema."""
    steps = load_migrations()
    async with (
        await connect(empty_database_dsn, application_name="tests") as stepwise,
        await connect(database_dsn, application_name="tests") as fresh,
    ):
        for count in range(1, len(steps) + 1):
            await migrate(stepwise, steps[:count])
        left, right = await schema_of(stepwise), await schema_of(fresh)
    assert left == right
    assert sum(line.startswith("relation: ") for line in left) > 10


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE patient ADD COLUMN spare int",
        "ALTER TABLE patient ALTER COLUMN zone SET DEFAULT 'Europe/Berlin'",
        "ALTER TABLE patient ALTER COLUMN zone DROP NOT NULL",
        "DROP INDEX patient_identifier_patient_idx",
        "ALTER TABLE binding DROP CONSTRAINT binding_periods_disjoint",
        "CREATE FUNCTION spare() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE VIEW spare AS SELECT 1 AS n",
        "CREATE TYPE spare AS ENUM ('a')",
        "COMMENT ON TABLE patient IS 'changed'",
        "ALTER TABLE patient SET (fillfactor = 50)",
        "DROP EXTENSION btree_gist CASCADE",
    ],
)
async def test_the_comparison_sees_every_kind_of_difference(database_dsn: str, change: str) -> None:
    async with await connect(database_dsn, application_name="tests") as connection:
        before = await schema_of(connection)
        await connection.execute(change.encode())
        assert await schema_of(connection) != before


@pytest.mark.timescale
async def test_on_timescale_the_chart_is_a_hypertable(timescale_dsn: str) -> None:
    async with await connect(timescale_dsn, application_name="tests") as connection:
        assert await engine_of(connection) == "timescaledb"
        found = await connection.execute(
            "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = 'observation'"
        )
        assert await found.fetchone() == (1,)


async def test_databases_of_tests_do_not_share_anything(any_database: str) -> None:
    async with await connect(any_database, application_name="tests") as connection:
        await check(connection)
        assert await (await connection.execute("SELECT count(*) FROM patient")).fetchone() == (0,)
        with pytest.raises(psycopg.errors.DuplicateTable):
            await connection.execute("CREATE TABLE patient (n int)")
        await connection.execute("INSERT INTO patient (id) VALUES ('p-1')")
