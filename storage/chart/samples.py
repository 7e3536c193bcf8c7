"""Charted rows as the samples that rules look at; the numbers must equal those of live readings."""

from __future__ import annotations

from typing import Any

import numpy as np

from storage.chart.copy_binary import EPOCH_US
from vitals.events import SAMPLE, Samples
from vitals.reading import Absent
from vitals.samples import convert_values, mark_contact


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
        parts.append(part)
    samples = np.concatenate(parts)
    convert_values(samples)
    mark_contact(samples)
    return samples
