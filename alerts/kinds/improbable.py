"""Improbable reading: a possible value outside the plausible range asks someone to look at patient and
sensor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Point
from alerts.rules import Rule

from .base import EVERYTHING, NOTHING_QUIET, Run, Spans, Verdict, latch


class Improbable:
    """Opens at a sample marked improbable, clears at the next sample of the same series that isn't."""

    required: frozenset[str] = frozenset()
    optional = frozenset({"unit"})
    sees_improbable = True

    def spans(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> Spans:
        raised, cleared = latch(improbable, ~improbable)
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
        if is_open:
            return None, Verdict.NOTHING if point.improbable else Verdict.CLEARED
        if point.improbable:
            return Run(point, point.measured_us), Verdict.RAISED
        return None, Verdict.NOTHING

    def quiet(self, rule: Rule, run: Run | None, is_open: bool) -> tuple[float, float]:
        # The engine never takes a sample marked improbable for quiet.
        return NOTHING_QUIET if is_open else EVERYTHING
