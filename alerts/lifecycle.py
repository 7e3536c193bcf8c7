"""The state people see: a fold of the condition (the processor's) and the acts (people's). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from vitals.events import Condition

State = Literal["active-unacknowledged", "active-acknowledged", "cleared-unacknowledged", "closed"]


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did to an alert, and when (UTC microseconds)."""

    kind: Literal["acknowledge"]
    by: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Shown:
    """State of an alert with its one acknowledgement, if there is one."""

    state: State
    acknowledged_by: str | None = None
    acknowledged_us: int | None = None


def shown(condition: Condition, acts: Iterable[Act]) -> Shown:
    """Folds acts, in any order, over the condition. The first acknowledgement counts; later ones were
    refused.

    A retracted alert is closed: it asks for nothing any more. An acknowledgement outlives a condition that
    comes back.
    """
    first = min(acts, key=lambda act: (act.at_us, act.by), default=None)
    state: State
    if condition == "retracted" or (condition == "cleared" and first is not None):
        state = "closed"
    elif condition == "cleared":
        state = "cleared-unacknowledged"
    else:
        state = "active-unacknowledged" if first is None else "active-acknowledged"
    return Shown(state) if first is None else Shown(state, first.by, first.at_us)
