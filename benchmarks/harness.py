"""Measures ours, a peer and a physical limit on the same work, in turns, so that a busy minute hits all."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

ROUNDS = 5
# Enough writes for a steady median, and still under a second on a slow disk (10 ms each).
FSYNCS = 40
# One page of PostgreSQL's write-ahead log.
FSYNC_BYTES = 8192

#: Entering it sets up, outside all timing, and gives a function that does the work once and returns its
#: measure in the row's unit; leaving it cleans up.
_Running = AbstractContextManager[Callable[[], float]]
Case = Callable[[], _Running]


class Skipped(Exception):
    """A row can't run on this machine; the text says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `fsync_in` is the folder whose disk the figures depend on, where they do.

    `peer` and its name are None where nobody else does this work: the figure then stands as it is.
    """

    name: str
    unit: str
    ours: Case
    peer: Case | None
    peer_name: str | None
    limit: Case
    limit_name: str
    fsync_in: Path | None = None


class Spread(TypedDict):
    """Over the rounds."""

    median: float
    min: float
    max: float


class Result(TypedDict, total=False):
    """One element of latest.json. Figures are medians in `unit`; `of_peer` and `of_limit` are ours divided by
    theirs, round by round; all of a peer's are null where there is none. `fsync_ms` stands only beside rows that depend
    on the disk."""

    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str | None
    limit: float
    limit_name: str
    of_peer: Spread | None
    of_limit: Spread
    rounds: int
    fsync_ms: float


def measure(row: Row, rounds: int = ROUNDS, after_run: Callable[[], None] = lambda: None) -> Result:
    """Runs a row: ours, peer, limit, ours, peer, limit and so on; `after_run` is called after each."""
    ours: list[float] = []
    peer: list[float] = []
    limit: list[float] = []
    fsync_ms: list[float] = []
    with ExitStack() as stack:
        cases = [
            (stack.enter_context(case()), figures)
            for case, figures in ((row.ours, ours), (row.peer, peer), (row.limit, limit))
            if case is not None
        ]
        for _ in range(rounds):
            if row.fsync_in is not None:
                fsync_ms.append(median_fsync_ms(row.fsync_in))
            for run, figures in cases:
                figures.append(_positive(run(), row.name))
                after_run()
    result = Result(
        name=row.name,
        unit=row.unit,
        ours=statistics.median(ours),
        peer=statistics.median(peer) if peer else None,
        peer_name=row.peer_name,
        limit=statistics.median(limit),
        limit_name=row.limit_name,
        of_peer=_ratios(ours, peer) if peer else None,
        of_limit=_ratios(ours, limit),
        rounds=rounds,
    )
    if fsync_ms:
        result["fsync_ms"] = statistics.median(fsync_ms)
    return result


def median_fsync_ms(folder: Path) -> float:
    """What the disk below `folder` takes to make one small write durable."""
    times_s = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            file.write(bytes(FSYNC_BYTES))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times_s.append(time.perf_counter() - started)
    return statistics.median(times_s) * 1000


def write_results(results: Sequence[Result], path: Path) -> None:
    """Writes latest.json whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    half.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    half.replace(path)


def _positive(figure: float, name: str) -> float:
    # Nothing, NaN or less than nothing is a broken benchmark, and would be a wonderful ratio.
    if not figure > 0:
        raise ValueError(f"benchmark {name} measured {figure}; a figure is above zero")
    return figure


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Spread(median=statistics.median(ratios), min=min(ratios), max=max(ratios))
