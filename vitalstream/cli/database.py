"""`migrate`, `ledger`: the database's state from the shell."""

from __future__ import annotations

import asyncio
import json
import os

import click


@click.command()
def migrate() -> None:
    """Bring the schema up to date; the only command that changes the schema behind DATABASE_URL."""
    from storage.connection import connect
    from storage.migrate import MigrationReport
    from storage.migrate import migrate as bring_up
    from vitalstream.database import dsn_of
    from vitalstream.settings import read

    async def work(dsn: str) -> MigrationReport:
        async with await connect(dsn, application_name="vitalstream migrate") as connection:
            return await bring_up(connection)

    with dsn_of(read(os.environ)) as dsn:
        report = asyncio.run(work(dsn))
    click.echo(json.dumps({"applied": report.applied, "version": report.version, "engine": report.engine}))


@click.command()
@click.pass_context
def ledger(ctx: click.Context) -> None:
    """received = stored + duplicates + quarantined + pending, read in one snapshot; exit 1 when it isn't so."""
    from storage.chart.ledger import ledger as read_ledger
    from vitalstream.database import run_command

    counts = run_command(read_ledger)
    click.echo(json.dumps(counts.as_json()))
    ctx.exit(0 if counts.balanced else 1)
