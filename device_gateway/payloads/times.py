"""Times in payloads: RFC 3339 with a zone, or milliseconds since 1970. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from device_gateway.timestamps import Instant
from vitals.errors import DeviceError, NaiveTime

#: RFC 3339 section 5.6; the fraction is split off because datetime keeps only microseconds of it.
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d{0,9})?(Z|z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Year 33658: a clock that far off is wrong in the same way as one beyond it, and the numbers stay small.
_MILLISECONDS_MAX = 10**15

#: What a clock that was never set sends in place of a year.
_YEAR_ZERO = Instant(-(10**21), 0)

_BAD_TIME = "the time is not one that we read; send RFC 3339 with a zone (2026-01-31T08:30:00Z) or epoch milliseconds"


def instant(sent: Any) -> Instant | None:
    """The time that a JSON value names, None for null; raises NaiveTime or DeviceError `bad-time`."""
    if type(sent) is str:
        return _from_text(sent)
    if sent is None:
        return None
    if type(sent) is int or type(sent) is Decimal:
        return from_milliseconds(sent)
    raise DeviceError(_BAD_TIME, code="bad-time")


def from_milliseconds(sent: int | Decimal) -> Instant:
    """Milliseconds since 1970; they have no zone of their own."""
    if not -_MILLISECONDS_MAX < sent < _MILLISECONDS_MAX:
        sent = _MILLISECONDS_MAX if sent > 0 else -_MILLISECONDS_MAX
    return Instant(int(sent * 1_000_000), None)


def _from_text(text: str) -> Instant:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise DeviceError(_BAD_TIME, code="bad-time")
    day, clock, fraction, zone = match.groups()
    if zone is None:
        raise NaiveTime(
            "the time has no zone, so no one knows which instant it names; add Z or an offset such as +02:00"
        )
    if day.startswith("0000"):
        return _YEAR_ZERO
    offset_min = 0 if zone in "Zz" else _offset_min(zone)
    try:
        seconds = (datetime.fromisoformat(f"{day}T{clock}+00:00") - _EPOCH) // _SECOND
    except ValueError:
        raise DeviceError(f"there is no such day or hour; {_BAD_TIME}", code="bad-time") from None
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    return Instant((seconds - offset_min * 60) * 1_000_000_000 + nanoseconds, offset_min)


def _offset_min(zone: str) -> int:
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes
