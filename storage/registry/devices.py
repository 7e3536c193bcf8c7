"""Devices: credentials, states, and the periods in which they are bound to a patient."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from storage.chart.quarantine import replay_in, replayable_keys
from storage.registry.changes import announce
from storage.registry.manual import MANUAL_PREFIX
from storage.registry.states import State
from storage.sql import sql
from storage.text import storable
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
    patient_key: int
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
    check_id(device)
    if since is not None and patient is None:
        raise OperatorError("A start of binding needs a patient: give both or neither.", code="bad-time")
    _check_zoned(since)
    password = new_secret()
    async with connection.transaction():
        values = {"id": device, "password_sha256": secret_hash(password)}
        cursor = await connection.execute(sql("upsert_device"), values)
        row = await cursor.fetchone()
        assert row is not None
        key, is_new = row
        if is_new:
            await enter_state(connection, key, "made", now, actor=author)
        if patient is not None:
            await _bind(connection, key, device, patient, since, now, author)
    return Credentials(device, device, password)


async def return_device(
    connection: AsyncConnection[TupleRow], device: str, at: datetime, *, author: str = "operator"
) -> str:
    """Ends the device's open binding at `at` and returns whose it was (logical id).

    Raises OperatorError: `bad-id`, `no-such-device`, `not-bound`, `binding-overlap` (`at` is not after the binding's
    start).
    """
    check_id(device)
    _check_zoned(at)
    async with connection.transaction():
        key = await lock_device(connection, device)
        if key is None:
            raise OperatorError(f"There is no device {device[:64]!r}; check its id.", code="no-such-device")
        patient = await end_binding(connection, key, device, at, actor=author)
        if patient is None:
            raise OperatorError(f"Device {device} is not bound to a patient now.", code="not-bound")
    return patient


async def lock_device(connection: AsyncConnection[TupleRow], device: str) -> int | None:
    """The device's key, with others kept from changing the device until the caller's transaction ends."""
    row = await (await connection.execute(sql("lock_device"), {"id": storable(device)})).fetchone()
    return None if row is None else row[0]


async def end_binding(
    connection: AsyncConnection[TupleRow],
    key: int,
    device: str,
    at: datetime,
    *,
    actor: str,
    state: State = "returned",
) -> str | None:
    """Ends the open binding of a locked device at `at`, which brings it into `state`; whose it was, None for nobody's.

    Raises OperatorError `binding-overlap` when `at` is not after the binding's start.
    """
    binding = await _open_binding(connection, key)
    if binding is None:
        return None
    await _end(connection, device, binding, at)
    await free(connection, key, at, keep_kit=state == "kitted")
    await enter_state(connection, key, state, at, actor=actor, patient=binding.patient_key)
    await announce(connection, patients=[binding.patient], devices=[device], since=at)
    return binding.patient


async def enter_state(
    connection: AsyncConnection[TupleRow],
    device: int,
    state: State,
    at: datetime,
    *,
    actor: str,
    patient: int | None = None,
) -> None:
    """Brings a device into a state; who did that, when and for whom is kept for ever. Keys of device and patient."""
    values = {"device": device, "state": state, "at": at, "actor": actor, "patient": patient}
    await connection.execute(sql("enter_state"), values)


async def free(connection: AsyncConnection[TupleRow], device: int, at: datetime, *, keep_kit: bool = False) -> None:
    """Ends what was promised of a device (a key): open codes, a claim that isn't proven, and its reservation."""
    await connection.execute(sql("withdraw_codes"), {"device": device, "at": at})
    await connection.execute(sql("cancel_claims"), {"device": device, "at": at})
    if not keep_kit:
        await connection.execute(sql("reserve_device"), {"device": device, "patient": None})


async def bind(
    connection: AsyncConnection[TupleRow],
    device: int,
    device_id: str,
    patient: int,
    since: datetime,
    *,
    proven: bool,
    author: str,
) -> int:
    """Binds a device that nobody has to a patient (keys); the binding's key. Raises OperatorError `binding-overlap`."""
    values = {"device": device, "patient": patient, "since": since, "proven": proven, "author": author}
    try:
        cursor = await connection.execute(sql("insert_binding"), values)
    except errors.ExclusionViolation:
        raise _overlap(device_id) from None
    row = await cursor.fetchone()
    assert row is not None
    made: int = row[0]
    return made


async def was_ever_bound(connection: AsyncConnection[TupleRow], device: int) -> bool:
    """Whether anybody had the device (a key) before."""
    row = await (await connection.execute(sql("binding_count"), {"device": device})).fetchone()
    assert row is not None
    return bool(row[0])


async def try_again(
    connection: AsyncConnection[TupleRow], device: str, patients: Collection[str], since: datetime
) -> None:
    """Sends what waits for a binding of the device through the processor again, and tells it of the change (ids)."""
    waiting = await replayable_keys(connection, [device])
    await replay_in(connection, waiting, beside={shard_of(name) for name in (*patients, device)})
    await announce(connection, patients=patients, devices=[device], since=since)


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
    first = since is None and not await was_ever_bound(connection, key)
    start = since if since is not None else (now - FIRST_BINDING_BACK if first else now)
    concerned = {patient}
    binding = await _open_binding(connection, key)
    if binding is not None:
        await _end(connection, device, binding, start)
        concerned.add(binding.patient)
    await bind(connection, key, device, patient_key, start, proven=True, author=author)
    await free(connection, key, now)
    await enter_state(connection, key, "proven", now, actor=author, patient=patient_key)
    await try_again(connection, device, concerned, start)


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


def check_id(device: str) -> None:
    """Raises OperatorError `bad-id` for what can be no device's id."""
    if not _ID.fullmatch(device):
        raise OperatorError("A device's id has 1 to 64 letters, digits, dots or hyphens.", code="bad-id")
    if device.startswith(MANUAL_PREFIX):
        raise OperatorError(
            f"Ids that start with {MANUAL_PREFIX} are kept for values entered by hand. Choose another.", code="bad-id"
        )


def _check_zoned(at: datetime | None) -> None:
    if at is not None and at.tzinfo is None:
        raise OperatorError("The time needs a zone, such as 2026-11-22T10:42:00Z.", code="bad-time")
