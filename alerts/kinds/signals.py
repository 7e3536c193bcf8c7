"""What a single sample says to a rule: beyond a limit, or marked. The machines (threshold, sustained) ask these."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Point
from alerts.rules import Rule
from vitals.reading import Flag

from .base import DOUBTED, EVERYTHING, NOTHING_QUIET, Track, limit_texts


class Signal(Protocol):
    """`raises` and `clears` never hold for the same sample."""

    keys: frozenset[str]
    optional: frozenset[str]
    ignores: int
    composed: frozenset[str]

    def raises(self, rule: Rule, track: Track) -> NDArray[np.bool_]: ...

    def clears(self, rule: Rule, track: Track) -> NDArray[np.bool_]: ...

    def raises_at(self, rule: Rule, value: float, point: Point) -> bool: ...

    def clears_at(self, rule: Rule, value: float, point: Point) -> bool: ...

    def calm(self, rule: Rule, is_open: bool) -> tuple[float, float]:
        """Values of unmarked samples that neither raise (closed) nor clear (open)."""
        ...

    def texts(self, rule: Rule) -> tuple[str, str]: ...


class Limits:
    """The rule's raise and clear limits."""

    keys = frozenset({"raise", "unit"})
    optional = frozenset({"clear"})
    ignores = DOUBTED
    composed: frozenset[str] = frozenset()

    def raises(self, rule: Rule, track: Track) -> NDArray[np.bool_]:
        assert rule.raise_limit is not None
        return rule.raise_limit.mask(track.values)

    def clears(self, rule: Rule, track: Track) -> NDArray[np.bool_]:
        assert rule.clear_limit is not None
        return rule.clear_limit.mask(track.values)

    def raises_at(self, rule: Rule, value: float, point: Point) -> bool:
        assert rule.raise_limit is not None
        return rule.raise_limit.holds(value)

    def clears_at(self, rule: Rule, value: float, point: Point) -> bool:
        assert rule.clear_limit is not None
        return rule.clear_limit.holds(value)

    def calm(self, rule: Rule, is_open: bool) -> tuple[float, float]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        return (rule.clear_limit if is_open else rule.raise_limit).outside()

    def texts(self, rule: Rule) -> tuple[str, str]:
        return limit_texts(rule)


class Marks:
    """Samples that carry one of some marks."""

    keys: frozenset[str] = frozenset()
    optional = frozenset({"unit"})

    def __init__(self, marks: Flag, ignores: Flag, composed: frozenset[str], texts: tuple[str, str]) -> None:
        self._marks = int(marks)
        self.ignores = int(ignores)
        self.composed = composed
        self._texts = texts

    def raises(self, rule: Rule, track: Track) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = (track.flags & self._marks) != 0
        return marked

    def clears(self, rule: Rule, track: Track) -> NDArray[np.bool_]:
        return ~self.raises(rule, track)

    def raises_at(self, rule: Rule, value: float, point: Point) -> bool:
        return bool(point.flags & self._marks)

    def clears_at(self, rule: Rule, value: float, point: Point) -> bool:
        return not point.flags & self._marks

    def calm(self, rule: Rule, is_open: bool) -> tuple[float, float]:
        # The engine takes a sample for quiet only if its clock marks are its predecessor's and it has no others.
        return NOTHING_QUIET if is_open and not self._marks & CLOCK else EVERYTHING

    def texts(self, rule: Rule) -> tuple[str, str]:
        return self._texts


#: Marks of a time that was repaired because the device's clock was wrong.
CLOCK = int(Flag.CLOCK_OFFSET | Flag.CLOCK_AHEAD | Flag.CLOCK_UNSET)
