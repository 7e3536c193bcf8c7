"""A patient's side of claiming: a code is looked at and used, a reading is confirmed, or the claim ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from storage.chart.quarantine import replay_in
from storage.chart.readings import time_of
from storage.registry.candidates import Measurement, Waiting, measurements
from storage.registry.changes import announce
from storage.registry.claim_codes import code_hash, normal
from storage.registry.devices import (
    Credentials,
    bind,
    end_binding,
    enter_state,
    lock_device,
    new_secret,
    secret_hash,
    try_again,
    was_ever_bound,
)
from storage.registry.states import State, after, claim_ended
from storage.scope import Scope
from storage.sql import sql
from storage.text import storable
from vitals import codes, units, wire
from vitals.errors import OperatorError
from vitals.identity import identity, observation_id, shard_of
from vitals.reading import Absent, Reading, Value, absent

#: Somebody who unpacks a device often measures before typing the code; of a device that others had it might be theirs.
FIRST_CLAIM_BACK = timedelta(minutes=15)

#: Rows looked at while a page waits: minutes of a strap that sends each second.
SHOWN_MAX = 500
#: Rows that a confirmation sends through at once, some seconds of work; the processor finds what is left.
CONFIRMED_MAX = 20_000

_THEIRS = "the patient said that this is somebody else's measurement; it is kept and never charted"
_NOBODYS = "another measurement came so soon before or after that nobody can tell whose this is; it is never charted"


@dataclass(frozen=True, slots=True)
class ClaimableDevice:
    """What is on the box."""

    key: int
    id: str
    transport: str
    maker: str | None
    model: str | None
    serial: str | None
    state: State
    reserved_for: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A patient's claim of a device. Times are UTC microseconds; readings count from `since_us` on."""

    key: int
    device_key: int
    device: str
    transport: str
    maker: str | None
    model: str | None
    serial: str | None
    state: State
    reserved: bool
    patient_key: int
    patient: str
    binding: int
    since_us: int
    claimed_us: int
    proven_us: int | None
    cancelled_us: int | None
    reading: UUID | None


@dataclass(frozen=True, slots=True)
class Signs:
    """Why nothing comes from a claimed device: a wrong password since the claim, readings whose time nobody can place,
    the last refusal (UTC us), how loud it was heard in the last 10 min, and by which gateway (a key).
    """

    was_refused: bool
    time_unknown: bool
    refused_us: int | None
    signal_dbm: int | None
    gateway: int | None


class UsedCode(OperatorError):
    """The code was used; `device` is the one that it opened, for the patient who used it."""

    code = "used-code"

    def __init__(self, device: str | None) -> None:
        super().__init__("This code was used already: each works once. Ask your care team for a new one.")
        self.device = device


async def look(
    connection: AsyncConnection[TupleRow], organisation: int, typed: str, patient: str | None, now: datetime
) -> ClaimableDevice:
    """The device that a code opens for a patient (logical id; None: for whoever it is reserved for). Changes nothing.

    Raises OperatorError: `wrong-code`, `used-code`, `expired-code`, `other-patient`.
    """
    return (await _opened(connection, organisation, typed, patient, now))[1]


async def claim(
    connection: AsyncConnection[TupleRow],
    scope: Scope,
    typed: str,
    patient: tuple[int, str],
    now: datetime,
    *,
    actor: str,
) -> tuple[Claim, Credentials | None]:
    """Uses the code: the device is the patient's (key, logical id) from now on, unproven. An MQTT device gets a new
    password, once. Inside the caller's transaction; raises OperatorError like `look`, and `binding-overlap`.
    """
    _, found = await _opened(connection, scope.organisation, typed, patient[1], now)
    await lock_device(connection, found.id)
    # Once more: who claimed it while we waited for the lock was first.
    code, found = await _opened(connection, scope.organisation, typed, patient[1], now)
    state = after(found.state, "claim")
    row = await (await connection.execute(sql("use_claim_code"), {"code": code, "now": now})).fetchone()
    assert row is not None
    since = now if await was_ever_bound(connection, found.key) else now - FIRST_CLAIM_BACK
    binding = await bind(connection, found.key, found.id, patient[0], since, proven=False, author=actor)
    values = {
        "device": found.key,
        "patient": patient[0],
        "binding": binding,
        "code": code,
        "actor": actor,
        "now": now,
    }
    await connection.execute(sql("insert_claim"), values)
    await enter_state(connection, found.key, state, now, actor=actor, patient=patient[0])
    made = await _rotate(connection, found, now) if found.transport == "mqtt" else None
    await try_again(connection, found.id, [patient[1]], since)
    claimed = await claim_of(connection, scope, found.id)
    assert claimed is not None
    return claimed, made


