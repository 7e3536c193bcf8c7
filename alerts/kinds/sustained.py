"""Sustained: the raise limit must hold over a time, without a silence longer than `max_gap` inside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Point
from alerts.rules import Rule

from .base import NOTHING_QUIET, Run, Spans, Verdict, latch


def _runs(rule: Rule, measured_us: NDArray[np.int64], holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each sample that holds, the position of the first sample of its run (elsewhere the value means
    nothing).
    """
    joins = np.zeros(len(holds), dtype=np.bool_)
    joins[1:] = holds[:-1] & (np.diff(measured_us) <= rule.max_gap_us)
    starts = np.where(holds & ~joins, np.arange(len(holds)), 0)
    return np.maximum.accumulate(starts)


class Sustained:
    """A run is consecutive samples for which raise holds, no two further apart than `max_gap`.

    It raises at the first sample that is `for` or more after the run's first. A sample that does not hold
    ends the run; a longer gap starts a new one. Once open, a gap changes nothing; it clears like a threshold.
    """

    required = frozenset({"raise", "unit", "for"})
    optional = frozenset({"clear", "max_gap"})
    sees_improbable = False

    def spans(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> Spans:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        holds = rule.raise_limit.mask(values)
        if not holds.any():
            return np.empty((0, 3), dtype=np.int64)
        first = _runs(rule, measured_us, holds)
        complete = holds & (measured_us - measured_us[first] >= rule.for_us)
        raised, cleared = latch(complete, rule.clear_limit.mask(values))
        return np.column_stack((first[raised], raised, cleared))

    def pending(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> int | None:
        assert rule.raise_limit is not None
        holds = rule.raise_limit.mask(values)
        return int(_runs(rule, measured_us, holds)[-1]) if len(holds) and holds[-1] else None

    def step(
        self, rule: Rule, run: Run | None, is_open: bool, value: float, point: Point
    ) -> tuple[Run | None, Verdict]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        if is_open:
            return None, Verdict.CLEARED if rule.clear_limit.holds(value) else Verdict.NOTHING
        if not rule.raise_limit.holds(value):
            return None, Verdict.NOTHING
        now = point.measured_us
        joined = run if run is not None and now - run.last_us <= rule.max_gap_us else None
        run = Run(joined.first if joined else point, now)
        return run, Verdict.RAISED if now - run.first.measured_us >= rule.for_us else Verdict.NOTHING

    def quiet(self, rule: Rule, run: Run | None, is_open: bool) -> tuple[float, float]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        if is_open:
            return rule.clear_limit.outside()
        # Under way, every sample counts: it completes the run, prolongs it or ends it.
        return NOTHING_QUIET if run is not None else rule.raise_limit.outside()
