"""Patients, devices and bindings, accounts: what is stored, what is refused, what the processor is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from storage.connection import Pool, connect
from storage.registry import accounts, devices, patients, sessions
from storage.registry.directory import PostgresDeviceDirectory
from storage.registry.manual import ensure_manual_device, manual_device_id
from storage.registry.patients import NewPatient
from tests.charting import record
from vitals import wire
from vitals.errors import OperatorError
from vitals.identity import shard_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

Connection = AsyncConnection[TupleRow]


@pytest.fixture
async def connection(database_dsn: str) -> AsyncIterator[Connection]:
    async with await connect(database_dsn, application_name="tests") as connection:
        yield connection


async def fetch(connection: Connection, statement: str) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode())
        return await cursor.fetchall()


async def commands(connection: Connection) -> list[tuple[int, dict[str, Any]]]:
    rows = await fetch(connection, "SELECT shard, payload FROM journal_record ORDER BY appended_at, shard")
    return [(row["shard"], wire.decode(row["payload"]).command) for row in rows]


def changed(patients: list[str], since: datetime) -> dict[str, Any]:
    """What the processor is told of a change of d-1's bindings."""
    since_us = int(since.timestamp()) * 1_000_000
    return {"command": "registry-changed", "patients": patients, "devices": ["d-1"], "since_us": since_us}


async def bindings(connection: Connection) -> list[tuple[str, datetime | None, datetime | None]]:
    rows = await fetch(
        connection,
        "SELECT p.id, lower(period) AS since, upper(period) AS until FROM binding b"
        " JOIN patient p ON p.key = b.patient ORDER BY lower(period)",
    )
    return [(row["id"], row["since"], row["until"]) for row in rows]


async def add_patients(connection: Connection, *ids: str) -> None:
    for patient in ids:
        await patients.add_patient(connection, NewPatient(patient), author="test")


async def refused(work: Any) -> str:
    with pytest.raises(OperatorError) as caught:
        await work
    assert caught.value.message.endswith(".")
    return caught.value.code


async def test_a_patient_with_everything(connection: Connection) -> None:
    new = NewPatient(
        "p-001",
        "Ada Novak",
        date(1950, 2, 3),
        "female",
        "Europe/Berlin",
        (("urn:clinic", "12"), ("urn:clinic", "12"), ("urn:ward", "3")),
        ("copd", "general"),
        (88, 92),
    )
    key = await patients.add_patient(connection, new, author="dr")
    assert await fetch(connection, "SELECT id, name, born, sex, zone FROM patient") == [
        {"id": "p-001", "name": "Ada Novak", "born": date(1950, 2, 3), "sex": "female", "zone": "Europe/Berlin"}
    ]
    held = await fetch(connection, "SELECT programme, since = '-infinity' AS always, author FROM enrolment ORDER BY 1")
    assert [(row["programme"], row["always"], row["author"]) for row in held] == [
        ("copd", True, "dr"),
        ("general", True, "dr"),
        ("technical", True, "dr"),
    ]
    target = await fetch(connection, "SELECT patient, low, high, since = '-infinity' AS always FROM spo2_target")
    assert target == [{"patient": key, "low": 88, "high": 92, "always": True}]
    assert len(await fetch(connection, "SELECT value FROM patient_identifier")) == 2
    told = {"command": "registry-changed", "patients": ["p-001"], "devices": []}
    assert await commands(connection) == [(shard_of("p-001"), told)]


async def test_a_pregnancy_is_kept_only_where_it_was_said(connection: Connection) -> None:
    key = await patients.add_patient(connection, NewPatient("p-001", pregnant=True), author="dr")
    await add_patients(connection, "p-002")
    held = await fetch(connection, "SELECT patient, since = '-infinity' AS always, \"until\", author FROM pregnancy")
    assert held == [{"patient": key, "always": True, "until": None, "author": "dr"}]