async def claim_of(connection: AsyncConnection[TupleRow], scope: Scope, device: str) -> Claim | None:
    """The newest claim of a device by a patient of the scope."""
    async with connection.cursor(row_factory=class_row(Claim)) as cursor:
        await cursor.execute(sql("newest_claim"), {**scope.parameters, "device": storable(device)})
        return await cursor.fetchone()


async def waiting(connection: AsyncConnection[TupleRow], claimed: Claim, limit: int = SHOWN_MAX) -> list[Waiting]:
    """The newest `limit` readings that wait for this claim's proof, in no order."""
    cursor = await connection.execute(sql("quarantine_waiting"), {"device": claimed.device, "limit": limit})
    found = []
    for key, record in await cursor.fetchall():
        reading = wire.reading_of(wire.decode(bytes(record)), 0)
        if reading.measured_us < claimed.since_us:
            continue  # of an older claim that was never proven
        number = identity(reading.device, reading.metric, reading.device_time_ns, reading.sequence)
        found.append(Waiting(key, observation_id(number, claimed.patient), reading))
    return found


async def signs(connection: AsyncConnection[TupleRow], claimed: Claim) -> Signs:
    """Why nothing comes."""
    row = await (await connection.execute(sql("claim_signs"), {"claim": claimed.key})).fetchone()
    assert row is not None
    return Signs(*row)


async def confirm(
    connection: AsyncConnection[TupleRow], scope: Scope, claimed: Claim, reading: UUID, now: datetime, *, actor: str
) -> Claim:
    """The patient said yes, this is mine: it is charted, with what waited beside it. Confirming again changes nothing.

    Measurements that nobody can tell apart stay in quarantine for good. Raises OperatorError: `claim-ended`,
    `not-waiting`, `two-candidates`.
    """
    held = await _held(connection, scope, claimed)
    if held.proven_us is not None:
        return held
    state = after(held.state, "confirm")
    found = measurements(await waiting(connection, held, CONFIRMED_MAX))
    chosen = _holding(found, reading)
    if chosen is None:
        raise _not_waiting()
    if not chosen.confirmable:
        raise OperatorError(
            "Two measurements came within two minutes, so nobody can tell whose is whose. Measure again, alone.",
            code="two-candidates",
        )
    doubtful = [row for each in found if not each.confirmable for row in each.rows]
    good = [row.key for each in found if each.confirmable for row in each.rows]
    # All shards first, then rows, then heads: as the processor does.
    await connection.execute(sql("quarantine_shards"), {"keys": [*good, *(row.key for row in doubtful)]})
    await _refuse(connection, held, doubtful, _NOBODYS, now, actor)
    values = {"claim": held.key, "binding": held.binding, "reading": reading, "now": now}
    await connection.execute(sql("prove_claim"), values)
    await connection.execute(sql("reserve_device"), {"device": held.device_key, "patient": None})
    await enter_state(connection, held.device_key, state, now, actor=actor, patient=held.patient_key)
    await replay_in(connection, good, beside={shard_of(held.patient), shard_of(held.device)})
    await announce(connection, patients=[held.patient], devices=[held.device], since=time_of(held.since_us))
    return await _again(connection, scope, held)


async def not_mine(
    connection: AsyncConnection[TupleRow], scope: Scope, claimed: Claim, reading: UUID, now: datetime, *, actor: str
) -> Claim:
    """The patient said no: that measurement is never charted, whoever sends it again. Twice is once.

    Raises OperatorError: `claim-ended`, `already-proven`, `not-waiting`.
    """
    held = await _held(connection, scope, claimed)
    if held.proven_us is not None:
        raise OperatorError(
            "A reading of this device was confirmed already. Ask your care team to correct the chart.",
            code="already-proven",
        )
    chosen = _holding(measurements(await waiting(connection, held, CONFIRMED_MAX)), reading)
    if chosen is not None:
        await _refuse(connection, held, chosen.rows, _THEIRS, now, actor)
    else:
        cursor = await connection.execute(sql("claim_refused"), {"claim": held.key, "reading": reading})
        if not (await cursor.fetchone() or (False,))[0]:
            raise _not_waiting()
    return held


