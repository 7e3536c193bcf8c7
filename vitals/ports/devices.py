"""Port between the gateway and the registry. Contract suite: `tests/contract/test_devices.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeviceAccount:
    """What the gateway may know of a device: its id, the shard key and zone of the patient bound now, if any.

    `shard_key` is the bound patient's id, else the device's; `zone` an IANA name or None while nobody is bound.
    `credential` tells one password from the next and is nobody's business otherwise.
    """

    device: str
    shard_key: str
    zone: str | None
    credential: bytes = field(default=b"", repr=False, compare=False)


class DeviceDirectory(Protocol):
    """Looks devices up; answers come from the registry, at most one second old."""

    async def authenticate(self, device: str, password: str) -> DeviceAccount | None:
        """The account when the credentials hold now, else None. Raises PartnerError when that can't be known."""
        ...

    async def account(self, device: str) -> DeviceAccount | None:
        """The account of a known, not revoked device, else None. Raises PartnerError when that can't be known."""
        ...

    async def refused(self, device: str | None, reason: str, sample: bytes) -> None:
        """Counts what was refused before acknowledgement and keeps its first 4 kB (never raises on a full table)."""
        ...

    async def presence(self, device: str, online: bool, at_us: int) -> None:
        """Notes that a device went online or offline."""
        ...
