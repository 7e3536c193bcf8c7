"""Obeys a group's commands: what is charted is corrected and moved before the group's readings are evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from streams import attribute, commands, reattribute
from streams.commands import Correction, Reexamine, RegistryChanged
from streams.group import Order
from vitals import wire
from vitals.identity import shard_of
from vitals.ports.chart import DeviceRecord, Kept, Touched, Unit
from vitals.reading import NONE

#: Rows looked at in one group: about 0.2 s. What is left comes back as another command, so that a year of a cuff in the
#: wrong hands stops nobody.
STRAYS_MAX = 5_000

_NEVER_US = 2**63 - 1

#: Rows of quarantine looked at in one group: about 0.3 s.
KEPT_MAX = 5_000

#: How far back rules look again when all that is said is that something changed: as far as blind stretches are known.
AGAIN_MAX_US = 60 * 86_400 * 1_000_000


@dataclass(slots=True)
class Wanted:
    """What all commands of one group want together; `again` says from when on to examine a patient (logical id).

    `shard` is where what is left comes back, `told` are all shards that were told of devices; `refused` are places
    (shard, offset) of what can't be obeyed.
    """

    corrected: set[UUID] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    since_us: int = _NEVER_US
    again: dict[str, int] = field(default_factory=dict)
    shard: int = 0
    told: set[int] = field(default_factory=set)
    refused: list[tuple[int, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.corrected or self.devices or self.again)


@dataclass(slots=True)
class Repaired:
    """`again`: patients of this group's shards to examine from when on, by key; `commands`: records for shards;
    `replayed`: rows of quarantine that a binding may place now; `refused`: places of commands that were passed.
    """

    again: dict[int, int] = field(default_factory=dict)
    commands: list[tuple[int, bytes]] = field(default_factory=list)
    replayed: Sequence[Kept] = ()
    refused: Sequence[tuple[int, int]] = ()


def wanted(orders: Iterable[Order], poisoned: Collection[tuple[int, int, int]], now_us: int) -> Wanted:
    """Folds commands into one. What can't be read or obeyed is passed: it must not stop its shard."""
    result = Wanted()
    for order in orders:
        if (order.shard, order.offset, 0) in poisoned:
            continue
        try:
            _fold(result, commands.parse(order.body), order.shard, now_us)
        except commands.CommandRefused:
            result.refused.append((order.shard, order.offset))
    return result


def _fold(result: Wanted, command: commands.Command, shard: int, now_us: int) -> None:
    match command:
        case Correction(observation):
            result.corrected.add(observation)
        case Reexamine(from_us):
            _again(result.again, from_us.items())
        case RegistryChanged(patients, (), since_us):
            first_us = max(now_us - AGAIN_MAX_US, NONE if since_us is None else since_us)
            _again(result.again, ((patient, first_us) for patient in patients))
        case RegistryChanged(patients, devices, since_us):
            result.devices.update(devices)
            result.patients.update(patients)
            result.since_us = min(result.since_us, NONE if since_us is None else since_us)
            result.shard = shard
            result.told.add(shard)


def _again(into: dict[str, int], patients: Iterable[tuple[str, int]]) -> None:
    for patient, from_us in patients:
        into[patient] = min(from_us, into.get(patient, from_us))


async def obey(unit: Unit, want: Wanted, shards: Collection[int]) -> Repaired:
    """Changes what is charted. Patients of other shards than `shards`, whose offsets this transaction doesn't guard,
    are left to their owners through a command; doing it twice changes nothing more.
    """
    found: list[Touched] = []
    result = Repaired(refused=want.refused)
    if want.corrected:
        found += await unit.withdraw(want.corrected)
    if want.devices:
        devices = await unit.devices(want.devices)
        strays = await unit.strays(want.devices, want.patients, want.since_us, STRAYS_MAX)
        moves = reattribute.moves(strays, {known.key: known for known in devices.values()})
        if moves:
            await unit.move(moves)
            found += reattribute.touched(moves)
        if len(strays) >= STRAYS_MAX:
            rest = commands.continued(sorted(want.patients), sorted(want.devices), strays[-1].measured_us + 1)
            result.commands.append((want.shard, rest))
        result.replayed, rest_waits = await _replayed(unit, want, devices, shards)
        if rest_waits:
            rest = commands.continued(sorted(want.patients), sorted(want.devices), _NEVER_US)
            result.commands += [(shard, rest) for shard in sorted(want.told)]
    _again(want.again, ((one.patient, one.measured_us) for one in found))
    here = {patient: from_us for patient, from_us in want.again.items() if shard_of(patient) in shards}
    keys = await unit.patients(here) if here else {}
    result.again = {key: here[patient] for patient, key in keys.items()}
    elsewhere: dict[int, dict[str, int]] = {}
    for patient in {one.patient for one in found} - here.keys():
        elsewhere.setdefault(shard_of(patient), {})[patient] = want.again[patient]
    result.commands += [(shard, Reexamine(from_us).encode()) for shard, from_us in sorted(elsewhere.items())]
    return result


async def _replayed(
    unit: Unit, want: Wanted, devices: Mapping[str, DeviceRecord], shards: Collection[int]
) -> tuple[list[Kept], bool]:
    """What was kept by an older group, which read the registry before it changed, and has a place now; whether more
    may wait behind it.
    """
    kept = await unit.kept(want.devices, shards, KEPT_MAX)
    found = []
    for row in kept:
        one = wire.decode(row.record)
        if attribute.placeable(one.columns, one.strings, row.reason, devices):
            found.append(row)
    return found, bool(found) and len(kept) >= KEPT_MAX
