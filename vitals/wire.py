"""Journal records: columns of many readings in a versioned envelope.

Layout (little endian): magic `VSJ`, version u8, kind u8, three zero bytes, reading count u32, string table length u32,
raw bytes length u32, then the string table (JSON list), the columns (`READING`, one row a reading) and the raw bytes.

A row with `reason` set is a payload that could not become a reading: it goes to quarantine with its raw bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from vitals import codes, units
from vitals.errors import InternalError
from vitals.reading import NONE, Absent, Flag, Reading, Source, Value

MAGIC = b"VSJ"
VERSION = 1
_HEAD = struct.Struct("<3sBB3xIII")

#: One row a reading. Strings are indices into the record's string table; 0 is the empty string.
READING = np.dtype(
    [
        ("device", "<u4"),  # string index
        ("gateway", "<u4"),  # string index
        ("metric", "<u2"),  # number of the code table, 0 when unknown
        ("unit", "<u2"),  # number of the unit table, 0 when unknown
        ("reason", "<u4"),  # string index of the quarantine reason, 0 for a reading
        ("message", "<u4"),  # string index: the same for people
        ("value", "<f8", (3,)),
        ("decimals", "u1", (3,)),
        ("absent", "u1", (3,)),  # vitals.reading.Absent; unused places hold UNKNOWN
        ("values", "u1"),  # 1 or 3
        ("source", "u1"),
        ("utc_offset_min", "<i2"),
        ("flags", "<u4"),
        ("device_time_ns", "<i8"),
        ("sequence", "<i8"),
        ("measured_us", "<i8"),
        ("received_us", "<i8"),
        ("offset_us", "<i8"),
        ("earliest_us", "<i8"),
        ("latest_us", "<i8"),
        ("raw_start", "<u4"),
        ("raw_length", "<u4"),
    ]
)

#: One row of READING as bytes: packing at once costs a third of collecting tuples for numpy.
_ROW = struct.Struct("<IIHHII3d3B3BBBhIqqqqqqqII")
_UNKNOWN = int(Absent.UNKNOWN)


class Kind(IntEnum):
    """What a record holds."""

    READINGS = 0
    COMMAND = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One decoded journal record. `columns` has dtype READING; a command has no rows and a JSON body."""

    kind: Kind
    columns: np.ndarray[Any, np.dtype[np.void]]
    strings: tuple[str, ...]
    raw: bytes

    def raw_of(self, row: int) -> bytes:
        """The bytes that row came from."""
        start = int(self.columns["raw_start"][row])
        return self.raw[start : start + int(self.columns["raw_length"][row])]

    @property
    def command(self) -> dict[str, Any]:
        """Body of a command record: `{"command": ..., ...}`."""
        body: dict[str, Any] = json.loads(self.raw)
        return body


@dataclass(frozen=True, slots=True)
class Rejected:
    """A payload that could not become a reading: kept with its reason. It counts as one in the ledger."""

    device: str
    reason: str
    message: str
    received_us: int


class RecordBuilder:
    """Collects readings and rejected payloads of one shard into one record. Not thread-safe; used once."""

    def __init__(self, gateway: str) -> None:
        self._strings: dict[str, int] = {"": 0}
        self._gateway = self._string(gateway)
        self._rows: list[bytes] = []
        self._raw: list[bytes] = []
        self._raw_length = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def raw_length(self) -> int:
        """Bytes of raw payloads so far; callers bound it."""
        return self._raw_length

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def raw(self, payload: bytes) -> tuple[int, int]:
        """Keeps the bytes of one payload; pass the result to the rows that came from it."""
        place = (self._raw_length, len(payload))
        self._raw.append(payload)
        self._raw_length += len(payload)
        return place

    def reading(self, reading: Reading, raw: tuple[int, int]) -> None:
        """Adds one reading; its metric and unit must be known (UnknownMetric, UnknownUnit otherwise)."""
        values = reading.values
        if len(values) == 1:
            only = values[0]
            parts: tuple[float, ...] = (only.number, 0.0, 0.0, only.decimals, 0, 0, only.absent, _UNKNOWN, _UNKNOWN, 1)
        else:
            x, y, z = values
            parts = (x.number, y.number, z.number, x.decimals, y.decimals, z.decimals, x.absent, y.absent, z.absent, 3)
        self._rows.append(
            _ROW.pack(
                self._string(reading.device),
                self._gateway,
                codes.metric(reading.metric).number,
                units.unit(reading.unit).number,
                0,
                0,
                *parts,
                reading.source,
                reading.utc_offset_min,
                reading.flags,
                reading.device_time_ns,
                reading.sequence,
                reading.measured_us,
                reading.received_us,
                reading.offset_us,
                reading.earliest_us,
                reading.latest_us,
                *raw,
            )
        )

    def rejected(self, rejected: Rejected, raw: tuple[int, int]) -> None:
        """Adds one payload that could not become a reading."""
        at = rejected.received_us
        reason, message = self._string(rejected.reason), self._string(rejected.message)
        nothing = (0.0, 0.0, 0.0, 0, 0, 0, _UNKNOWN, _UNKNOWN, _UNKNOWN, 1)
        device = self._string(rejected.device)
        head = (device, self._gateway, 0, 0, reason, message)
        times = (NONE, NONE, at, at, 0, at, at)
        self._rows.append(_ROW.pack(*head, *nothing, Source.DEVICE, 0, 0, *times, *raw))

    def encode(self) -> bytes:
        """The finished record."""
        return _envelope(len(self._rows), tuple(self._strings), b"".join(self._rows), b"".join(self._raw))


