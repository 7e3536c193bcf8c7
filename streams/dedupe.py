"""One measurement, one Observation: tells new readings from redelivered ones and from conflicts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from streams.group import Columns, Ints, Mask
from vitals.ports.chart import Head, IdentityKey, Known
from vitals.reading import NONE, Absent

#: Counter runs told apart for a device that sends a sequence but no time. A counter that restarts more often with other
#: values goes to quarantine as a conflict, where a person sees that the device forgets its counter.
RUNS_MAX = 16

#: Metric numbers have 16 bits.
METRICS_MAX = 1 << 16

#: Below every reading that has a time.
NO_HEAD = Head(NONE, NONE)

CONFLICT = (
    "conflict",
    "another value is charted under the same device, metric, time and sequence; compare both, then mark the wrong one",
)


class Verdict(IntEnum):
    """What a row is."""

    NEW = 0
    DUPLICATE = 1
    CONFLICT = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """Identity columns of the rows under examination, in journal order."""

    device: Ints
    metric: Ints
    time: Ints
    sequence: Ints

    def at(self, row: int) -> IdentityKey:
        """The identity of one row."""
        return int(self.device[row]), int(self.metric[row]), int(self.time[row]), int(self.sequence[row])


def repeated(keys: Keys) -> Mask:
    """Rows whose identity occurs more than once in the group."""
    order = np.lexsort((keys.sequence, keys.time, keys.metric, keys.device))
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in (keys.device, keys.metric, keys.time, keys.sequence):
        values = column[order]
        same &= values[1:] == values[:-1]
    result = np.zeros(len(order), np.bool_)
    result[order[1:][same]] = True
    result[order[:-1][same]] = True
    return result


def above_heads(keys: Keys, heads: Mapping[tuple[int, int], Head]) -> Mask:
    """Rows above the highest (device time, sequence) charted for their device and metric: new by construction."""
    series, place = np.unique(series_of(keys), return_inverse=True)
    known = [heads.get(divmod(code, METRICS_MAX), NO_HEAD) for code in series.tolist()]
    head_time = np.array([head.device_time_ns for head in known], np.int64)[place]
    head_sequence = np.array([head.sequence for head in known], np.int64)[place]
    later: Mask = (keys.time > head_time) | ((keys.time == head_time) & (keys.sequence > head_sequence))
    return later & np.greater(keys.time, NONE + RUNS_MAX)


def series_of(keys: Keys) -> Ints:
    """(device, metric) of each row as one number; `divmod(number, METRICS_MAX)` gives them back."""
    return keys.device * METRICS_MAX + keys.metric


def known_of(columns: Columns, row: int) -> Known:
    """The value of one row in the form in which charted ones are compared."""
    line = columns[row]
    used = range(int(line["values"]))
    return Known(
        int(line["unit"]),
        tuple((float(line["value"][i]), int(line["decimals"][i]), int(line["absent"][i])) for i in used),
    )


def same_measurement(a: Known, b: Known) -> bool:
    """Same number and unit (36.6 = 36.60), absent for the same reason."""
    if a.unit != b.unit or len(a.values) != len(b.values):
        return False
    return all(
        x[2] == y[2] and (x[2] != Absent.PRESENT or x[0] == y[0]) for x, y in zip(a.values, b.values, strict=True)
    )


def runs_of(key: IdentityKey) -> list[IdentityKey]:
    """All identities under which a reading with sequence but no time may be charted (one per counter run)."""
    device, metric, _, sequence = key
    return [(device, metric, NONE + run, sequence) for run in range(RUNS_MAX)]


def judge(key: IdentityKey, value: Known, charted: MutableMapping[IdentityKey, Known]) -> tuple[Verdict, int]:
    """Verdict of one reading and the run it belongs to; a new one is entered into `charted`.

    `charted` must hold what is stored under `key`, and under all of `runs_of(key)` for a reading without time.
    """
    candidates = runs_of(key) if key[2] == NONE else [key]
    for run, candidate in enumerate(candidates):
        existing = charted.get(candidate)
        if existing is None:
            charted[candidate] = value
            return Verdict.NEW, run
        if same_measurement(existing, value):
            return Verdict.DUPLICATE, run
    return Verdict.CONFLICT, 0
