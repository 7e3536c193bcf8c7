"""GATT Date Time (0x2A08): year u16, month, day, hours, minutes, seconds; a clock without a zone."""

from __future__ import annotations

import struct
from datetime import date
from functools import lru_cache

#: Bytes of the field.
LENGTH = 7

_FIELDS = struct.Struct("<HBBBBB")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
#: The field's range begins with the Gregorian calendar; 0 means "not known".
_FIRST_YEAR = 1582


@lru_cache(maxsize=1024)  # a few days are in use at any time
def _day_us(year: int, month: int, day: int) -> int | None:
    if year < _FIRST_YEAR:
        return None
    try:
        return (date(year, month, day).toordinal() - _EPOCH_DAY) * 86_400_000_000
    except ValueError:  # month or day 0 means "not known"; 31 June is a broken clock
        return None


def local_us(frame: bytes, start: int) -> int | None:
    """The face at `start` read as if it were UTC, microseconds since 1970; None when unset or unreal."""
    fields: tuple[int, int, int, int, int, int] = _FIELDS.unpack_from(frame, start)
    year, month, day, hours, minutes, seconds = fields
    day_us = _day_us(year, month, day)
    if day_us is None or hours > 23 or minutes > 59 or seconds > 59:
        return None
    return day_us + (hours * 3600 + minutes * 60 + seconds) * 1_000_000
