"""The code table: every metric we know, with its LOINC, UCUM and MDC codes, from `codes.csv`.

Sources of the codes: the FHIR R4 vital-signs profiles, the HL7 CGM guide and the IEEE 11073-10101 nomenclature.
`number` is stored in the database and on the wire: a row's number never changes and is never used again.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from vitals.errors import UnknownMetric

Shape = Literal["quantity", "blood_pressure", "boolean", "coded", "device-status", "derived"]

#: ACVPU in the order of the NEWS2 chart; stored as the position in this string.
CONSCIOUSNESS = "ACVPU"

#: The parts of a blood pressure in the order in which values are stored.
PRESSURE_PARTS = ("systolic", "diastolic", "mean")


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a blood pressure: `improbable_*` in mm[Hg]."""

    key: str
    loinc: str
    display: str
    mdc: str
    improbable_below: float
    improbable_above: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `units` are the UCUM codes accepted; the first is the one that rules and views use.

    `improbable_below`/`improbable_above` are in that unit: a value outside is charted and flagged, never refused.
    `family` groups metrics that measure the same thing (all pulses are `heart_rate`).
    """

    number: int
    key: str
    family: str
    label: str
    shape: Shape
    loinc: str
    loinc_display: str
    extra_loinc: tuple[tuple[str, str], ...]
    category: str
    profile: str
    ucum: str
    unit_text: str
    units: tuple[str, ...]
    mdc: str
    mdc_ref: str
    components: tuple[Component, ...]
    improbable_below: float | None
    improbable_above: float | None

    @property
    def ingestible(self) -> bool:
        """Whether one reading of a device can hold it (derived values and waveforms can't)."""
        return self.shape != "derived"


def _optional(text: str) -> float | None:
    return float(text) if text else None


def _component(part: str, text: str) -> Component:
    named, mdc, low, high = text.split("=")
    loinc, display = named.split(" ", 1)
    return Component(part, loinc, display, mdc, float(low), float(high))


def _coding(text: str) -> tuple[str, str]:
    code, display = text.split(" ", 1)
    return code, display


def _metric(row: dict[str, str]) -> Metric:
    shape: Shape = row["shape"]  # type: ignore[assignment]
    components = row["components"].split("|") if row["components"] else []
    return Metric(
        number=int(row["number"]),
        key=row["key"],
        family=row["family"],
        label=row["label"],
        shape=shape,
        loinc=row["loinc"],
        loinc_display=row["loinc_display"],
        extra_loinc=tuple(_coding(item) for item in row["extra_loinc"].split("|") if item),
        category=row["category"],
        profile=row["profile"],
        ucum=row["ucum"],
        unit_text=row["unit_text"],
        units=tuple(row["units"].split("|")),
        mdc=row["mdc"],
        mdc_ref=row["mdc_ref"],
        components=tuple(_component(p, c) for p, c in zip(PRESSURE_PARTS, components, strict=False)),
        improbable_below=_optional(row["improbable_below"]),
        improbable_above=_optional(row["improbable_above"]),
    )


@cache
def table() -> dict[str, Metric]:
    """All metrics by key, in the order of their numbers."""
    text = resources.files("vitals").joinpath("codes.csv").read_text(encoding="utf-8")
    return {row["key"]: _metric(row) for row in csv.DictReader(text.splitlines())}


@cache
def by_number() -> dict[int, Metric]:
    """All metrics by their stable number (1 and up; 0 means none)."""
    return {metric.number: metric for metric in table().values()}


def metric(key: str) -> Metric:
    """The row of `key`; raises UnknownMetric."""
    found = table().get(key)
    if found is None:
        raise UnknownMetric(f"metric {key[:60]!r} is not in the code table; `vitals/codes.csv` lists those that are")
    return found


@cache
def family_numbers(family: str) -> tuple[int, ...]:
    """Numbers of all metrics of one family; empty for a family that isn't there."""
    return tuple(m.number for m in table().values() if m.family == family)
