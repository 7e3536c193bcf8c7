"""`quarantine list`, `show`, `replay`: what could not be charted, from the shell."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

_KEY = click.IntRange(1, 2**63 - 1)


@click.group()
def quarantine() -> None:
    """What could not be charted, and why."""


@quarantine.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="The newest so many.")
def quarantine_list(limit: int) -> None:
    """The newest open rows, one JSON object a line."""
    from storage.chart.quarantine import quarantine_list as newest
    from vitalstream.database import run_command
    from vitalstream.quarantine import SCOPE

    for row in run_command(lambda connection: newest(connection, SCOPE, limit=limit)):
        click.echo(json.dumps(asdict(row) | {"received_at": row.received_at.isoformat()}))


@quarantine.command("show")
@click.argument("key", type=_KEY)
def quarantine_show(key: int) -> None:
    """One row with all its bytes and, where they could be decoded, its reading; replayed rows too."""
    from vitals.errors import OperatorError
    from vitalstream.database import run_command
    from vitalstream.quarantine import detail_line, find

    row = run_command(lambda connection: find(connection, key))
    if row is None:
        raise OperatorError(f"There is no row {key}; look at `vitalstream quarantine list`.", code="no-such-row")
    click.echo(json.dumps(detail_line(row)))


@quarantine.command("replay")
@click.argument("keys", metavar="[KEY]...", nargs=-1, type=_KEY)
@click.option("--device", metavar="ID", help="All open rows of this device.")
@click.option("--all", "everything", is_flag=True, help="All open rows.")
@click.pass_context
def quarantine_replay(ctx: click.Context, keys: tuple[int, ...], device: str | None, everything: bool) -> None:
    """Send rows through the processor once more, after what was wrong is put right; one JSON object a line.

    A row moves once. Its reading is charted by the bindings of now, or comes back as a new row with the reason why it
    still can't be. A row whose bytes could not be decoded holds no reading and stays: exit 1 when a row was not
    replayed.
    """
    from vitalstream.database import run_command
    from vitalstream.quarantine import replay_all, replay_keys

    if sum((bool(keys), device is not None, everything)) != 1:
        raise click.UsageError("give keys, or --device ID, or --all", ctx)
    lines = run_command(lambda connection: replay_keys(connection, keys) if keys else replay_all(connection, device))
    refused = [line for line in lines if not line["replayed"]]
    for line in lines:
        click.echo(json.dumps(line))
    for line in refused:
        click.echo(f"vitalstream quarantine: row {line['key']}: {line['error']['message']}", err=True)
    ctx.exit(1 if refused else 0)
