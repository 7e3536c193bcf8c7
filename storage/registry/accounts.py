"""Who may sign in: people with passwords (argon2), programs with tokens (160 random bits, stored as SHA-256)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, cast, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.registry.devices import new_secret, secret_hash
from storage.scope import Scope
from storage.sql import sql
from vitals.errors import OperatorError

Role = Literal["clinician", "patient", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

#: A quarter: long enough for an integration, short enough that a forgotten token ends; the command line takes others.
TOKEN_DAYS_DEFAULT = 90
TOKEN_DAYS_MAX = 3650

#: Longer than any passphrase, short enough that hashing it costs nothing beside argon2 itself.
PASSWORD_CHARS_MAX = 256

_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `name` for audit rows and acknowledgements; a patient's account or token has `patient` and its key."""

    name: str
    role: Role
    organisation: int
    team: int | None
    patient_key: int | None
    patient: str | None

    @property
    def scope(self) -> Scope:
        """Whose data this actor sees: administrators the organisation, clinicians their team, patients themselves."""
        team = None if self.role == "administrator" else self.team
        return Scope(self.organisation, team, self.patient_key)


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user as made; the password exists in this object only."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account: its key, and who it acts as."""

    key: int
    actor: Actor


@cache
def _hasher() -> PasswordHasher:
    # The library's defaults are RFC 9106's second recommended option (64 MiB, 3 passes).
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Verified when there is no such user, so that the answer takes as long as for a wrong password."""
    return _hasher().hash(new_secret())


def readable_password() -> str:
    """100 random bits in five groups of four letters and digits (base32, lower case)."""
    letters = new_secret()[:20].lower()
    return "-".join(letters[i : i + 4] for i in range(0, 20, 4))


async def add_user(connection: AsyncConnection[TupleRow], name: str, role: str, patient: str | None = None) -> NewUser:
    """Makes an account with a generated password. A patient's account needs the patient's logical id, others none.

    Raises OperatorError: `bad-name`, `bad-role`, `no-such-patient`, `user-exists`.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(
            "A user name has 1 to 64 letters, digits or any of . _ @ + - and nothing else.", code="bad-name"
        )
    patient_key = await _patient_of_role(connection, role, patient)
    password = readable_password()
    values = {
        "name": name,
        "role": role,
        "patient": patient_key,
        "password_argon2": await asyncio.to_thread(_hasher().hash, password),
    }
    cursor = await connection.execute(sql("insert_account"), values)
    if await cursor.fetchone() is None:
        raise OperatorError(f"User {name} exists already. Choose another name.", code="user-exists")
    return NewUser(name, password)


async def add_token(
    connection: AsyncConnection[TupleRow],
    role: str,
    now: datetime,
    *,
    days: int = TOKEN_DAYS_DEFAULT,
    patient: str | None = None,
) -> str:
    """Makes a bearer token that holds for `days` and returns it, once.

    Raises OperatorError: `bad-role`, `bad-days`, `no-such-patient`.
    """
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise OperatorError(f"A token holds for 1 to {TOKEN_DAYS_MAX} days.", code="bad-days")
    patient_key = await _patient_of_role(connection, role, patient)
    token = new_secret()
    values = {
        "sha256": secret_hash(token),
        "role": role,
        "patient": patient_key,
        "expires_at": now + timedelta(days=days),
    }
    await connection.execute(sql("insert_token"), values)
    return token


async def check_password(connection: AsyncConnection[TupleRow], user: str, password: str) -> Account | None:
    """The account when name and password are right and it isn't disabled. Takes as long for an unknown user."""
    cursor = await connection.execute(sql("account_by_name"), {"name": user[:PASSWORD_CHARS_MAX]})
    row = await cursor.fetchone()
    stored: str = row[1] if row is not None else _nobodys_hash()
    right = await asyncio.to_thread(_verify, stored, password[: PASSWORD_CHARS_MAX + 1])
    if row is None or not right:
        return None
    return Account(row[0], actor_from(row[2:]))


async def actor_of_token(connection: AsyncConnection[TupleRow], token: str, now: datetime) -> Actor | None:
    """Who a bearer token acts as, None when it is unknown, expired or revoked."""
    cursor = await connection.execute(sql("actor_of_token"), {"sha256": secret_hash(token), "now": now})
    row = await cursor.fetchone()
    return None if row is None else actor_from(row)


async def _patient_of_role(connection: AsyncConnection[TupleRow], role: str, patient: str | None) -> int | None:
    if role not in ROLES:
        raise OperatorError(f"Role is one of {', '.join(ROLES)}.", code="bad-role")
    if (role == "patient") != (patient is not None):
        raise OperatorError("The role patient needs the patient's id, and no other role takes one.", code="bad-role")
    if patient is None:
        return None
    cursor = await connection.execute(sql("patient_key"), {"id": patient})
    row = await cursor.fetchone()
    if row is None:
        raise OperatorError(
            f"There is no patient {patient[:64]!r}. Add the patient first: vitalstream patient add.",
            code="no-such-patient",
        )
    key: int = row[0]
    return key


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def actor_from(row: tuple[object, ...]) -> Actor:
    """An Actor from the columns that every query of this file selects in the same order."""
    name, role, organisation, team, patient_key, patient = row
    return Actor(
        name=str(name),
        role=cast(Role, role),
        organisation=cast(int, organisation),
        team=cast("int | None", team),
        patient_key=cast("int | None", patient_key),
        patient=cast("str | None", patient),
    )
