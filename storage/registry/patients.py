"""Patients: identity, identifiers, zone, and what of them rules must know (enrolments, SpO2 target, pregnancy)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import available_timezones

from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from storage.registry.changes import announce
from storage.sql import sql
from vitals.errors import OperatorError

#: Programmes share their ids with the rule packs that ship; every patient is in the first two.
ALWAYS = ("general", "technical")
PROGRAMMES = (*ALWAYS, "copd", "heart-failure", "hypertension", "virtual-ward", "diabetes")

#: FHIR's administrative-gender.
SEXES = ("male", "female", "other", "unknown")

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_NAME_CHARS_MAX = 200  # longer than any name on a wristband; pages show one line


@dataclass(frozen=True, slots=True)
class NewPatient:
    """`id` is the FHIR logical id; `identifiers` are (assigning system, value); `spo2_target` a range in percent."""

    id: str
    name: str | None = None
    born: date | None = None
    sex: str | None = None
    zone: str = "UTC"
    identifiers: tuple[tuple[str, str], ...] = ()
    programmes: tuple[str, ...] = ()
    spo2_target: tuple[int, int] | None = None
    pregnant: bool = False


async def add_patient(connection: AsyncConnection[TupleRow], patient: NewPatient, *, author: str) -> int:
    """Registers a patient and returns the key. First enrolments and context hold for all times.

    Raises OperatorError: `patient-exists`, `identifier-exists`, or what is wrong with a field.
    """
    check_patient(patient)
    async with connection.transaction():
        cursor = await connection.execute(
            sql("insert_patient"),
            {
                "id": patient.id,
                "name": patient.name,
                "born": patient.born,
                "sex": patient.sex,
                "zone": patient.zone,
            },
        )
        row = await cursor.fetchone()
        if row is None:
            raise OperatorError(
                f"Patient {patient.id} is registered already. Choose another id, or leave it as it is.",
                code="patient-exists",
            )
        key: int = row[0]
        await _add_identifiers(connection, key, patient)
        for programme in dict.fromkeys((*ALWAYS, *patient.programmes)):
            values = {"patient": key, "programme": programme, "author": author}
            await connection.execute(sql("insert_first_enrolment"), values)
        if patient.spo2_target is not None:
            low, high = patient.spo2_target
            values = {"patient": key, "low": low, "high": high, "author": author}
            await connection.execute(sql("insert_first_spo2_target"), values)
        if patient.pregnant:
            await connection.execute(sql("insert_first_pregnancy"), {"patient": key, "author": author})
        await announce(connection, patients=[patient.id])
    return key


def check_patient(patient: NewPatient) -> None:
    """Raises OperatorError for a field that can't be stored or that no rule would understand."""
    if not _ID.fullmatch(patient.id):
        raise OperatorError(
            "A patient's id has 1 to 64 letters, digits, dots or hyphens. Give hospital numbers as identifiers.",
            code="bad-id",
        )
    if patient.name is not None and not 1 <= len(patient.name.strip()) <= _NAME_CHARS_MAX:
        raise OperatorError(f"A name has 1 to {_NAME_CHARS_MAX} characters; leave it out if unknown.", code="bad-name")
    if patient.sex is not None and patient.sex not in SEXES:
        raise OperatorError(f"Sex is one of {', '.join(SEXES)}; leave it out if not recorded.", code="bad-sex")
    if patient.zone not in available_timezones():
        raise OperatorError(
            f"{patient.zone[:60]!r} is no time zone. Give an IANA name such as Europe/Berlin.", code="bad-zone"
        )
    for programme in patient.programmes:
        if programme not in PROGRAMMES:
            raise OperatorError(
                f"There is no programme {programme[:60]!r}. Choose from {', '.join(PROGRAMMES)}.", code="bad-programme"
            )
    for system, value in patient.identifiers:
        if not system.strip() or not value.strip():
            raise OperatorError("An identifier needs a system and a value: SYSTEM|VALUE.", code="bad-identifier")
    if patient.spo2_target is not None:
        low, high = patient.spo2_target
        if not 50 <= low < high <= 100:
            raise OperatorError("An SpO2 target is LOW-HIGH in percent, such as 88-92.", code="bad-spo2-target")


async def _add_identifiers(connection: AsyncConnection[TupleRow], key: int, patient: NewPatient) -> None:
    for system, value in dict.fromkeys(patient.identifiers):
        try:
            await connection.execute(
                sql("insert_patient_identifier"), {"system": system, "value": value, "patient": key}
            )
        except errors.UniqueViolation:
            # The value itself may be a hospital number: it stays out of the message.
            raise OperatorError(
                f"An identifier of system {system[:100]!r} already belongs to another patient. Check which of the "
                "two is right.",
                code="identifier-exists",
            ) from None
