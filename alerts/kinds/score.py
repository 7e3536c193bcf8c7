"""Score: NEWS2 of the newest valid values, complete or not. A partial score alerts on the points that are certain.

A value counts for at most an hour when it is of a stream, for 12 h otherwise (and for ACVPU and oxygen). That decides
what can raise. An open alert holds on to what raised it until it is measured again: silence never clears an alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts import news2_bands, wording
from alerts.applicability import BEGINNING_US
from alerts.episodes import Episode, Interval, Point, points_of
from alerts.news2 import PARAMETERS
from alerts.rules import MAX_GAP_US, NEWS2_INPUTS, SECOND_US, Rule, sees
from vitals.events import PatientContext

from .base import NOTHING_QUIET, Cleared, Kind, Raised, Track, Turn

STREAM_AGE_US = 3600 * SECOND_US
SPOT_AGE_US = 12 * 3600 * SECOND_US

#: Parameters that a person looks at: they count as long as a spot value, however often they are told.
LASTING = frozenset({"o2", "acvpu"})

#: How far one device's samples may lag behind another's without a look into the history: uploads every few minutes.
LAG_US = 600 * SECOND_US

Series = tuple[int, int, int]


class Input(NamedTuple):
    """The newest value of one series: in the chart's unit, and whether it followed another within MAX_GAP_US."""

    point: Point
    value: float
    streamed: bool

    def counts(self, at_us: int) -> bool:
        """Whether it is young enough at this instant."""
        lasting = parameter_of(self.point.metric, self.point.component) in LASTING
        return at_us - self.point.measured_us <= (STREAM_AGE_US if self.streamed and not lasting else SPOT_AGE_US)


class Inputs(NamedTuple):
    """State: the newest value of each series, and by parameter what an open alert holds on to.

    `bounds`: points by parameter; as long as no sample measured after `floor_us` passes its parameter's (upwards while
    closed, downwards while open), no order of samples changes anything. None: every sample counts.
    """

    latest: Mapping[Series, Input]
    held: Mapping[str, Input] | None = None
    bounds: Mapping[str, int] | None = None
    floor_us: int = BEGINNING_US


@cache
def parameter_of(metric: int, component: int) -> str:
    """The NEWS2 parameter that a kind of series measures."""
    for name, parts in NEWS2_INPUTS.items():
        if any((metric, component) in sees(part, unit) for part, unit in parts):
            return name
    raise KeyError((metric, component))


@cache
def _is_flow(metric: int) -> bool:
    return (metric, 0) in sees("oxygen_flow", "L/min")


def value_of(metric: int, value: Any) -> Any:
    """Oxygen as 0 or 1, whether it was told as flow or as yes and no; everything else as it is."""
    return (value > 0) * 1.0 if _is_flow(metric) else value


