"""Signs of life that go on whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest

from tests.charting import end_backends
from vitalstream import heartbeats


@asynccontextmanager
async def running(work: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def one(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


async def until_other(dsn: str, query: str, than: Any) -> Any:
    """The answer as soon as it is another one."""
    for _ in range(500):
        if (found := await asyncio.to_thread(one, dsn, query)) != than:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"still {than}: {query}")


async def test_beats_go_on_after_a_lost_connection(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "BEAT_EVERY_S", 0.05)
    seen = "SELECT seen_at FROM gateway WHERE id = 'ward'"
    async with running(heartbeats.beat_for_ever(database_dsn, "ward")) as task:
        first = await until_other(database_dsn, seen, None)
        second = await until_other(database_dsn, seen, first)
        await end_backends(database_dsn, "vitalstream gateway beat")
        third = await until_other(database_dsn, seen, await asyncio.to_thread(one, database_dsn, seen))
        assert first < second < third
        assert not task.done()


async def test_the_watch_opens_and_clears(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "BEAT_EVERY_S", 0.05)
    condition = "SELECT condition FROM alert"
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO heartbeat VALUES ('streams', now())")
        connection.execute("INSERT INTO gateway (id, seen_at) VALUES ('ward', now() - interval '5 minutes')")
        connection.execute("INSERT INTO gateway (id) VALUES ('never-beat')")
        async with running(heartbeats.watch_for_ever(database_dsn)):
            assert await until_other(database_dsn, condition, None) == "active"
            connection.execute("UPDATE gateway SET seen_at = now() WHERE id = 'ward'")
            assert await until_other(database_dsn, condition, "active") == "cleared"
    assert one(database_dsn, "SELECT count(*) FROM alert") == 1
