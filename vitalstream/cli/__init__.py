"""The command line: each file parses, calls and prints; a command's room is imported only when it runs."""

from __future__ import annotations

import importlib
import sys

import click

from vitals.errors import VitalstreamError

#: Exit codes of the contract: a check failed, bad use.
EXIT_FAILED, EXIT_USAGE = 1, 2
#: What shells give for SIGINT.
EXIT_INTERRUPTED = 130

_COMMANDS = {
    "demo": ("vitalstream.cli.demo", "Simulated patients through the whole system, in one command."),
    "up": ("vitalstream.cli.serve", "Run all roles in this process, without simulators."),
    "run": ("vitalstream.cli.serve", "Run one role: gateway, stream or api."),
    "migrate": ("vitalstream.cli.database", "Bring the database's schema up to date."),
    "doctor": ("vitalstream.cli.doctor", "Say what is configured, reachable and wrong, and what to do."),
    "decode": ("vitalstream.cli.decode", "Decode GATT frames: one HEX a frame."),
    "fhir": ("vitalstream.cli.fhir", "Readings (ndjson on stdin) to FHIR R4 Observations."),
    "backtest": ("vitalstream.cli.backtest", "Rules over a recorded history: the alerts they would have raised."),
    "simulate": ("vitalstream.cli.simulate", "Simulated devices only, against a running system."),
    "replay": ("vitalstream.cli.replay", "Publish a recorded history over MQTT, as the devices would."),
    "score": ("vitalstream.cli.score", "Early warning scores: NEWS2 of one set of observations."),
    "patient": ("vitalstream.cli.registry", "Register patients."),
    "device": ("vitalstream.cli.registry", "Register devices, bind them to patients, take them back."),
    "token": ("vitalstream.cli.registry", "Make tokens for programs."),
    "user": ("vitalstream.cli.registry", "Make accounts for people."),
    "ledger": ("vitalstream.cli.database", "Prove that nothing was lost."),
    "quarantine": ("vitalstream.cli.quarantine", "What could not be charted, and why; replay it."),
}


class _Lazy(click.Group):
    """Imports a command's module when it is used, so that `vitalstream decode` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry[0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def vitalstream() -> None:
    """Remote patient monitoring: devices to FHIR and alerts. Not a medical device."""


def main() -> None:
    """The console script: our errors become one clear line on stderr and exit code 1."""
    try:
        # Without standalone mode click hands back what `ctx.exit` was given, and None from a command that just ends.
        code: int | None = vitalstream(standalone_mode=False)
    except VitalstreamError as error:
        click.echo(f"vitalstream: {error.message}", err=True)
        code = EXIT_FAILED
    except click.UsageError as error:
        error.show()
        code = EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head) has seen enough.
        sys.stderr.close()
        code = EXIT_FAILED
    sys.exit(code or 0)
