"""Options of the commands that publish as devices: where to, and with whose credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vitalstream.settings import Settings
    from vitalstream.simulate import Door


class _Door(click.ParamType):
    name = "url"

    def convert(self, value: str | Door, param: click.Parameter | None, ctx: click.Context | None) -> Door:
        from vitalstream.simulate import door_of

        if not isinstance(value, str):
            return value
        try:
            return door_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


door_option = click.option(
    "--to", "door", metavar="mqtt://HOST:PORT", type=_Door(), help="MQTT door; default: this installation's."
)
credentials_option = click.option(
    "--credentials",
    "credentials_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines printed by `device add`, instead of registering devices here.",
)


def local_door(settings: Settings) -> Door:
    """The door of this installation."""
    from vitalstream.simulate import Door

    return Door({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind), settings.mqtt_port)


def needs_credentials(settings: Settings, door: Door) -> bool:
    """Whether the door belongs to a system whose database is not at hand."""
    return not (door.near or door == local_door(settings) or settings.database_url)


def credentials_of(file: Path) -> dict[str, str]:
    """Passwords by device id, of lines that `device add` printed; raises OperatorError."""
    from vitals.errors import OperatorError

    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            made = json.loads(line)
            found[made["username"]] = made["password"]
        except (ValueError, KeyError, TypeError):
            raise OperatorError(
                f'{file}, line {number}: not a line of `device add` ({{"device_id","username","password"}})',
                code="bad-credentials",
            ) from None
    return found
