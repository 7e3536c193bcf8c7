"""The device that values entered by hand come from: one for each patient, which nobody can sign in as."""

from __future__ import annotations

from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.journal.postgres import append_in
from storage.sql import sql
from vitals.identity import shard_of

#: No registered device's id starts so.
MANUAL_PREFIX: Final = "manual-"


def manual_device_id(patient: int) -> str:
    """The device of a patient's (key) values that were entered by hand."""
    return f"{MANUAL_PREFIX}{patient}"


async def ensure_manual_device(connection: AsyncConnection[TupleRow], patient: int, *, author: str) -> str:
    """The patient's device for values entered by hand, made at first use; call it inside a transaction.

    Bound to the patient (a key) for all time and revoked: its readings are attributed, but no password signs it in.
    """
    device = manual_device_id(patient)
    values = {"id": device, "patient": patient, "author": author}
    await connection.execute(sql("insert_manual_device"), values)
    # Its own statement: who made the device at the same moment has bound it by now.
    await connection.execute(sql("insert_manual_binding"), values)
    return device


async def append_manual(connection: AsyncConnection[TupleRow], patient: str, record: bytes) -> None:
    """Appends a record of values entered by hand to the shard of the patient (logical id), in the caller's transaction.

    When that commits they are durable, whatever the server's default is.
    """
    await connection.execute(sql("commit_durably"))
    await append_in(connection, {shard_of(patient): record})
