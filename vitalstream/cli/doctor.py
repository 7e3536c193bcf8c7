"""`vitalstream doctor`: what is configured, reachable, wrong, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vitals.errors import VitalstreamError

if TYPE_CHECKING:
    from device_gateway.broker.address import BrokerAddress
    from vitalstream.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `advice` says what to do and is empty when all is well."""

    check: str
    ok: bool
    detail: str
    advice: str = ""


def settings_lines(environ: Mapping[str, str]) -> list[Finding]:
    """Every setting with its value, secrets hidden."""
    from vitalstream.settings import SETTINGS

    result = []
    for setting in SETTINGS:
        value = environ.get(setting.name, "")
        shown = ("set, hidden" if setting.secret else value) if value else f"not set, so {setting.default or 'none'}"
        result.append(Finding(setting.name, True, f"{shown} ({setting.purpose})"))
    return result


def _port(settings: Settings, port: int, setting: str) -> Finding:
    from vitalstream.listening import PortInUse, listen

    name = f"port {port}"
    try:
        listen(settings.bind, port, setting).close()
    except PortInUse:
        detail = f"port {port} is in use, by a running vitalstream or by another program"
        return Finding(name, True, detail, "nothing if vitalstream runs; else choose another port")
    except VitalstreamError as error:
        return Finding(name, False, f"can't listen on port {port}", error.message)
    return Finding(name, True, f"port {port} is free")


def _page() -> Finding:
    import api

    built = (Path(api.__file__).parent / "static" / "index.html").is_file()
    return Finding(
        "page",
        built,
        "the dashboard is built" if built else "the dashboard is not built",
        "" if built else "make setup",
    )


async def _database(settings: Settings, dsn: str) -> AsyncIterator[Finding]:
    from storage import migrate
    from storage.chart.ledger import identities_charted_twice
    from storage.chart.ledger import ledger as read_ledger
    from storage.connection import connect, describe

    async with await connect(dsn, application_name="vitalstream doctor") as connection:
        yield Finding("database", True, f"{describe(dsn)} answers")
        if not settings.database_url:
            await migrate.migrate(connection)
        try:
            await migrate.check(connection)
        except VitalstreamError as error:
            yield Finding("schema", False, error.code, error.message)
            return
        yield Finding("schema", True, "up to date")
        counts = await read_ledger(connection)
        good = counts.balanced and not counts.inconsistent
        wrong = f"; shards whose counts can't be true: {list(counts.inconsistent)}" if counts.inconsistent else ""
        yield Finding(
            "ledger",
            good,
            json.dumps(counts.as_json()) + wrong,
            "" if good else "readings are missing or counted twice: keep the database and report this",
        )
        twice = await identities_charted_twice(connection)
        yield Finding(
            "identities",
            not twice,
            "no measurement is charted twice" if not twice else f"measurements charted twice: {len(twice)} or more",
            "" if not twice else "keep the database and report this",
        )


async def _broker(address: BrokerAddress) -> list[Finding]:
    from device_gateway.broker.probe import probe

    name = f"vitalstream-doctor-{secrets.token_hex(4)}"
    return [Finding(one.name, one.ok, one.detail, one.advice) async for one in probe(address, name)]


def _mqtt(settings: Settings) -> list[Finding]:
    """Our endpoint's port, or the broker in its place."""
    if settings.mqtt_broker is None:
        return [_port(settings, settings.mqtt_port, "VITALSTREAM_MQTT_PORT")]
    return asyncio.run(_broker(settings.mqtt_broker))


async def _look(settings: Settings, dsn: str) -> list[Finding]:
    return [finding async for finding in _database(settings, dsn)]


def findings(environ: Mapping[str, str]) -> list[Finding]:
    """All checks; a check that can't be made is a finding too."""
    from vitalstream.database import dsn_of
    from vitalstream.serve import check_available
    from vitalstream.settings import read

    result = settings_lines(environ)
    try:
        settings = read(environ)
        check_available(settings)
    except VitalstreamError as error:
        return [*result, Finding("settings", False, error.code, error.message)]
    result += [
        _port(settings, settings.http_port, "VITALSTREAM_HTTP_PORT"),
        *_mqtt(settings),
        _page(),
    ]
    try:
        with dsn_of(settings) as dsn:
            result += asyncio.run(_look(settings, dsn))
    except VitalstreamError as error:
        result.append(Finding("database", False, error.code, error.message))
    return result


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Say what is configured, reachable and wrong, and what to do; exit 1 when something is wrong."""
    found = findings(os.environ)
    for one in found:
        if sys.stdout.isatty():
            mark = click.style("ok   ", fg="green") if one.ok else click.style("WRONG", fg="red", bold=True)
            click.echo(f"{mark} {one.check}: {one.detail}" + (f"\n      -> {one.advice}" if one.advice else ""))
        else:
            line = {"check": one.check, "ok": one.ok, "detail": one.detail, "advice": one.advice}
            click.echo(json.dumps(line))
    ctx.exit(0 if all(one.ok for one in found) else 1)
