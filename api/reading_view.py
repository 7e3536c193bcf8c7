"""One reading as people read it: its value in words, where it came from, what is wrong with it. Pure."""

from __future__ import annotations

from typing import Any

from api.formats import rfc3339
from storage.chart.corrections import Correction
from storage.chart.readings import ListedReading
from vitals import codes, units
from vitals.fhir.codings import STATUSES
from vitals.reading import Flag, Source, Value

#: What stands for a missing half of a blood pressure.
_LOST = "–"
_OXYGEN = ("no", "yes")


def reading_json(listed: ListedReading) -> dict[str, Any]:
    """The reading of the contract's list."""
    reading = listed.reading
    metric = codes.by_number()[reading.metric]
    text = value_text(metric, reading.values)
    return {
        "observation": str(reading.observation),
        "metric": metric.key,
        "label": metric.label,
        "text": text,
        "unit": units.by_number(reading.unit).code,
        "measured_at": rfc3339(reading.measured_us),
        "received_at": rfc3339(reading.received_us),
        "device": reading.device,
        "source": Source(reading.source).name.lower(),
        "flags": Flag(reading.flags).names,
        "absent_reason": reading.values[0].absent.code if text is None else None,
        "status": STATUSES[reading.status],
        "version": reading.version,
        "wrong": None if listed.wrong is None else wrong_json(listed.wrong),
    }


def wrong_json(correction: Correction) -> dict[str, Any]:
    """Who marked a reading as wrong, and why."""
    return {
        "reason": correction.reason,
        "note": correction.note,
        "by": correction.by,
        "at": rfc3339(correction.at_us),
    }


def value_text(metric: codes.Metric, values: tuple[Value, ...]) -> str | None:
    """The decimal text as sent; a blood pressure as systolic/diastolic, a lost half a dash; a letter of ACVPU; yes, no.

    None when all is lost.
    """
    if len(values) > 1:
        systolic, diastolic = values[0].text, values[1].text
        return None if systolic is None and diastolic is None else f"{systolic or _LOST}/{diastolic or _LOST}"
    [value] = values
    if value.absent or metric.shape not in ("coded", "boolean"):
        return value.text
    words = codes.CONSCIOUSNESS if metric.shape == "coded" else _OXYGEN
    return words[int(value.number)]
