"""The ledger: received = stored + duplicates + quarantined + pending, read in one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from storage.connection import Connection
from storage.faults import database_faults
from storage.sql import sql
from vitals.ports.chart import IdentityKey

# Enough to see a pattern; `doctor` needs to know that there is one, not all of them.
IDENTITIES_TWICE_MAX = 20


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts of readings, cumulative since the installation's first.

    `inconsistent` names shards whose counts can't be true (more applied than appended, an offset beyond the
    head, pending records that hold another number of readings than the counts say); none when all is well.
    """

    received: int
    stored: int
    duplicates: int
    quarantined: int
    pending: int
    refused: int
    inconsistent: tuple[int, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether every reading received is accounted for."""
        return self.received == self.stored + self.duplicates + self.quarantined + self.pending

    def as_json(self) -> dict[str, int | bool]:
        """What the command `ledger` prints."""
        counts = asdict(self)
        del counts["inconsistent"]
        return {**counts, "balanced": self.balanced}


async def ledger(connection: Connection) -> Ledger:
    """Reads all counts in one snapshot, on a connection in autocommit. Raises DatabaseTrouble."""
    async with _snapshot(connection):
        shards = await (await connection.execute(sql("ledger_shards"))).fetchall()
        stored, quarantined, refused = [
            await _number(connection, name) for name in ("ledger_stored", "ledger_quarantined", "ledger_refused")
        ]
    appended, applied, duplicates, forwarded = (sum(row[column] for row in shards) for column in range(1, 5))
    return Ledger(
        received=appended - forwarded,
        stored=stored,
        duplicates=duplicates,
        quarantined=quarantined,
        pending=appended - applied,
        refused=refused,
        inconsistent=tuple(row[0] for row in shards if not row[5]),
    )


async def identities_charted_twice(connection: Connection) -> list[IdentityKey]:
    """Identities with several rows that aren't entered in error, at most 20: there must be none.

    Reads the whole chart. Raises DatabaseTrouble.
    """
    async with _snapshot(connection):
        cursor = await connection.execute(sql("identities_charted_twice"), {"limit": IDENTITIES_TWICE_MAX})
        return [(device, metric, time, seq) for device, metric, time, seq in await cursor.fetchall()]


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[None]:
    async with database_faults(), connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def _number(connection: Connection, name: str) -> int:
    row = await (await connection.execute(sql(name))).fetchone()
    assert row is not None  # an aggregate without GROUP BY always has one row
    return int(row[0])
