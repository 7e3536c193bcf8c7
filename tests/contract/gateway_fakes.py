"""In-memory stand-ins for the gateway's two ports; the contract suites run on them and on the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vitals import wire
from vitals.errors import PartnerError
from vitals.ports.devices import DeviceAccount


@dataclass
class FakeDirectory:
    """A device directory in a dict. `away` makes every question fail; `questions` counts `account` calls."""

    passwords: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, DeviceAccount] = field(default_factory=dict)
    refusals: list[tuple[str | None, str, bytes]] = field(default_factory=list)
    presences: list[tuple[str, bool, int]] = field(default_factory=list)
    away: bool = False
    questions: int = 0

    def add(self, device: str, password: str, patient: str | None = None, zone: str | None = None) -> None:
        """Registers a device, bound to a patient when one is given."""
        self.passwords[device] = password
        self.accounts[device] = DeviceAccount(device, patient or device, zone)

    def bind(self, device: str, patient: str, zone: str) -> None:
        """Another patient from now on."""
        self.accounts[device] = replace(self.accounts[device], shard_key=patient, zone=zone)

    def rotate(self, device: str, password: str) -> None:
        """Another password from now on."""
        self.passwords[device] = password
        self.accounts[device] = replace(self.accounts[device], credential=password.encode())

    def revoke(self, device: str) -> None:
        """The device is not welcome any more."""
        del self.passwords[device], self.accounts[device]

    def _reachable(self) -> None:
        if self.away:
            raise PartnerError("the registry is away")

    async def authenticate(self, device: str, password: str) -> DeviceAccount | None:
        """As the port says."""
        self._reachable()
        return self.accounts[device] if self.passwords.get(device) == password else None

    async def account(self, device: str) -> DeviceAccount | None:
        """As the port says."""
        self._reachable()
        self.questions += 1
        return self.accounts.get(device)

    async def refused(self, device: str | None, reason: str, sample: bytes) -> None:
        """As the port says."""
        self._reachable()
        self.refusals.append((device, reason, sample[:4096]))

    async def presence(self, device: str, online: bool, at_us: int) -> None:
        """As the port says."""
        self._reachable()
        self.presences.append((device, online, at_us))

    def online(self, device: str) -> bool | None:
        """The last presence told."""
        return next((online for name, online, _ in reversed(self.presences) if name == device), None)


class MemoryJournal:
    """A journal in lists. `gate` holds appends back while cleared; the next `failures` appends fail."""

    def __init__(self) -> None:
        self.shards: dict[int, list[bytes]] = {}
        self.groups: list[dict[int, bytes]] = []
        self.failures = 0
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, records: Mapping[int, bytes]) -> None:
        """As the port says."""
        self.attempts += 1
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise PartnerError("the journal is away")
        self.groups.append(dict(records))
        for shard, record in records.items():
            self.shards.setdefault(shard, []).append(record)

    @property
    def records(self) -> list[wire.Record]:
        """Everything appended, decoded, in the order of the groups."""
        return [wire.decode(record) for group in self.groups for record in group.values()]

    @property
    def rows(self) -> list[tuple[wire.Record, int]]:
        """Every row appended: its record and place."""
        return [(record, row) for record in self.records for row in range(len(record.columns))]
