"""From what was said to what is true: episodes are matched to alerts by overlap, the differences become
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vitals.events import Alert, AlertChange, Change, PatientContext, ReadingRef

from .applicability import END_US
from .episodes import Episode
from .oracle import free_id
from .rules import Rule
from .statement import alert_of


def _overlap(alert: Alert, episode: Episode) -> bool:
    """Closed at both ends, so that an alert of no length can be matched too."""
    alert_end = END_US if alert.cleared_us is None else alert.cleared_us
    episode_end = END_US if episode.cleared_us is None else episode.cleared_us
    return alert.opened_us <= episode_end and episode.opened_us <= alert_end


def _returned(alert: Alert, episode: Episode) -> bool:
    """Whether the episode covers the instant at which a retracted alert had been raised."""
    return episode.opened_us <= alert.opened_us and (
        episode.cleared_us is None or alert.opened_us <= episode.cleared_us
    )


def _amendment(old: Alert, new: Alert, cause: ReadingRef | None) -> AlertChange | None:
    """The change that leads from an alert that stands to its new form; None when they are the same."""
    if old == new:
        return None
    closes = old.condition == "active" and new.condition == "cleared"
    if closes and replace(old, condition="cleared", cleared_us=new.cleared_us, clearing=new.clearing) == new:
        return AlertChange("cleared", new, new.clearing)
    return AlertChange("amended", new, cause)


def _matches(episodes: Sequence[Episode], live: Sequence[Alert]) -> list[Alert | None]:
    """For each episode the earliest alert that overlaps it and that no earlier episode took."""
    taken: set[UUID] = set()
    matches: list[Alert | None] = []
    for episode in episodes:
        match = next((a for a in live if a.id not in taken and _overlap(a, episode)), None)
        if match is not None:
            taken.add(match.id)
        matches.append(match)
    return matches


def reconcile(
    rule: Rule,
    context: PatientContext,
    said: Sequence[Alert],
    episodes: Sequence[Episode],
    settled_us: int,
    cause: ReadingRef | None,
) -> tuple[list[AlertChange], list[Alert]]:
    """Changes that turn what was said of one rule and patient into `episodes`, and what is said afterwards.

    `said`: known alerts of the rule, retracted ones included; those that cleared at or before `settled_us`
    stand.
    `episodes`: everything that is true after `settled_us`, in order. `cause`: the new reading that changed
    the mind.

    An episode keeps the earliest alert that overlaps it. Other alerts that overlap it are retracted into that
    one (merge); an episode left without an alert (split, or new) revives a retracted alert that it covers, or
    opens one.
    """
    known = {alert.id: alert for alert in said}
    live = sorted(
        (a for a in said if a.condition != "retracted" and (a.cleared_us is None or a.cleared_us > settled_us)),
        key=lambda a: (a.opened_us, a.id.bytes),
    )
    retracted = sorted((a for a in said if a.condition == "retracted"), key=lambda a: (a.opened_us, a.id.bytes))
    changes: list[AlertChange] = []
    standing: list[tuple[Episode, UUID]] = []
    for episode, match in zip(episodes, _matches(episodes, live), strict=True):
        if match is not None:
            alert = alert_of(rule, context, episode, match.id, match.late)
            change = _amendment(match, alert, cause)
            live.remove(match)
        elif (back := next((a for a in retracted if _returned(a, episode)), None)) is not None:
            alert = alert_of(rule, context, episode, back.id, back.late)
            change = AlertChange("revived", alert, cause)
            retracted.remove(back)
        else:
            over = episode.cleared_us is not None
            alert = alert_of(rule, context, episode, free_id(context.patient, rule.id, episode, set(known)), over)
            change = AlertChange("opened", alert, alert.readings[-1])
        known[alert.id] = alert
        standing.append((episode, alert.id))
        if change is not None:
            changes.append(change)
    for alert in live:
        into = next((identity for episode, identity in standing if _overlap(alert, episode)), None)
        gone = replace(alert, condition="retracted", merged_into=into)
        known[gone.id] = gone
        kind: Change = "retracted"
        changes.append(AlertChange(kind, gone, cause))
    return changes, list(known.values())