async def test_a_known_patient_is_refused_and_unchanged(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    assert await refused(patients.add_patient(connection, NewPatient("p-001", "X"), author="t")) == "patient-exists"
    assert [row["name"] for row in await fetch(connection, "SELECT name FROM patient")] == [None]


async def test_an_identifier_of_somebody_else_leaves_nothing_behind(connection: Connection) -> None:
    await patients.add_patient(connection, NewPatient("p-001", identifiers=(("s", "secret-77"),)), author="t")
    twin = patients.add_patient(connection, NewPatient("p-002", identifiers=(("s", "secret-77"),)), author="t")
    with pytest.raises(OperatorError) as caught:
        await twin
    assert caught.value.code == "identifier-exists"
    assert "secret-77" not in caught.value.message
    assert len(await fetch(connection, "SELECT key FROM patient")) == 1
    assert len(await commands(connection)) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": "p 1"}, "bad-id"),
        ({"id": ""}, "bad-id"),
        ({"id": "p" * 65}, "bad-id"),
        ({"name": " "}, "bad-name"),
        ({"sex": "F"}, "bad-sex"),
        ({"zone": "Berlin"}, "bad-zone"),
        ({"zone": "../etc/passwd"}, "bad-zone"),
        ({"programmes": ("copdd",)}, "bad-programme"),
        ({"identifiers": (("", "1"),)}, "bad-identifier"),
        ({"spo2_target": (92, 88)}, "bad-spo2-target"),
    ],
)
async def test_fields_that_no_rule_would_understand(connection: Connection, fields: dict[str, Any], code: str) -> None:
    assert await refused(patients.add_patient(connection, NewPatient(**{"id": "p-1", **fields}), author="t")) == code
    assert await fetch(connection, "SELECT key FROM patient") == []


