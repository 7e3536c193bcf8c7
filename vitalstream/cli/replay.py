"""`vitalstream replay`: a recorded history over MQTT."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vitalstream.cli.doors import credentials_of, credentials_option, door_option, local_door, needs_credentials

if TYPE_CHECKING:
    from vitalstream.simulate import Door

_FILE = click.Path(exists=True, dir_okay=False, readable=False, path_type=Path)


@click.command()
@click.argument("file", metavar="F.csv", type=_FILE)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times faster than recorded the gaps are played.",
)
@click.option(
    "--patients", "patients_file", metavar="P.csv", type=_FILE, help="Programmes and context of new patients."
)
@door_option
@credentials_option
@click.pass_context
def replay(
    ctx: click.Context,
    file: Path,
    speed: float,
    patients_file: Path | None,
    door: Door | None,
    credentials_file: Path | None,
) -> None:
    """Publish a recorded history over MQTT, as its devices would have, against a running system.

    F.csv is as for `backtest`. Readings are sent in the order in which they arrived and carry the times of the
    recording: what was measured over VITALSTREAM_LATENESS ago is charted and opens no alert. Sent twice, a recording is
    charted once.

    Patients that are not registered are added, and for each device of the file a device `replay-NAME` (the patient's
    id where the file names none), bound to whom its readings belong. With --credentials nothing is registered, and
    devices are called as in the file. Prints one JSON object; exit 1 when something was not acknowledged.
    """
    from vitals.errors import OperatorError
    from vitalstream import replay as work
    from vitalstream.backtest_csv import read_patients
    from vitalstream.csv_table import BadTable
    from vitalstream.database import run_command
    from vitalstream.settings import read

    settings = read(os.environ)
    door = door or local_door(settings)
    if needs_credentials(settings, door) and credentials_file is None:
        raise click.UsageError(f"devices of {door.host} need credentials: give --credentials FILE", ctx)
    try:
        known = {} if patients_file is None else read_patients(patients_file)[0]
        recording = work.read_recording(file, work.PREFIX if credentials_file is None else "")
    except BadTable as error:
        raise click.UsageError(error.message, ctx) from None
    for line, reason in recording.refused.first:
        _say(f"{file}, line {line}: {reason}")
    if len(recording.devices) > work.DEVICES_MAX:
        raise OperatorError(f"{file} names over {work.DEVICES_MAX} devices: split it", code="too-many-devices")
    door.check()
    if credentials_file is not None:
        passwords = credentials_of(credentials_file)
    else:
        passwords = run_command(lambda connection: work.register(connection, recording, known))
    if missing := work.unknown_devices(recording, passwords):
        raise OperatorError(
            f"{credentials_file} has no credentials of {len(missing)} devices, {missing[0]} first: add the lines that "
            "`vitalstream device add` prints",
            code="no-credentials",
        )
    counts = work.publish(door, recording, passwords, speed, _say)
    click.echo(json.dumps({"devices": len(recording.devices), "refused_rows": recording.refused.count} | counts))
    ctx.exit(0 if counts["acknowledged"] == counts["published"] else 1)


def _say(text: str) -> None:
    click.echo(f"vitalstream replay: {text}", err=True)
