"""`vitalstream backtest`: the alerts that rules would have raised over a recorded history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click


class _Lateness(click.ParamType):
    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from vitals.errors import OperatorError
        from vitalstream.settings import parse_duration_s

        if isinstance(value, int):
            return value
        try:
            return parse_duration_s(value)
        except OperatorError as error:
            self.fail(error.message, param, ctx)


_FILE = click.Path(exists=True, dir_okay=False, readable=False, path_type=Path)


@click.command()
@click.option(
    "--rules", "names", metavar="PACK_OR_FILE", multiple=True, required=True, help="Shipped id or TOML; repeatable."
)
@click.option("--readings", "readings_file", metavar="F.csv", type=_FILE, required=True)
@click.option("--patients", "patients_file", metavar="P.csv", type=_FILE, help="Programmes and targets of patients.")
@click.option("--online", is_flag=True, help="Through the online engine, in the order of arrival.")
@click.option("--shuffle", metavar="SEED", type=click.IntRange(0), help="Permute the arrival.")
@click.option("--late", "late_s", type=_Lateness(), help="Allowed lateness, such as 7d; default: any.")
def backtest(
    names: tuple[str, ...],
    readings_file: Path,
    patients_file: Path | None,
    online: bool,
    shuffle: int | None,
    late_s: int | None,
) -> None:
    """Print the alerts that rules would have raised over recorded readings, one JSON object a line, then a summary.

    READINGS has the columns patient, measured_at, metric, value, unit and optionally received_at (else measured_at),
    device (else all is of one) and flags (marks of the chart, such as no-contact;clock-ahead). Times are RFC 3339 with
    a zone; a blood pressure is 128/79 or 128/79/95, a lost part left empty. Of rows with the same patient, device,
    metric and time the first counts.

    PATIENTS has the columns patient, programme (several: copd;hypertension) and optionally born, zone, spo2_target
    (88-92) and pregnant. Without it every patient is in the programmes of the given packs.

    A row that can't be a reading is told on stderr with its line, counted in the summary, and the others are used.
    Exit 1 when a file can't be read or has no usable row; 2 for unknown packs, bad TOML, missing columns, or a wrong
    row of PATIENTS.
    """
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from vitalstream import backtest as work
    from vitalstream.backtest_csv import read_patients, read_readings

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:

        def step(what: str) -> Callable[[int, int], None]:
            task: TaskID = bar.add_task(what, total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        with _bad_use():
            packs = work.load_packs(names)
            known, unused = (None, ()) if patients_file is None else read_patients(patients_file)
            readings = read_readings(readings_file, step("reading"))
        contexts = work.contexts_of(readings.patients, packs, known)
        rules = [rule for pack in packs for rule in pack.rules]
        options = work.Options(online, shuffle, None if late_s is None else late_s * 1_000_000)
        alerts = work.run(rules, contexts, readings, options, step("alerting"))
    for line, reason in readings.refused.first:
        _say(f"{readings_file}, line {line}: {reason}")
    if readings.refused.count > len(readings.refused.first):
        _say(f"{readings.refused.count - len(readings.refused.first)} more rows are refused")
    for column in (*readings.ignored, *unused):
        _say(f"column {column!r} is not used")
    for remark in work.remarks(readings, packs, known):
        _say(remark)
    for alert in alerts:
        click.echo(json.dumps(work.alert_line(alert, contexts[alert.patient])))
    click.echo(json.dumps({"summary": work.summary(readings, alerts)}))


@contextmanager
def _bad_use() -> Iterator[None]:
    """What is wrong with packs and tables is bad use (exit 2); a file that can't be read is a failure (exit 1)."""
    from vitals.errors import OperatorError
    from vitalstream.csv_table import CannotRead

    try:
        yield
    except CannotRead:
        raise
    except OperatorError as error:
        raise click.UsageError(error.message, click.get_current_context()) from None


def _say(text: str) -> None:
    click.echo(f"vitalstream backtest: {text}", err=True)
