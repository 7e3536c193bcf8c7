"""Asks the rules: brings them context and history, takes alerts and deadlines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vitals.errors import InternalError
from vitals.events import AlertChange, Deadline, PatientContext, Samples
from vitals.ports.alerting import AlertEngine, HistoryTooShort
from vitals.ports.chart import Unit

#: How often the engine may ask for a longer stretch: the alerts of one reach back to readings of the next.
HISTORY_TRIES = 5


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the rules say; `deadlines` are those that have to be stored."""

    alerts: Sequence[AlertChange] = ()
    deadlines: Mapping[int, Deadline | None] = field(default_factory=dict)


async def evaluate(
    unit: Unit, engine: AlertEngine, samples: Samples, patients: Collection[int], now_us: int, *, tick: bool = False
) -> Evaluated:
    """Evaluates samples of these patients, or their silence."""
    if not patients:
        return Evaluated()
    contexts = await unit.contexts(patients)
    requests = engine.needs(samples, contexts, tick=tick)
    for _ in range(HISTORY_TRIES):
        history = await unit.history(requests, contexts) if requests else {}
        try:
            alerts = engine.apply(samples, contexts, history, now_us, tick=tick)
        except HistoryTooShort as short:
            requests = list(short.requests)
        else:
            said = engine.deadlines(contexts)
            # A tick always stores what it found: else the deadline that woke it would wake it again.
            kept = {key: due for key, due in said.items() if tick or _sooner(due, contexts[key])}
            return Evaluated(alerts, kept)
    raise InternalError("the rules ask for ever more history: keep the journal and report this")


def _sooner(due: Deadline | None, context: PatientContext) -> bool:
    """Whether the stored deadline has to go: it would come too late, know too little or wake us for nothing. One that
    comes too early may stay, so that a patient who keeps sending costs no write.
    """
    stored = context.deadline
    if due is None or stored is None:
        return due is not stored
    return due.due_us < stored.due_us or due.since_us < stored.since_us
