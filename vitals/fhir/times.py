"""Instants as FHIR text: as many decimals as were measured, the local offset kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_DAY_S: Final = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MINUTES: Final = tuple(f"T{m // 60:02d}:{m % 60:02d}:" for m in range(1440))
_SECONDS: Final = tuple(f"{s:02d}" for s in range(60))
_MILLIS: Final = ("", *(f".{ms:03d}" for ms in range(1, 1000)))


@lru_cache(maxsize=4096)  # eleven years of days
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


@lru_cache(maxsize=8192)  # a page's times: measured, received and updated fall into the same seconds
def _second(second: int) -> str:
    day, rest = divmod(second, _DAY_S)
    minute, rest = divmod(rest, 60)
    return _date(day) + _MINUTES[minute] + _SECONDS[rest]


@lru_cache(maxsize=256)  # more zone offsets than exist
def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def fhir_instant(us: int, utc_offset_min: int = 0) -> str:
    """`2026-11-22T11:42:00.123+01:00` from UTC microseconds since 1970; years 1 to 9999.

    Fractions: none for a whole second, else 3 or 6 digits. Offset 0 is written `Z`.
    """
    second, rest = divmod(us, 1_000_000)
    if not utc_offset_min:
        return f"{_second(second)}{_fraction(rest)}Z"
    return f"{_second(second + utc_offset_min * 60)}{_fraction(rest)}{_offset(utc_offset_min)}"


def _fraction(us: int) -> str:
    milli, micro = divmod(us, 1000)
    return f".{us:06d}" if micro else _MILLIS[milli]
