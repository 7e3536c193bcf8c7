"""Our gateway in a process of its own, wired as `vitalstream run gateway`: a job with `dsn`, answers its port.

Ends when standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress

from device_gateway.intake import Intake
from device_gateway.mqtt.endpoint import Endpoint
from storage.connection import Pool
from storage.journal.postgres import PostgresJournal
from storage.registry.directory import PostgresDeviceDirectory
from vitalstream import telemetry


def _now_us() -> int:
    return time.time_ns() // 1000


async def _serve(dsn: str) -> None:
    async with PostgresJournal(dsn) as journal, Pool(dsn, application_name="benchmark gateway") as pool:
        intake = Intake(journal, "benchmark", _now_us)
        appending = asyncio.create_task(intake.run())
        endpoint = Endpoint(intake, PostgresDeviceDirectory(pool), _now_us)
        await endpoint.start()
        print(endpoint.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await endpoint.stop(grace_s=1.0)
        appending.cancel()
        with suppress(asyncio.CancelledError):
            await appending


if __name__ == "__main__":
    telemetry.configure(quiet=True)
    asyncio.run(_serve(json.loads(sys.stdin.readline())["dsn"]))
