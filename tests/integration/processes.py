"""Whether what was started has ended."""

from __future__ import annotations

import contextlib
import time

import psutil

#: PostgreSQL's helpers end with their parent, not before it.
LEFT_S = 1.0


def family(pid: int) -> list[psutil.Process]:
    """The process and everything that it has started."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def still_running(started: list[psutil.Process]) -> list[psutil.Process]:
    """Those that go on after a moment; one that has ended and waits for init to take note does not."""
    deadline = time.monotonic() + LEFT_S
    while (there := [one for one in started if _runs(one)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return there


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
