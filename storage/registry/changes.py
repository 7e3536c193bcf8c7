"""Registry changes reach the processor through the journal, in the transaction that makes them."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.journal.postgres import append_in
from vitals.identity import shard_of
from vitals.wire import encode_command


async def announce(
    connection: AsyncConnection[TupleRow], *, patients: Collection[str], devices: Collection[str] = ()
) -> None:
    """Appends a `registry-changed` command to the shard of every patient and device named (logical ids).

    The owner of each shard then reads the registry again and repairs what it said by the older one. Must be called
    inside the transaction of the change.
    """
    body = {"command": "registry-changed", "patients": sorted(patients), "devices": sorted(devices)}
    record = encode_command(body)
    await append_in(connection, {shard_of(name): record for name in (*patients, *devices)})
