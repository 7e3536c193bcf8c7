"""Bringing what was said up to date with what is true, and a rule that fails out of everyone's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from vitals.events import Alert, AlertChange, Limits, ReadingRef
from vitals.identity import alert_id

from .episodes import Episode, Interval, Point, episodes_of
from .reconcile import reconcile
from .rules import Rule
from .state import SAID_MAX, PatientState, Watch

#: Rule id of the alert that says that a rule failed for a patient.
SUSPENDED = "rule-suspended"

#: Cleared intervals of one open episode kept apart before they are folded into one.
_CLOSED_MEMBERS_MAX = 8


def settle(state: PatientState, watch: Watch, cause: ReadingRef | None) -> list[AlertChange]:
    """Compares the watch's intervals with what was said of it, says the difference, and keeps the newest
    episode.
    """
    episodes = episodes_of(watch.members)
    changes, said = reconcile(watch.rule, state.context, watch.said, episodes, watch.settled_us, cause)
    watch.said = sorted(said, key=lambda a: a.opened_us)[-SAID_MAX:]
    if len(episodes) > 1:
        before = episodes[-2].cleared_us
        assert before is not None
        watch.settled_us, watch.floor_us = before, max(watch.floor_us, before)
    watch.members = _folded(watch, episodes[-1]) if episodes else []
    return changes


def _folded(watch: Watch, episode: Episode) -> list[Interval]:
    """The episode's intervals, the cleared ones as one when they are many and something is still open.

    Their union stays the same as long as nothing before the end of the folded one changes: `floor_us` guards
    that.
    """
    closed = [m for m in episode.members if m.cleared_us is not None]
    if episode.cleared_us is not None or len(closed) <= _CLOSED_MEMBERS_MAX:
        return list(episode.members)
    end_us = max(m.cleared_us for m in closed if m.cleared_us is not None)
    watch.floor_us = max(watch.floor_us, end_us)
    hull = Interval(episode.opened_us, episode.opening, episode.completing, end_us)
    return [hull, *(m for m in episode.members if m.cleared_us is None)]


def guarded(state: PatientState, watch: Watch, at: Point | None, work: Callable[[], None]) -> list[AlertChange]:
    """Does a rule's work; a rule that fails is suspended for this patient and an alert says so.

    This is the one place in this room that catches Exception: one broken rule must not stop the readings, nor
    the other rules, of everyone in the group.
    """
    try:
        work()
    except Exception as error:  # noqa: BLE001
        watch.suspended = True
        return _suspended(state, watch.rule, at, type(error).__name__)
    return []


def _title(rule: Rule) -> str:
    return f"Rule {rule.id} is suspended"


def _suspended(state: PatientState, rule: Rule, at: Point | None, what: str) -> list[AlertChange]:
    if at is None or any(a.condition == "active" and a.title == _title(rule) for a in state.suspensions):
        return []
    observation = UUID(bytes=at.observation)
    taken = {a.id for a in state.suspensions}
    ids = (alert_id(state.context.patient, SUSPENDED, observation, n) for n in range(len(taken) + 1))
    alert = Alert(
        id=next(identity for identity in ids if identity not in taken),
        patient=state.context.key,
        rule=SUSPENDED,
        version=1,
        priority="technical",
        title=_title(rule),
        condition="active",
        opened_us=at.measured_us,
        cleared_us=None,
        readings=(at.ref,),
        clearing=None,
        limits=Limits(rule.metric, "the rule fails", "the rule runs again", None, rule.unit, rule.source),
        explanation=(
            f"Rule {rule.id} version {rule.version} failed for this patient ({what}) and is not watching. "
            "Correct the rule and start again; its readings are charted."
        ),
    )
    state.suspensions.append(alert)
    return [AlertChange("opened", alert, at.ref)]


def resumed(state: PatientState, rule: Rule, now_us: int) -> list[AlertChange]:
    """Clears the alert of a rule that was suspended and has now gone through the patient's history."""
    changes = []
    for place, alert in enumerate(state.suspensions):
        if alert.condition == "active" and alert.title == _title(rule):
            over = replace(alert, condition="cleared", cleared_us=max(now_us, alert.opened_us))
            state.suspensions[place] = over
            changes.append(AlertChange("cleared", over, None))
    return changes
