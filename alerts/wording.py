"""What an alert says to people: title, limits, explanation."""

from __future__ import annotations

from uuid import UUID

from vitals import codes
from vitals.events import Alert, Limits, PatientContext, ReadingRef

from .episodes import Episode
from .rules import SECOND_US, Limit, Rule

_BEYOND = {">=": "at or above", ">": "above", "<=": "at or below", "<": "below"}

#: How people write units; everything else is shown as its UCUM code.
_UNIT_TEXTS = {
    "Cel": "°C",
    "[degF]": "°F",
    "mm[Hg]": "mmHg",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "/min": "/min",
    "1": "",
}


def unit_text(unit: str) -> str:
    """A unit as people write it."""
    return _UNIT_TEXTS.get(unit, unit)


def _quantity(value: str, unit: str) -> str:
    return f"{value} {unit_text(unit)}".strip()


def limit_text(limit: Limit, unit: str) -> str:
    """Such as "below 88 %"."""
    return f"{_BEYOND[limit.op]} {_quantity(f'{limit.value:g}', unit)}"


def dwell_text(for_us: int) -> str:
    """Such as "5 min", in the largest unit that divides it."""
    seconds = for_us // SECOND_US
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def metric_text(metric: str) -> str:
    """Label of a rule's metric, such as "SpO2" or "Systolic blood pressure"."""
    key, _, part = metric.partition(".")
    label = codes.metric(key).label
    return f"{part.capitalize()} {label.lower()}" if part else label


def title_text(metric: str, limit: Limit | None, unit: str) -> str:
    """The title of a rule that brought none."""
    if limit is None:
        return f"{metric_text(metric)}: improbable reading, check patient and sensor"
    return f"{metric_text(metric)} {limit_text(limit, unit)}"


def explanation_text(rule: Rule, readings: tuple[ReadingRef, ...]) -> str:
    """Such as "SpO2 below 88 % for 5 min: 86 %, then 85 %"; when that was, pages say in the patient's own zone."""
    about = title_text(rule.metric, rule.raise_limit, rule.unit)
    dwell = f" for {dwell_text(rule.for_us)}" if rule.for_us else ""
    return f"{about}{dwell}: " + ", then ".join(_quantity(reading.value, reading.unit) for reading in readings)


def limits_of(rule: Rule) -> Limits:
    """What the rule compared with."""
    return Limits(
        metric=rule.metric,
        raise_text=limit_text(rule.raise_limit, rule.unit) if rule.raise_limit else "outside the plausible range",
        clear_text=limit_text(rule.clear_limit, rule.unit) if rule.clear_limit else "the next plausible reading",
        dwell=dwell_text(rule.for_us) if rule.for_us else None,
        unit=rule.unit,
        source=rule.source,
    )


def alert_of(rule: Rule, context: PatientContext, episode: Episode, identity: UUID, late: bool) -> Alert:
    """The alert that an episode is."""
    readings = episode.readings
    return Alert(
        id=identity,
        patient=context.key,
        rule=rule.id,
        version=rule.version,
        priority=rule.priority,
        title=rule.title,
        condition="active" if episode.cleared_us is None else "cleared",
        opened_us=episode.opened_us,
        cleared_us=episode.cleared_us,
        readings=readings,
        clearing=episode.clearing.ref if episode.clearing else None,
        limits=limits_of(rule),
        explanation=explanation_text(rule, readings),
        late=late,
    )
