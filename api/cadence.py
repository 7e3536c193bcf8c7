"""How old a value may be: from how often this patient measures it, within limits of the vital.

A value is fresh up to its age limit, late up to twice that, stale beyond. The limit is three times the median of the
newest intervals, so one missed reading is forgiven and three are not; at least 60 s, because a stream that pauses for a
moment is no news; at most what is asked of home patients: daily measurements, weight and daily totals every other day.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

SECOND_US = 1_000_000
MISSED_READINGS = 3
AGE_LIMIT_MIN_S = 60
AGE_LIMIT_MAX_S = 24 * 3600
#: Families that change slowly or are measured once a day at no fixed hour.
SLOW_AGE_LIMIT_S = {"body_weight": 48 * 3600, "steps_day": 48 * 3600}


def age_limit_s(family: str, times_us: Sequence[int]) -> int:
    """Seconds; `times_us` are the newest measured times of the series, newest first, in any number."""
    longest = SLOW_AGE_LIMIT_S.get(family, AGE_LIMIT_MAX_S)
    # Two readings of one instant (two devices, a correction) say nothing about how often.
    intervals = [newer - older for newer, older in pairwise(times_us) if newer > older]
    if not intervals:
        return longest
    expected_s = MISSED_READINGS * median_low(intervals) // SECOND_US
    return max(AGE_LIMIT_MIN_S, min(longest, expected_s))


def state_of(age_us: int, limit_s: int) -> str:
    """`fresh`, `late` or `stale`."""
    if age_us <= limit_s * SECOND_US:
        return "fresh"
    return "late" if age_us <= 2 * limit_s * SECOND_US else "stale"
