"""`patient add`, `device add`, `device return`, `token add`, `user add`: the registry from the shell."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import click

from vitals.errors import OperatorError

_AUTHOR = "operator"


class _Instant(click.ParamType):
    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write it as 2026-11-22T10:42:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} has no zone; add Z or an offset such as +01:00", param, ctx)
        return instant


class _Day(click.ParamType):
    name = "date"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 1951-03-28", param, ctx)


class _Range(click.ParamType):
    name = "low-high"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition("-")
        if not (low.isdigit() and high.isdigit()):
            self.fail(f"{value!r} is not a range; write it as 88-92", param, ctx)
        return int(low), int(high)


def _identifier(text: str) -> tuple[str, str]:
    system, found, value = text.rpartition("|")
    if not found or not system or not value:
        raise OperatorError(f"{text!r} is not an identifier; write SYSTEM|VALUE", code="bad-identifier")
    return system, value


@click.group()
def patient() -> None:
    """Register patients."""


@patient.command("add")
@click.argument("patient_id", metavar="ID")
@click.option("--identifier", "identifiers", metavar="SYSTEM|VALUE", multiple=True, help="MRN or the like; repeatable.")
@click.option("--name")
@click.option("--born", type=_Day())
@click.option("--sex")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone.")
@click.option("--programme", "programmes", multiple=True, help="Care programme; repeatable.")
@click.option("--spo2-target", type=_Range(), help="Recorded target, such as 88-92.")
@click.option("--pregnant", is_flag=True, help="Scores that are not made for pregnancy are left out.")
def patient_add(
    patient_id: str,
    identifiers: tuple[str, ...],
    name: str | None,
    born: date | None,
    sex: str | None,
    zone: str,
    programmes: tuple[str, ...],
    spo2_target: tuple[int, int] | None,
    pregnant: bool,
) -> None:
    """Register a patient; ID is the FHIR logical id."""
    from storage.registry.patients import NewPatient, add_patient, check_patient
    from vitalstream.database import run_command

    if born is not None and born > datetime.now(UTC).date():
        raise OperatorError(f"{born} is in the future; write the date of birth as 1951-03-28", code="bad-born")
    new = NewPatient(
        id=patient_id,
        name=name,
        born=born,
        sex=sex,
        zone=zone,
        identifiers=tuple(_identifier(text) for text in identifiers),
        programmes=programmes,
        spo2_target=spo2_target,
        pregnant=pregnant,
    )
    check_patient(new)
    run_command(lambda connection: add_patient(connection, new, author=_AUTHOR))
    click.echo(json.dumps({"patient": patient_id}))


@click.group()
def device() -> None:
    """Register devices, bind them to patients, take them back."""


@device.command("add")
@click.argument("device_id", metavar="ID")
@click.option("--patient", "patient_id", metavar="ID", help="Bind it to this patient.")
@click.option("--since", type=_Instant(), help="Start of the binding.")
def device_add(device_id: str, patient_id: str | None, since: datetime | None) -> None:
    """Register a device, or bind a known one; prints its credentials, once."""
    from storage.registry.devices import add_device
    from vitalstream.database import run_command

    made = run_command(
        lambda connection: add_device(connection, device_id, patient_id, since, datetime.now(UTC), author=_AUTHOR)
    )
    click.echo(json.dumps({"device_id": made.device_id, "username": made.username, "password": made.password}))


@device.command("return")
@click.argument("device_id", metavar="ID")
@click.option("--at", "at", type=_Instant(), help="End of the binding; default now.")
def device_return(device_id: str, at: datetime | None) -> None:
    """End the device's open binding."""
    from storage.registry.devices import return_device
    from vitalstream.database import run_command

    end = at or datetime.now(UTC)
    patient_id = run_command(lambda connection: return_device(connection, device_id, end, author=_AUTHOR))
    click.echo(json.dumps({"device_id": device_id, "patient": patient_id, "until": end.isoformat()}))


@click.group()
def token() -> None:
    """Make tokens for programs."""


@token.command("add")
@click.option("--role", required=True, help="clinician, patient or administrator.")
@click.option("--days", type=int, default=None, help="How long it holds.")
@click.option("--patient", "patient_id", metavar="ID", help="Whose, for role patient.")
def token_add(role: str, days: int | None, patient_id: str | None) -> None:
    """Make a token for `Authorization: Bearer`; printed once."""
    from storage.registry.accounts import TOKEN_DAYS_DEFAULT, add_token
    from vitalstream.database import run_command

    made = run_command(
        lambda connection: add_token(
            connection, role, datetime.now(UTC), days=TOKEN_DAYS_DEFAULT if days is None else days, patient=patient_id
        )
    )
    click.echo(json.dumps({"token": made}))


@click.group()
def user() -> None:
    """Make accounts for people."""


@user.command("add")
@click.argument("name", metavar="NAME")
@click.option("--role", required=True, help="clinician, patient or administrator.")
@click.option("--patient", "patient_id", metavar="ID", help="Whose, for role patient.")
def user_add(name: str, role: str, patient_id: str | None) -> None:
    """Make an account; prints user and password, once."""
    from storage.registry.accounts import add_user
    from vitalstream.database import run_command

    made = run_command(lambda connection: add_user(connection, name, role, patient_id))
    click.echo(json.dumps({"user": made.user, "password": made.password}))
