"""Threshold with hysteresis: opens at the first sample beyond the raise limit, clears at the first one beyond
clear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Point
from alerts.rules import Rule

from .base import Run, Spans, Verdict, latch


class Threshold:
    """A closed series opens at the first sample for which raise holds; it clears at the first later one for
    which clear does.
    """

    required = frozenset({"raise", "unit"})
    optional = frozenset({"clear"})
    sees_improbable = False

    def spans(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> Spans:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        raised, cleared = latch(rule.raise_limit.mask(values), rule.clear_limit.mask(values))
        return np.column_stack((raised, raised, cleared))

    def pending(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> int | None:
        return None

    def step(
        self, rule: Rule, run: Run | None, is_open: bool, value: float, point: Point
    ) -> tuple[Run | None, Verdict]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        if is_open:
            return None, Verdict.CLEARED if rule.clear_limit.holds(value) else Verdict.NOTHING
        if rule.raise_limit.holds(value):
            return Run(point, point.measured_us), Verdict.RAISED
        return None, Verdict.NOTHING

    def quiet(self, rule: Rule, run: Run | None, is_open: bool) -> tuple[float, float]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        return (rule.clear_limit if is_open else rule.raise_limit).outside()