async def cancel(
    connection: AsyncConnection[TupleRow], scope: Scope, claimed: Claim, now: datetime, *, actor: str
) -> Claim:
    """Ends a claim that isn't proven; what was measured in it stays in quarantine. Twice is once.

    Raises OperatorError `already-proven`.
    """
    await lock_device(connection, claimed.device)
    held = await _again(connection, scope, claimed)
    if held.proven_us is not None:
        raise OperatorError("This device is yours already. Ask your care team to take it back.", code="already-proven")
    if held.cancelled_us is None:
        state = after(held.state, "cancel", reserved=held.reserved)
        await end_binding(connection, held.device_key, held.device, now, actor=actor, state=state)
        held = await _again(connection, scope, held)
    return held


# ---------------------------------------------------------------- parts


async def _opened(
    connection: AsyncConnection[TupleRow], organisation: int, typed: str, patient: str | None, now: datetime
) -> tuple[int, ClaimableDevice]:
    """The code's key and its device, when it opens it for this patient."""
    code = normal(typed)
    row = None
    if code is not None:
        values = {"sha256": code_hash(code), "organisation": organisation}
        row = await (await connection.execute(sql("claim_code_found"), values)).fetchone()
    if row is None:
        raise OperatorError(
            "There is no such code. Compare it letter by letter with the sticker or the screen.", code="wrong-code"
        )
    key, used_at, withdrawn_at, expires_at, *device, claimed_by = row
    found = ClaimableDevice(*device)
    if used_at is not None:
        # Who lost the answer to the own claim finds it again by the device's id.
        own = patient is not None and claimed_by == patient
        raise UsedCode(found.id if own else None)
    if withdrawn_at is not None or expires_at <= now:
        raise OperatorError("This code is no longer valid. Ask your care team for a new one.", code="expired-code")
    if patient is not None and found.reserved_for not in (None, patient):
        raise OperatorError(
            "This device is kept for somebody else. Look whether you have the right box, then call your care team.",
            code="other-patient",
        )
    return key, found


async def _rotate(connection: AsyncConnection[TupleRow], device: ClaimableDevice, now: datetime) -> Credentials:
    password = new_secret()
    values = {"device": device.key, "password_sha256": secret_hash(password), "now": now}
    await connection.execute(sql("rotate_password"), values)
    return Credentials(device.id, device.id, password)


async def _held(connection: AsyncConnection[TupleRow], scope: Scope, claimed: Claim) -> Claim:
    """The claim as it is once others are kept from changing it. Raises OperatorError `claim-ended`."""
    await lock_device(connection, claimed.device)
    held = await _again(connection, scope, claimed)
    if held.cancelled_us is not None:
        raise claim_ended()
    return held


async def _again(connection: AsyncConnection[TupleRow], scope: Scope, claimed: Claim) -> Claim:
    found = await claim_of(connection, scope, claimed.device)
    assert found is not None  # claims stay
    return found


def _holding(found: Sequence[Measurement], reading: UUID) -> Measurement | None:
    return next((each for each in found if each.holds(reading)), None)


def _not_waiting() -> OperatorError:
    return OperatorError(
        "That reading is not waiting for an answer any more. Look at the newest one.", code="not-waiting"
    )


async def _refuse(
    connection: AsyncConnection[TupleRow],
    claimed: Claim,
    rows: Collection[Waiting],
    message: str,
    now: datetime,
    actor: str,
) -> None:
    if not rows:
        return
    keys = [row.key for row in rows]
    await connection.execute(sql("quarantine_not_confirmed"), {"keys": keys, "message": message})
    said = {"device": claimed.device_key, "claim": claimed.key, "actor": actor, "now": now}
    for row in {row.id: row for row in rows}.values():
        values = {**said, "reading": row.id, **_columns(row.reading)}
        await connection.execute(sql("insert_claim_refusal"), values)


def _columns(reading: Reading) -> dict[str, float]:
    """As the chart has them: 0 beside the reason where a value is absent."""
    padded: list[Value] = [*reading.values, *[absent(Absent.UNKNOWN)] * (3 - len(reading.values))]
    columns: dict[str, float] = {
        "metric": codes.metric(reading.metric).number,
        "unit": units.unit(reading.unit).number,
        "device_time_ns": reading.device_time_ns,
        "sequence": reading.sequence,
        "values": len(reading.values),
    }
    for place, value in enumerate(padded, 1):
        columns[f"value_{place}"] = 0.0 if value.absent else value.number
        columns[f"decimals_{place}"] = value.decimals
        columns[f"absent_{place}"] = int(value.absent)
    return columns
