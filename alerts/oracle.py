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

from .applicability import BEGINNING_US, END_US, Segment, segments
from .episodes import Episode, Interval, episodes_of
from .kinds import KINDS
from .kinds.base import Track
from .rules import Rule, in_unit, sees
from .statement import alert_of

#: Device, metric number, component.
SeriesKey = tuple[int, int, int]

#: Samples that count for no rule: they came too late.
UNCOUNTED = int(Flag.TOO_LATE)

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


def in_merged_order(samples: Samples) -> NDArray[np.int64]:
    """Positions that sort one patient's samples of several series: measured, metric, component, device, sequence,
    observation.
    """
    identity = np.ascontiguousarray(samples["observation"]).view(">u8").reshape(-1, 2)
    keys = (identity[:, 1], identity[:, 0], samples["sequence"], samples["device"], samples["component"])
    return np.lexsort((*keys, samples["metric"], samples["measured_us"]))


def track_of(rule: Rule, series: Samples) -> Track:
    """What a rule looks at in one series that is in order."""
    counted: Samples = series[(series["flags"] & KINDS[rule.kind].ignores) == 0]
    return Track(counted, _values(rule, series[:1], counted))


def _values(rule: Rule, first: Samples, counted: Samples) -> NDArray[np.float64]:
    return in_unit(rule, int(first["metric"][0]), int(first["component"][0]), counted["value"])


def merged_track_of(rule: Rule, parts: Sequence[Samples]) -> Track:
    """What a merged rule looks at: the samples of all these series in order of time."""
    tracks = [track_of(rule, part) for part in parts]
    samples = np.concatenate([track.samples for track in tracks])
    order = in_merged_order(samples)
    return Track(samples[order], np.concatenate([track.values for track in tracks])[order])


def tracks_of(rule: Rule, series: Sequence[tuple[SeriesKey, Samples]]) -> list[tuple[SeriesKey | None, Track]]:
    """The tracks of a rule with the series that each is of; None for the one of a merged kind."""
    seen = sees(rule.metric, rule.unit)
    mine = [(key, part) for key, part in series if key[1:] in seen]
    if not KINDS[rule.kind].merged:
        return [(key, track_of(rule, part)) for key, part in mine]
    return [(None, merged_track_of(rule, [part for _, part in mine]))] if mine else []


def intervals_of(
    rule: Rule,
    context: PatientContext,
    stretches: Sequence[Segment],
    track: Track,
    until_us: int,
    silent_us: int | None = None,
) -> list[Interval]:
    """Intervals in which one track is in breach, in order.

    Where the rule stops to hold an open interval ends, once that instant is past: at or before `until_us`, or
    shown by a later sample of the track. Silence counts up to `silent_us` (`until_us` when not given).
    """
    found: list[Interval] = []
    if not len(track.samples):
        return found
    for since_us, end_us in stretches:
        low, high = (int(i) for i in np.searchsorted(track.measured_us, (since_us, end_us)))
        if low == high:
            continue
        next_us = int(track.measured_us[high]) if high < len(track.samples) else BEGINNING_US
        silent_to_us = min(max(until_us if silent_us is None else silent_us, next_us), end_us - 1)
        part = track.part(low, high)
        if since_us >= track.known_us:
            part = part._replace(known_us=BEGINNING_US)  # nothing from before the stretch counts
        for interval in KINDS[rule.kind].intervals(rule, context, part, silent_to_us):
            if interval.cleared_us is None and end_us < END_US and end_us <= max(until_us, next_us):
                interval.cleared_us = end_us
            found.append(interval)
    return found


def episodes(
    rules: Iterable[Rule], context: PatientContext, samples: Samples, until_us: int
) -> list[tuple[Rule, Episode]]:
    """All episodes of one patient by rule and time. `samples` (dtype SAMPLE, any order, no duplicates) are
    the whole history.

    `until_us`: the instant up to which time is known to have passed and everything received is in `samples`: silences
    and the ends of enrolments need it.
    """
    series = list(series_of(samples))
    found = []
    for rule in rules:
        stretches = segments(rule, context)
        intervals: list[Interval] = []
        for _, track in tracks_of(rule, series) if stretches else ():
            intervals += intervals_of(rule, context, stretches, track, until_us)
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
            alerts.append(alert_of(rule, context, episode, identity, late=False))
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
