"""The truth about alerts: a pure function of all readings of a patient, the rules and what is known of the
patient.

The online engine must end with the same alerts; backtests and tools ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from vitals.events import Alert, PatientContext, ReadingRef, Samples
from vitals.identity import alert_id
from vitals.reading import Flag

from . import wording
from .applicability import END_US, Segment, segments
from .episodes import Episode, Interval, episodes_of, points_of
from .kinds import KINDS
from .rules import Rule, in_unit, sees

#: Device, metric number, component.
SeriesKey = tuple[int, int, int]

#: Samples that count for no rule: they came too late, or the sensor did not touch the patient.
UNCOUNTED = int(Flag.TOO_LATE | Flag.NO_CONTACT)

#: What two histories of alerts are compared by: patient, rule, version, priority, opened, cleared, readings.
AlertKey = tuple[int, str, int, str, int, int | None, tuple[ReadingRef, ...]]


def in_order(samples: Samples) -> NDArray[np.int64]:
    """Positions that sort samples by patient, series and the order inside a series: measured, sequence,
    observation.
    """
    identity = np.ascontiguousarray(samples["observation"]).view(">u8").reshape(-1, 2)
    series = samples["metric"].astype(np.int64) << 8 | samples["component"]
    device = samples["patient"].astype(np.int64) << 32 | samples["device"]
    keys = (identity[:, 1], identity[:, 0], samples["sequence"], samples["measured_us"], series, device)
    return np.lexsort(keys)


def series_starts(samples: Samples) -> NDArray[np.int64]:
    """Positions at which a new series starts in sorted samples."""
    if not len(samples):
        return np.empty(0, dtype=np.int64)
    new = np.ones(len(samples), dtype=np.bool_)
    new[1:] = False
    for name in ("patient", "device", "metric", "component"):
        column = samples[name]
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


def series_of(samples: Samples) -> Iterator[tuple[SeriesKey, Samples]]:
    """The series of one patient's counted samples, each in order."""
    counted = samples[(samples["flags"] & UNCOUNTED) == 0]
    counted = counted[in_order(counted)]
    for part in np.split(counted, series_starts(counted)[1:]) if len(counted) else ():
        yield (int(part["device"][0]), int(part["metric"][0]), int(part["component"][0])), part


def counted_for(rule: Rule, series: Samples) -> Samples:
    """The samples of a series that the rule looks at."""
    if KINDS[rule.kind].sees_improbable:
        return series
    counted: Samples = series[(series["flags"] & int(Flag.IMPROBABLE)) == 0]
    return counted


def arrays_of(rule: Rule, series: Samples) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """What a kind looks at: times, values in the rule's unit, improbable marks."""
    metric, component = int(series["metric"][0]), int(series["component"][0])
    improbable = (series["flags"] & int(Flag.IMPROBABLE)) != 0
    return series["measured_us"], in_unit(rule, metric, component, series["value"]), improbable


def intervals_of(rule: Rule, stretches: Sequence[Segment], series: Samples, until_us: int) -> list[Interval]:
    """Intervals in which one series (already `counted_for` the rule) is in breach, in order.

    Where the rule stops to hold an open interval ends, once that instant is past: at or before `until_us`, or
    shown by a later sample of the series.
    """
    found: list[Interval] = []
    if not len(series):
        return found
    measured_us, values, improbable = arrays_of(rule, series)
    for since_us, end_us in stretches:
        low, high = (int(i) for i in np.searchsorted(measured_us, (since_us, end_us)))
        spans = KINDS[rule.kind].spans(rule, measured_us[low:high], values[low:high], improbable[low:high])
        if not len(spans):
            continue
        points = points_of(series[low:high][spans.ravel()])  # a clearing of -1 picks a point that nobody uses
        for row, cleared in enumerate(spans[:, 2].tolist()):
            opening, completing, clearing = points[3 * row : 3 * row + 3]
            interval = Interval(completing.measured_us, opening, completing)
            if cleared >= 0:
                interval.cleared_us, interval.clearing = clearing.measured_us, clearing
            elif end_us < END_US and (end_us <= until_us or high < len(series)):
                interval.cleared_us = end_us
            found.append(interval)
    return found


def episodes(
    rules: Iterable[Rule], context: PatientContext, samples: Samples, until_us: int
) -> list[tuple[Rule, Episode]]:
    """All episodes of one patient by rule and time. `samples` (dtype SAMPLE, any order, no duplicates) are
    the whole history.

    `until_us`: the instant up to which time is known to have passed (the ends of enrolments need it, nothing
    else).
    """
    series = list(series_of(samples))
    found = []
    for rule in rules:
        stretches = segments(rule, context)
        seen = sees(rule.metric, rule.unit)
        intervals: list[Interval] = []
        for (_, metric, component), part in series if stretches else ():
            if (metric, component) in seen:
                intervals += intervals_of(rule, stretches, counted_for(rule, part), until_us)
        found += [(rule, episode) for episode in episodes_of(intervals)]
    return found


def history(
    rules: Sequence[Rule],
    contexts: Mapping[int, PatientContext],
    samples: Samples,
    until_us: int | None = None,
) -> list[Alert]:
    """Alerts of many patients, sorted by logical id, rule and opening; patients without a context have none.

    `until_us` None stands for the last measured time.
    """
    if until_us is None:
        until_us = int(samples["measured_us"].max(initial=0))
    by_patient = np.argsort(samples["patient"], kind="stable")
    ordered = samples["patient"][by_patient]
    alerts: list[Alert] = []
    for key, context in sorted(contexts.items(), key=lambda item: item[1].patient):
        low, high = np.searchsorted(ordered, (key, key + 1))
        taken: set[UUID] = set()
        for rule, episode in episodes(rules, context, samples[by_patient[low:high]], until_us):
            identity = free_id(context.patient, rule.id, episode, taken)
            taken.add(identity)
            alerts.append(wording.alert_of(rule, context, episode, identity, late=False))
    return sorted(alerts, key=lambda a: (contexts[a.patient].patient, a.rule, a.opened_us))


def free_id(patient: str, rule: str, episode: Episode, taken: set[UUID]) -> UUID:
    """The id of a new alert: that of its opening reading with the first ordinal that no other alert has."""
    opening = UUID(bytes=episode.opening.observation)
    for ordinal in range(len(taken) + 1):
        identity = alert_id(patient, rule, opening, ordinal)
        if identity not in taken:
            return identity
    raise AssertionError("more ordinals than ids")


def key_of(alert: Alert) -> AlertKey:
    """What two histories are compared by."""
    return (
        alert.patient,
        alert.rule,
        alert.version,
        alert.priority,
        alert.opened_us,
        alert.cleared_us,
        alert.readings,
    )
