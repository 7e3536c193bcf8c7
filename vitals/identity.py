"""Identity of a measurement: device, metric, device time as sent, sequence. Same identity, same measurement."""

from __future__ import annotations

import hashlib
import struct
from uuid import UUID

#: Fixed at creation of an installation; a patient's shard never changes.
SHARD_COUNT = 64

_TAIL = struct.Struct(">qq")


def identity(device: str, metric: str, device_time_ns: int, sequence: int) -> bytes:
    """Canonical bytes of an identity; device and metric are length-prefixed so that no two can run together."""
    d, m = device.encode(), metric.encode()
    return struct.pack(">HH", len(d), len(m)) + d + m + _TAIL.pack(device_time_ns, sequence)


def observation_id(identity_bytes: bytes, patient: str) -> UUID:
    """Logical id of the Observation: the first 128 bits of SHA-256 over identity and patient."""
    return UUID(bytes=hashlib.sha256(identity_bytes + b"\x00" + patient.encode()).digest()[:16])


def alert_id(patient: str, rule: str, opening: UUID, ordinal: int) -> UUID:
    """Id of an alert: patient, rule, opening reading at its first raise, and a free ordinal (0 and up)."""
    parts = b"\x00".join((patient.encode(), rule.encode(), opening.bytes, str(ordinal).encode()))
    return UUID(bytes=hashlib.sha256(b"alert\x00" + parts).digest()[:16])


def shard_of(key: str) -> int:
    """Shard of a patient id (of the device id while no patient is known): blake2b-64 mod 64."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % SHARD_COUNT
