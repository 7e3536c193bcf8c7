"""The simulators' process, seen from its parent. The child dies with the parent: it watches its standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from simulators.plan import SimulatedPatient, patients
from vitals.errors import InternalError

#: The child answers within its own bounds (10 s connecting, 30 s history, 10 s draining); then it is killed.
_EVENT_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Fleet:
    """A running child; made by `start`."""

    process: asyncio.subprocess.Process

    async def event(self, name: str, timeout_s: float = _EVENT_TIMEOUT_S) -> dict[str, Any]:
        """Waits for the child's next event of this name; raises InternalError when it ends before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout_s):
            while line := await self.process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                if said["event"] == name:
                    return said
        raise InternalError("the simulated devices stopped by themselves; run again with the same seed and report it")

    async def renew(self, device: str, password: str) -> None:
        """Gives a running device a new password."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"device": device, "password": password}).encode() + b"\n")
        await self.process.stdin.drain()

    async def stop(self) -> dict[str, Any]:
        """Lets the devices finish what is unacknowledged and ends the child; its final counts."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stop\n")
        await self.process.stdin.drain()
        said = await self.event("stopped")
        await self.process.wait()
        return said

    async def kill(self) -> None:
        """Ends the child at once; safe to call on one that has ended."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: what `simulators.plan.patients` is asked for."""

    count: int
    seed: int
    story: str | None = None
    tag: str = ""

    def patients(self) -> list[SimulatedPatient]:
        """The patients; the child makes the same ones."""
        return patients(self.count, self.seed, story=self.story, tag=self.tag)


async def start(host: str, port: int, cast: Cast, credentials: dict[str, str]) -> Fleet:
    """Starts all devices of a cast against an MQTT door. `credentials` are passwords by device id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulators.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # A group of its own: Ctrl-C reaches the parent alone, which then stops the devices in order.
        start_new_session=True,
    )
    assert process.stdin is not None
    job = {"host": host, "port": port, "cast": asdict(cast), "credentials": credentials}
    process.stdin.write(json.dumps(job).encode() + b"\n")
    await process.stdin.drain()
    return Fleet(process)
