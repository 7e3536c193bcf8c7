"""Delta: the day's first reading against that of an earlier day. For weights, which mean little within a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from alerts import wording
from alerts.days import local_day
from alerts.episodes import Episode, Interval, Point, points_of
from alerts.rules import SECOND_US, Rule
from vitals.events import PatientContext

from .base import Cleared, Kind, Raised, Track, Turn

_SINCE = {"nearest": "the last day's", "minimum": "the lowest", "maximum": "the highest"}

DAY_US = 86_400 * SECOND_US


class First(NamedTuple):
    """The first plausible reading of one local day."""

    day: int
    value: float
    point: Point


class Days(NamedTuple):
    """The firsts of the window's days, in order, and the reference of the alert that is open."""

    firsts: tuple[First, ...]
    reference: First | None = None


def _days_back(rule: Rule) -> int:
    return rule.window_us // DAY_US


def _reference(rule: Rule, firsts: Sequence[First], now: First) -> First | None:
    """Which earlier day's first reading `now` is compared with; of equal ones the later."""
    earlier = [
        first
        for first in firsts
        if now.day - _days_back(rule) <= first.day < now.day
        and now.point.measured_us - first.point.measured_us >= rule.min_gap_us
    ]
    if not earlier:
        return None
    if rule.against == "minimum":
        return min(earlier, key=lambda first: (first.value, -first.day))
    if rule.against == "maximum":
        return max(earlier, key=lambda first: (first.value, first.day))
    return max(earlier, key=lambda first: first.day)


def _change(now: First, reference: First) -> float:
    # Nine digits, as conversion keeps them: 82.36 - 81.0 is 1.36, not 1.3599999999999994.
    return round(now.value - reference.value, 9)


class Delta(Kind):
    """Only the first plausible reading of each local day counts, by the patient's zone.

    It raises when its change against the reference (the nearest, lowest or highest one of the earlier days inside
    `window`, at least `min_gap` earlier) passes the raise limit. An open alert keeps its reference and clears when the
    change against that same one passes the clear limit.
    """

    required = frozenset({"raise", "unit", "window", "against"})
    optional = frozenset({"clear", "min_gap"})

    def lookback_us(self, rule: Rule, context: PatientContext) -> int:
        # Local days of 25 hours, and the whole day in which the window starts.
        return rule.window_us + 2 * DAY_US

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        firsts: dict[int, First] = {}
        for value, point in zip(track.values.tolist(), points_of(track.samples), strict=True):
            day = local_day(point.measured_us, context.zone)
            firsts.setdefault(day, First(day, value, point))
        found: list[Interval] = []
        against: First | None = None
        for now in (days := list(firsts.values())):
            if against is not None:
                if rule.clear_limit.holds(_change(now, against)):
                    found[-1].cleared_us, found[-1].clearing = now.point.measured_us, now.point
                    against = None
                continue
            reference = _reference(rule, days, now) if now.point.measured_us > track.closed_us else None
            if reference is not None and rule.raise_limit.holds(_change(now, reference)):
                found.append(Interval(now.point.measured_us, reference.point, now.point))
                against = reference
        return found

    def resume(self, rule: Rule, context: PatientContext, track: Track, last: Interval | None) -> Any:
        state: Days | None = None
        for value, point in zip(track.values.tolist(), points_of(track.samples), strict=True):
            state = self._enter(rule, context, state, value, point)[0]
        if state is None or last is None:
            return state
        day = local_day(last.opening.measured_us, context.zone)
        value = track.values[track.samples["observation"].tolist().index(last.opening.observation)]
        return state._replace(reference=First(day, float(value), last.opening))

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        days, now = self._enter(rule, context, state, value, point)
        if now is None:
            return days, ()
        if is_open:
            assert days.reference is not None
            if rule.clear_limit.holds(_change(now, days.reference)):
                return days._replace(reference=None), (Cleared(point),)
            return days, ()
        reference = _reference(rule, days.firsts, now)
        if reference is not None and rule.raise_limit.holds(_change(now, reference)):
            return days._replace(reference=reference), (Raised(point.measured_us, reference.point, point),)
        return days, ()

    @staticmethod
    def _enter(
        rule: Rule, context: PatientContext, state: Days | None, value: float, point: Point
    ) -> tuple[Days, First | None]:
        """The days with this reading, and it as its day's first; None when its day has one."""
        days = state or Days(())
        day = local_day(point.measured_us, context.zone)
        if days.firsts and days.firsts[-1].day >= day:
            return days, None
        now = First(day, value, point)
        kept = tuple(first for first in days.firsts if first.day >= day - _days_back(rule))
        return days._replace(firsts=(*kept, now)), now

    def limits(self, rule: Rule) -> tuple[str, str]:
        raised, cleared = super().limits(rule)
        since = _SINCE[rule.against or "nearest"]
        days = wording.dwell_text(rule.window_us)
        return f"a change {raised} against {since} first reading of {days}", f"a change {cleared} against the same one"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        return f"{rule.title}: {wording.readings_text(episode.readings)}"
