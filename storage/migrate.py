"""Forward migrations: `sql/migrations/NNNN_name.sql` in order, each in one transaction, each recorded.

A file `sql/timescale/NNNN_*.sql` belongs to the migration of the same number and runs after it, in the same
transaction, where the database's engine is TimescaleDB. The engine is decided when the first migration runs
and stays: a chart in native partitions doesn't turn into a hypertable because somebody installs an extension
later. While a migration runs, `current_setting('vitalstream.engine')` tells its SQL which one it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psycopg

from storage.connection import Connection
from vitals.errors import InternalError, OperatorError, PartnerError

Engine = Literal["timescaledb", "postgresql"]

SQL = Path(__file__).parent / "sql"

# Any fixed number that no other program on the same database uses: the bytes "vitalstr".
ADVISORY_LOCK = int.from_bytes(b"vitalstr", "big", signed=True)

# How long a second `migrate` waits for the first one; rewriting a clinic's chart takes minutes.
LOCK_WAIT_S = 300

_FILE = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")

_RECORD_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number      integer PRIMARY KEY CHECK (number > 0),
    name        text NOT NULL,
    engine      text NOT NULL CHECK (engine IN ('timescaledb', 'postgresql')),
    checksum    text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


class SchemaOutOfDate(OperatorError):
    """The database lacks migrations that this program needs."""

    code = "schema-out-of-date"


class SchemaNewer(OperatorError):
    """The database was migrated by a newer program."""

    code = "schema-newer"


class SchemaMismatch(OperatorError):
    """A migration was applied from a file with other content than this program's."""

    code = "schema-mismatch"


class MigrationBusy(PartnerError):
    """Another process has been migrating the same database for too long."""

    code = "migration-busy"


class MigrationFilesWrong(InternalError):
    """The migration files have a gap, a double number or a wrong name."""

    code = "migration-files"


class MigrationFailed(InternalError):
    """A migration's SQL failed; its transaction was rolled back and the earlier ones stay."""

    code = "migration-failed"


@dataclass(frozen=True)
class Migration:
    """One step; `timescale` is the part that only TimescaleDB gets, empty when there is none."""

    number: int
    name: str
    sql: str
    timescale: str

    @property
    def checksum(self) -> str:
        """SHA-256 of both parts, so a recorded migration can't change unnoticed."""
        return hashlib.sha256(f"{self.sql}\0{self.timescale}".encode()).hexdigest()


@dataclass(frozen=True)
class MigrationReport:
    """What `migrate` did: names applied now, the database's engine, the schema's version after it."""

    applied: list[str]
    engine: Engine
    version: int


@dataclass(frozen=True)
class _Applied:
    number: int
    name: str
    engine: Engine
    checksum: str


def load_migrations(folder: Path = SQL) -> list[Migration]:
    """The migrations in order. Raises MigrationFilesWrong for gaps, double numbers, wrong names, strays."""
    steps = _numbered(folder / "migrations")
    extras = _numbered(folder / "timescale")
    if list(steps) != list(range(1, len(steps) + 1)):
        raise MigrationFilesWrong(
            f"Migrations in {folder} are numbered {list(steps)}; they must run from 1 without gap."
        )
    if stray := set(extras) - set(steps):
        raise MigrationFilesWrong(f"{folder / 'timescale'} has {sorted(stray)}, but there are no such migrations.")
    return [
        Migration(number, file.stem, file.read_text(encoding="utf-8"), _text(extras.get(number)))
        for number, file in steps.items()
    ]


async def migrate(connection: Connection, migrations: Sequence[Migration] | None = None) -> MigrationReport:
    """Bring the schema up to date; safe to run twice and from two processes at once.

    `connection` is in autocommit mode. Raises SchemaNewer, SchemaMismatch, MigrationBusy, MigrationFailed.
    """
    migrations = load_migrations() if migrations is None else migrations
    await _lock(connection)
    try:
        await connection.execute(_RECORD_TABLE)
        applied = await _applied(connection)
        _compare(applied, migrations)
        engine = applied[0].engine if applied else await _choose_engine(connection)
        todo = migrations[len(applied) :]
        for migration in todo:
            await _apply(connection, migration, engine)
        return MigrationReport([migration.name for migration in todo], engine, len(migrations))
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


