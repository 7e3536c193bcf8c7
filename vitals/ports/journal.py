"""Port of the durable, ordered input. Contract suite: `tests/contract/test_journal.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One record at its place: offsets are gapless per shard, from 0."""

    shard: int
    offset: int
    payload: bytes


class JournalAppender(Protocol):
    """Makes records durable."""

    async def append(self, records: Mapping[int, bytes]) -> None:
        """Makes a group durable with one commit: `{shard: encoded record}`. Returns after it is durable.

        Raises PartnerError when nothing was made durable or when that is unknown: the caller must not acknowledge.
        """
        ...


class JournalReader(Protocol):
    """Delivers records in order of their shard's offsets."""

    async def read(self, after: Mapping[int, int], limit_bytes: int) -> list[JournalRecord]:
        """Records with an offset at or above `after[shard]`, in shard and offset order, about `limit_bytes` of them."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Returns when something may have been appended, or after `timeout_s`."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """Ownership of one shard: a zombie with an older epoch can't move its offset. `next_offset` is where to go on."""

    epoch: int
    next_offset: int


class ShardLeases(Protocol):
    """Who owns which shard; times by the store's clock."""

    async def acquire(self, want: Collection[int]) -> dict[int, Lease]:
        """Takes those of the shards that no other live owner holds, each with a new epoch."""
        ...

    async def renew(self, held: Collection[int]) -> frozenset[int]:
        """Prolongs the leases and says which shards are still ours."""
        ...

    async def release(self, held: Collection[int]) -> None:
        """Gives shards back at once."""
        ...
