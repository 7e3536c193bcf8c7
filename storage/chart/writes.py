"""What a transaction on the chart writes, in the order of its locks: shards, rows, alerts, journal heads."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql as compose

from storage.chart import ticks
from storage.chart.alert_rows import change_columns, upsert_columns
from storage.chart.copy_binary import DEVICE_STATUS, OBSERVATION, BinaryRows, encode_chart
from storage.chart.quarantine import replay_in
from storage.connection import Connection
from storage.journal.postgres import append_in
from storage.sql import sql
from storage.text import storable
from vitals.events import AlertChange
from vitals.identity import shard_of
from vitals.ports.chart import Columns, Effects, Quarantined, ShardLost, ShardProgress


async def move(connection: Connection, progress: Sequence[ShardProgress]) -> None:
    """Moves the shards' offsets and counts. Raises ShardLost with those whose epoch or offset is another."""
    values = {
        "shards": [p.shard for p in progress],
        "epochs": [p.epoch for p in progress],
        "expected": [p.expected for p in progress],
        "next_offsets": [p.next_offset for p in progress],
        "applied": [p.applied for p in progress],
        "duplicates": [p.duplicates for p in progress],
        "forwarded": [p.forwarded for p in progress],
    }
    cursor = await connection.execute(sql("chart_move"), values)
    moved = {shard for shard, _ in await cursor.fetchall()}
    lost = {p.shard for p in progress} - moved
    if lost:
        raise ShardLost(lost)


async def copy_rows(connection: Connection, table: str, layout: BinaryRows, rows: Columns) -> None:
    """COPY BINARY of rows (dtype OBSERVATION) into `table`."""
    if not len(rows):
        return
    statement = compose.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        compose.Identifier(table), compose.SQL(", ").join(map(compose.Identifier, layout.columns))
    )
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(encode_chart(layout, rows))


async def write_rest(connection: Connection, effects: Effects, engine_version: str) -> None:
    """Quarantine, alerts and records for other shards, in one round trip; journal heads are locked last."""
    if not (effects.quarantined or effects.alerts or effects.forward or effects.commands or effects.replayed):
        return
    async with connection.pipeline():
        if effects.quarantined:
            await _quarantine(connection, effects.quarantined)
        if effects.alerts:
            await _alerts(connection, effects.alerts, engine_version)
        if effects.commands or effects.replayed:
            # All heads at once: a record after the other would lock them in another order than appenders do.
            shards = {shard for shard, _ in effects.commands} | effects.forward.keys()
            shards |= {shard_of(row.device) for row in effects.replayed}
            await connection.execute(sql("journal_lock_heads"), {"shards": list(shards)})
        await append_in(connection, effects.forward)
        for shard, record in effects.commands:
            await append_in(connection, {shard: record})
    # Their shards are locked: they are this group's own.
    await replay_in(connection, [row.key for row in effects.replayed])


async def write(connection: Connection, effects: Effects, engine_version: str) -> None:
    """All effects of one group; the caller has made the partitions and commits."""
    await move(connection, effects.progress)
    await copy_rows(connection, "observation", OBSERVATION, effects.observations)
    await copy_rows(connection, "device_status", DEVICE_STATUS, effects.device_status)
    if effects.deadlines:
        await ticks.store(connection, effects.deadlines)
    await write_rest(connection, effects, engine_version)


async def _quarantine(connection: Connection, rows: Sequence[Quarantined]) -> None:
    values = {
        "devices": [storable(row.device) for row in rows],
        "reasons": [storable(row.reason) for row in rows],
        "messages": [storable(row.message) for row in rows],
        "received_us": [row.received_us for row in rows],
        "raws": [row.raw for row in rows],
        "records": [row.record for row in rows],
        "shards": [row.shard for row in rows],
        "offsets": [row.offset for row in rows],
        "rows": [row.row for row in rows],
    }
    await connection.execute(sql("chart_quarantine"), values)


async def _alerts(connection: Connection, changes: Sequence[AlertChange], engine_version: str) -> None:
    values = upsert_columns(changes)
    await connection.execute(sql("chart_upsert_alerts"), {**values, "engine_version": engine_version})
    await connection.execute(sql("chart_alert_changes"), change_columns(changes))
