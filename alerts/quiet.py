"""Quiet bands: inside which values a series' next sample changes no rule's state, so that it need not be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from vitals.events import AlertChange

from .applicability import BEGINNING_US, END_US, next_boundary_us, segment_at
from .kinds.base import NOTHING_QUIET
from .oracle import SeriesKey
from .rules import in_metric_unit
from .settle import guarded
from .state import Cell, PatientState, Slots


class _Band:
    """The closed band of one series that holds for all of its rules, between two instants."""

    def __init__(self, series: SeriesKey, last_us: int) -> None:
        self.series = series
        self.last_us = last_us
        self.low, self.high = -np.inf, np.inf
        self.floor_us, self.until_us = BEGINNING_US, END_US

    def narrow(self, cell: Cell) -> None:
        """Takes one more rule into account."""
        watch, kind = cell.watch, cell.kind
        self.until_us = min(self.until_us, next_boundary_us(watch.segments, self.last_us))
        segment = segment_at(watch.segments, self.last_us)
        busy = cell.state is not None or cell.open is not None
        if segment is None and not busy:
            return
        if kind.merged:
            self.floor_us = max(self.floor_us, cell.floor_us, kind.floor_us(cell.state))
        due = cell.due()
        if due is not None:
            self.until_us = min(self.until_us, due.due_us)
        # Busy in a stretch that is over: the next sample ends what is under way, whatever its value.
        left = busy and segment != cell.segment
        quiet = NOTHING_QUIET
        if not left:
            quiet = kind.quiet(watch.rule, cell.context, cell.state, cell.open is not None, self.series)
        low, high = in_metric_unit(watch.rule, self.series[1], self.series[2], *quiet)
        self.low, self.high = max(self.low, low), min(self.high, high)


def find_quiet(state: PatientState, slots: Slots, changed: Iterable[SeriesKey]) -> list[AlertChange]:
    """Sets the bands of these series anew: where no rule on them changes state, whatever comes next."""
    changes: list[AlertChange] = []
    for series in changed:
        slot = state.slots[series]
        band = _Band(series, int(slots.last_us[slot]))
        for cell in state.cells[slot]:
            if not cell.watch.suspended:
                changes += guarded(state, cell.watch, cell.last, partial(band.narrow, cell))
        slots.low[slot], slots.high[slot] = band.low, band.high
        slots.floor_us[slot], slots.until_us[slot] = band.floor_us, band.until_us
    return changes