def encode_columns(columns: np.ndarray[Any, np.dtype[np.void]], strings: tuple[str, ...], raw: bytes) -> bytes:
    """A readings record from finished columns (forwarding to another shard)."""
    return _envelope(len(columns), strings, columns.tobytes(), raw)


def _envelope(count: int, strings: tuple[str, ...], rows: bytes, raw: bytes) -> bytes:
    table = json.dumps(strings, ensure_ascii=False, separators=(",", ":")).encode()
    head = _HEAD.pack(MAGIC, VERSION, Kind.READINGS, count, len(table), len(raw))
    return b"".join((head, table, rows, raw))


def encode_command(body: dict[str, Any]) -> bytes:
    """A command record: no readings, one JSON object with a `command` key."""
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return _HEAD.pack(MAGIC, VERSION, Kind.COMMAND, 0, 2, len(raw)) + b"[]" + raw


def decode(record: bytes) -> Record:
    """Reads one record; raises InternalError when it isn't one (the journal holds only what we encoded)."""
    if len(record) < _HEAD.size:
        raise InternalError(f"journal record of {len(record)} bytes is shorter than its head: the journal is damaged")
    magic, version, kind, count, table_length, raw_length = _HEAD.unpack_from(record)
    if magic != MAGIC or version != VERSION:
        raise InternalError(
            f"journal record has version {version}, this program reads {VERSION}: run the newer program"
        )
    columns_at = _HEAD.size + table_length
    raw_at = columns_at + count * READING.itemsize
    if len(record) != raw_at + raw_length:
        raise InternalError("journal record does not have the length that its head says: the journal is damaged")
    columns = np.frombuffer(record, dtype=READING, count=count, offset=columns_at)
    strings = tuple(json.loads(record[_HEAD.size : columns_at]))
    return Record(Kind(kind), columns, strings, record[raw_at:])


def count_of(record: bytes) -> int:
    """Readings in an encoded record, from its head alone."""
    return int(_HEAD.unpack_from(record)[3])


def reading_of(record: Record, row: int) -> Reading:
    """One row as an edge object; for tools and tests, not for the hot path."""
    line = record.columns[row]
    metric = codes.by_number()[int(line["metric"])]
    values = tuple(
        Value(float(line["value"][i]), int(line["decimals"][i]), Absent(int(line["absent"][i])))
        for i in range(int(line["values"]))
    )
    return Reading(
        device=record.strings[int(line["device"])],
        metric=metric.key,
        values=values,
        unit=units.by_number(int(line["unit"])).code,
        measured_us=int(line["measured_us"]),
        received_us=int(line["received_us"]),
        device_time_ns=int(line["device_time_ns"]),
        sequence=int(line["sequence"]),
        offset_us=int(line["offset_us"]),
        utc_offset_min=int(line["utc_offset_min"]),
        earliest_us=int(line["earliest_us"]),
        latest_us=int(line["latest_us"]),
        flags=Flag(int(line["flags"])),
        source=Source(int(line["source"])),
    )
