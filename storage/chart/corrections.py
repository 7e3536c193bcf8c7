"""Marking a charted reading as wrong: a person's row, and the command that makes the processor act on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.journal.postgres import append_in
from storage.scope import Scope
from storage.sql import sql
from storage.text import storable
from vitals.identity import shard_of
from vitals.wire import encode_command

#: Why a reading is wrong.
Reason = Literal["artefact", "wrong-patient", "wrong-value", "device-fault", "other"]


@dataclass(frozen=True, slots=True)
class Correction:
    """A reading that a person marked as wrong, when (UTC microseconds), and whose reading it is (key)."""

    observation: UUID
    patient: int
    reason: Reason
    note: str | None
    by: str
    at_us: int


class AlreadyMarked(Exception):
    """The reading was marked before; `first` says by whom."""

    def __init__(self, first: Correction) -> None:
        super().__init__("the reading is marked as wrong already")
        self.first = first


async def mark_wrong(
    connection: AsyncConnection[TupleRow], scope: Scope, observation: UUID, reason: Reason, note: str | None, actor: str
) -> Correction | None:
    """Marks the reading as wrong and tells the processor, in one transaction; None when the scope doesn't cover it.

    The chart changes when the processor gets there. Raises AlreadyMarked to everybody but the first.
    """
    async with connection.transaction():
        cursor = await connection.execute(sql("observation_patient"), {**scope.parameters, "id": observation})
        row = await cursor.fetchone()
        if row is None:
            return None
        key, patient = row
        values = {
            "observation": observation,
            "patient": key,
            "reason": reason,
            "note": None if note is None else storable(note),
            "actor": actor,
        }
        cursor = await connection.execute(sql("insert_correction"), values)
        first = await cursor.fetchone() is not None
        cursor = await connection.execute(sql("correction_of"), {"observation": observation})
        row = await cursor.fetchone()
        assert row is not None
        correction = Correction(*row)
        if not first:
            raise AlreadyMarked(correction)
        command = {"command": "correction", "observation": str(observation), "patient": patient}
        await append_in(connection, {shard_of(patient): encode_command(command)})
    return correction
