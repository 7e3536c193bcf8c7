"""GATT Date Time (0x2A08): year u16, month, day, hours, minutes, seconds; a clock without a zone."""

from __future__ import annotations

import struct
from datetime import date
from functools import lru_cache

#: Bytes of the field.
LENGTH = 7

_FIELDS = struct.Struct("<HBBBB")
#: All of it but the seconds.
_MINUTE = 6
_EPOCH_DAY = date(1970, 1, 1).toordinal()
#: The field's range begins with the Gregorian calendar; 0 means "not known".
_FIRST_YEAR = 1582


@lru_cache(maxsize=4096)  # what is sent live shares its minute with the ward; what was stored comes in runs
def _minute_us(face: bytes) -> int | None:
    fields: tuple[int, int, int, int, int] = _FIELDS.unpack(face)
    year, month, day, hours, minutes = fields
    if year < _FIRST_YEAR or hours > 23 or minutes > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:  # month or day 0 means "not known"; 31 June is a broken clock
        return None
    return (days * 1440 + hours * 60 + minutes) * 60_000_000


def local_us(frame: bytes, start: int) -> int | None:
    """The face at `start` read as if it were UTC, microseconds since 1970; None when unset or unreal."""
    minute_us = _minute_us(frame[start : start + _MINUTE])
    seconds = frame[start + _MINUTE]
    if minute_us is None or seconds > 59:
        return None
    return minute_us + seconds * 1_000_000
