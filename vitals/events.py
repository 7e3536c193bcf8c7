"""What the rooms tell each other about alerts: samples in, changes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

import numpy as np

Priority = Literal["high", "medium", "low", "technical"]
Condition = Literal["active", "cleared", "retracted"]
Change = Literal["opened", "amended", "cleared", "retracted", "revived"]

#: Order of priorities for people: the worst first.
PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low", "technical")

#: One value that rules look at. `patient` and `device` are storage's integer keys; `metric` the code table's number;
#: `component` 0 for a plain value, 1..3 for systolic, diastolic, mean of a blood pressure. `value` is in the first unit
#: of the metric's own row. Absent values are not samples. `observation` is the UUID's 16 bytes.
SAMPLE = np.dtype(
    [
        ("patient", "<i4"),
        ("device", "<i4"),
        ("metric", "<u2"),
        ("component", "u1"),
        ("decimals", "u1"),  # as sent, for showing
        ("unit", "<u2"),  # as sent
        ("flags", "<u4"),  # vitals.reading.Flag
        ("measured_us", "<i8"),
        ("received_us", "<i8"),
        ("sequence", "<i8"),
        ("value", "<f8"),  # in metric.units[0]
        ("sent", "<f8"),  # as sent
        ("observation", "V16"),
    ]
)
Samples = np.ndarray[Any, np.dtype[np.void]]


@dataclass(frozen=True, slots=True)
class ReadingRef:
    """One reading as an alert names it; `metric` carries the component (`blood_pressure.systolic`)."""

    observation: UUID
    metric: str
    value: str
    unit: str
    measured_us: int

    def as_json(self) -> dict[str, Any]:
        """JSON form; times stay microseconds (views format them)."""
        return {
            "observation": str(self.observation),
            "metric": self.metric,
            "value": self.value,
            "unit": self.unit,
            "measured_us": self.measured_us,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rule compared with, in words that a screen can show; `unit` is the rule's."""

    metric: str
    raise_text: str
    clear_text: str
    dwell: str | None
    unit: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The `limits` object of the HTTP contract."""
        return {
            "metric": self.metric,
            "raise": self.raise_text,
            "clear": self.clear_text,
            "for": self.dwell,
            "unit": self.unit,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as the processor says it: the condition only, never what people did."""

    id: UUID
    patient: int
    rule: str
    version: int
    priority: Priority
    title: str
    condition: Condition
    opened_us: int
    cleared_us: int | None
    readings: tuple[ReadingRef, ...]  # the opening one and the one that completed the raise (once when the same)
    clearing: ReadingRef | None
    limits: Limits
    explanation: str
    late: bool = False  # its condition was over when it was first said
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A change of one alert and the reading that caused it."""

    change: Change
    alert: Alert
    because: ReadingRef | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A patient in a programme; `since_us`/`until_us` bound the measured times it holds for (None: unbounded)."""

    programme: str
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class SpO2Target:
    """A recorded target range, from `since_us` on (None: always)."""

    low: int
    high: int
    since_us: int | None = None


class Period(NamedTuple):
    """Half-open stretch of time, UTC microseconds; None is an open end."""

    since_us: int | None
    until_us: int | None


class Deadline(NamedTuple):
    """When silence of a patient can next change an alert (`due_us`), and from which measured time on its history must
    be known to tell (`since_us`).
    """

    due_us: int
    since_us: int


@dataclass(frozen=True, slots=True)
class PatientContext:
    """What rules must know of a patient besides readings. `key` is storage's integer, `patient` the logical id.

    `zone` is an IANA name; `blind`: when the pipeline could not see anything, closed stretches in order, the same for
    everyone; `deadline`: the stored one, which is no part of what rules compare.
    """

    key: int
    patient: str
    enrolments: tuple[Enrolment, ...] = ()
    spo2_targets: tuple[SpO2Target, ...] = ()
    zone: str = "UTC"
    born: date | None = None
    pregnancies: tuple[Period, ...] = ()
    blind: tuple[tuple[int, int], ...] = ()
    deadline: Deadline | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PatientHistory:
    """A stretch of one patient's past as stored.

    `samples` (dtype SAMPLE, any order, without entered-in-error rows) are complete for measured times in
    [`from_us`, `to_us`], those of the metrics in `deeper` from there on; `alerts` are the patient's stored alerts that
    are active, overlap all that or were first raised by a reading of it, retracted ones included.
    """

    context: PatientContext
    from_us: int
    to_us: int
    samples: Samples
    alerts: tuple[Alert, ...] = field(default=())
    deeper: tuple[tuple[int, int], ...] = ()

    def known_us(self, metric: int) -> int:
        """From when on all samples of a metric (by number) are there."""
        return min(self.from_us, dict(self.deeper).get(metric, self.from_us))
