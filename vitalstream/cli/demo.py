"""`vitalstream demo`: simulated patients through the whole system."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from vitalstream.cli.simulate import PATIENTS_MAX

if TYPE_CHECKING:
    from vitalstream.demo import SignIn
    from vitalstream.roles import Context

_OVERVIEW = """
  [bold]{url}[/bold]      sign in as [bold]{user}[/bold] with [bold]{password}[/bold]

  Three things to try
  1. Watch the worklist: within 15 s a patient with COPD rises to the top, within 50 s the others follow.
  2. Open that patient, read why the alert came, acknowledge it; open a second window and see it there.
  3. Be a device. In a second terminal:
     VITALSTREAM_DATA_DIR={data_dir} .venv/bin/vitalstream device add my-thermometer --patient {patient}
     mosquitto_pub -V 5 -p {mqtt_port} -u my-thermometer -P PASSWORD -q 1 -t vitalstream/v1/my-thermometer/readings \\
       -m '{{"metric":"body_temp","value":39.4,"unit":"C"}}'

  Simulated patients. Not a medical device. Ctrl-C ends it and leaves nothing behind.
"""


@click.command()
@click.option("--patients", "count", type=click.IntRange(1, PATIENTS_MAX), default=20, show_default=True)
@click.option("--for", "for_s", type=float, default=None, metavar="SECONDS", help="End by itself.")
@click.option("--check", is_flag=True, help="Print one JSON summary; exit 1 unless all is as it must be.")
@click.option("--export", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write scenarios as CSV.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--use-database-url", is_flag=True, help="Use the database of DATABASE_URL; it fills with simulated data."
)
@click.pass_context
def demo(
    ctx: click.Context,
    count: int,
    for_s: float | None,
    check: bool,
    folder: Path | None,
    seed: int,
    use_database_url: bool,
) -> None:
    """All roles and simulated patients in one process; nothing of it is kept."""
    from simulators.export import export
    from simulators.fleet import Cast
    from storage.embedded.server import temporary_parent
    from vitalstream import clock, telemetry
    from vitalstream.demo import FOR_MIN_S, run
    from vitalstream.settings import read

    if check and (for_s is None or for_s < FOR_MIN_S):
        raise click.UsageError(f"--check wants --for {FOR_MIN_S} or more: the last story's alert comes after 50 s")
    settings = read(os.environ)
    if settings.database_url and not use_database_url:
        raise click.UsageError(
            "DATABASE_URL is set, and a demo would fill that database with simulated patients: unset it, or say "
            "--use-database-url if that is what you want"
        )
    telemetry.configure(quiet=True)
    console = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(f"[dim]{text}[/dim]")

    cast = Cast(count, seed)

    def on_url(context: Context, sign_in: SignIn) -> None:
        text = _OVERVIEW.format(
            url=context.url,
            user=sign_in.user,
            password=sign_in.password,
            mqtt_port=context.mqtt_port,
            data_dir=context.settings.data_dir,
            patient=cast.patients()[-1].id,
        )
        console.print(text, soft_wrap=True)

    if folder is not None:
        for path in export(folder, cast.patients(), clock.now().timestamp(), for_s or FOR_MIN_S):
            say(f"wrote {path}")
    parent = temporary_parent()
    try:
        settings = replace(settings, data_dir=parent / "data")
        summary = asyncio.run(run(settings, cast, for_s=for_s, say=say, on_url=on_url))
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    if check and summary is not None:
        click.echo(json.dumps(summary))
    ctx.exit(0 if not check or (summary is not None and summary["ok"]) else 1)
