"""Registry changes reach the processor through the journal, in the transaction that makes them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.journal.postgres import append_in
from vitals.identity import shard_of
from vitals.wire import encode_command

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def announce(
    connection: AsyncConnection[TupleRow],
    *,
    patients: Collection[str],
    devices: Collection[str] = (),
    since: datetime | None = None,
) -> None:
    """Appends a `registry-changed` command to the shard of every patient and device named (logical ids).

    `since` is the earliest measured time for which anything changed; None, for all times, costs a look at all that was
    charted. With `devices` it is their bindings that changed (name the patients who had them before, too), else what
    is known of the patients. The owner of each shard then reads the registry again and repairs what it said by the
    older one. Must be called inside the transaction of the change.
    """
    body: dict[str, Any] = {"command": "registry-changed", "patients": sorted(patients), "devices": sorted(devices)}
    if since is not None:
        body["since_us"] = (since - _EPOCH) // timedelta(microseconds=1)
    record = encode_command(body)
    await append_in(connection, {shard_of(name): record for name in (*patients, *devices)})