async def check(connection: Connection, migrations: Sequence[Migration] | None = None) -> None:
    """The schema is what this program needs, or SchemaOutOfDate, SchemaNewer, SchemaMismatch is raised."""
    migrations = load_migrations() if migrations is None else migrations
    applied = await _applied(connection)
    _compare(applied, migrations)
    if len(applied) < len(migrations):
        raise SchemaOutOfDate(
            f"The database's schema is at version {len(applied)}, this program needs {len(migrations)}. "
            "Run `vitalstream migrate`."
        )


async def engine_of(connection: Connection) -> Engine:
    """Which engine keeps this database's chart. Raises SchemaOutOfDate before the first migration."""
    applied = await _applied(connection)
    if not applied:
        raise SchemaOutOfDate("The database has no schema yet. Run `vitalstream migrate`.")
    return applied[0].engine


def _numbered(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationFilesWrong(f"{file} is not named NNNN_lower_case.sql; rename it.")
        number = int(match["number"])
        if number in found:
            raise MigrationFilesWrong(f"{file} and {found[number].name} have the same number; renumber one.")
        found[number] = file
    return found


def _text(file: Path | None) -> str:
    return "" if file is None else file.read_text(encoding="utf-8")


async def _applied(connection: Connection) -> list[_Applied]:
    known = await connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL")
    if await known.fetchone() != (True,):
        return []
    rows = await connection.execute("SELECT number, name, engine, checksum FROM schema_migration ORDER BY number")
    return [_Applied(*row) for row in await rows.fetchall()]


def _compare(applied: Sequence[_Applied], migrations: Sequence[Migration]) -> None:
    if len(applied) > len(migrations):
        raise SchemaNewer(
            f"The database's schema is at version {len(applied)}, this program knows {len(migrations)}. "
            "Upgrade vitalstream to the release that migrated it."
        )
    for there, ours in zip(applied, migrations, strict=False):
        if (there.number, there.checksum) != (ours.number, ours.checksum):
            raise SchemaMismatch(
                f"Migration {there.name} was applied to this database from another version of its file. Use "
                "the release that migrated it, or a fresh database."
            )


async def _lock(connection: Connection) -> None:
    """A session lock, because it must span the transactions of all steps; it goes with the connection."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'")
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    except psycopg.errors.LockNotAvailable:
        raise MigrationBusy(
            f"Another process has been migrating this database for over {LOCK_WAIT_S} s. Wait until it ends "
            "and try again."
        ) from None


async def _choose_engine(connection: Connection) -> Engine:
    """TimescaleDB where it is there or can be made so by us, else plain PostgreSQL.

    Creating an extension whose library the server has not preloaded ends the session (its loader raises
    FATAL), so the loader's own setting is looked for first.
    """
    cursor = await connection.execute(
        "SELECT installed_version IS NOT NULL,"
        " current_setting('timescaledb.max_background_workers', true) IS NOT NULL"
        " FROM pg_available_extensions WHERE name = 'timescaledb'"
    )
    row = await cursor.fetchone()
    if row is None:
        return "postgresql"
    installed, preloaded = row
    if not installed:
        if not preloaded:
            return "postgresql"
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
            return "postgresql"
    return "timescaledb"


async def _apply(connection: Connection, migration: Migration, engine: Engine) -> None:
    assert engine in get_args(Engine)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")  # rewriting a large chart takes its time
            await connection.execute("SELECT set_config('vitalstream.engine', %s, true)", [engine])
            # Bytes and no parameters: the whole file goes as one script, and a % in it stays a %.
            await connection.execute(migration.sql.encode())
            if engine == "timescaledb" and migration.timescale.strip():
                await connection.execute(migration.timescale.encode())
            await connection.execute(
                "INSERT INTO schema_migration (number, name, engine, checksum) VALUES (%s, %s, %s, %s)",
                [migration.number, migration.name, engine, migration.checksum],
            )
    except psycopg.Error as error:
        raise MigrationFailed(
            f"Migration {migration.name} failed and was rolled back; the database is as before it. "
            f"PostgreSQL said: {error.diag.message_primary or error}"
        ) from error
