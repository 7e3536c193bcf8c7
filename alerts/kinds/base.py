"""What every rule kind offers: intervals of a whole track for the oracle, single steps for the online engine.

A *track* is what a rule looks at in order: the samples of one series, or for a `merged` kind those of all the
patient's series that it sees. The two ways are written apart on purpose; property tests hold them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts import wording
from alerts.applicability import BEGINNING_US
from alerts.episodes import Episode, Interval, Point, points_of
from alerts.rules import Rule
from vitals.events import Deadline, PatientContext, Samples
from vitals.reading import Flag

EVERYTHING = (-math.inf, math.inf)
NOTHING_QUIET = (math.inf, -math.inf)

#: Marks of a sample whose value is not looked at.
DOUBTED = int(Flag.IMPROBABLE | Flag.NO_CONTACT)


class Track(NamedTuple):
    """`samples` (dtype SAMPLE) in order, `values` in the rule's unit.

    Of a part of a history: every sample since `known_us` is there, and no alert of the rule stood at `closed_us`, so
    what raises was measured later (a silence may only have begun before).
    """

    samples: Samples
    values: NDArray[np.float64]
    known_us: int = BEGINNING_US
    closed_us: int = BEGINNING_US

    @property
    def measured_us(self) -> NDArray[np.int64]:
        """Times of the samples."""
        times: NDArray[np.int64] = self.samples["measured_us"]
        return times

    @property
    def flags(self) -> NDArray[np.uint32]:
        """Marks of the samples."""
        flags: NDArray[np.uint32] = self.samples["flags"]
        return flags

    def part(self, low: int, high: int) -> Track:
        """The samples from position `low` up to `high`."""
        return self._replace(samples=self.samples[low:high], values=self.values[low:high])

    @property
    def late_enough(self) -> NDArray[np.bool_]:
        """Samples that can raise."""
        mask: NDArray[np.bool_] = self.measured_us > self.closed_us
        return mask


@dataclass(frozen=True, slots=True)
class Raised:
    """The track came into breach at `opened_us`."""

    opened_us: int
    opening: Point
    completing: Point
    inputs: tuple[Point, ...] = field(default=())

    def interval(self) -> Interval:
        """The open interval that begins."""
        return Interval(self.opened_us, self.opening, self.completing, inputs=self.inputs)


@dataclass(frozen=True, slots=True)
class Cleared:
    """The track is out of breach since this sample."""

    clearing: Point


Turn = Raised | Cleared


class Kind:
    """One kind of rule. States are its own, never changed in place; None is the state before the first sample.

    All times are UTC microseconds, values in the rule's unit.
    """

    #: Keys of a pack beyond those of every rule: the ones it must have, and the ones it may have.
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    #: Names of `rules.COMPOSED` that its metric may be (and, for a score, must be).
    composed: frozenset[str] = frozenset()
    #: Marks of samples that it doesn't look at.
    ignores: int = DOUBTED
    #: Whether it looks at all series of the patient as one track.
    merged = False

    def listens(self, rule: Rule) -> bool:
        """Whether it must hear of samples that were quiet (`heard`)."""
        return False

    def lookback_us(self, rule: Rule, context: PatientContext) -> int:
        """How far before an instant at which the rule is closed samples can still matter."""
        return 0

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        """Stretches in breach of a track that starts closed; nothing more came up to `until_us`."""
        raise NotImplementedError

    def resume(self, rule: Rule, context: PatientContext, track: Track, last: Interval | None) -> Any:
        """The state after a track; `last` is the interval that is open at its end."""
        return None

    def heard(self, rule: Rule, state: Any, point: Point, streamed: bool) -> Any:
        """The state after a quiet sample, the last one of its series; `streamed`: it followed closely on another."""
        return state

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        """The next sample of the track."""
        raise NotImplementedError

    def certain_us(self, rule: Rule, opened_us: int, readings: int) -> int | None:
        """Of an interval that silence may have opened, with so many readings: the last instant at which one more sample
        would change that; None where silence had no part.
        """
        return None

    def due(self, rule: Rule, context: PatientContext, state: Any) -> Deadline | None:
        """When a closed track is in breach if nothing more was measured before."""
        return None

    def expire(self, rule: Rule, context: PatientContext, state: Any) -> tuple[Any, Raised]:
        """What happens at `due`."""
        raise NotImplementedError

    def quiet(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, series: tuple[int, int, int]
    ) -> tuple[float, float]:
        """Closed interval of values of the next sample of this series (device, metric, component) that change nothing,
        as long as it is measured before `due`.
        """
        return NOTHING_QUIET

    def silent_since_us(self, rule: Rule, stored: Deadline) -> int | None:
        """From when on a silence may be under way of a patient with this stored deadline; None: silence is nothing to
        it.
        """
        return None

    def carried(self, state: Any) -> tuple[Point, ...]:
        """Samples of a closed track that a rebuild must know, however old they are."""
        return ()

    def floor_us(self, state: Any) -> int:
        """Samples measured up to here are never quiet."""
        return BEGINNING_US

    def limits(self, rule: Rule) -> tuple[str, str]:
        """What raises and what clears it, in words."""
        return limit_texts(rule)

    def title(self, rule: Rule) -> str:
        """The title of a rule that brought none."""
        return f"{wording.metric_text(rule.metric)} {self.limits(rule)[0]}"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        """Why it was raised, in one line without times; pages say those in the patient's own zone."""
        dwell = f" for {wording.dwell_text(rule.for_us)}" if rule.for_us else ""
        return f"{self.title(rule)}{dwell}: {wording.readings_text(episode.readings)}"


def limit_texts(rule: Rule) -> tuple[str, str]:
    """The rule's raise and clear limits in words."""
    assert rule.raise_limit is not None and rule.clear_limit is not None
    return wording.limit_text(rule.raise_limit, rule.unit), wording.limit_text(rule.clear_limit, rule.unit)


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


def intervals_at(
    track: Track, opening: NDArray[np.int64], completing: NDArray[np.int64], clearing: NDArray[np.int64]
) -> list[Interval]:
    """Intervals from positions in a track; they open when the completing sample was measured. Clearing -1: open."""
    found = []
    positions = np.column_stack((opening, completing, clearing))
    points = points_of(track.samples[positions.ravel()])  # a clearing of -1 picks a point that nobody uses
    for row, cleared in enumerate(clearing.tolist()):
        first, last, end = points[3 * row : 3 * row + 3]
        interval = Interval(last.measured_us, first, last)
        if cleared >= 0:
            interval.cleared_us, interval.clearing = end.measured_us, end
        found.append(interval)
    return found
