"""Instants as FHIR text: as many decimals as were measured, the local offset kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_MINUTE_US: Final = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS: Final = tuple(f"{s:02d}" for s in range(60))
_MILLIS: Final = ("", *(f".{ms:03d}" for ms in range(1, 1000)))


# A page's times fall into few minutes: measured, received and updated are close, and so are neighbours.
@lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat()[:17]


@lru_cache(maxsize=256)  # more zone offsets than exist
def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def fhir_instant(us: int, utc_offset_min: int = 0) -> str:
    """`2026-11-22T11:42:00.123+01:00` from UTC microseconds since 1970; years 1 to 9999.

    Fractions: none for a whole second, else 3 or 6 digits. Offset 0 is written `Z`.
    """
    minute, rest = divmod(us, _MINUTE_US)
    second, rest = divmod(rest, 1_000_000)
    milli, micro = divmod(rest, 1000)
    fraction = f".{rest:06d}" if micro else _MILLIS[milli]
    zone = _offset(utc_offset_min) if utc_offset_min else "Z"
    return f"{_minute(minute + utc_offset_min)}{_SECONDS[second]}{fraction}{zone}"
