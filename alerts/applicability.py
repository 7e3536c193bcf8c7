"""When a rule holds for a patient: enrolments and clinical context, by measured time."""

from __future__ import annotations

from bisect import bisect_right

from vitals.events import PatientContext

from .rules import Rule

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


def _enrolled(rule: Rule, context: PatientContext) -> list[Segment]:
    if rule.programme in EVERYONE:
        return [(BEGINNING_US, END_US)]
    return _joined(
        [
            (
                BEGINNING_US if enrolment.since_us is None else enrolment.since_us,
                END_US if enrolment.until_us is None else enrolment.until_us,
            )
            for enrolment in context.enrolments
            if enrolment.programme == rule.programme
        ]
    )


def _targeted(context: PatientContext, wanted: bool) -> list[Segment]:
    """Stretches in which a lowered target is (not) in force; a later target replaces the earlier one."""
    targets = sorted(
        (BEGINNING_US if t.since_us is None else t.since_us, (t.low, t.high) == LOWERED_TARGET)
        for t in context.spo2_targets
    )
    steps = [(BEGINNING_US, False), *targets]
    ends = [since for since, _ in targets] + [END_US]
    return _joined([(since, end) for (since, is_low), end in zip(steps, ends, strict=True) if is_low == wanted])


def segments(rule: Rule, context: PatientContext) -> tuple[Segment, ...]:
    """Disjoint half-open stretches of time in which the rule holds, in order; touching ones are one."""
    enrolled = _enrolled(rule, context)
    if rule.spo2_target is None:
        return tuple(enrolled)
    targeted = _targeted(context, rule.spo2_target == "required")
    both = [(max(a, c), min(b, d)) for a, b in enrolled for c, d in targeted]
    return tuple(_joined(both))


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
