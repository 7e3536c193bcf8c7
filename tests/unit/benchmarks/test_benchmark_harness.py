"""The harness: turns, figures, the file's exact form, and what it refuses."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks import __main__ as command
from benchmarks.harness import Case, Row, Skipped, measure, median_fsync_ms, write_results

KEYS = ["name", "unit", "ours", "peer", "peer_name", "limit", "limit_name", "of_peer", "of_limit", "rounds"]


def case(name: str, figures: list[float], log: list[str]) -> Case:
    """A case that writes down what happens to it and returns the given figures."""

    @contextmanager
    def running() -> Iterator[Callable[[], float]]:
        log.append(f"set up {name}")
        numbers = iter(figures)

        def run() -> float:
            log.append(name)
            return next(numbers)

        try:
            yield run
        finally:
            log.append(f"clean {name}")

    return running


def row(log: list[str], ours: list[float], fsync_in: Path | None = None) -> Row:
    return Row(
        "ingest", "readings/s", case("ours", ours, log),
        case("peer", [50, 100, 100], log), "paho", case("limit", [200, 200, 400], log), "framing", fsync_in,
    )  # fmt: skip


def test_takes_turns_between_set_up_and_cleaning() -> None:
    log: list[str] = []
    measure(row(log, [100, 100, 100]), rounds=3, after_run=lambda: log.append("."))
    turns = [*itertools.chain.from_iterable([name, "."] for name in ("ours", "peer", "limit"))] * 3
    assert log == [
        "set up ours", "set up peer", "set up limit", *turns, "clean limit", "clean peer", "clean ours",
    ]  # fmt: skip


def test_figures_are_medians_and_ratios_go_round_by_round() -> None:
    result = measure(row([], [100, 50, 300]), rounds=3)
    assert list(result) == KEYS
    assert (result["ours"], result["peer"], result["limit"]) == (100, 100, 200)
    assert result["of_peer"] == {"median": 2, "min": 0.5, "max": 3}
    assert result["of_limit"] == {"median": 0.5, "min": 0.25, "max": 0.75}
    assert result["rounds"] == 3


def test_the_disk_s_time_stands_beside_rows_that_depend_on_it(tmp_path: Path) -> None:
    result = measure(row([], [100], tmp_path), rounds=1)
    assert list(result) == [*KEYS, "fsync_ms"]
    assert result["fsync_ms"] > 0
    assert median_fsync_ms(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("figure", [0.0, -1.0, float("nan")])
def test_a_figure_that_measures_nothing_is_refused_and_everything_is_cleaned(figure: float) -> None:
    log: list[str] = []
    with pytest.raises(ValueError, match="benchmark ingest measured"):
        measure(row(log, [figure]), rounds=1)
    assert "ours" in log


def test_the_file_is_a_list_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    result = measure(row([], [100]), rounds=1)
    write_results([result], path)
    assert json.loads(path.read_text()) == [result]
    assert list(path.parent.iterdir()) == [path]


def test_the_command_runs_one_row_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(command, "find_rows", lambda _: [row([], [1234.5])])
    assert command.main(["--only", "ingest", "--rounds", "1"]) == 0
    printed = capsys.readouterr()
    assert "1,234" in printed.out
    assert "ingest" in printed.err
    assert [one["name"] for one in json.loads((tmp_path / "latest.json").read_text())] == ["ingest"]


def test_a_row_that_lacks_something_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> NoReturn:
        raise Skipped("no broker: install one")

    log: list[str] = []
    rows = [replace(row(log, [1]), name="lame", peer=missing), row([], [1234.5])]
    monkeypatch.setattr(command, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(command, "find_rows", lambda _: rows)
    assert command.main(["--rounds", "1"]) == 0
    assert log == ["set up ours", "clean ours"]
    assert "lame left out: no broker: install one" in capsys.readouterr().err
    assert [one["name"] for one in json.loads((tmp_path / "latest.json").read_text())] == ["ingest"]


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"]])
def test_the_command_refuses_what_it_cannot_do(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_rows", lambda _: [row([], [1])])
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_rows_are_found_in_the_order_of_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.py", "a.py", "_helper.py"):
        (tmp_path / name).touch()
    imported: list[str] = []

    class Module:
        @staticmethod
        def rows() -> list[Row]:
            return [row([], [1])]

    def load(name: str) -> type[Module]:
        imported.append(name)
        return Module

    monkeypatch.setattr("importlib.import_module", load)
    assert len(command.find_rows(tmp_path)) == 2
    assert imported == ["benchmarks.rows.a", "benchmarks.rows.b"]
