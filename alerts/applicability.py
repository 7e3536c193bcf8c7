"""When a rule holds for a patient: enrolments and clinical context, by measured time."""

from __future__ import annotations

from bisect import bisect_right
from calendar import isleap
from collections.abc import Iterable
from datetime import datetime

from vitals.events import PatientContext

from .days import zone_of
from .news2 import AGE_MIN_YEARS
from .rules import SECOND_US, Rule

#: Open ends of time: the first and the last instant that dates can name (years 1 and 9999).
BEGINNING_US = -62_135_596_800_000_000
END_US = 253_402_300_799_999_999

#: Half-open stretch of measured time.
Segment = tuple[int, int]

#: Programmes that every patient is in.
EVERYONE = frozenset({"general", "technical"})

#: The recorded target that replaces the general SpO2 rules (hypercapnic respiratory failure: BTS guideline,
#: NEWS2 scale 2).
LOWERED_TARGET = (88, 92)


def _joined(segments: list[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for since, until in sorted(segments):
        if since >= until:
            continue
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined


def _both(some: list[Segment], others: list[Segment]) -> list[Segment]:
    return _joined([(max(a, c), min(b, d)) for a, b in some for c, d in others])


def _outside(segments: list[Segment]) -> list[Segment]:
    """All of time but these disjoint stretches, which are in order."""
    starts = [BEGINNING_US, *(until for _, until in segments)]
    return _joined(list(zip(starts, [*(since for since, _ in segments), END_US], strict=True)))


def _stretch(since_us: int | None, until_us: int | None) -> Segment:
    return BEGINNING_US if since_us is None else since_us, END_US if until_us is None else until_us


def _enrolled(programme: str, context: PatientContext) -> list[Segment]:
    if programme in EVERYONE:
        return [(BEGINNING_US, END_US)]
    return _joined([_stretch(e.since_us, e.until_us) for e in context.enrolments if e.programme == programme])


def _scored(context: PatientContext) -> list[Segment]:
    """NEWS2 is not for under-16s nor for pregnancy (RCP 2017); whose age nobody knows is taken for an adult, because
    the programme that scores is one for adults.
    """
    since_us = BEGINNING_US
    if context.born is not None:
        year, month, day = context.born.year + AGE_MIN_YEARS, context.born.month, context.born.day
        if (month, day) == (2, 29) and not isleap(year):
            month, day = 3, 1
        birthday = datetime(year, month, day, tzinfo=zone_of(context.zone))
        since_us = int(birthday.timestamp()) * SECOND_US
    adult = [(since_us, END_US)]
    return _both(adult, _outside(_joined([_stretch(*period) for period in context.pregnancies])))


def target_steps(context: PatientContext) -> list[tuple[int, bool]]:
    """From when on each recorded target holds, in order, and whether it is the lowered one."""
    return sorted(
        (BEGINNING_US if t.since_us is None else t.since_us, (t.low, t.high) == LOWERED_TARGET)
        for t in context.spo2_targets
    )


def _targeted(context: PatientContext, wanted: bool) -> list[Segment]:
    """Stretches in which a lowered target is (not) in force; a later target replaces the earlier one."""
    targets = target_steps(context)
    steps = [(BEGINNING_US, False), *targets]
    ends = [since for since, _ in targets] + [END_US]
    return _joined([(since, end) for (since, is_low), end in zip(steps, ends, strict=True) if is_low == wanted])


def segments(rule: Rule, context: PatientContext) -> tuple[Segment, ...]:
    """Disjoint half-open stretches of time in which the rule holds, in order; touching ones are one."""
    stretches = _enrolled(rule.programme, context)
    if rule.unless is not None:
        stretches = _both(stretches, _outside(_enrolled(rule.unless, context)))
    if rule.spo2_target is not None:
        stretches = _both(stretches, _targeted(context, rule.spo2_target == "required"))
    if rule.metric == "news2":
        stretches = _both(stretches, _scored(context))
    return tuple(stretches)


def segment_at(stretches: tuple[Segment, ...], at_us: int) -> Segment | None:
    """The stretch that holds this instant."""
    place = bisect_right(stretches, (at_us, END_US + 1)) - 1
    return stretches[place] if place >= 0 and at_us < stretches[place][1] else None


def next_boundary_us(stretches: tuple[Segment, ...], after_us: int) -> int:
    """The first instant after `after_us` at which the rule starts or stops to hold; END_US when there is
    none.
    """
    return min((edge for stretch in stretches for edge in stretch if edge > after_us), default=END_US)


def first_difference_us(old: tuple[Segment, ...], new: tuple[Segment, ...]) -> int:
    """The first instant at which two sets of stretches disagree; END_US when they never do."""
    edges = sorted(set(old) ^ set(new))
    if not edges:
        return END_US
    ends: dict[int, list[int]] = {}
    for since, until in edges:
        ends.setdefault(since, []).append(until)
    since, untils = next(iter(ends.items()))
    return min(untils) if len(untils) == 2 else since


def context_difference_us(rules: Iterable[Rule], old: PatientContext, new: PatientContext) -> int:
    """The first instant from which on what is known of a patient makes a difference to the rules; END_US for none.

    A zone is not dated: days that were judged keep the zone by which they were judged.
    """
    differences = [first_difference_us(segments(rule, old), segments(rule, new)) for rule in rules]
    targets = (tuple(_targeted(context, wanted=True)) for context in (old, new))
    blind = (since for since, _ in set(old.blind) ^ set(new.blind))
    return min([*differences, first_difference_us(*targets), *blind], default=END_US)
