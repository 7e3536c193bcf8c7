"""Port between streams (decides) and storage (writes). Contract suite: `tests/contract/test_chart.py`.

One `commit` is one transaction: Observations, device status, alerts, quarantine, forwarded records and the shards'
offsets together, guarded by a compare-and-swap on the expected offset and the owner's epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import numpy as np

from vitals.errors import InternalError
from vitals.events import AlertChange, Deadline, PatientContext, PatientHistory
from vitals.ports.alerting import HistoryRequest

Columns = np.ndarray[Any, np.dtype[np.void]]

#: The pipeline was blind when nobody said for so long that readings are being processed: four times as long as between
#: two words when all is well, and far below the shortest silence that rules look at.
BLIND_AFTER_US = 60_000_000

#: One row of the chart as the processor hands it over. Times are UTC microseconds since 1970.
OBSERVATION = np.dtype(
    [
        ("id", "V16"),
        ("patient", "<i4"),
        ("device", "<i4"),
        ("gateway", "<i4"),
        ("metric", "<i2"),
        ("unit", "<i2"),
        ("values", "<i2"),
        ("source", "<i2"),
        ("flags", "<i4"),
        ("measured_us", "<i8"),
        ("received_us", "<i8"),
        ("device_time_ns", "<i8"),
        ("sequence", "<i8"),
        ("clock_offset_us", "<i8"),
        ("utc_offset_min", "<i2"),
        ("value", "<f8", (3,)),
        ("decimals", "<i2", (3,)),
        ("absent", "<i2", (3,)),
        ("shard", "<i2"),
        ("journal_offset", "<i8"),
        ("journal_row", "<i4"),
    ]
)


@dataclass(frozen=True, slots=True)
class Binding:
    """`patient_key`/`patient` own what the device measures in [`from_us`, `to_us`).

    Until it is `proven` by a reading that the patient confirmed, what is measured waits in quarantine.
    """

    patient_key: int
    patient: str
    from_us: int
    to_us: int
    proven: bool = True


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A registered device with all its bindings, ever."""

    key: int
    device: str
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is charted under an identity; `values` are (number, decimals, absent) as sent."""

    unit: int
    values: tuple[tuple[float, int, int], ...]


#: (device key, metric number, device_time_ns, sequence)
IdentityKey = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row of quarantine. `record` is the decoded reading as a one-row journal record, None when undecodable."""

    device: str
    reason: str
    message: str
    received_us: int
    raw: bytes
    record: bytes | None
    shard: int
    offset: int
    row: int


class Kept(NamedTuple):
    """An open row of quarantine that another binding may place: `record` is its reading as a one-row journal record."""

    key: int
    device: str
    reason: str
    record: bytes


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """How one shard moves on: from `expected` (the offset the database must show) to `next_offset`."""

    shard: int
    epoch: int
    expected: int
    next_offset: int
    applied: int
    duplicates: int
    forwarded: int


@dataclass(frozen=True, slots=True)
class Effects:
    """All that one group changes; written whole or not at all.

    `forward` has one record for each of other shards, `commands` (shard, record) in order. `deadlines` are by patient
    key; None: silence can change nothing any more. `replayed` rows of quarantine go through the journal once more.
    """

    progress: Sequence[ShardProgress]
    observations: Columns
    device_status: Columns
    quarantined: Sequence[Quarantined] = ()
    alerts: Sequence[AlertChange] = ()
    forward: Mapping[int, bytes] = field(default_factory=dict)
    commands: Sequence[tuple[int, bytes]] = ()
    deadlines: Mapping[int, Deadline | None] = field(default_factory=dict)
    replayed: Sequence[Kept] = ()


class Touched(NamedTuple):
    """A patient some of whose charted readings, the first measured at `measured_us`, changed their status."""

    patient_key: int
    patient: str
    measured_us: int


class Due(NamedTuple):
    """A patient whose silence is to be looked at, and the patient's shard."""

    patient_key: int
    shard: int


@dataclass(frozen=True, slots=True)
class Stray:
    """A charted row that may belong to somebody else by the bindings of now.

    `living`: it is not entered in error; `status`: it is device status, which always is living and whose `patient_key`
    is 0 while it is nobody's. `metric` is the code table's number.
    """

    id: UUID
    status: bool
    living: bool
    patient_key: int
    patient: str
    device_key: int
    metric: int
    device_time_ns: int
    sequence: int
    measured_us: int
    received_us: int
    flags: int


