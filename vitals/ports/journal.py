"""Port of the durable, ordered input. Contract suite: `tests/contract/test_journal.py`."""

from __future__ import annotations

from collections.abc import Mapping
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
