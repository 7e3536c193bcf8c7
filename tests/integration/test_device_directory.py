"""The gateway's view of devices on the real registry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from storage.connection import DatabaseUnreachable, Pool
from storage.registry import directory
from storage.registry.directory import PostgresDeviceDirectory
from tests.charting import NOON_US, register
from vitals.ports.devices import DeviceAccount

ANNAS = DeviceAccount("cuff-1", "anna", "Europe/Berlin")


class Clock:
    """Monotonic seconds, by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def pool(any_database: str) -> AsyncIterator[Pool]:
    register(any_database)
    do(any_database, "UPDATE patient SET zone = 'Europe/Berlin'")
    async with Pool(any_database, application_name="tests") as pool:
        yield pool


def do(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


async def test_the_right_password_opens_and_others_do_not(pool: Pool) -> None:
    devices = PostgresDeviceDirectory(pool)
    assert await devices.authenticate("cuff-1", "secret") == ANNAS
    for device, password in [
        ("cuff-1", "Secret"),
        ("cuff-1", ""),
        ("cuff-2", "secret"),
        ("cuff-1\0", "secret"),
        ("\ud800", "\ud800"),
    ]:
        assert await devices.authenticate(device, password) is None


async def test_a_revocation_holds_at_once_for_signing_in(any_database: str, pool: Pool) -> None:
    devices = PostgresDeviceDirectory(pool)
    assert await devices.authenticate("cuff-1", "secret") is not None
    do(any_database, "UPDATE device SET revoked_at = now()")
    assert await devices.authenticate("cuff-1", "secret") is None


async def test_an_account_is_at_most_a_second_old(any_database: str, pool: Pool) -> None:
    clock = Clock()
    devices = PostgresDeviceDirectory(pool, clock=clock)
    assert await devices.account("cuff-1") == ANNAS
    assert await devices.account("nobody") is None
    do(any_database, "UPDATE binding SET period = tstzrange(lower(period), now())")
    clock.now += 0.9
    assert await devices.account("cuff-1") == ANNAS
    clock.now += 0.2
    assert await devices.account("cuff-1") == DeviceAccount("cuff-1", "cuff-1", None)


async def test_the_cache_is_bounded(any_database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "ACCOUNTS_MAX", 2)
    devices = PostgresDeviceDirectory(pool, clock=Clock())
    for name in ("cuff-1", "a", "b"):
        await devices.account(name)
    do(any_database, "UPDATE device SET revoked_at = now()")
    assert await devices.account("cuff-1") is None  # no longer in the cache, so read again


async def test_a_database_that_is_away_is_a_partners_fault(any_database: str, pool: Pool) -> None:
    name = psycopg.conninfo.conninfo_to_dict(any_database)["dbname"]
    devices = PostgresDeviceDirectory(pool)
    maintenance = psycopg.conninfo.make_conninfo(any_database, dbname="postgres")
    do(maintenance, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    do(maintenance, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    pool._pool.timeout = 0.2
    with pytest.raises(DatabaseUnreachable):
        await devices.authenticate("cuff-1", "secret")
    do(maintenance, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


async def test_refusals_are_counted_for_ever_and_the_newest_kept(
    any_database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "SAMPLES_MAX", 3)
    devices = PostgresDeviceDirectory(pool)
    for number in range(5):
        await devices.refused("cuff-1", "too-big", b"%d" % number * 5000)
    await devices.refused(None, "not-allowed", b"")
    await devices.refused("x\0" * 100, "too-big", b"x")
    assert do(any_database, "SELECT reason, count FROM refused_count ORDER BY reason") == [
        ("not-allowed", 1),
        ("too-big", 6),
    ]
    kept = do(any_database, "SELECT device, length(device), octet_length(sample) FROM refused ORDER BY key")
    assert kept == [("cuff-1", 6, 4096), (None, None, 0), ("x␀" * 32, 64, 1)]


async def test_presence_keeps_the_newest_word(any_database: str, pool: Pool) -> None:
    devices = PostgresDeviceDirectory(pool)
    await devices.presence("cuff-1", True, NOON_US)
    await devices.presence("cuff-1", False, NOON_US + 5)
    await devices.presence("cuff-1", True, NOON_US + 4)
    await devices.presence("nobody", True, NOON_US)
    seen = do(any_database, "SELECT online, us_of(changed_at) FROM device_presence")
    assert seen == [(False, NOON_US + 5)]
