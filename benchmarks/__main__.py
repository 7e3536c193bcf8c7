"""`python -m benchmarks [--only NAME] [--rounds N]`: table on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.harness import ROUNDS, Result, Row, Skipped, Spread, measure, write_results

HERE = Path(__file__).parent
LATEST = HERE / "results" / "latest.json"
#: The whole table on one line a row.
WIDTH = 180


def main(arguments: list[str] | None = None) -> int:
    """Runs the rows that were asked for; exit code 2 when there is no such row."""
    parser = argparse.ArgumentParser("benchmarks", description="Ours, a peer and a physical limit, in turns.")
    parser.add_argument("--only", help="run the row with this name")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds for each row (default {ROUNDS})")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")

    rows = find_rows(HERE / "rows")
    chosen = [row for row in rows if options.only in (None, row.name)]
    if not chosen:
        names = ", ".join(row.name for row in rows) or "none"
        parser.error(f"no row {options.only or 'at all'}; there are: {names}")

    results = _run(chosen, options.rounds)
    write_results(results, LATEST)
    # A file or a pipe has no width of its own, and 80 columns would break every name.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH).print(table(results))
    return 0


def find_rows(folder: Path) -> list[Row]:
    """The rows of all modules in benchmarks/rows/, by file name; each module has `rows() -> list[Row]`."""
    found: list[Row] = []
    for path in sorted(folder.glob("[a-z]*.py")):
        found += importlib.import_module(f"benchmarks.rows.{path.stem}").rows()
    return found


def _run(rows: list[Row], rounds: int) -> list[Result]:
    console = Console(stderr=True)
    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:g}/{task.total:g}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for row in rows:
            task = progress.add_task(row.name, total=(3 if row.peer else 2) * rounds)
            try:
                results.append(measure(row, rounds, after_run=lambda task=task: progress.advance(task)))  # type: ignore[misc]
            except Skipped as missing:
                progress.remove_task(task)
                console.print(f"{row.name} left out: {missing}")
    return results


def table(results: list[Result]) -> Table:
    """For people: figures with three digits, ratios with their spread over the rounds."""
    drawn = Table(
        title="medians; ratios are ours divided by theirs, median (lowest to highest round)",
        caption="of rates more is better, of times (ms, us) less",
    )
    for heading in ("row", "unit", "ours", "peer", "limit", "of peer", "of limit", "fsync"):
        drawn.add_column(heading, justify="left" if heading in ("row", "unit", "peer", "limit") else "right")
    for result in results:
        drawn.add_row(
            result["name"],
            result["unit"],
            _figure(result["ours"]),
            "none" if result["peer"] is None else f"{_figure(result['peer'])} {result['peer_name']}",
            f"{_figure(result['limit'])} {result['limit_name']}",
            _spread(result["of_peer"]),
            _spread(result["of_limit"]),
            f"{_figure(result['fsync_ms'])} ms" if "fsync_ms" in result else "",
        )
    return drawn


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    digits = ".2f" if spread["median"] >= 0.01 else ".1e"
    return f"{spread['median']:{digits}} ({spread['min']:{digits}} to {spread['max']:{digits}})"


if __name__ == "__main__":
    sys.exit(main())
