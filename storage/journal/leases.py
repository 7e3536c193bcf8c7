"""Who owns which shard on PostgreSQL: a lease by the database's clock, and an epoch that stops zombies."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import Self
from uuid import UUID

from storage.faults import database_faults
from storage.link import Link
from storage.sql import sql
from vitals.ports.journal import Lease

# A crashed owner's shards stand still for so long at most; a live one renews several times within it.
LEASE_S = 10.0


class PostgresLeases:
    """ShardLeases of one `owner`, new for each process start. Every method raises DatabaseTrouble."""

    def __init__(self, dsn: str, owner: UUID, *, lease_s: float = LEASE_S) -> None:
        self._link = Link(dsn, application_name="vitalstream leases")
        self._owner = owner
        self._lease_s = lease_s
        self._epochs: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.close()

    async def acquire(self, want: Collection[int]) -> dict[int, Lease]:
        """Takes those of the shards that no other live owner holds, ours again included: a new epoch each."""
        values = {"want": list(want), "owner": self._owner, "lease_s": self._lease_s}
        async with database_faults(), self._link.use() as connection:
            cursor = await connection.execute(sql("lease_acquire"), values)
            taken = {shard: Lease(epoch, next_offset) for shard, epoch, next_offset in await cursor.fetchall()}
        self._epochs.update((shard, lease.epoch) for shard, lease in taken.items())
        return taken

    async def renew(self, held: Collection[int]) -> frozenset[int]:
        """Prolongs the leases and says which are still ours, under the epoch of our last acquisition."""
        async with database_faults(), self._link.use() as connection:
            cursor = await connection.execute(sql("lease_renew"), self._values(held) | {"lease_s": self._lease_s})
            return frozenset(shard for (shard,) in await cursor.fetchall())

    async def release(self, held: Collection[int]) -> None:
        """Gives shards back at once; those that somebody else took meanwhile stay theirs."""
        async with database_faults(), self._link.use() as connection:
            await connection.execute(sql("lease_release"), self._values(held))
        for shard in held:
            self._epochs.pop(shard, None)

    def _values(self, held: Collection[int]) -> dict[str, object]:
        ours = [shard for shard in held if shard in self._epochs]
        return {"owner": self._owner, "shards": ours, "epochs": [self._epochs[shard] for shard in ours]}
