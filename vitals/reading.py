"""Reading: what a device measured once. Values keep number, decimals and unit as sent."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, IntFlag

from vitals.errors import Unrepresentable

#: The largest number of significant digits that a float8 gives back unchanged (IEEE 754 binary64, DBL_DIG).
SIGNIFICANT_DIGITS_MAX = 15

#: "No device time" and "no sequence" in columns that must not be null.
NONE = -(2**63)

#: `earliest_us` of a reading whose device time was replaced: it may have been measured at any time before receipt.
SINCE_EVER = 0


class Absent(IntEnum):
    """Why a value is missing; FHIR's data-absent-reason codes are the names in kebab-case.

    IEEE 11073 special values map as the Personal Health Device guide says: NaN, +INF, -INF; NRes and reserved: ERROR.
    """

    PRESENT = 0
    NOT_A_NUMBER = 1
    POSITIVE_INFINITY = 2
    NEGATIVE_INFINITY = 3
    ERROR = 4
    UNKNOWN = 5
    NOT_PERFORMED = 6

    @property
    def code(self) -> str:
        """FHIR code, such as `not-a-number`."""
        return self.name.lower().replace("_", "-")


class Flag(IntFlag):
    """Quality and provenance marks of a reading; they travel with it to the chart and block nothing by themselves."""

    CLOCK_OFFSET = 1 << 0  # device clock known wrong: measured = device time + offset
    CLOCK_AHEAD = 1 << 1  # device time over 2 min in the future: receive time used
    CLOCK_UNSET = 1 << 2  # device time before 2000 or marked unknown: receive time used
    NO_TIME = 1 << 3  # no device time sent: receive time used
    ZONE_UNKNOWN = 1 << 4  # zoneless time of a device that no patient was bound to: read as UTC
    AMBIGUOUS_HOUR = 1 << 5  # repeated hour of a DST night: the earlier instant
    NO_IDENTITY = 1 << 6  # neither time nor sequence: a resend can't be told from a new reading
    COUNTER_RESTART = 1 << 7  # sequence without time fell back with another value
    IMPROBABLE = 1 << 8  # possible but outside the plausible range
    TOO_LATE = 1 << 9  # first received later than the lateness limit: charted, opens no alert
    TEST_DATA = 1 << 10  # simulated: tagged HTEST
    NO_CONTACT = 1 << 11  # sensor says that it does not touch the patient
    BODY_MOVEMENT = 1 << 12
    CUFF_LOOSE = 1 << 13
    IRREGULAR_PULSE = 1 << 14
    PULSE_RANGE = 1 << 15
    BAD_POSITION = 1 << 16
    EARLY_ESTIMATE = 1 << 17
    DEVICE_ALARM = 1 << 18  # the device itself marks the value as alarming or its sensor as faulty
    QUESTIONABLE = 1 << 19
    MEASUREMENT_ONGOING = 1 << 20
    LOW_PERFUSION = 1 << 21

    @property
    def names(self) -> list[str]:
        """Kebab-case names of the marks that are set, in bit order."""
        return [flag.name.lower().replace("_", "-") for flag in Flag if flag in self and flag.name]


#: Marks that make a value or its time doubtful: trends show such a reading as a cross.
DOUBTS = (
    Flag.CLOCK_OFFSET
    | Flag.CLOCK_AHEAD
    | Flag.CLOCK_UNSET
    | Flag.ZONE_UNKNOWN
    | Flag.IMPROBABLE
    | Flag.NO_CONTACT
    | Flag.BODY_MOVEMENT
    | Flag.CUFF_LOOSE
    | Flag.BAD_POSITION
    | Flag.EARLY_ESTIMATE
    | Flag.DEVICE_ALARM
    | Flag.QUESTIONABLE
    | Flag.MEASUREMENT_ONGOING
    | Flag.LOW_PERFUSION
)


class Source(IntEnum):
    """Who produced the value."""

    DEVICE = 0
    MANUAL = 1
    IMPORTED = 2


@dataclass(frozen=True, slots=True)
class Value:
    """One number as sent: `number` with `decimals` digits after the point, or the reason why it is absent."""

    number: float = 0.0
    decimals: int = 0
    absent: Absent = Absent.PRESENT

    @property
    def text(self) -> str | None:
        """The decimal text as sent (36.60), or None when absent."""
        return None if self.absent else f"{self.number:.{self.decimals}f}"


def value_of(number: Decimal) -> Value:
    """Keeps a decimal exactly; raises Unrepresentable for NaN, infinities and over 15 significant digits."""
    if not number.is_finite():
        raise Unrepresentable("the value is not a finite number; leave the reading out or send a data-absent reason")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    shown = len(digits) + max(exponent, 0) if any(digits) else 1
    decimals = max(-exponent, 0)
    if shown > SIGNIFICANT_DIGITS_MAX or decimals > SIGNIFICANT_DIGITS_MAX:
        raise Unrepresentable(
            f"the value needs {max(shown, decimals)} digits; at most {SIGNIFICANT_DIGITS_MAX} can be kept"
        )
    return Value(float(number), decimals)


def absent(reason: Absent) -> Value:
    """A value that is not there, with the reason."""
    return Value(math.nan, 0, reason)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device measured once, before a patient is attributed.

    - `metric`: key of the code table; `values`: one, or for a blood pressure three (systolic, diastolic, mean).
    - `unit`: UCUM code as sent.
    - `device_time_ns`: device time as sent, UTC nanoseconds since 1970; of a zoneless clock its face read as if it were
      UTC; NONE when there was none. `sequence`: the device's counter, NONE when there was none.
    - `measured_us`: believed instant, UTC microseconds; `received_us`: when the gateway got it first.
    - `offset_us`: what was added to the device's time; `utc_offset_min`: zone of the measurement.
    - `earliest_us`..`latest_us`: every instant at which it could have been measured (equal to `measured_us` when the
      time was believed).
    """

    device: str
    metric: str
    values: tuple[Value, ...]
    unit: str
    measured_us: int
    received_us: int
    device_time_ns: int = NONE
    sequence: int = NONE
    offset_us: int = 0
    utc_offset_min: int = 0
    earliest_us: int = 0
    latest_us: int = 0
    flags: Flag = field(default=Flag(0))
    source: Source = Source.DEVICE
