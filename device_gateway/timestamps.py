"""Clocks are repaired, not trusted: what a device said about time, to the instant that we believe. Pure.

The window `earliest_us`..`latest_us` holds every instant at which the reading could have been measured:

| case | measured | window |
|---|---|---|
| believed | as sent | that instant |
| no time sent | receipt | that instant: a device without a clock has no memory, it sends as it measures |
| clock known wrong (`now`) | as sent + offset | 2 min around it, not after receipt |
| zone unknown | face read as UTC | every zone, not after receipt |
| repeated hour | the earlier instant | both instants, the later one not after receipt |
| ahead, before 2000 or unset | receipt | anything up to receipt: from `SINCE_EVER` |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vitals.reading import NONE, SINCE_EVER, Flag

#: How far a clock may be off before it counts as wrong: well above network delay and a minute hand's
#: rounding.
TOLERANCE_US: Final = 120_000_000

#: 2000-01-01T00:00:00Z; clocks that start at an epoch (1970, 1980, 1999-11-30) after a battery change are
#: before it.
_YEAR_2000_US: Final = 946_684_800_000_000

#: Civil time runs from UTC-12 to UTC+14, so a face names an instant from 14 h before to 12 h after it.
_EASTMOST_US: Final = 14 * 3_600_000_000
_WESTMOST_US: Final = 12 * 3_600_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MAX: Final = 2**63 - 1

_CLOCK_OFFSET: Final = int(Flag.CLOCK_OFFSET)
_CLOCK_AHEAD: Final = int(Flag.CLOCK_AHEAD)
_CLOCK_UNSET: Final = int(Flag.CLOCK_UNSET)
_NO_TIME: Final = int(Flag.NO_TIME)
_ZONE_UNKNOWN: Final = int(Flag.ZONE_UNKNOWN)
_AMBIGUOUS_HOUR: Final = int(Flag.AMBIGUOUS_HOUR)


class Instant(NamedTuple):
    """A time with a zone as sent: UTC nanoseconds, and minutes east of UTC (None for epoch milliseconds)."""

    utc_ns: int
    utc_offset_min: int | None


class Face(NamedTuple):
    """The face of a clock without a zone, read as if it were UTC, microseconds."""

    local_us: int


class Repaired(NamedTuple):
    """What goes into the reading; units and meaning as in vitals.reading.Reading, flags as its bits."""

    measured_us: int
    offset_us: int
    utc_offset_min: int
    earliest_us: int
    latest_us: int
    flags: int
    device_time_ns: int


class _Read(NamedTuple):
    """A face or instant, read: the instant, its zone, the window and flags."""

    measured_us: int
    utc_offset_min: int
    earliest_us: int
    latest_us: int
    flags: int


def repair(
    sent: Instant | Face | None,
    received_us: int,
    zone: str | None,
    *,
    device_now_us: int | None = None,
    unset: bool = False,
) -> Repaired:
    """The believed time of one reading.

    `zone` is the IANA zone of the patient bound at receipt, None when nobody is; `device_now_us` what the
    device's clock said when it sent; `unset` that the device itself calls its clock unset (the face still is
    its identity).
    """
    if sent is None:
        return _replaced(received_us, zone, _CLOCK_UNSET if unset else _NO_TIME, NONE)
    if isinstance(sent, Instant):
        device_time_ns, minutes = sent
        measured_us = device_time_ns // 1000
        if minutes is None:
            minutes = 0 if zone is None else offset_min(zone, measured_us)
        read = _Read(measured_us, minutes, measured_us, measured_us, 0)
    else:
        device_time_ns = sent.local_us * 1000
        read = _read_face(sent.local_us, zone, received_us)
    if not -_INT64_MAX <= device_time_ns <= _INT64_MAX:
        device_time_ns = NONE  # outside 1677-2262: no clock's time, and not an identity that can be kept
    if unset:
        return _replaced(received_us, zone, _CLOCK_UNSET, device_time_ns)
    offset_us = 0
    if device_now_us is not None and abs(received_us - device_now_us) > TOLERANCE_US:
        offset_us = received_us - device_now_us
        read = _shifted(read, offset_us, received_us)
    if read.measured_us > received_us + TOLERANCE_US:
        return _replaced(received_us, zone, read.flags | _CLOCK_AHEAD, device_time_ns)
    if read.measured_us < _YEAR_2000_US:
        return _replaced(received_us, zone, read.flags | _CLOCK_UNSET, device_time_ns)
    return Repaired(
        read.measured_us,
        offset_us,
        read.utc_offset_min,
        read.earliest_us,
        read.latest_us,
        read.flags,
        device_time_ns,
    )


def _replaced(received_us: int, zone: str | None, flags: int, device_time_ns: int) -> Repaired:
    earliest_us = received_us if flags & _NO_TIME else SINCE_EVER
    minutes = 0 if zone is None else offset_min(zone, received_us)
    return Repaired(received_us, 0, minutes, earliest_us, received_us, flags & ~_CLOCK_OFFSET, device_time_ns)


def _shifted(read: _Read, offset_us: int, received_us: int) -> _Read:
    """Clock known wrong: the offset repairs it as well as the two clocks' readings could be compared."""
    measured_us = read.measured_us + offset_us
    return _Read(
        measured_us,
        read.utc_offset_min,
        read.earliest_us + offset_us - TOLERANCE_US,
        max(measured_us, min(read.latest_us + offset_us + TOLERANCE_US, received_us)),
        read.flags | _CLOCK_OFFSET,
    )


def _read_face(local_us: int, zone: str | None, received_us: int) -> _Read:
    """A zoneless face in the zone of the patient; in a repeated hour the earlier instant."""
    known = _zone(zone) if zone is not None else None
    if known is None:
        earliest_us, latest_us = local_us - _EASTMOST_US, local_us + _WESTMOST_US
        return _Read(local_us, 0, earliest_us, max(local_us, min(latest_us, received_us)), _ZONE_UNKNOWN)
    first = (_EPOCH + timedelta(microseconds=local_us)).replace(tzinfo=known)
    earlier, later = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert earlier is not None and later is not None
    measured_us = local_us - _microseconds(earlier)
    minutes = _minutes(earlier)
    # In a skipped hour the offsets differ the other way round: no instant has that face, the clock was not
    # put forward.
    if later >= earlier:
        return _Read(measured_us, minutes, measured_us, measured_us, 0)
    again_us = local_us - _microseconds(later)
    latest_us = max(measured_us, min(again_us, received_us))
    return _Read(measured_us, minutes, measured_us, latest_us, _AMBIGUOUS_HOUR)


_MINUTE_US: Final = 60_000_000


def offset_min(zone: str, utc_us: int) -> int:
    """Minutes east of UTC in an IANA zone at an instant; 0 for an unknown zone or an instant out of range."""
    # A ward's readings share their minutes; zones change their offset on the full minute (since 1972 all of them).
    return _offset_min(zone, utc_us // _MINUTE_US * _MINUTE_US)


@lru_cache(maxsize=4096)
def _offset_min(zone: str, utc_us: int) -> int:
    known = _zone(zone)
    if known is None:
        return 0
    try:
        offset = (_EPOCH + timedelta(microseconds=utc_us)).astimezone(known).utcoffset()
    except OverflowError:
        return 0
    return 0 if offset is None else _minutes(offset)


def _microseconds(delta: timedelta) -> int:
    return delta // timedelta(microseconds=1)


def _minutes(delta: timedelta) -> int:
    return delta // timedelta(minutes=1)


@lru_cache(maxsize=512)  # about 500 zones exist
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
