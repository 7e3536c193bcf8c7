"""Devices: credentials, and the periods in which they are bound to a patient."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from storage.chart.quarantine import replay_in, replayable_keys
from storage.registry.changes import announce
from storage.registry.manual import MANUAL_PREFIX
from storage.sql import sql
from vitals.errors import OperatorError
from vitals.identity import shard_of

#: A new device's binding starts a little before it is registered: what it measured while it was being set up counts.
FIRST_BINDING_BACK = timedelta(minutes=5)

#: Bits of generated passwords and tokens: past guessing, so that a fast hash is enough to store them.
SECRET_BITS = 160

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device signs in with over MQTT; the password exists in this object only."""

    device_id: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class _Open:
    """The binding that has no end yet."""

    key: int
    patient: str
    since: datetime | None  # None: for all times


def new_secret() -> str:
    """160 random bits as 32 letters and digits (RFC 4648 base32), safe to type, in URLs and in headers."""
    return base64.b32encode(secrets.token_bytes(SECRET_BITS // 8)).decode()


def secret_hash(secret: str) -> bytes:
    """What is stored of a generated secret."""
    return hashlib.sha256(secret.encode()).digest()


async def add_device(
    connection: AsyncConnection[TupleRow],
    device: str,
    patient: str | None,
    since: datetime | None,
    now: datetime,
    *,
    author: str = "operator",
) -> Credentials:
    """Registers a device or gives a known one a new password; binds it to `patient` from `since` on.

    `since` defaults to 5 min before `now` for a device never bound, else to `now`. A known device's open binding ends
    where the new one starts. What waits in quarantine for a binding of this device is tried again. Raises
    OperatorError: `bad-id`, `bad-time`, `no-such-patient`, `binding-overlap` (the start lies inside or before an older
    binding).
    """
    _check_id(device)
    if since is not None and patient is None:
        raise OperatorError("A start of binding needs a patient: give both or neither.", code="bad-time")
    _check_zoned(since)
    password = new_secret()
    async with connection.transaction():
        values = {"id": device, "password_sha256": secret_hash(password)}
        cursor = await connection.execute(sql("upsert_device"), values)
        row = await cursor.fetchone()
        assert row is not None
        if patient is not None:
            await _bind(connection, row[0], device, patient, since, now, author)
    return Credentials(device, device, password)


async def return_device(connection: AsyncConnection[TupleRow], device: str, at: datetime) -> str:
    """Ends the device's open binding at `at` and returns whose it was (logical id).

    Raises OperatorError: `bad-id`, `no-such-device`, `not-bound`, `binding-overlap` (`at` is not after the binding's
    start).
    """
    _check_id(device)
    _check_zoned(at)
    async with connection.transaction():
        cursor = await connection.execute(sql("lock_device"), {"id": device})
        row = await cursor.fetchone()
        if row is None:
            raise OperatorError(f"There is no device {device[:64]!r}; check its id.", code="no-such-device")
        binding = await _open_binding(connection, row[0])
        if binding is None:
            raise OperatorError(f"Device {device} is not bound to a patient now.", code="not-bound")
        await _end(connection, device, binding, at)
        await announce(connection, patients=[binding.patient], devices=[device], since=at)
    return binding.patient


async def _bind(
    connection: AsyncConnection[TupleRow],
    key: int,
    device: str,
    patient: str,
    since: datetime | None,
    now: datetime,
    author: str,
) -> None:
    cursor = await connection.execute(sql("patient_key"), {"id": patient})
    row = await cursor.fetchone()
    if row is None:
        raise OperatorError(
            f"There is no patient {patient[:64]!r}. Add the patient first: vitalstream patient add.",
            code="no-such-patient",
        )
    patient_key: int = row[0]
    cursor = await connection.execute(sql("binding_count"), {"device": key})
    row = await cursor.fetchone()
    assert row is not None
    start = since if since is not None else (now if row[0] else now - FIRST_BINDING_BACK)
    concerned = {patient}
    binding = await _open_binding(connection, key)
    if binding is not None:
        await _end(connection, device, binding, start)
        concerned.add(binding.patient)
    try:
        values = {"device": key, "patient": patient_key, "since": start, "author": author}
        await connection.execute(sql("insert_binding"), values)
    except errors.ExclusionViolation:
        raise _overlap(device) from None
    waiting = await replayable_keys(connection, [device])
    await replay_in(connection, waiting, beside={shard_of(name) for name in (*concerned, device)})
    await announce(connection, patients=concerned, devices=[device], since=start)


async def _open_binding(connection: AsyncConnection[TupleRow], device: int) -> _Open | None:
    cursor = await connection.execute(sql("open_binding"), {"device": device})
    row = await cursor.fetchone()
    return None if row is None else _Open(*row)


async def _end(connection: AsyncConnection[TupleRow], device: str, binding: _Open, at: datetime) -> None:
    if binding.since is not None and at <= binding.since:
        raise _overlap(device)
    await connection.execute(sql("end_binding"), {"key": binding.key, "at": at})


def _overlap(device: str) -> OperatorError:
    return OperatorError(
        f"Device {device} is bound to somebody at that time already: bindings can't overlap. Give a later time.",
        code="binding-overlap",
    )


def _check_id(device: str) -> None:
    if not _ID.fullmatch(device):
        raise OperatorError("A device's id has 1 to 64 letters, digits, dots or hyphens.", code="bad-id")
    if device.startswith(MANUAL_PREFIX):
        raise OperatorError(
            f"Ids that start with {MANUAL_PREFIX} are kept for values entered by hand. Choose another.", code="bad-id"
        )


def _check_zoned(at: datetime | None) -> None:
    if at is not None and at.tzinfo is None:
        raise OperatorError("The time needs a zone, such as 2026-11-22T10:42:00Z.", code="bad-time")
