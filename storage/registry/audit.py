"""Audit rows: who read or wrote what of whom, and what came of it. Append-only, one row a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.registry.accounts import Actor
from storage.sql import sql
from storage.text import storable

Action = Literal["read", "search", "write", "sign-in", "sign-out"]
Outcome = Literal["ok", "refused", "not-found", "conflict", "failed"]

#: Who asks before anybody signed in.
NOBODY = Actor("nobody", "patient", 1, None, None, None)

_RESOURCE_CHARS_MAX = 200  # kind and id; paths of strangers are cut


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One request. `resource` is a kind of thing and its id (`Alert/…`), never a value; `patient` a patient's key."""

    actor: str
    role: str
    organisation: int
    action: Action
    resource: str
    outcome: Outcome
    patient: int | None = None


async def record(connection: AsyncConnection[TupleRow], row: AuditRow) -> None:
    """Appends one row; inside a transaction it stands or falls with what it tells of."""
    values = {
        "actor": row.actor,
        "role": row.role,
        "organisation": row.organisation,
        "action": row.action,
        "resource": storable(row.resource)[:_RESOURCE_CHARS_MAX],
        "outcome": row.outcome,
        "patient": row.patient,
    }
    await connection.execute(sql("insert_audit"), values)
