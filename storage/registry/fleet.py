"""Staff's side of claiming: devices are made, put into a kit, opened by a code, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from storage.registry.claim_codes import LIFE, Kind, code_hash, new_code
from storage.registry.devices import check_id, end_binding, enter_state, free, lock_device
from storage.registry.manual import MANUAL_PREFIX
from storage.registry.states import State, after
from storage.scope import Scope
from storage.sql import sql
from storage.text import storable
from vitals import codes
from vitals.errors import InternalError, OperatorError

#: A fresh code meets one that is stored once in thousands of years; twice in a row is no accident.
_CODE_TRIES = 5


@dataclass(frozen=True, slots=True)
class FleetDevice:
    """A device as staff see it; times are UTC microseconds, None where nothing is known.

    `patient`: who has it, else whom it is reserved for. `code_until_us`: until when a code opens it.
    """

    key: int
    id: str
    transport: str
    maker: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    state: State
    state_us: int
    patient_key: int | None
    patient: str | None
    code_until_us: int | None
    online: bool | None
    battery_percent: float | None
    last_received_us: int | None
    signal_dbm: int | None
    gateway: str | None


@dataclass(frozen=True, slots=True)
class SeenGateway:
    """A gateway and when it last gave a sign of life (UTC microseconds by the database's clock; None: never)."""

    key: int
    id: str
    seen_us: int | None
    now_us: int


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What staff read from the box."""

    id: str
    transport: str
    maker: str
    model: str
    firmware: str = ""
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A claim code as made; the letters exist in this object only."""

    code: str
    expires_at: datetime


async def fleet(connection: AsyncConnection[TupleRow], scope: Scope, device: str | None = None) -> list[FleetDevice]:
    """Devices of the organisation, all or one; not those that a patient outside the scope has."""
    values = {
        **scope.parameters,
        "device": None if device is None else storable(device),
        "manual": MANUAL_PREFIX,
        "battery": codes.metric("battery").number,
    }
    async with connection.cursor(row_factory=class_row(FleetDevice)) as cursor:
        await cursor.execute(sql("fleet"), values)
        return await cursor.fetchall()


async def gateways(connection: AsyncConnection[TupleRow]) -> list[SeenGateway]:
    """Everything that ever brought a reading or gave a sign of life."""
    cursor = await connection.execute(sql("gateways_seen"))
    return [SeenGateway(*row) for row in await cursor.fetchall()]


async def make(
    connection: AsyncConnection[TupleRow], scope: Scope, new: NewDevice, now: datetime, *, actor: str
) -> FleetDevice:
    """Registers a device that nobody has and nothing signs in as. Raises OperatorError: `bad-id`, `device-exists`."""
    check_id(new.id)
    values = {"maker": new.maker, "model": new.model, "firmware": new.firmware}
    row = await (await connection.execute(sql("ensure_device_model"), values)).fetchone()
    assert row is not None
    made = {
        "id": new.id,
        "organisation": scope.organisation,
        "model": row[0],
        "transport": new.transport,
        "serial": new.serial,
    }
    row = await (await connection.execute(sql("make_device"), made)).fetchone()
    if row is None:
        raise OperatorError(
            "A device with this id is registered already. Check the id on the box.", code="device-exists"
        )
    await enter_state(connection, row[0], "made", now, actor=actor)
    return await _one(connection, scope, new.id)


async def kit(
    connection: AsyncConnection[TupleRow],
    scope: Scope,
    device: str,
    patient: int,
    now: datetime,
    *,
    actor: str,
) -> FleetDevice:
    """Reserves a device for a patient (a key); only that patient may claim it. A code made before is withdrawn.

    Raises OperatorError: `no-such-device`, `already-claimed`.
    """
    found = await _held(connection, scope, device)
    state = after(found.state, "kit")
    await free(connection, found.key, now)
    await connection.execute(sql("reserve_device"), {"device": found.key, "patient": patient})
    await enter_state(connection, found.key, state, now, actor=actor, patient=patient)
    return await _one(connection, scope, device)


async def open_claim(
    connection: AsyncConnection[TupleRow], scope: Scope, device: str, kind: Kind, now: datetime, *, actor: str
) -> OpenCode:
    """Makes the code that opens the device, once; one made before is withdrawn.

    Raises OperatorError: `no-such-device`, `already-claimed`.
    """
    found = await _held(connection, scope, device)
    state = after(found.state, "open")
    await connection.execute(sql("withdraw_codes"), {"device": found.key, "at": now})
    expires_at = now + LIFE[kind]
    for _ in range(_CODE_TRIES):
        code = new_code()
        values = {
            "device": found.key,
            "sha256": code_hash(code),
            "kind": kind,
            "author": actor,
            "now": now,
            "expires_at": expires_at,
        }
        if await (await connection.execute(sql("insert_claim_code"), values)).fetchone() is not None:
            await enter_state(connection, found.key, state, now, actor=actor, patient=found.patient_key)
            return OpenCode(code, expires_at)
    raise InternalError("every new claim code is taken already: the random generator is broken")


async def take_back(
    connection: AsyncConnection[TupleRow], scope: Scope, device: str, now: datetime, *, actor: str
) -> tuple[FleetDevice, int | None]:
    """The device is back on the shelf: binding, claim, code and reservation end. Also whose it was (a key).

    Raises OperatorError: `no-such-device`, `not-given-out`, `already-returned`, `binding-overlap`.
    """
    found = await _held(connection, scope, device)
    after(found.state, "return")
    if not await end_binding(connection, found.key, device, now, actor=actor):
        await free(connection, found.key, now)
        await enter_state(connection, found.key, "returned", now, actor=actor, patient=found.patient_key)
    return await _one(connection, scope, device), found.patient_key


async def _held(connection: AsyncConnection[TupleRow], scope: Scope, device: str) -> FleetDevice:
    """The device, with others kept from changing it meanwhile."""
    await lock_device(connection, device)
    # Its own statement: what another one changed before we got the lock must be seen.
    return await _one(connection, scope, device)


async def _one(connection: AsyncConnection[TupleRow], scope: Scope, device: str) -> FleetDevice:
    found = await fleet(connection, scope, device)
    if not found:
        raise OperatorError(
            "There is no such device, or somebody has it who is not among your patients.", code="no-such-device"
        )
    return found[0]
