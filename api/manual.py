"""Values that people enter by hand, from JSON to readings: checked as the gateway checks a device's. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from storage.chart.readings import time_of
from vitals import codes, json_reading
from vitals.errors import DecodeError, DeviceError, UnknownMetric
from vitals.plausible import improbable
from vitals.reading import Flag, Reading, Source, Value
from vitals.wire import RecordBuilder

#: What the page offers to enter.
METRICS: Final = frozenset(
    {
        "heart_rate",
        "blood_pressure",
        "spo2",
        "resp_rate",
        "body_temp",
        "body_weight",
        "glucose_capillary_mass",
        "glucose_capillary_moles",
        "consciousness",
        "oxygen_in_use",
        "oxygen_flow",
    }
)

#: One entry is one round at a bedside, or a week of a diary.
READINGS_MAX: Final = 100

#: Older values would open no alert by the default lateness; they belong into an import.
BACK_MAX_US: Final = 7 * 86_400_000_000
#: A page's clock may be a little ahead of ours.
AHEAD_MAX_US: Final = 30_000_000

#: Who brings these readings to the journal.
GATEWAY: Final = "manual-entry"

#: A person has no device clock: the sequence alone tells entries apart. A constant, because a time that was sent with
#: one try and not with the next would make two of one.
_DEVICE_TIME_NS: Final = 0


class BadReading(DeviceError):
    """A value that can't be taken: `place` in the entry's list counts from 0, None when it is the entry itself."""

    def __init__(self, place: int | None, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.place = place


def entry_of(body: bytes) -> tuple[UUID, list[Any]]:
    """The entry's id and its rows. Raises BadReading."""
    try:
        entry = json_reading.decoded(body)
    except DeviceError as error:
        raise BadReading(None, error.code, error.message) from None
    if not isinstance(entry, dict):
        raise BadReading(None, DecodeError.code, "send an object with entry and readings")
    try:
        id_ = UUID(entry["entry"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BadReading(None, "bad-entry", "entry must be a UUID; make a new one for each form") from None
    rows = entry.get("readings")
    if not isinstance(rows, list) or not 1 <= len(rows) <= READINGS_MAX:
        raise BadReading(None, "bad-entry", f"readings must be a list of 1 to {READINGS_MAX} readings")
    return id_, rows


def readings_of(entry: UUID, rows: list[Any], *, device: str, zone: str, now_us: int) -> list[Reading]:
    """The readings of an entry, of a patient in an IANA zone. Raises BadReading for the first that can't be taken."""
    made = []
    for place, row in enumerate(rows):
        try:
            made.append(_reading(row, entry, place, device, zone, now_us))
        except DeviceError as error:
            raise BadReading(place, error.code, error.message) from None
    return made


def record_of(readings: list[Reading], raw: bytes) -> bytes:
    """The journal record of an entry, with the bytes that it came as."""
    builder = RecordBuilder(GATEWAY)
    place = builder.raw(raw)
    for reading in readings:
        builder.reading(reading, place)
    return builder.encode()


def _reading(row: Any, entry: UUID, place: int, device: str, zone: str, now_us: int) -> Reading:
    if not isinstance(row, dict):
        raise DecodeError("a reading must be an object with metric and value")
    metric = _metric(row.get("metric"))
    sent = row.get("unit")
    unit = json_reading.unit_of(metric, metric.units[0] if sent is None else sent).code
    values = json_reading.values_of(metric, row.get("value"))
    if _is_missing(values):
        raise DeviceError("the value is missing; leave the reading out instead", code="bad-value")
    measured_us = _measured_us(row.get("at"), now_us)
    local = time_of(measured_us).astimezone(ZoneInfo(zone))
    return Reading(
        device=device,
        metric=metric.key,
        values=values,
        unit=unit,
        measured_us=measured_us,
        received_us=now_us,
        device_time_ns=_DEVICE_TIME_NS,
        sequence=_sequence(entry, place),
        utc_offset_min=_minutes_east(local),
        earliest_us=measured_us,
        latest_us=measured_us,
        flags=Flag(improbable(metric.key, values, unit)),
        source=Source.MANUAL,
    )


def _metric(key: Any) -> codes.Metric:
    if not isinstance(key, str) or key not in METRICS:
        raise UnknownMetric(f"the metric must be one of {', '.join(sorted(METRICS))}")
    return codes.metric(key)


def _is_missing(values: tuple[Value, ...]) -> bool:
    """A mean pressure is optional, everything else isn't."""
    return any(value.absent for value in values[:2])


def _measured_us(at: Any, now_us: int) -> int:
    if at is None:
        return now_us
    measured_us = json_reading.time_of(at)[0] // 1000
    if measured_us > now_us + AHEAD_MAX_US:
        raise DeviceError("at lies in the future; correct it", code="bad-time")
    if measured_us < now_us - BACK_MAX_US:
        raise DeviceError("at lies more than 7 days back; such values can't be entered here", code="bad-time")
    return measured_us


def _minutes_east(local: datetime) -> int:
    offset = local.utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def _sequence(entry: UUID, place: int) -> int:
    """63 bits of a hash: the same entry sent again is the same reading, two values of one minute are two."""
    digest = hashlib.sha256(entry.bytes + place.to_bytes(4, "big")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
