"""Samples in the unit that rules use: the same numbers whether a reading is live or read back from the chart."""

from __future__ import annotations

import numpy as np

from vitals import codes, units
from vitals.events import Samples
from vitals.reading import Flag

_SENSOR_CONTACT = codes.metric("sensor_contact").number


def convert_values(samples: Samples) -> None:
    """Fills `value` from `sent`, in the first unit of each metric, in place (dtype SAMPLE)."""
    samples["value"] = samples["sent"]
    pairs = samples["metric"].astype(np.int64) << 16 | samples["unit"]  # both are 16 bits wide
    for pair in np.unique(pairs).tolist():
        metric, unit = codes.by_number()[pair >> 16], units.by_number(pair & 0xFFFF)
        factor, offset = units.scale(unit.code, metric.units[0])
        if factor != 1 or offset != 0:
            rows = pairs == pair
            converted = samples["sent"][rows] * float(factor) + float(offset)
            samples["value"][rows] = np.round(converted, units.CONVERTED_DIGITS)


def mark_contact(samples: Samples) -> None:
    """Sets NO_CONTACT on samples in which a sensor says that it does not touch the patient, in place."""
    off = (samples["metric"] == _SENSOR_CONTACT) & (samples["sent"] == 0)
    samples["flags"][off] |= int(Flag.NO_CONTACT)
