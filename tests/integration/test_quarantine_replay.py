"""Replay from quarantine inside a transaction: a row moves once, nobody waits for ever, the ledger stays balanced."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from storage.chart.ledger import ledger
from storage.chart.quarantine import RECORD_MAX, replay_in, replayable_keys
from storage.connection import Connection, connect
from storage.journal.postgres import append_in
from tests.charting import append_some, record
from vitals import wire
from vitals.identity import SHARD_COUNT, shard_of

#: Where the rows were applied before they were kept; nothing else is appended there.
APPLIED_IN = 5
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


async def quarantine(
    connection: Connection, device: str, count: int, *, reason: str = "no-binding", decoded: bool = True
) -> list[int]:
    """Rows as the processor leaves them: applied in shard 5, kept with the reading they hold; their keys."""
    await append_in(connection, {5: record(count, device=device)})
    await connection.execute(
        "UPDATE shard SET next_offset = next_offset + 1, applied = applied + %s WHERE shard = 5", [count]
    )
    keys = []
    for sequence in range(count):
        one = record(1, device=device, first=sequence) if decoded else None
        cursor = await connection.execute(
            "INSERT INTO quarantine (device, reason, message, received_at, raw, record, shard, journal_offset, "
            "journal_row) VALUES (%s, %s, 'm', %s, 'raw', %s, 5, 0, %s) RETURNING key",
            [device, reason, NOW, one, sequence],
        )
        row = await cursor.fetchone()
        assert row is not None
        keys.append(row[0])
    return keys


async def replay(connection: Connection, keys: list[int], beside: tuple[int, ...] = ()) -> int:
    async with connection.transaction():
        return await replay_in(connection, keys, beside=beside)


async def test_rows_of_one_device_become_one_record_of_its_shard(any_database: str) -> None:
    async with await connect(any_database, application_name="t") as connection:
        keys = await quarantine(connection, "cuff-1", 3)
        before = await ledger(connection)
        assert (before.balanced, before.quarantined, before.pending) == (True, 3, 0)
        assert await replay(connection, keys) == 3
        after = await ledger(connection)
        assert (after.balanced, after.quarantined, after.pending, after.received) == (True, 0, 3, before.received)
        cursor = await connection.execute(
            'SELECT payload FROM journal_record WHERE shard = %s ORDER BY "offset" DESC LIMIT 1',
            [shard_of("cuff-1")],
        )
        row = await cursor.fetchone()
        assert row is not None
        made = wire.decode(bytes(row[0]))
        assert [wire.reading_of(made, place) for place in range(3)] == [
            wire.reading_of(wire.decode(record(1, first=place)), 0) for place in range(3)
        ]
        assert [made.raw_of(place) for place in range(3)] == [b"raw-0", b"raw-1", b"raw-2"]
        assert await replay(connection, keys) == 0, "once"


async def test_only_what_another_binding_may_place_is_offered(any_database: str) -> None:
    async with await connect(any_database, application_name="t") as connection:
        wanted = [
            key
            for reason in ("no-binding", "unknown-device", "time-uncertain")
            for key in await quarantine(connection, "cuff-1", 1, reason=reason)
        ]
        await quarantine(connection, "cuff-1", 1, reason="conflict")
        await quarantine(connection, "cuff-2", 1)
        undecoded = await quarantine(connection, "cuff-1", 1, decoded=False)
        assert await replayable_keys(connection, ["cuff-1"]) == wanted
        assert await replayable_keys(connection, []) == []
        assert await replay(connection, undecoded) == 0
        assert await replay(connection, []) == 0


async def test_two_who_replay_the_same_rows_move_each_once(any_database: str) -> None:
    async with (
        await connect(any_database, application_name="a") as one,
        await connect(any_database, application_name="b") as other,
    ):
        keys = await quarantine(one, "cuff-1", 40)
        async with asyncio.timeout(30):
            moved = await asyncio.gather(replay(one, keys), replay(other, keys[::-1]))
        assert sorted(moved) == [0, 40]
        counts = await ledger(one)
        assert (counts.balanced, counts.quarantined, counts.pending) == (True, 0, 40)


async def test_replaying_beside_appends_never_waits_for_itself(any_database: str) -> None:
    """Heads of the rows' shards and of those that the caller appends to later are locked in one go, in order."""
    others = tuple(shard for shard in range(SHARD_COUNT) if shard != APPLIED_IN)
    devices = [name for name in (f"cuff-{number}" for number in range(20)) if shard_of(name) != APPLIED_IN]
    async with await connect(any_database, application_name="a") as connection:
        appending = asyncio.gather(
            *(append_some(any_database, range(APPLIED_IN + 1, SHARD_COUNT), 30, seed) for seed in range(2))
        )
        async with asyncio.timeout(60):
            for device in devices:
                keys = await quarantine(connection, device, 2)
                async with connection.transaction():
                    assert await replay_in(connection, keys, beside=others) == 2
                    command = wire.encode_command({"command": "registry-changed", "patients": [], "devices": []})
                    for shard in reversed(others):
                        await append_in(connection, {shard: command})
            await appending
        counts = await ledger(connection)
        assert (counts.balanced, counts.inconsistent) == (True, ())


async def test_more_than_a_record_holds_becomes_several(any_database: str) -> None:
    async with await connect(any_database, application_name="t") as connection:
        (key,) = await quarantine(connection, "cuff-1", 1)
        await connection.execute(
            "INSERT INTO quarantine (device, reason, message, received_at, raw, record, shard, journal_offset, "
            "journal_row) SELECT device, reason, message, received_at, raw, record, shard, journal_offset, n "
            "FROM quarantine, generate_series(1, %s) n WHERE key = %s",
            [RECORD_MAX, key],
        )
        await connection.execute("UPDATE shard SET applied = applied + %s WHERE shard = 5", [RECORD_MAX])
        await connection.execute("UPDATE journal_head SET appended = appended + %s WHERE shard = 5", [RECORD_MAX])
        keys = await replayable_keys(connection, ["cuff-1"])
        assert await replay(connection, keys) == RECORD_MAX + 1
        cursor = await connection.execute(
            'SELECT readings FROM journal_record WHERE shard = %s ORDER BY "offset" DESC LIMIT 2', [shard_of("cuff-1")]
        )
        assert [readings for (readings,) in await cursor.fetchall()] == [1, RECORD_MAX]
        assert (await ledger(connection)).balanced
