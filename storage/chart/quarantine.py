"""What could not be charted, for people: listed, shown with its raw bytes, and sent through the processor once more."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from storage.connection import Connection
from storage.faults import database_faults
from storage.journal.postgres import append_in
from storage.scope import Scope
from storage.sql import sql
from vitals import wire
from vitals.identity import shard_of
from vitals.ports.chart import Kept

LIST_MAX = 500  # a page; the next one starts after its last key

# A JSON reading has about 100 bytes, a GATT frame 20; an HL7 message shows its first segments.
PREVIEW_BYTES = 512

# Readings of one journal record, as of those that the gateway appends.
RECORD_MAX = 5_000

_NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One open row. `preview` is text where the first bytes are, else hex; `decoded` rows can be replayed."""

    key: int
    device: str
    reason: str
    message: str
    received_at: datetime
    raw_length: int
    preview: str
    decoded: bool


@dataclass(frozen=True, slots=True)
class QuarantineDetail:
    """One row, open or replayed. `record` is its decoded reading as a one-row journal record."""

    key: int
    device: str
    reason: str
    message: str
    received_at: datetime
    raw: bytes
    record: bytes | None
    state: str


async def quarantine_list(
    connection: Connection, scope: Scope, *, limit: int = 100, before: int | None = None
) -> list[QuarantineRow]:
    """At most `limit` (1 to 500) open rows of the scope's organisation, newest first, below key `before`.

    Rows belong to no patient yet, so team and patient of the scope do not narrow them: callers show the list
    to staff only. Raises DatabaseTrouble.
    """
    values = {
        "organisation": scope.organisation,
        "before": _NEWEST if before is None else before,
        "limit": max(1, min(limit, LIST_MAX)),
        "preview_bytes": PREVIEW_BYTES,
    }
    async with database_faults():
        rows = await (await connection.execute(sql("quarantine_list"), values)).fetchall()
    return [
        QuarantineRow(key, device, reason, message, received_at, length, preview(bytes(start)), decoded)
        for key, device, reason, message, received_at, length, start, decoded in rows
    ]


async def quarantine_row(connection: Connection, scope: Scope, key: int) -> QuarantineDetail | None:
    """One row of the scope's organisation, with all its bytes; None when there is none. Raises DatabaseTrouble."""
    values = {"organisation": scope.organisation, "key": key}
    async with database_faults():
        found = await (await connection.execute(sql("quarantine_row"), values)).fetchone()
    if found is None:
        return None
    key, device, reason, message, received_at, _, raw, record, state = found
    decoded = None if record is None else bytes(record)
    return QuarantineDetail(key, device, reason, message, received_at, bytes(raw), decoded, state)


async def quarantine_keys(
    connection: Connection, scope: Scope, *, device: str | None = None, after: int = 0
) -> list[tuple[int, bool]]:
    """At most 500 open rows of a device (None: of all) above key `after`, oldest first: (key, whether it is decoded).

    Raises DatabaseTrouble.
    """
    values = {"organisation": scope.organisation, "device": device, "after": after, "limit": LIST_MAX}
    async with database_faults():
        rows = await (await connection.execute(sql("quarantine_selected"), values)).fetchall()
    return [(key, decoded) for key, decoded in rows]


# ---------------------------------------------------------------- once more through the processor


async def replayable_keys(connection: Connection, devices: Collection[str]) -> list[int]:
    """Open, decoded rows of these devices (ids) that wait for a binding: kept as `no-binding`, `unknown-device` or
    `time-uncertain`. Raises psycopg.Error.
    """
    cursor = await connection.execute(sql("quarantine_replayable"), {"devices": list(devices)})
    return [key for (key,) in await cursor.fetchall()]


async def kept(connection: Connection, devices: Collection[str], shards: Collection[int], limit: int) -> list[Kept]:
    """At most `limit` open, decoded rows of these devices that were applied in these shards and wait for a (proven)
    binding, the newest first. Raises psycopg.Error.
    """
    values = {"devices": list(devices), "shards": list(shards), "limit": limit}
    cursor = await connection.execute(sql("quarantine_kept"), values)
    return [Kept(key, device, reason, bytes(record)) for key, device, reason, record in await cursor.fetchall()]


async def replay_in(connection: Connection, keys: Collection[int], *, beside: Collection[int] = ()) -> int:
    """Appends the readings of open rows to the shards of their devices, in the caller's transaction; how many.

    A row moves once: one that is replayed already, that holds no decoded reading, or of which a patient said that it is
    somebody else's is passed over. Locks shards, rows
    and heads in that order, as the processor does; `beside` are shards that the caller appends to afterwards in this
    transaction: their heads are locked here, so that two such transactions can't wait for each other.
    Raises psycopg.Error.
    """
    if not keys:
        return 0
    chosen = {"keys": list(keys)}
    await connection.execute(sql("quarantine_shards"), chosen)
    moved = await (await connection.execute(sql("quarantine_replay"), chosen)).fetchall()
    by_shard: dict[int, list[bytes]] = {}
    for _, device, record in moved:
        by_shard.setdefault(shard_of(device), []).append(bytes(record))
    if beside:
        await connection.execute(sql("journal_lock_heads"), {"shards": sorted({*by_shard, *beside})})
    # The first round locks the heads of all shards, in order; later ones bring what is too much for one record.
    while by_shard:
        await append_in(connection, {shard: _merged(rest[:RECORD_MAX]) for shard, rest in by_shard.items()})
        by_shard = {shard: rest[RECORD_MAX:] for shard, rest in by_shard.items() if len(rest) > RECORD_MAX}
    return len(moved)


def _merged(records: Sequence[bytes]) -> bytes:
    """Records of readings as one record, in the same order."""
    texts: dict[str, int] = {"": 0}
    parts = []
    raw = bytearray()
    for one in map(wire.decode, records):
        columns = one.columns.copy()
        index = np.array([texts.setdefault(text, len(texts)) for text in one.strings], np.uint32)
        for field in ("device", "gateway", "reason", "message"):
            columns[field] = index[columns[field]]
        columns["raw_start"] += len(raw)
        raw += one.raw
        parts.append(columns)
    return wire.encode_columns(np.concatenate(parts), tuple(texts), bytes(raw))


def preview(raw: bytes) -> str:
    """Printable UTF-8 as text (a character cut off at the end is left out), anything else as hex."""
    try:
        text = getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return raw.hex()
    printable = all(character.isprintable() or character in "\t\r\n" for character in text)
    return text if text and printable else raw.hex()
