"""Journal records of many shards, laid side by side as columns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitals import wire
from vitals.errors import InternalError
from vitals.ports.journal import JournalRecord

Ints = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Columns = np.ndarray[Any, np.dtype[np.void]]


@dataclass(frozen=True, slots=True)
class Span:
    """What one shard contributes: offsets [expected, next_offset) and how many readings they hold."""

    shard: int
    expected: int
    next_offset: int
    readings: int


@dataclass(frozen=True, slots=True)
class Order:
    """A command record at its place; `body` is its JSON as it came."""

    shard: int
    offset: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of all records in order of (shard, offset, row).

    `columns` has dtype wire.READING, its `device` and `gateway` pointing into `names`; `record` is each row's record,
    `row` its place there. `commands` are in the same order. They may be obeyed before the readings: these are
    attributed by the registry as it is now, and a command speaks of what was charted in an earlier group.
    """

    columns: Columns
    names: tuple[str, ...]
    record: Ints
    row: Ints
    shard: Ints
    offset: Ints
    records: tuple[wire.Record, ...]
    spans: tuple[Span, ...]
    commands: tuple[Order, ...]

    def raw_of(self, index: int) -> bytes:
        """The payload that row came from."""
        return self.records[int(self.record[index])].raw_of(int(self.row[index]))

    def text_of(self, index: int, field: str) -> str:
        """A string column (`reason`, `message`) of one row."""
        record = self.records[int(self.record[index])]
        return record.strings[int(record.columns[field][int(self.row[index])])]

    def extract(self, rows: Ints) -> bytes:
        """These rows as one journal record with their raw bytes: for forwarding and for replay from quarantine."""
        columns = self.columns[rows].copy()
        texts: dict[str, int] = {"": 0}
        raw = bytearray()
        for place, index in enumerate(rows.tolist()):
            payload = self.raw_of(index)
            columns["device"][place] = texts.setdefault(self.names[int(self.columns["device"][index])], len(texts))
            columns["gateway"][place] = texts.setdefault(self.names[int(self.columns["gateway"][index])], len(texts))
            columns["raw_start"][place] = len(raw)
            raw += payload
        return wire.encode_columns(columns, tuple(texts), bytes(raw))


def _spans(records: Sequence[JournalRecord]) -> tuple[Span, ...]:
    spans: dict[int, Span] = {}
    for record in records:
        before = spans.get(record.shard)
        if before is not None and record.offset != before.next_offset:
            raise InternalError(f"shard {record.shard} jumps from offset {before.next_offset} to {record.offset}")
        first = record.offset if before is None else before.expected
        readings = wire.count_of(record.payload) + (0 if before is None else before.readings)
        spans[record.shard] = Span(record.shard, first, record.offset + 1, readings)
    return tuple(spans[shard] for shard in sorted(spans))


def lay_out(records: Sequence[JournalRecord]) -> Group:
    """Decodes records (in shard and offset order) into one Group; raises InternalError for a damaged record."""
    names: dict[str, int] = {}
    parts: list[Columns] = []
    decoded: list[wire.Record] = []
    places: list[tuple[int, int, int]] = []  # record index, shard, offset
    commands: list[Order] = []
    for record in records:
        one = wire.decode(record.payload)
        if one.kind is wire.Kind.COMMAND:
            commands.append(Order(record.shard, record.offset, one.raw))
            continue
        index = np.fromiter((names.setdefault(text, len(names)) for text in one.strings), np.uint32, len(one.strings))
        columns = one.columns.copy()
        columns["device"] = index[columns["device"]]
        columns["gateway"] = index[columns["gateway"]]
        places.append((len(decoded), record.shard, record.offset))
        decoded.append(one)
        parts.append(columns)
    lengths = [len(part) for part in parts]
    place = np.repeat(np.array(places, dtype=np.int64).reshape(-1, 3), lengths, axis=0)
    row = np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]) if lengths else np.empty(0, np.int64)
    return Group(
        columns=np.concatenate(parts) if parts else np.empty(0, wire.READING),
        names=tuple(names),
        record=place[:, 0],
        row=row,
        shard=place[:, 1],
        offset=place[:, 2],
        records=tuple(decoded),
        spans=_spans(records),
        commands=tuple(commands),
    )


def texts(names: tuple[str, ...], indices: Ints) -> Collection[str]:
    """The distinct strings behind an index column."""
    return {names[i] for i in np.unique(indices).tolist()}
