"""What values of FHIR search parameters mean: tokens, and dates as sets of instants. Pure.

Every date value becomes a set of half-open intervals of UTC microseconds, so that commas (or), repetition (and) and all
prefixes are one thing. Our times are instants; a partial date stands for all of it, in UTC where it has no zone.
Source: https://hl7.org/fhir/R4/search.html, sections 3.1.1.4.7 (date), 3.1.1.4.10 (token), 3.1.1.5.3 (escaping).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final, NamedTuple

from vitals.errors import VitalstreamError

#: Ends of time: years 1 and 9999, what FHIR dates and PostgreSQL timestamps share.
BEGINNING_US: Final = -62_135_596_800_000_000
END_US: Final = 253_402_300_800_000_000

#: "10 % of the distance from now" (`ap`), as the specification recommends.
_APPROXIMATE_TENTHS: Final = 10

_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+ -]\d\d:[0-5]\d)?)?)?)?",
    re.ASCII,
)
_UNESCAPED_COMMA = re.compile(r"(?<!\\)(?:\\\\)*,")
_ESCAPE = re.compile(r"\\([,|$\\])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadSearch(VitalstreamError):
    """A search that can't be understood; `parameter` is the one at fault."""

    code = "bad-search"

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Interval(NamedTuple):
    """UTC microseconds, `low` included, `high` not."""

    low: int
    high: int


#: Disjoint intervals in order; empty matches nothing.
TimeSet = tuple[Interval, ...]
ALWAYS: Final[TimeSet] = (Interval(BEGINNING_US, END_US),)


def values_of(text: str) -> list[str]:
    """Splits at commas that aren't escaped; the parts stay escaped."""
    parts, start = [], 0
    for match in _UNESCAPED_COMMA.finditer(text):
        parts.append(text[start : match.end() - 1])
        start = match.end()
    parts.append(text[start:])
    return parts


def unescaped(text: str) -> str:
    r"""`\,` `\|` `\$` `\\` as the characters they mean."""
    return _ESCAPE.sub(r"\1", text)


def token(text: str) -> tuple[str | None, str | None]:
    """(system, code) of `system|code`, `code`, `|code` (system ""), `system|`; None: any."""
    system, bar, code = text.partition("|")
    if not bar:
        return None, unescaped(text)
    return unescaped(system), unescaped(code) or None


def times(parameter: str, text: str, now_us: int) -> TimeSet:
    """All instants that one parameter (comma = or) lets through. Raises BadSearch."""
    return union(_one(parameter, value, now_us) for value in values_of(text))


def _one(parameter: str, text: str, now_us: int) -> TimeSet:
    match = _DATE.fullmatch(text)
    if match is None:
        raise BadSearch(parameter, f"{parameter} must be a date such as ge2026-11-22 or 2026-11-22T10:00:00Z")
    low, high = _span(parameter, match)
    match match["prefix"] or "eq":
        case "eq":
            found = (low, high)
        case "ne":
            return _cleaned(((BEGINNING_US, low), (high, END_US)))
        case "gt" | "sa":
            found = (high, END_US)
        case "ge":
            found = (low, END_US)
        case "lt" | "eb":
            found = (BEGINNING_US, low)
        case "le":
            found = (BEGINNING_US, high)
        case "ap":
            slack = abs(now_us - (low + high) // 2) // _APPROXIMATE_TENTHS
            found = (low - slack, high + slack)
        case prefix:
            raise BadSearch(parameter, f"{parameter} has prefix {prefix}; known are eq ne gt lt ge le sa eb ap")
    return _cleaned((found,))


def _span(parameter: str, match: re.Match[str]) -> tuple[int, int]:
    """First instant of a (partial) date, and the first one after it."""
    year, month, day, hour, minute, second = (
        int(match[part] or least)
        for part, least in (("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise BadSearch(parameter, f"{parameter} names a day or an hour that does not exist") from None
    fraction = match["fraction"] or ""
    low = (start - _EPOCH) // _MICROSECOND + int(fraction.ljust(6, "0")[:6])
    if match["month"] is None:
        high = _first_of(year + 1, 1)
    elif match["day"] is None:
        high = _first_of(year + month // 12, month % 12 + 1)
    elif match["hour"] is None:
        high = low + 86_400_000_000
    elif match["second"] is None:
        high = low + 60_000_000
    else:
        high = low + max(10 ** (6 - len(fraction)), 1) if fraction else low + 1_000_000
    zone = match["zone"]
    if zone and zone != "Z":
        # A `+` that was not percent-encoded arrives as a space.
        offset_us = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-60_000_000 if zone[0] == "-" else 60_000_000)
        return low - offset_us, high - offset_us
    return low, high


def _first_of(year: int, month: int) -> int:
    return END_US if year > 9999 else (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _cleaned(intervals: Iterable[tuple[int, int]]) -> TimeSet:
    bounded = (Interval(max(low, BEGINNING_US), min(high, END_US)) for low, high in intervals)
    return tuple(interval for interval in bounded if interval.low < interval.high)


def union(sets: Iterable[TimeSet]) -> TimeSet:
    """Instants in any of the sets."""
    merged: list[Interval] = []
    for low, high in sorted(interval for found in sets for interval in found):
        if merged and low <= merged[-1].high:
            merged[-1] = Interval(merged[-1].low, max(high, merged[-1].high))
        else:
            merged.append(Interval(low, high))
    return tuple(merged)


def intersection(sets: Iterable[TimeSet]) -> TimeSet:
    """Instants in all of the sets; all of time for none."""
    return reduce(_both, sets, ALWAYS)


def _both(a: TimeSet, b: TimeSet) -> TimeSet:
    return _cleaned((max(x.low, y.low), min(x.high, y.high)) for x in a for y in b)
