"""Charted rows as the samples that rules look at; the numbers must equal those of live readings."""

from __future__ import annotations

from typing import Any

import numpy as np

from storage.chart.copy_binary import EPOCH_US
from vitals import codes, units
from vitals.events import SAMPLE, Samples
from vitals.reading import Absent

# Decimal places kept after a conversion; the same as in `vitals.units.convert`.
_CONVERTED_DIGITS = 9


def samples_of(rows: np.ndarray[Any, np.dtype[np.void]]) -> Samples:
    """Samples (dtype SAMPLE), one a present value, of rows in the layout `copy_binary.HISTORY`."""
    parts = []
    for place in (1, 2, 3):
        used = rows[(rows["values"] >= place) & (rows[f"absent_{place}"] == Absent.PRESENT)]
        part = np.zeros(len(used), SAMPLE)
        for field in ("patient", "device", "metric", "unit", "flags", "sequence"):
            part[field] = used[field]
        part["component"] = np.where(used["values"] == 1, 0, place)
        part["decimals"] = used[f"decimals_{place}"]
        part["measured_us"] = used["measured_at"] + EPOCH_US
        part["received_us"] = used["received_at"] + EPOCH_US
        part["sent"] = used[f"value_{place}"]
        part["observation"] = used["id"]
        part["value"] = part["sent"]
        parts.append(part)
    samples = np.concatenate(parts)
    _convert(samples)
    return samples


def _convert(samples: Samples) -> None:
    """Brings `value` into the first unit of each metric, in place."""
    pairs = samples["metric"].astype(np.int64) << 16 | samples["unit"]  # both are 16 bits wide
    for pair in np.unique(pairs).tolist():
        metric, unit = codes.by_number()[pair >> 16], units.by_number(pair & 0xFFFF)
        factor, offset = units.scale(unit.code, metric.units[0])
        if factor != 1 or offset != 0:
            rows = pairs == pair
            converted = samples["sent"][rows] * float(factor) + float(offset)
            samples["value"][rows] = np.round(converted, _CONVERTED_DIGITS)
