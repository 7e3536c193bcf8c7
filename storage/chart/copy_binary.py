"""PostgreSQL's COPY BINARY format made and read by numpy: fixed-width rows, none of them null.

Format (PostgreSQL documentation, COPY, "Binary Format"): an 11-byte signature, int32 flags, int32 length of
the header's extension; then for each row an int16 count of fields and for each field an int32 length and its
bytes, all big endian; at the end an int16 of -1. A timestamptz is an int8: microseconds since 2000-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vitals.errors import InternalError

Array = np.ndarray[Any, np.dtype[Any]]

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

#: 2000-01-01T00:00:00Z in microseconds since 1970: PostgreSQL's epoch.
EPOCH_US = 946_684_800_000_000

#: Big-endian numpy forms of the column types used.
UUID, INT2, INT4, INT8, FLOAT8 = "V16", ">i2", ">i4", ">i8", ">f8"


class BinaryRows:
    """Rows of the given `{column: numpy form}` in COPY BINARY."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        fields: list[tuple[str, str]] = [("#fields", INT2)]
        for name, form in columns.items():
            fields += [(f"#{name}", INT4), (name, form)]
        self.columns = tuple(columns)
        self._dtype = np.dtype(fields)
        self._lengths = [(f"#{name}", np.dtype(form).itemsize) for name, form in columns.items()]

    def encode(self, count: int, values: Mapping[str, Array]) -> bytes:
        """`count` rows with header and trailer; `values` has an array of that length for each column."""
        rows = np.empty(count, self._dtype)
        rows["#fields"] = len(self.columns)
        for name, length in self._lengths:
            rows[name] = length
        for name in self.columns:
            rows[name] = values[name]
        return b"".join((HEADER, rows.tobytes(), TRAILER))

    def decode(self, copied: bytes) -> Array:
        """The rows of a whole COPY as a structured array; raises InternalError for another layout."""
        body = memoryview(copied)[len(HEADER) : len(copied) - len(TRAILER)]
        if not copied.startswith(HEADER) or not copied.endswith(TRAILER) or len(body) % self._dtype.itemsize:
            raise InternalError("COPY answered with another layout than the query should have: the schema does not fit")
        rows = np.frombuffer(body, self._dtype)
        same = rows["#fields"] == len(self.columns)
        for name, length in self._lengths:
            same &= rows[name] == length
        if not same.all():
            raise InternalError(
                "COPY answered with nulls or other types than the query should have: the schema does not fit"
            )
        return rows


_THREE = (1, 2, 3)
_VALUES = {f"value_{i}": FLOAT8 for i in _THREE}
_DECIMALS = {f"decimals_{i}": INT2 for i in _THREE}
_ABSENT = {f"absent_{i}": INT2 for i in _THREE}
_PLACE = {"shard": INT2, "journal_offset": INT8, "journal_row": INT4}

#: Columns of `observation` that a writer fills; the rest have defaults.
OBSERVATION = BinaryRows(
    {
        "id": UUID,
        **dict.fromkeys(("patient", "device", "gateway"), INT4),
        **dict.fromkeys(("metric", "unit", "values", "source"), INT2),
        "flags": INT4,
        **dict.fromkeys(("measured_at", "received_at", "device_time_ns", "sequence", "clock_offset_us"), INT8),
        "utc_offset_min": INT2,
        **_VALUES,
        **_DECIMALS,
        **_ABSENT,
        **_PLACE,
    }
)
DEVICE_STATUS = BinaryRows(
    {
        "id": UUID,
        "patient": INT4,
        "device": INT4,
        "metric": INT2,
        "unit": INT2,
        "flags": INT4,
        **dict.fromkeys(("measured_at", "received_at", "device_time_ns", "sequence"), INT8),
        "value_1": FLOAT8,
        "decimals_1": INT2,
        "absent_1": INT2,
        **_PLACE,
    }
)
#: What the query `chart_history` answers.
HISTORY = BinaryRows(
    {
        "id": UUID,
        "patient": INT4,
        "device": INT4,
        **dict.fromkeys(("metric", "unit", "values"), INT2),
        "flags": INT4,
        **dict.fromkeys(("measured_at", "received_at", "sequence"), INT8),
        **_VALUES,
        **_DECIMALS,
        **_ABSENT,
    }
)


def encode_chart(layout: BinaryRows, rows: Array) -> bytes:
    """Rows of dtype `vitals.ports.chart.OBSERVATION` for COPY into the table of `layout`."""
    special: dict[str, Array] = {
        "measured_at": rows["measured_us"] - EPOCH_US,
        "received_at": rows["received_us"] - EPOCH_US,
    }
    for place in _THREE:
        for field in ("value", "decimals", "absent"):
            special[f"{field}_{place}"] = rows[field][:, place - 1]
    return layout.encode(len(rows), {name: special[name] if name in special else rows[name] for name in layout.columns})
