"""`vitalstream decode UUID HEX...`: a window into the GATT decoders."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("uuid")
@click.argument("frames", metavar="HEX...", nargs=-1, required=True)
@click.pass_context
def decode(ctx: click.Context, uuid: str, frames: tuple[str, ...]) -> None:
    """Decode GATT frames of the characteristic UUID; each HEX is one frame, each answered by one JSON line."""
    from device_gateway.decode_lines import decode_lines

    failed = False
    for line in decode_lines(uuid, frames):
        failed |= not line["ok"]
        click.echo(json.dumps(line))
    ctx.exit(1 if failed else 0)
