"""`vitalstream fhir [--phd] < readings.ndjson`: readings to FHIR R4 Observations."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--phd", is_flag=True, help="As the Personal Health Device guide wants it.")
@click.pass_context
def fhir(ctx: click.Context, phd: bool) -> None:
    """Readings {"patient","device","metric","value","unit","at","seq"?}, one a line, to Observations, one a line."""
    from vitals.fhir.lines import observation_lines

    failed = False
    for result in observation_lines(sys.stdin.buffer, phd=phd):
        if isinstance(result, bytes):
            sys.stdout.buffer.write(result + b"\n")
        else:
            failed = True
            click.echo(f"vitalstream fhir: line {result.line}: {result.message}", err=True)
    sys.stdout.buffer.flush()
    ctx.exit(1 if failed else 0)
