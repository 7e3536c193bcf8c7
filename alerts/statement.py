"""What an alert says: the statement that an episode of a rule amounts to."""

from __future__ import annotations

from uuid import UUID

from vitals.events import Alert, Limits, PatientContext

from . import wording
from .episodes import Episode
from .kinds import KINDS
from .rules import Rule


def limits_of(rule: Rule) -> Limits:
    """What the rule compared with."""
    raised, cleared = KINDS[rule.kind].limits(rule)
    return Limits(
        metric=rule.metric,
        raise_text=raised,
        clear_text=cleared,
        dwell=wording.dwell_text(rule.for_us) if rule.for_us else None,
        unit=rule.unit,
        source=rule.source,
    )


def alert_of(rule: Rule, context: PatientContext, episode: Episode, identity: UUID, late: bool) -> Alert:
    """The alert that an episode is."""
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
        readings=episode.readings,
        clearing=episode.clearing.ref if episode.clearing else None,
        limits=limits_of(rule),
        explanation=KINDS[rule.kind].explain(rule, context, episode),
        late=late,
    )
