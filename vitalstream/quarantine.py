"""What `vitalstream quarantine` shows of a row, and which rows it sends through the processor once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.chart.quarantine import QuarantineDetail, preview, quarantine_keys, quarantine_row, replay_in
from storage.connection import Connection
from storage.faults import database_faults
from storage.scope import Scope
from vitals import codes, wire
from vitals.reading import NONE, Reading

#: Rows that one transaction replays: it locks journal heads, which everything that comes in waits for.
BATCH = 200

#: The operator's shell sees the one organisation that this version has.
SCOPE = Scope(organisation=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NOT_DECODED = (
    "not-decoded",
    "its bytes could not be read as a reading, so there is nothing to replay: correct what the device sends and let "
    "it send again",
)


def _instant(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat()


def _value(reading: Reading) -> Any:
    texts = [value.text for value in reading.values]
    return dict(zip(codes.PRESSURE_PARTS, texts, strict=True)) if len(texts) > 1 else texts[0]


def detail_line(row: QuarantineDetail) -> dict[str, Any]:
    """One row as `quarantine show` prints it; values are decimal strings as sent, `reading` null when not decoded."""
    line: dict[str, Any] = {
        "key": row.key,
        "device": row.device,
        "reason": row.reason,
        "message": row.message,
        "received_at": row.received_at.isoformat(),
        "state": row.state,
        "raw_length": len(row.raw),
        "raw_hex": row.raw.hex(),
        "preview": preview(row.raw),
        "decoded": row.record is not None,
        "reading": None,
    }
    if row.record is not None:
        reading = wire.reading_of(wire.decode(row.record), 0)
        line["reading"] = {
            "metric": reading.metric,
            "value": _value(reading),
            "unit": reading.unit,
            "measured_at": _instant(reading.measured_us),
            "sequence": None if reading.sequence == NONE else reading.sequence,
            "flags": reading.flags.names,
        }
    return line


async def find(connection: Connection, key: int) -> QuarantineDetail | None:
    """The row with this key, open or replayed."""
    return await quarantine_row(connection, SCOPE, key)


def _refused(key: int, code: str, message: str) -> dict[str, Any]:
    return {"key": key, "replayed": False, "error": {"code": code, "message": message}}


async def replay_keys(connection: Connection, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Replays these rows; one line each, in the order given, with what stands against it where it can't be."""
    lines = {}
    for key in dict.fromkeys(keys):
        row = await find(connection, key)
        if row is None:
            lines[key] = _refused(key, "no-such-row", "there is no such row; look at `vitalstream quarantine list`")
        elif row.record is None:
            lines[key] = _refused(key, *_NOT_DECODED)
        else:
            lines[key] = await _replay_one(connection, key)
    return list(lines.values())


async def _replay_one(connection: Connection, key: int) -> dict[str, Any]:
    async with database_faults(), connection.transaction():
        moved = await replay_in(connection, [key])
    return {"key": key, "replayed": True} if moved else _refused(key, "not-open", "it was replayed before")


async def replay_all(connection: Connection, device: str | None) -> list[dict[str, Any]]:
    """Replays every row that is open now (of one device), oldest first; a line each, as `replay_keys`."""
    lines: list[dict[str, Any]] = []
    open_rows: list[tuple[int, bool]] = []
    # All keys first: a replayed reading that still has no place comes back as a new row, which must not be replayed
    # again and again.
    while part := await quarantine_keys(connection, SCOPE, device=device, after=open_rows[-1][0] if open_rows else 0):
        open_rows += part
    decoded = [key for key, has_reading in open_rows if has_reading]
    for first in range(0, len(decoded), BATCH):
        batch = decoded[first : first + BATCH]
        async with database_faults(), connection.transaction():
            await replay_in(connection, batch)
        lines += [{"key": key, "replayed": True} for key in batch]
    return lines + [_refused(key, *_NOT_DECODED) for key, has_reading in open_rows if not has_reading]
