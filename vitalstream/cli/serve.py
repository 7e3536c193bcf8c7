"""`up` and `run ROLE`: serve until told to stop."""

from __future__ import annotations

import asyncio
import os

import click
from rich.console import Console


@click.command()
def up() -> None:
    """All roles in this process: MQTT endpoint, processor, API and dashboard."""
    from vitalstream.roles import ALL

    _serve([role.name for role in ALL])


@click.command()
@click.argument("role", type=click.Choice(["gateway", "stream", "api"]))
def run(role: str) -> None:
    """One role in this process; the roles of one system share the database of DATABASE_URL."""
    _serve([role])


def _serve(names: list[str]) -> None:
    from vitalstream import telemetry
    from vitalstream.serve import serve
    from vitalstream.settings import read

    telemetry.configure()
    asyncio.run(serve(read(os.environ), names, Console(stderr=True, highlight=False)))
