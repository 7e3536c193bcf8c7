"""Local days: which calendar day a measurement belongs to, where the patient lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name; raises ZoneInfoNotFoundError for a name that the registry should have refused."""
    return ZoneInfo(name)


def local_day(at_us: int, zone: str) -> int:
    """The day's number (proleptic Gregorian ordinal) of a UTC instant in microseconds, by the zone's wall clock."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone_of(zone)).toordinal()
