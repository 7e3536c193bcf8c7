"""Starts roles in order, watches them, and stops them in order: first what lets data in, last what keeps it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from vitals.errors import VitalstreamError
from vitalstream.roles import Context, Role

_log = structlog.get_logger("system")

#: A role that does not stop by itself in this time is cancelled; all of a shutdown stays below 5 s.
_STOP_S = 1.5


@dataclass(slots=True)
class _Running:
    role: Role
    stop: asyncio.Event
    task: asyncio.Task[None]


async def run(
    context: Context,
    roles: Sequence[Role],
    stop: asyncio.Event,
    work: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Runs roles until `stop` is set, `work` (begun when all serve) ends, or one fails; then stops the rest.

    Raises what failed first.
    """
    running: list[_Running] = []
    try:
        for role in roles:
            one = await _start(context, role)
            running.append(one)
            context.readiness.roles[role.name] = True
        _log.info("ready", roles=[role.name for role in roles])
        waiter = asyncio.create_task(stop.wait())
        watched = [waiter, *(one.task for one in running)]
        if work is not None:
            watched.append(asyncio.create_task(work()))
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in set(watched) - {one.task for one in running}:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        for task in done:
            task.result()
    finally:
        await _stop(running)


async def _start(context: Context, role: Role) -> _Running:
    """Starts one role and waits until it serves; raises what it raises before that."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(role.run(context, ready, stop), name=role.name)
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait((task, waiter), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiter.cancel()
        task.result()
        raise VitalstreamError(f"role {role.name} ended while starting; see the lines above")
    return _Running(role, stop, task)


async def _stop(running: list[_Running]) -> None:
    for one in reversed(running):
        one.stop.set()
        done, _ = await asyncio.wait((one.task,), timeout=_STOP_S)
        if not done:
            _log.warning("role does not stop by itself", role=one.role.name)
            one.task.cancel()
            with suppress(asyncio.CancelledError):
                await one.task
        elif not one.task.cancelled() and (error := one.task.exception()) is not None:
            _log.error("role failed", role=one.role.name, error=type(error).__name__)


@contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop` for the duration of the block."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