async def test_a_new_device_is_bound_from_five_minutes_ago(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    made = await devices.add_device(connection, "d-1", "p-001", None, NOW)
    assert (made.device_id, made.username) == ("d-1", "d-1")
    assert len(made.password) == 32
    stored = await fetch(connection, "SELECT password_sha256 FROM device")
    assert stored == [{"password_sha256": hashlib.sha256(made.password.encode()).digest()}]
    assert await bindings(connection) == [("p-001", NOW - timedelta(minutes=5), None)]
    assert [row["proven"] for row in await fetch(connection, "SELECT proven FROM binding")] == [True]
    told = changed(["p-001"], NOW - timedelta(minutes=5))
    last = (await commands(connection))[1:]
    assert sorted(last, key=lambda pair: pair[0]) == sorted(
        [(shard, told) for shard in {shard_of("p-001"), shard_of("d-1")}], key=lambda pair: pair[0]
    )


async def test_a_known_device_moves_to_another_patient(connection: Connection) -> None:
    await add_patients(connection, "p-001", "p-002")
    first = await devices.add_device(connection, "d-1", "p-001", NOW - 2 * HOUR, NOW)
    second = await devices.add_device(connection, "d-1", "p-002", None, NOW)
    assert await bindings(connection) == [("p-001", NOW - 2 * HOUR, NOW), ("p-002", NOW, None)]
    assert first.password != second.password
    told = changed(["p-001", "p-002"], NOW)
    shards = {shard for shard, body in await commands(connection) if body == told}
    assert shards == {shard_of("p-001"), shard_of("p-002"), shard_of("d-1")}


async def test_a_device_without_patient_and_its_first_binding_later(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    await devices.add_device(connection, "d-1", None, None, NOW - HOUR)
    assert await bindings(connection) == []
    await devices.add_device(connection, "d-1", "p-001", None, NOW)
    assert await bindings(connection) == [("p-001", NOW - timedelta(minutes=5), None)]


async def test_a_new_password_lifts_a_revocation_and_keeps_the_binding(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    await devices.add_device(connection, "d-1", "p-001", None, NOW)
    before = await bindings(connection)
    await connection.execute("UPDATE device SET revoked_at = now()")
    await devices.add_device(connection, "d-1", None, None, NOW)
    assert await bindings(connection) == before
    assert [row["revoked_at"] for row in await fetch(connection, "SELECT revoked_at FROM device")] == [None]


@pytest.mark.parametrize("since", [NOW - 4 * HOUR, NOW - 3 * HOUR, NOW - 2.5 * HOUR, NOW - HOUR, NOW - 1.5 * HOUR])
async def test_a_start_inside_or_before_an_older_binding_is_refused(connection: Connection, since: datetime) -> None:
    await add_patients(connection, "p-001", "p-002")
    made = await devices.add_device(connection, "d-1", "p-001", NOW - 3 * HOUR, NOW)
    await devices.return_device(connection, "d-1", NOW - 2 * HOUR)
    await devices.add_device(connection, "d-1", "p-001", NOW - HOUR, NOW)
    before, told = await bindings(connection), await commands(connection)
    stored = await fetch(connection, "SELECT password_sha256 FROM device")
    assert await refused(devices.add_device(connection, "d-1", "p-002", since, NOW)) == "binding-overlap"
    assert (await bindings(connection), await commands(connection)) == (before, told)
    assert await fetch(connection, "SELECT password_sha256 FROM device") == stored
    assert made.password


async def test_a_binding_sends_what_waited_for_it_through_the_processor_again(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    await devices.add_device(connection, "d-2", None, None, NOW)
    waiting = [("d-1", "unknown-device"), ("d-1", "no-binding"), ("d-1", "conflict"), ("d-2", "no-binding")]
    for place, (device, reason) in enumerate(waiting):
        await connection.execute(
            "INSERT INTO quarantine (device, reason, message, received_at, raw, record, shard, journal_offset,"
            " journal_row) VALUES (%s, %s, '', %s, '', %s, 0, %s, 0)",
            [device, reason, NOW, record(1, device=device, first=place), place],
        )
    await devices.add_device(connection, "d-1", "p-001", None, NOW)
    states = await fetch(connection, "SELECT state FROM quarantine ORDER BY key")
    assert [row["state"] for row in states] == ["replayed", "replayed", "open", "open"]
    appended = await fetch(connection, "SELECT shard, readings FROM journal_record WHERE readings > 0")
    assert {row["shard"] for row in appended} == {shard_of("d-1")}
    assert sum(row["readings"] for row in appended) == 2
    await devices.add_device(connection, "d-1", None, None, NOW)
    states = await fetch(connection, "SELECT state FROM quarantine ORDER BY key")
    assert [row["state"] for row in states] == ["replayed", "replayed", "open", "open"], "a new password is no binding"


async def test_returning_a_device(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    await devices.add_device(connection, "d-1", "p-001", NOW - HOUR, NOW)
    assert await refused(devices.return_device(connection, "d-1", NOW - HOUR)) == "binding-overlap"
    assert await devices.return_device(connection, "d-1", NOW) == "p-001"
    assert await bindings(connection) == [("p-001", NOW - HOUR, NOW)]
    told = await commands(connection)
    assert {shard for shard, body in told if body == changed(["p-001"], NOW)} == {shard_of("p-001"), shard_of("d-1")}
    assert await refused(devices.return_device(connection, "d-1", NOW)) == "not-bound"
    assert await refused(devices.return_device(connection, "d-2", NOW)) == "no-such-device"


async def test_what_else_a_device_is_refused_for(connection: Connection) -> None:
    naive = datetime(2026, 11, 22)  # noqa: DTZ001 - what is being refused
    assert await refused(devices.add_device(connection, "d 1", None, None, NOW)) == "bad-id"
    assert await refused(devices.add_device(connection, "manual-1", None, None, NOW)) == "bad-id"
    assert await refused(devices.return_device(connection, "manual-1", NOW)) == "bad-id"
    assert await refused(devices.add_device(connection, "d-1", "p-404", None, NOW)) == "no-such-patient"
    assert await refused(devices.add_device(connection, "d-1", None, NOW, NOW)) == "bad-time"
    assert await refused(devices.add_device(connection, "d-1", "p-1", naive, NOW)) == "bad-time"
    assert await fetch(connection, "SELECT key FROM device") == []


async def test_two_claims_at_once_are_one_after_the_other(connection: Connection, database_dsn: str) -> None:
    await add_patients(connection, "p-001", "p-002")
    async with await connect(database_dsn, application_name="tests") as other:
        await asyncio.gather(
            devices.add_device(connection, "d-1", "p-001", NOW, NOW),
            devices.add_device(other, "d-1", "p-002", NOW + HOUR, NOW),
            return_exceptions=True,
        )
    # Whoever came second ended the first one's binding or was refused: never two open ones.
    assert len([until for _, _, until in await bindings(connection) if until is None]) == 1


async def test_users_sign_in_with_their_password_only(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    made = await accounts.add_user(connection, "ada", "patient", "p-001")
    account = await accounts.check_password(connection, "ada", made.password)
    assert account is not None
    assert (account.actor.name, account.actor.role, account.actor.patient) == ("ada", "patient", "p-001")
    assert account.actor.scope.patient == account.actor.patient_key is not None
    for user, password in [("ada", made.password + "x"), ("ada", ""), ("eve", made.password), ("ada", "x" * 300)]:
        assert await accounts.check_password(connection, user, password) is None
    [row] = await fetch(connection, "SELECT password_argon2 FROM account")
    assert row["password_argon2"].startswith("$argon2id$")
    assert made.password not in row["password_argon2"]


async def test_tokens_and_sessions_are_stored_hashed_and_end(connection: Connection) -> None:
    token = await accounts.add_token(connection, "administrator", NOW, days=1)
    assert len(token) == 32
    [row] = await fetch(connection, "SELECT sha256 FROM token")
    assert row["sha256"] == hashlib.sha256(token.encode()).digest()
    actor = await accounts.actor_of_token(connection, token, NOW)
    assert actor is not None
    assert (actor.role, actor.scope.team) == ("administrator", None)
    assert await accounts.actor_of_token(connection, token, NOW + 24 * HOUR) is None
    assert await accounts.actor_of_token(connection, token.lower(), NOW) is None
    made = await accounts.add_user(connection, "nurse", "clinician")
    account = await accounts.check_password(connection, "nurse", made.password)
    assert account is not None
    secret = await sessions.open_session(connection, account.key, NOW)
    signed_in = await sessions.actor_of_session(connection, secret, NOW)
    assert signed_in is not None
    assert (signed_in.name, signed_in.scope.team) == ("nurse", 1)
    assert await sessions.actor_of_session(connection, secret, NOW + sessions.SESSION_LIFE) is None
    await sessions.close_session(connection, secret)
    assert await sessions.actor_of_session(connection, secret, NOW) is None


async def test_accounts_that_make_no_sense(connection: Connection) -> None:
    await accounts.add_user(connection, "nurse", "clinician")
    assert await refused(accounts.add_user(connection, "nurse", "clinician")) == "user-exists"
    assert await refused(accounts.add_user(connection, "n urse", "clinician")) == "bad-name"
    assert await refused(accounts.add_user(connection, "a", "root")) == "bad-role"
    assert await refused(accounts.add_user(connection, "a", "patient")) == "bad-role"
    assert await refused(accounts.add_user(connection, "a", "clinician", "p-001")) == "bad-role"
    assert await refused(accounts.add_user(connection, "a", "patient", "p-404")) == "no-such-patient"
    assert await refused(accounts.add_token(connection, "patient", NOW)) == "bad-role"
    assert await refused(accounts.add_token(connection, "clinician", NOW, days=0)) == "bad-days"


async def test_the_database_itself_refuses_overlapping_bindings(connection: Connection) -> None:
    await add_patients(connection, "p-001")
    await devices.add_device(connection, "d-1", "p-001", NOW, NOW)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        await connection.execute(
            "INSERT INTO binding (device, patient, period, author) SELECT device, patient, period, 'x' FROM binding"
        )


async def test_the_device_of_values_entered_by_hand(connection: Connection, database_dsn: str) -> None:
    key = await patients.add_patient(connection, NewPatient("p-001"), author="t")
    async with await connect(database_dsn, application_name="tests") as other:

        async def make(on: Connection) -> str:
            async with on.transaction():
                return await ensure_manual_device(on, key, author="nurse")

        made = set(await asyncio.gather(make(connection), make(other)))
    assert made == {manual_device_id(key)}
    held = await fetch(
        connection,
        "SELECT b.patient, lower(period) = '-infinity' AS always, upper_inf(period) AS open, b.author,"
        " d.revoked_at IS NOT NULL AS revoked FROM binding b JOIN device d ON d.key = b.device",
    )
    assert held == [{"patient": key, "always": True, "open": True, "author": "nurse", "revoked": True}]
    async with Pool(database_dsn, application_name="tests") as pool:
        directory = PostgresDeviceDirectory(pool)
        for password in ("", "x", "\0" * 32):
            assert await directory.authenticate(manual_device_id(key), password) is None
        assert await directory.account(manual_device_id(key)) is None
