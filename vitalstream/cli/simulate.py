"""`vitalstream simulate`: simulated devices against a running system."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vitalstream.cli.doors import credentials_of, credentials_option, door_option, local_door, needs_credentials

if TYPE_CHECKING:
    from simulators.fleet import Cast
    from vitalstream.simulate import Door

#: Each simulated device is a paho client of three file descriptors, and paho's select() takes none above 1,024.
PATIENTS_MAX = 120
_AUTHOR = "simulate"


@click.command()
@click.option("--patients", "count", type=click.IntRange(1, PATIENTS_MAX), help="How many; default 20, or one telling.")
@click.option("--scenario", "story", metavar="NAME", help="All of them tell this story; default: each another one.")
@click.option("--seed", type=click.IntRange(0), help="Whose bodies; default: the first with new patients.")
@door_option
@click.option("--for", "for_s", type=float, metavar="SECONDS", help="End by itself; default: on Ctrl-C.")
@credentials_option
@click.pass_context
def simulate(
    ctx: click.Context,
    count: int | None,
    story: str | None,
    seed: int | None,
    door: Door | None,
    for_s: float | None,
    credentials_file: Path | None,
) -> None:
    """Simulated devices only, against a running system; prints the alerts to expect, one JSON object a line.

    New simulated patients and their devices are registered in this installation's database (or that of DATABASE_URL),
    beside the running `up`; their names say that they are simulated. A system elsewhere needs --credentials: without
    enough of them the commands are told that register the patients there.

    Exit 1 when something published was not acknowledged.
    """
    from simulators.scenarios import NAMES, parts
    from vitalstream.database import dsn_of
    from vitalstream.settings import read
    from vitalstream.simulate import Run, cast_of, run

    if story is not None and story not in NAMES:
        raise click.BadParameter(f"choose from {', '.join(NAMES)}", ctx, param_hint="--scenario")
    settings = read(os.environ)
    door = door or local_door(settings)
    if needs_credentials(settings, door) and credentials_file is None:
        raise click.UsageError(
            f"devices of {door.host} need credentials: give --credentials FILE with lines that `vitalstream device "
            "add` printed there, or set DATABASE_URL to that system's database",
            ctx,
        )
    cast = cast_of(count, story, 1 if seed is None else seed, len(parts(story)) if story else 1)
    if not cast.patients():
        raise click.UsageError(f"the story {story} is about {len(parts(story or ''))} patients: say --patients", ctx)
    door.check()
    if credentials_file is not None:
        passwords = _given(cast, credentials_file)
        _tell(cast)
        said = asyncio.run(run(Run(door, cast, passwords, for_s, None, _AUTHOR), _say))
    else:
        with dsn_of(settings) as dsn:
            cast, passwords = asyncio.run(_registered(dsn, cast, fixed=seed is not None))
            _tell(cast)
            said = asyncio.run(run(Run(door, cast, passwords, for_s, dsn, _AUTHOR), _say))
    _say(f"{said['published']} readings published, {said['acknowledged']} acknowledged, {said['refused']} refused")
    ctx.exit(0 if said["acknowledged"] == said["published"] else 1)


def _say(text: str) -> None:
    click.echo(f"vitalstream simulate: {text}", err=True)


def _tell(cast: Cast) -> None:
    from vitalstream.simulate import expected

    for alert in expected(cast.patients()):
        click.echo(json.dumps(alert))


async def _registered(dsn: str, cast: Cast, *, fixed: bool) -> tuple[Cast, dict[str, str]]:
    from vitals.errors import OperatorError
    from vitalstream.database import prepared
    from vitalstream.settings import read
    from vitalstream.simulate import free_seed, register

    async with prepared(read(os.environ), dsn) as connection:
        cast = cast if fixed else await free_seed(connection, cast)
        try:
            passwords = await register(connection, cast.patients(), datetime.now(UTC), author=_AUTHOR, marked=True)
        except OperatorError as error:
            if error.code != "patient-exists":
                raise
            raise OperatorError(
                f"patients of seed {cast.seed} are registered already: give another --seed, or none",
                code="patient-exists",
            ) from None
    _say(f"registered {len(cast.patients())} patients (seed {cast.seed}) and {len(passwords)} devices")
    return cast, passwords


def _given(cast: Cast, file: Path) -> dict[str, str]:
    from vitals.errors import OperatorError
    from vitalstream.simulate import commands, without_corrections

    patients = cast.patients()
    without_corrections(patients)
    known = credentials_of(file)
    wanted = [plan.id for patient in patients for plan in patient.devices]
    missing = [device for device in wanted if device not in known]
    if missing:
        for line in commands(patients, datetime.now(UTC)):
            click.echo(line, err=True)
        raise OperatorError(
            f"{file} has no credentials of {len(missing)} of {len(wanted)} devices, {missing[0]} first: run the "
            "commands above on that system and keep what `device add` prints",
            code="no-credentials",
        )
    return {device: known[device] for device in wanted}
