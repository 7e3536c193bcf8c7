"""An alert engine with one rule, for tests of the processor: nothing heard for ten minutes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from tests.processing import START_US
from vitals.errors import InternalError
from vitals.events import Alert, AlertChange, Deadline, Limits, PatientContext, PatientHistory, Samples
from vitals.identity import alert_id, observation_id
from vitals.ports.alerting import HistoryRequest

SILENCE_US = 600_000_000
DAY_US = 86_400_000_000
_LIMITS = Limits("any", "nothing for 10 min", "anything", None, "1", "test")


@dataclass(frozen=True)
class Look:
    """One call of `apply`."""

    patients: frozenset[str]
    samples: int
    tick: bool
    now_us: int


@dataclass
class SilenceEngine:
    """Reads every patient's last ten days each time; remembers how it was called and what it saw.

    `seen` holds the values of everything that it knows of a patient, by logical id; `sick` names one whose ticks fail.
    """

    looks: list[Look] = field(default_factory=list)
    again: list[tuple[int, int]] = field(default_factory=list)
    seen: dict[str, list[float]] = field(default_factory=dict)
    sick: str = ""
    _last_us: dict[int, int] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def needs(
        self, samples: Samples, context: dict[int, PatientContext], *, tick: bool = False
    ) -> list[HistoryRequest]:
        """All of the past, always."""
        return [HistoryRequest(key, START_US - 10 * DAY_US, START_US + 10 * DAY_US) for key in context]

    def apply(
        self,
        samples: Samples,
        context: dict[int, PatientContext],
        history: dict[int, PatientHistory],
        now_us: int,
        *,
        tick: bool = False,
    ) -> list[AlertChange]:
        """Opens an alert when a tick finds ten minutes of silence."""
        names = {one.patient for one in context.values()}
        self.looks.append(Look(frozenset(names), len(samples), tick, now_us))
        if tick and self.sick in names:
            raise InternalError("this patient's silence can't be looked at")
        changes = []
        for key, one in context.items():
            known = np.concatenate((history[key].samples, samples[samples["patient"] == key]))
            self.seen[one.patient] = sorted(known["value"].tolist())
            self._last_us[key] = int(known["measured_us"].max()) if len(known) else START_US
            self._open.discard(key)
            if any(alert.condition == "active" for alert in history[key].alerts):
                self._open.add(key)
            elif tick and now_us >= self._last_us[key] + SILENCE_US:
                self._open.add(key)
                changes.append(AlertChange("opened", _alert(one, self._last_us[key] + SILENCE_US), None))
        return changes

    def deadlines(self, patients: Collection[int]) -> dict[int, Deadline | None]:
        """Ten minutes after the last reading, until the alert is open."""
        return {
            key: None if key in self._open else Deadline(self._last_us[key] + SILENCE_US, self._last_us[key])
            for key in patients
        }

    def reexamine(self, patient: int, from_us: int) -> None:
        """Remembers the call."""
        self.again.append((patient, from_us))

    def drop(self, patients: frozenset[int] | None = None) -> None:
        """Forgets everybody."""
        self._last_us.clear()
        self._open.clear()


def _alert(context: PatientContext, opened_us: int) -> Alert:
    return Alert(
        id=alert_id(context.patient, "silent", observation_id(b"", context.patient), 0),
        patient=context.key,
        rule="silent",
        version=1,
        priority="low",
        title="Nothing heard",
        condition="active",
        opened_us=opened_us,
        cleared_us=None,
        readings=(),
        clearing=None,
        limits=_LIMITS,
        explanation="nothing for 10 min",
    )
