"""What every rule kind offers: spans over a whole series for the oracle, single steps for the online engine.

The two are written apart on purpose; property tests hold them together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Point
from alerts.rules import Rule

#: Rows of (opening, completing, clearing) positions in a series; clearing is -1 while open.
Spans = NDArray[np.int64]

EVERYTHING = (-math.inf, math.inf)
NOTHING_QUIET = (math.inf, -math.inf)


class Verdict(Enum):
    """What one sample did to one rule on one series."""

    NOTHING = 0
    RAISED = 1
    CLEARED = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples for which the raise limit held: the first, and the time of the last."""

    first: Point
    last_us: int


class Kind(Protocol):
    """Arrays are one series in order, of equal length: `measured_us`, `values` in the rule's unit,
    `improbable` marks.
    """

    #: Keys of a pack beyond those of every rule: the ones it must have, and the ones it may have.
    required: frozenset[str]
    optional: frozenset[str]
    #: Whether samples marked improbable count for it.
    sees_improbable: bool

    def spans(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> Spans:
        """Open intervals of a series that starts closed."""
        ...

    def pending(
        self,
        rule: Rule,
        measured_us: NDArray[np.int64],
        values: NDArray[np.float64],
        improbable: NDArray[np.bool_],
    ) -> int | None:
        """Position of the first sample of the run under way at the end of a series that ends closed."""
        ...

    def step(
        self, rule: Rule, run: Run | None, is_open: bool, value: float, point: Point
    ) -> tuple[Run | None, Verdict]:
        """The next sample of a series; `value` is the point's in the rule's unit. When RAISED the run holds
        the opening.
        """
        ...

    def quiet(self, rule: Rule, run: Run | None, is_open: bool) -> tuple[float, float]:
        """Closed interval, in the rule's unit, of values of the next sample that change nothing whatever its
        time.
        """
        ...


def latch(opens: NDArray[np.bool_], clears: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions at which a latch opens and clears: opened by the first of `opens`, cleared by the first later
    of `clears`.

    No position may be in both. The second array is padded with -1 when the latch ends open.
    """
    decisive = np.flatnonzero(opens | clears)
    state = opens[decisive]
    turns = np.empty(len(state), dtype=np.bool_)
    turns[:1] = state[:1]
    turns[1:] = state[1:] != state[:-1]
    at, opened = decisive[turns], state[turns]
    raised, cleared = at[opened], at[~opened]
    if len(cleared) < len(raised):
        cleared = np.append(cleared, -1)
    return raised.astype(np.int64), cleared.astype(np.int64)