class Score(Kind):
    """Raises at the sample at which the certain points of all values that count reach the limit, or with `single_three`
    one parameter has three. Clears at the sample at which the points of what it holds are below, and none has three.
    """

    required = frozenset({"raise"})
    optional = frozenset({"clear", "single_three"})
    composed = frozenset({"news2"})
    merged = True

    def listens(self, rule: Rule) -> bool:
        return True

    def lookback_us(self, rule: Rule, context: PatientContext) -> int:
        # One more gap, to tell whether the oldest value was of a stream.
        return SPOT_AGE_US + MAX_GAP_US

    # --------------------------------------------------------------- oracle

    def intervals(self, rule: Rule, context: PatientContext, track: Track, until_us: int) -> list[Interval]:
        columns = _Columns(context, track)
        raised = np.flatnonzero(self._breach(rule, *columns.points(columns.counting)) & track.late_enough)
        found: list[Interval] = []
        after = 0
        while (start := int(np.searchsorted(raised, after))) < len(raised):
            opening = int(raised[start])
            held = columns.held(opening)
            clears = np.flatnonzero(self._calm(rule, *columns.points(held)))
            inputs = [row for row in columns.counting[:, opening].tolist() if row >= 0]
            point, *others = points_of(track.samples[[opening, *inputs]])
            interval = Interval(point.measured_us, point, point, inputs=tuple(others))
            found.append(interval)
            if not len(clears):
                break
            after = opening + 1 + int(clears[0])
            clearing = points_of(track.samples[after : after + 1])[0]
            interval.cleared_us, interval.clearing = clearing.measured_us, clearing
            after += 1
        return found

    @staticmethod
    def _breach(rule: Rule, points: NDArray[np.int64], threes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        assert rule.raise_limit is not None
        high = rule.raise_limit.mask(points.astype(np.float64))
        return high | threes if rule.single_three else high

    @staticmethod
    def _calm(rule: Rule, points: NDArray[np.int64], threes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        assert rule.clear_limit is not None
        low = rule.clear_limit.mask(points.astype(np.float64))
        return low & ~threes if rule.single_three else low

    # --------------------------------------------------------------- online

    def resume(self, rule: Rule, context: PatientContext, track: Track, last: Interval | None) -> Any:
        if not len(track.samples):
            return None
        columns = _Columns(context, track)
        latest = {series: columns.input(int(rows[-1])) for series, rows in columns.series.items()}
        end_us = int(track.measured_us[-1])
        floor_us = end_us - LAG_US
        held = None
        if last is not None:
            held = columns.held_since(last.completing)
            floor_us = max(floor_us, last.opened_us)
        recent = columns.recent(floor_us) + list(held.values() if held else ())
        return Inputs(latest, held, bounds(rule, context, recent, held is not None), floor_us)

    def heard(self, rule: Rule, state: Any, point: Point, streamed: bool) -> Any:
        known: Inputs = state or Inputs({})
        before = known.latest.get(series_of(point))
        if before is not None and before.point.place >= point.place:
            return known
        return self._with(known, Input(point, value_of(point.metric, point.value), streamed))

    @staticmethod
    def _with(known: Inputs, new: Input) -> Inputs:
        latest = {**known.latest, series_of(new.point): new}
        if known.held is None:
            return known._replace(latest=latest)
        name = parameter_of(new.point.metric, new.point.component)
        before = known.held.get(name)
        if before is not None and before.point.place > new.point.place:
            return known._replace(latest=latest)
        return known._replace(latest=latest, held={**known.held, name: new})

    def step(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, value: float, point: Point
    ) -> tuple[Any, Sequence[Turn]]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        known: Inputs = state or Inputs({})
        before = known.latest.get(series_of(point))
        streamed = before is not None and point.measured_us - before.point.measured_us <= MAX_GAP_US
        new = Input(point, value_of(point.metric, value), streamed)
        known = self._with(known, new)
        now_us = point.measured_us
        inputs = known.held if known.held is not None else _counting(known, now_us)
        points = _points(context, inputs, now_us)
        three = rule.single_three and 3 in points.values()
        if known.held is not None:
            if three or not rule.clear_limit.holds(sum(points.values())):
                return _bounded(rule, context, known, new), ()
            known = known._replace(held=None)
            return _anew(rule, context, known, now_us), (Cleared(point),)
        if not three and not rule.raise_limit.holds(sum(points.values())):
            return _bounded(rule, context, known, new), ()
        raised = Raised(now_us, point, point, tuple(inputs[name].point for name in PARAMETERS if name in inputs))
        return _anew(rule, context, known._replace(held=inputs), now_us), (raised,)

    def quiet(
        self, rule: Rule, context: PatientContext, state: Any, is_open: bool, series: Series
    ) -> tuple[float, float]:
        known: Inputs | None = state
        if known is None or known.bounds is None or series not in known.latest:
            return NOTHING_QUIET
        name, value = parameter_of(*series[1:]), known.latest[series].value
        bound = known.bounds.get(name)
        if bound is None:
            return NOTHING_QUIET
        return news2_bands.band_within(name, bound, value, context, lower=is_open)

    def floor_us(self, state: Any) -> int:
        known: Inputs | None = state
        return BEGINNING_US if known is None else known.floor_us

    # ---------------------------------------------------------------- words

    def limits(self, rule: Rule) -> tuple[str, str]:
        assert rule.raise_limit is not None and rule.clear_limit is not None
        raised, cleared = (wording.limit_text(limit, "1") + " points" for limit in (rule.raise_limit, rule.clear_limit))
        if rule.single_three:
            return f"{raised}, or 3 in one parameter", f"{cleared}, none with 3"
        return raised, cleared

    def title(self, rule: Rule) -> str:
        return f"NEWS2 {self.limits(rule)[0]}"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        inputs = episode.members[0].inputs
        values = {parameter_of(p.metric, p.component): value_of(p.metric, p.value) for p in inputs}
        return news2_bands.sentence(values, news2_bands.scale_at(context, episode.completing.measured_us))


def series_of(point: Point) -> Series:
    """Device, metric number, component."""
    return point.device, point.metric, point.component


def _counting(known: Inputs, at_us: int) -> dict[str, Input]:
    """By parameter the newest value of any series that is young enough."""
    found: dict[str, Input] = {}
    for one in known.latest.values():
        if not one.counts(at_us):
            continue
        name = parameter_of(one.point.metric, one.point.component)
        if name not in found or found[name].point.place < one.point.place:
            found[name] = one
    return found


def _points(context: PatientContext, inputs: Mapping[str, Input], at_us: int) -> dict[str, int]:
    values = {name: one.value for name, one in inputs.items()}
    return news2_bands.points_of(values, news2_bands.scale_at(context, at_us))


def bounds(rule: Rule, context: PatientContext, inputs: Iterable[Input], is_open: bool) -> Mapping[str, int] | None:
    """Bounds around everything that these values can mean; None when they leave no room."""
    extreme: dict[str, int] = {}
    for one in inputs:
        name = parameter_of(one.point.metric, one.point.component)
        points = news2_bands.possible_points(name, one.value, context)
        known = extreme.get(name)
        if is_open:
            extreme[name] = min(points) if known is None else min(known, *points)
        else:
            extreme[name] = max(points) if known is None else max(known, *points)
    return news2_bands.room_below(rule, extreme) if not is_open else news2_bands.room_above(rule, extreme)


def _anew(rule: Rule, context: PatientContext, known: Inputs, now_us: int) -> Inputs:
    """Bounds around the newest values only: samples from before now must be looked at with the history."""
    values = [*known.latest.values(), *(known.held.values() if known.held is not None else ())]
    return known._replace(bounds=bounds(rule, context, values, known.held is not None), floor_us=now_us)


def _bounded(rule: Rule, context: PatientContext, known: Inputs, new: Input) -> Inputs:
    """The same bounds as long as the new value keeps them."""
    if known.bounds is not None:
        name = parameter_of(new.point.metric, new.point.component)
        points = news2_bands.possible_points(name, new.value, context)
        bound = known.bounds.get(name)
        if bound is not None and (min(points) >= bound if known.held is not None else max(points) <= bound):
            return known
    return _anew(rule, context, known, new.point.measured_us)


class _Columns:
    """A track as columns: for each parameter which sample tells it, at each sample's time."""

    def __init__(self, context: PatientContext, track: Track) -> None:
        samples = track.samples
        self._track = track
        count = len(samples)
        packed = (
            samples["device"].astype(np.int64) << 32 | samples["metric"].astype(np.int64) << 8 | samples["component"]
        )
        names, index = np.unique(packed, return_inverse=True)
        self.values = track.values.copy()
        self._streamed = np.zeros(count, dtype=np.bool_)
        self.series: dict[Series, NDArray[np.int64]] = {}
        self.newest = np.full((len(PARAMETERS), count), -1, dtype=np.int64)
        self.counting = self.newest.copy()
        times = track.measured_us
        for number, packed_series in enumerate(names.tolist()):
            own = np.flatnonzero(index == number)
            series = (packed_series >> 32, packed_series >> 8 & 0xFFFFFF, packed_series & 0xFF)
            self.series[series] = own
            self.values[own] = value_of(series[1], self.values[own])
            self._streamed[own[1:]] = np.diff(times[own]) <= MAX_GAP_US
            last = np.full(count, -1)
            last[own] = own
            last = np.maximum.accumulate(last)
            name = parameter_of(*series[1:])
            parameter = PARAMETERS.index(name)
            brief = self._streamed[last] & (name not in LASTING)
            young = (last >= 0) & (times - times[last] <= np.where(brief, STREAM_AGE_US, SPOT_AGE_US))
            self.newest[parameter] = np.maximum(self.newest[parameter], last)
            self.counting[parameter] = np.maximum(self.counting[parameter], np.where(young, last, -1))
        self._scale = news2_bands.scales_at(context, times)

    def input(self, row: int) -> Input:
        """One sample as a value."""
        point = points_of(self._track.samples[row : row + 1])[0]
        return Input(point, float(self.values[row]), bool(self._streamed[row]))

    def held_since(self, completing: Point) -> dict[str, Input]:
        """By parameter what an alert holds at the end of the track that was raised at this sample."""
        # Several samples of one reading share its observation: which one it was its series tells.
        own = self.series[series_of(completing)]
        names = self._track.samples["observation"][own].tolist()
        opening = int(own[names.index(completing.observation)])
        held = self.held(opening)
        final = held[:, -1] if held.shape[1] else self.counting[:, opening]
        return {name: self.input(row) for name, row in zip(PARAMETERS, final.tolist(), strict=True) if row >= 0}

    def recent(self, since_us: int) -> list[Input]:
        """One value for each number that was in force in some series after this instant."""
        found = []
        for rows in self.series.values():
            start = max(int(np.searchsorted(self._track.measured_us[rows], since_us, side="right")) - 1, 0)
            _, first = np.unique(self.values[rows[start:]], return_index=True)
            found += [self.input(int(rows[start + place])) for place in first.tolist()]
        return found

    def held(self, opening: int) -> NDArray[np.int64]:
        """After `opening`: what an alert opened there holds, parameter by parameter (-1: not known)."""
        newer = self.newest[:, opening + 1 :]
        return np.where(newer > opening, newer, self.counting[:, opening : opening + 1])

    def points(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Certain points, and whether one parameter has three, for the last columns of the track."""
        known = chosen >= 0
        values = np.where(known, self.values[chosen] if len(self.values) else 0.0, np.nan)
        scale = self._scale[len(self._scale) - chosen.shape[1] :]
        points = news2_bands.columns(values, known, scale)
        return points.sum(axis=0), (points == 3).any(axis=0)
