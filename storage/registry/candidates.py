"""Which readings of a claimed device a patient can be asked about: is this yours? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from vitals import codes
from vitals.reading import Reading

#: Readings closer together are one wearing: a strap sends each second, a cuff its pulse with its pressure.
TOGETHER_US = 10_000_000
#: Two measurements closer together may be two people's who share a room; nobody measures twice in so short a time.
APART_US = 120_000_000

#: One measurement is one reading of these, however fast the next one follows: a device that empties its memory.
_SPOT = frozenset({"blood_pressure", "body_weight", "glucose_capillary_mass"})

#: What people recognize first, of readings that belong together.
_TELLING = ("blood_pressure", "spo2", "body_temp", "body_weight", "glucose_capillary_mass", "cgm_mass", "heart_rate")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reading in quarantine that waits for its claim: the row's key, and the id of the Observation it will be."""

    key: int
    id: UUID
    reading: Reading


@dataclass(slots=True)
class Measurement:
    """Readings that were taken together, in order of time. Only one that is `confirmable` proves whose device it is."""

    rows: list[Waiting] = field(default_factory=list)
    confirmable: bool = True

    @property
    def shown(self) -> Waiting | None:
        """The newest reading of what people recognize first; None when every value is lost."""
        seen = [row for row in self.rows if not all(value.absent for value in row.reading.values)]
        return min(reversed(seen), key=lambda row: _rank(row.reading), default=None)

    def holds(self, id_: UUID) -> bool:
        """Whether a reading belongs to it."""
        return any(row.id == id_ for row in self.rows)


def measurements(waiting: Iterable[Waiting]) -> list[Measurement]:
    """In order of time. Of two within two minutes neither is confirmable; the next one after them is."""
    found: list[Measurement] = []
    by_id: dict[UUID, Measurement] = {}
    families: set[str] = set()
    for row in sorted(waiting, key=lambda row: (row.reading.measured_us, row.key)):
        again = by_id.get(row.id)
        if again is not None:  # the same reading, delivered again
            again.rows.append(row)
            continue
        family = codes.metric(row.reading.metric).family
        last_us = found[-1].rows[-1].reading.measured_us if found else 0
        if not found or row.reading.measured_us - last_us > TOGETHER_US or (family in _SPOT and family in families):
            found.append(Measurement())
            families = set()
        families.add(family)
        found[-1].rows.append(row)
        by_id[row.id] = found[-1]
    _mark(found)
    return found


def _mark(found: Sequence[Measurement]) -> None:
    for before, after in pairwise(found):
        gap_us = after.rows[0].reading.measured_us - before.rows[-1].reading.measured_us
        if before.confirmable and gap_us <= APART_US:
            before.confirmable = after.confirmable = False


def _rank(reading: Reading) -> int:
    family = codes.metric(reading.metric).family
    return _TELLING.index(family) if family in _TELLING else len(_TELLING)
