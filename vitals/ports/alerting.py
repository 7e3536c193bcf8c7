"""Port between streams (asks) and alerts (answers). Contract suite: `tests/contract/test_alerting.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from vitals.errors import InternalError
from vitals.events import AlertChange, Deadline, PatientContext, PatientHistory, Samples


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Which stored stretch the engine needs before it can take a group: measured times in [from_us, to_us].

    `deeper`: metrics (by number) that are wanted from further back, and from when on: a rule on weights looks back
    days, one on a stream minutes.
    """

    patient: int
    from_us: int
    to_us: int
    deeper: tuple[tuple[int, int], ...] = ()

    @property
    def earliest_us(self) -> int:
        """From when on anything is wanted; alerts are from there on."""
        return min((self.from_us, *(from_us for _, from_us in self.deeper)))


class HistoryTooShort(InternalError):
    """The history brought does not reach back to where open alerts began. Nothing was changed.

    `requests` are the stretches to fetch before `apply` is called again with the same samples.
    """

    code = "history-too-short"

    def __init__(self, requests: Sequence[HistoryRequest]) -> None:
        super().__init__("alerts reach back further than the history that was fetched; fetch what is asked for")
        self.requests = tuple(requests)


class AlertEngine(Protocol):
    """Rules over samples. No I/O, no clock: the processor brings the history and the time.

    Use, once a group: `needs`, fetch what it asks for, `apply`; after a rolled back transaction `drop` the patients.
    `context` maps patient keys to what is known of them now; a patient without a context has no rules.
    """

    def needs(
        self, samples: Samples, context: dict[int, PatientContext], *, tick: bool = False
    ) -> list[HistoryRequest]:
        """Stretches of the past that `apply` needs for these samples (patients not loaded, late samples)."""
        ...

    def apply(
        self,
        samples: Samples,
        context: dict[int, PatientContext],
        history: dict[int, PatientHistory],
        now_us: int,
        *,
        tick: bool = False,
    ) -> list[AlertChange]:
        """Takes the new samples of one group (already deduplicated) and says what changed, in order.

        `tick`: everything received up to `now_us` is applied, so silence up to `now_us` counts for the patients in
        `context` (samples are empty then). Raises HistoryTooShort, with nothing changed, when more of the past is
        wanted.
        """
        ...

    def deadlines(self, patients: Collection[int]) -> dict[int, Deadline | None]:
        """After `apply`: when silence of each of these patients can next change an alert; None: never.

        Nothing is said of a patient whose state is not known: what is stored stands.

        A stored deadline may be earlier than the true one (the tick then only finds the next), never later.
        """
        ...

    def reexamine(self, patient: int, from_us: int) -> None:
        """Stored readings measured from `from_us` on were corrected or moved: the next group or tick that names the
        patient in its context examines that stretch again.
        """
        ...

    def drop(self, patients: frozenset[int] | None = None) -> None:
        """Forgets state in memory (of all patients for None); the next `needs` asks for their history again."""
        ...
