"""What people changed, as command records say it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vitals.errors import InternalError
from vitals.wire import encode_command

_INT64 = 2**63


class CommandRefused(InternalError):
    """A command that this program doesn't know or that isn't well-formed."""

    code = "command-refused"


@dataclass(frozen=True, slots=True)
class Correction:
    """A person marked an Observation as wrong."""

    observation: UUID


@dataclass(frozen=True, slots=True)
class RegistryChanged:
    """Bindings of `devices`, or what is known of `patients`, changed for times from `since_us` on (None: for all)."""

    patients: tuple[str, ...]
    devices: tuple[str, ...]
    since_us: int | None


@dataclass(frozen=True, slots=True)
class Reexamine:
    """Stored readings of patients changed: of each, measured from when on. Written by the processor itself."""

    from_us: Mapping[str, int]

    def encode(self) -> bytes:
        """The journal record."""
        return encode_command({"command": "reexamine", "from_us": dict(self.from_us)})


Command = Correction | RegistryChanged | Reexamine


def parse(body: bytes) -> Command:
    """One command; raises CommandRefused."""
    try:
        given = json.loads(body)
    except ValueError:
        raise CommandRefused("a command record holds no JSON") from None
    if not isinstance(given, dict):
        raise CommandRefused("a command record holds no JSON object")
    match given.get("command"):
        case "correction":
            return Correction(_uuid(given.get("observation")))
        case "registry-changed":
            since_us = given.get("since_us")
            return RegistryChanged(
                _ids(given.get("patients", [])),
                _ids(given.get("devices", [])),
                None if since_us is None else _instant(since_us),
            )
        case "reexamine":
            return Reexamine(_instants(given.get("from_us")))
        case _:
            raise CommandRefused("a command record names no command that this program knows")


def continued(patients: Sequence[str], devices: Sequence[str], since_us: int) -> bytes:
    """A `registry-changed` record for what is left to do of one."""
    return encode_command(
        {"command": "registry-changed", "patients": patients, "devices": devices, "since_us": since_us}
    )


def _uuid(given: Any) -> UUID:
    try:
        return UUID(given)
    except (ValueError, TypeError, AttributeError):
        raise CommandRefused("a command names no Observation") from None


def _ids(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) and "\0" not in one for one in given):
        raise CommandRefused("a command's ids are no list of texts")
    return tuple(given)


def _instant(given: Any) -> int:
    if type(given) is not int or not -_INT64 <= given < _INT64:
        raise CommandRefused("a command's time is no whole number of microseconds")
    return given


def _instants(given: Any) -> dict[str, int]:
    if not isinstance(given, dict):
        raise CommandRefused("a command has no times")
    _ids(list(given))
    return {patient: _instant(at_us) for patient, at_us in given.items()}