@dataclass(frozen=True, slots=True)
class Move:
    """Where a stray row goes: to `patient_key` under `id`, which may have been charted before.

    An Observation with `patient_key` 0 is only withdrawn; device status then is nobody's.
    """

    stray: Stray
    patient_key: int
    patient: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Head:
    """The highest (device time, sequence) charted for a (device, metric)."""

    device_time_ns: int
    sequence: int


class ShardLost(Exception):
    """Another owner has these shards, or their offset is not the expected one; nothing was written."""

    def __init__(self, shards: Collection[int]) -> None:
        super().__init__(f"shards {sorted(shards)} are no longer ours")
        self.shards = frozenset(shards)


class Poisoned(InternalError):
    """The database refuses these rows every time: trying the same again can't help, the culprit must be found."""

    code = "poisoned"


class Unit(Protocol):
    """One open transaction on the chart."""

    async def devices(self, devices: Collection[str]) -> dict[str, DeviceRecord]:
        """Registered devices among these ids, with their bindings."""
        ...

    async def contexts(self, patients: Collection[int]) -> dict[int, PatientContext]:
        """Enrolments and context of these patients, with the blind stretches of the last 60 days."""
        ...

    async def gateways(self, gateways: Collection[str]) -> dict[str, int]:
        """Integer keys of gateway ids, made when new."""
        ...

    async def heads(self, series: Collection[tuple[int, int]]) -> dict[tuple[int, int], Head]:
        """The head of each (device key, metric number) that has any row."""
        ...

    async def known(self, identities: Collection[IdentityKey]) -> dict[IdentityKey, Known]:
        """What is charted under these identities, whatever patient or status; locks their devices."""
        ...

    async def history(
        self, requests: Sequence[HistoryRequest], contexts: Mapping[int, PatientContext]
    ) -> dict[int, PatientHistory]:
        """Stored stretches of patients' past for the rules."""
        ...

    async def patients(self, patients: Collection[str]) -> dict[str, int]:
        """Keys of these logical ids; unknown ones are left out."""
        ...

    async def lock(self, devices: Collection[str], observations: Collection[UUID]) -> None:
        """Keeps other writers from charting or moving rows of these devices, and of those that made these
        Observations. Before anything else is read; all in one call, so that no two writers wait for each other.
        """
        ...

    async def withdraw(self, observations: Collection[UUID]) -> list[Touched]:
        """Marks as entered in error what is charted under the identities of these Observations, whoever has it by now;
        says whose it was. Doing it again does nothing.
        """
        ...

    async def strays(
        self, devices: Collection[str], patients: Collection[str], since_us: int, limit: int
    ) -> list[Stray]:
        """Rows of these devices measured from `since_us` on that somebody else, or nobody, has by the bindings of now.

        Charted for one of `patients` or for whoever is bound to the devices now; entered in error without a living row
        of their identity while somebody is bound; device status of any patient. Never an identity that a person marked
        as wrong. In order of time, about `limit`: rows of one instant come together.
        """
        ...

    async def kept(self, devices: Collection[str], shards: Collection[int], limit: int) -> list[Kept]:
        """Open rows of these devices, the newest first, that were applied in `shards` and kept for want of a (proven)
        binding.
        """
        ...

    async def move(self, moves: Sequence[Move]) -> None:
        """Withdraws living Observations and charts them for their new patients, once an id, reviving a row that is
        there already; moves device status in place.
        """
        ...

    async def due(self, shards: Collection[int], now_us: int, limit: int, without: Collection[int] = ()) -> list[Due]:
        """Patients of these shards whose stored deadline is reached, the longest due first; none of `without`."""
        ...

    async def beat(self, now_us: int) -> None:
        """Says that readings are being processed; a longer hole than BLIND_AFTER_US becomes a blind stretch."""
        ...

    async def write(self, effects: Effects) -> None:
        """Writes everything and moves the offsets; raises ShardLost before anything is visible."""
        ...


class Chart(Protocol):
    """Opens transactions: commit on a clean exit, roll back on an exception."""

    def transaction(self) -> AbstractAsyncContextManager[Unit]:
        """`async with chart.transaction() as unit: ...`"""
        ...
