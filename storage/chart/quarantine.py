"""What could not be charted, for people: newest first, with its reason and the beginning of its raw bytes."""

from __future__ import annotations

from codecs import getincrementaldecoder
from dataclasses import dataclass
from datetime import datetime

from storage.connection import Connection
from storage.faults import database_faults
from storage.scope import Scope
from storage.sql import sql

LIST_MAX = 500  # a page; the next one starts after its last key

# A JSON reading has about 100 bytes, a GATT frame 20; an HL7 message shows its first segments.
PREVIEW_BYTES = 512

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


def preview(raw: bytes) -> str:
    """Printable UTF-8 as text (a character cut off at the end is left out), anything else as hex."""
    try:
        text = getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return raw.hex()
    printable = all(character.isprintable() or character in "\t\r\n" for character in text)
    return text if text and printable else raw.hex()
