"""Rules as the processor loaded them, for pages that show limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Connection
from storage.faults import database_faults
from storage.sql import sql


@dataclass(frozen=True, slots=True)
class StoredRule:
    """One version of one rule; `definition` holds raise, clear, dwell and what else the page may show."""

    id: str
    version: int
    programme: str
    kind: str
    title: str
    metric: str
    unit: str
    priority: str
    source: str
    definition: dict[str, Any]


async def store_rules(connection: Connection, rules: Sequence[StoredRule]) -> None:
    """Adds versions that are not there yet; a stored version never changes. Raises DatabaseTrouble."""
    async with database_faults(), connection.transaction():
        for rule in rules:
            values = {name: getattr(rule, name) for name in StoredRule.__slots__}
            await connection.execute(sql("rule_insert"), values | {"definition": Jsonb(rule.definition)})
