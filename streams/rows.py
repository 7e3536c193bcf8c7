"""From attributed, new readings to rows of the chart and samples for the rules. Pure and columnar."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from functools import cache

import numpy as np

from streams.group import Columns, Ints
from vitals import codes
from vitals.events import SAMPLE, Samples
from vitals.ports.chart import OBSERVATION
from vitals.reading import Absent, Flag
from vitals.samples import convert_values, mark_contact

_COPIED = (
    "metric",
    "unit",
    "values",
    "source",
    "flags",
    "measured_us",
    "received_us",
    "device_time_ns",
    "sequence",
    "utc_offset_min",
    "value",
    "decimals",
    "absent",
)


def _ids(rows: Columns, device: list[str], patient: list[str]) -> bytes:
    """Observation ids, 16 bytes a row: vitals.identity.observation_id with the constant parts made once a series."""
    tails = np.stack((rows["device_time_ns"], rows["sequence"]), axis=1).astype(">i8").view("V16").ravel().tolist()
    metrics = codes.by_number()

    @cache
    def parts(dev: str, number: int, pat: str) -> tuple[bytes, bytes]:
        d, m = dev.encode(), metrics[number].key.encode()
        return struct.pack(">HH", len(d), len(m)) + d + m, b"\x00" + pat.encode()

    series = map(parts, device, rows["metric"].tolist(), patient)
    sha256 = hashlib.sha256
    return b"".join([sha256(head + tail + end).digest()[:16] for (head, end), tail in zip(series, tails, strict=True)])


def observations(
    rows: Columns,
    *,
    device: Ints,
    patient: Ints,
    gateway: Ints,
    place: tuple[Ints, Ints, Ints],
    names: tuple[list[str], list[str]],
) -> Columns:
    """Rows of dtype OBSERVATION. `place` is (shard, offset, row) in the journal, `names` (device ids, patient ids)."""
    out = np.zeros(len(rows), OBSERVATION)
    for field in _COPIED:
        out[field] = rows[field]
    out["clock_offset_us"] = rows["offset_us"]
    out["device"], out["patient"], out["gateway"] = device, patient, gateway
    out["shard"], out["journal_offset"], out["journal_row"] = place
    # An absent value is NaN in memory; the chart holds 0 beside the reason, so that no reader averages a NaN.
    out["value"][out["absent"] != Absent.PRESENT] = 0.0
    if len(rows):
        out["id"] = np.frombuffer(_ids(rows, *names), dtype="V16")
    return out


def samples(charted: Columns, status: Columns) -> Samples:
    """What rules look at: one sample a present value, a blood pressure up to three (components 1 to 3).

    Device status counts for the patient whom it was attributed to.
    """
    if len(status):
        charted = np.concatenate((charted, status[status["patient"] != 0]))
    parts = []
    for place in range(3):
        rows = charted[(charted["values"] > place) & (charted["absent"][:, place] == Absent.PRESENT)]
        part = np.zeros(len(rows), SAMPLE)
        for field in ("patient", "device", "metric", "unit", "flags", "measured_us", "received_us", "sequence"):
            part[field] = rows[field]
        part["component"] = np.where(rows["values"] == 1, 0, place + 1)
        part["decimals"] = rows["decimals"][:, place]
        part["sent"] = rows["value"][:, place]
        part["observation"] = rows["id"]
        parts.append(part)
    result = np.concatenate(parts)
    convert_values(result)
    if len(status):
        mark_contact(result)
    return result


def too_late(rows: Columns, lateness_us: int) -> None:
    """Sets TOO_LATE on readings first received later than the limit after they were measured."""
    late = rows["received_us"] - rows["measured_us"] > lateness_us
    rows["flags"][late] |= int(Flag.TOO_LATE)


def device_ids(names: tuple[str, ...], indices: Ints) -> list[str]:
    """Device ids of rows."""
    return [names[i] for i in indices.tolist()]


def patient_ids(patients: Mapping[int, str], keys: Ints) -> list[str]:
    """Logical ids of patients; empty for none (device status)."""
    return [patients.get(k, "") for k in keys.tolist()]
