"""The demo: all roles, a throw-away database, and patients whose devices are ordinary MQTT clients."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from simulators.fleet import Cast
from simulators.plan import SimulatedPatient
from storage.chart.ledger import ledger
from storage.connection import Connection, connect
from storage.registry.accounts import add_token, add_user
from vitalstream import clock, simulate, system
from vitalstream.roles import ALL, Context, open_context
from vitalstream.serve import database
from vitalstream.settings import Settings

_AUTHOR = "demo"
#: After the devices have stopped, what is journalled is applied within this time or the demo fails.
_DRAIN_S = 20.0
#: `--for` shorter than this could end before the last story's alert.
FOR_MIN_S = 60


@dataclass(slots=True)
class SignIn:
    """What a person types, and what the demo's own programs use."""

    user: str
    password: str
    token: str


@dataclass(slots=True)
class Latencies:
    """Milliseconds from a device's publish to a live subscriber, of live readings."""

    values_ms: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float | None:
        """The nearest-rank percentile, None without values."""
        ordered = sorted(self.values_ms)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


async def enrol(
    connection: Connection, patients: list[SimulatedPatient], say: Callable[[str], None]
) -> tuple[dict[str, str], SignIn]:
    """Registers patients, devices and a clinician; returns the devices' passwords and the sign-in."""
    say(f"registering {len(patients)} patients and their devices")
    await connection.execute("UPDATE installation SET simulated = true")
    now = clock.now()
    async with connection.transaction():
        passwords = await simulate.register(connection, patients, now, author=_AUTHOR)
    made_user = await add_user(connection, "nurse", "clinician")
    token = await add_token(connection, "clinician", now, days=1)
    return passwords, SignIn(made_user.user, made_user.password, token)


class Subscriber:
    """A live subscriber as a dashboard is one; measures how long live readings take to arrive."""

    def __init__(self, url: str, token: str, left_out: frozenset[str]) -> None:
        self._url = url
        self._token = token
        self._left_out = left_out
        self.live_from_ms = float("inf")
        self.latencies = Latencies()

    async def run(self) -> None:
        """Follows the live feed until cancelled; reconnects when the stream ends."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(10.0, read=None)) as client:
            while True:
                with suppress(httpx.TransportError):
                    async with client.stream("GET", f"{self._url}/api/live") as response:
                        await self._follow(response)
                await asyncio.sleep(0.2)

    async def _follow(self, response: httpx.Response) -> None:
        event = ""
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and event == "vitals":
                now_ms = time.time() * 1000
                for _, _, _, device, t_ms, *_ in json.loads(line[5:]).get("points", ()):
                    if t_ms >= self.live_from_ms and device not in self._left_out:
                        self.latencies.values_ms.append(now_ms - t_ms)


async def _alerts(url: str, token: str) -> list[dict[str, str]]:
    """All alerts that stand (not retracted), through the API like any other program."""
    found: list[dict[str, str]] = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=10.0) as client:
        after: str | None = None
        while True:
            params = {"state": "all"} | ({"after": after} if after else {})
            answer = (await client.get(f"{url}/api/alerts", params=params)).raise_for_status().json()
            found += [
                {"patient": one["patient"], "rule": one["rule"]}
                for one in answer["alerts"]
                if one["condition"] != "retracted"
            ]
            after = answer["next"]
            if after is None:
                return sorted(found, key=lambda one: (one["patient"], one["rule"]))


async def _drained(dsn: str) -> dict[str, Any]:
    """The ledger once nothing is pending, or as it is after the bound."""
    deadline = time.monotonic() + _DRAIN_S
    async with await connect(dsn, application_name="vitalstream demo") as connection:
        while True:
            counts = (await ledger(connection)).as_json()
            if counts["pending"] == 0 or time.monotonic() > deadline:
                return counts
            await asyncio.sleep(0.1)


@dataclass(slots=True)
class Demo:
    """One run's driver; `run` is the work that the system runs beside its roles."""

    context: Context
    cast: Cast
    passwords: dict[str, str]
    sign_in: SignIn
    for_s: float | None
    say: Callable[[str], None]
    on_url: Callable[[], None]
    summary: dict[str, Any] | None = None

    async def run(self) -> None:
        """Starts the devices, lets them tell their stories, and takes stock when the time is over."""
        patients = self.cast.patients()
        late = frozenset(plan.id for patient in patients for plan in patient.devices if not plan.on_time)
        subscriber = Subscriber(self.context.url, self.sign_in.token, late)
        door = self.context.loopback, self.context.mqtt_port
        following = asyncio.create_task(subscriber.run())
        correcting: asyncio.Task[None] | None = None
        try:
            async with simulate.running(*door, self.cast, self.passwords) as devices:
                self.say("devices connect and send what they remember")
                said = await devices.event("history")
                subscriber.live_from_ms = time.time() * 1000
                self.say(f"{said['acknowledged']} remembered readings are in the chart's journal")
                self.on_url()
                correcting = asyncio.create_task(
                    simulate.correct(self.context.dsn, devices, patients, said["start_s"], _AUTHOR)
                )
                if self.for_s is None:
                    await devices.event("stopped", timeout_s=float("inf"))
                    return
                await self._wait(self.for_s)
                if correcting.done():
                    correcting.result()
                self.say("devices stop; what is on its way is charted")
                await devices.stop()
                self.summary = await self._take_stock(patients, subscriber.latencies)
        finally:
            for task in (following, correcting):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _wait(self, seconds: float) -> None:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            await asyncio.sleep(min(10.0, seconds - passed))
            self.say(f"{time.monotonic() - began:.0f} of {seconds:.0f} s")

    async def _take_stock(self, patients: list[SimulatedPatient], latencies: Latencies) -> dict[str, Any]:
        counts = await _drained(self.context.dsn)
        alerts = await _alerts(self.context.url, self.sign_in.token)
        expected = simulate.expected(patients)
        return {
            "readings": counts["received"],
            "stored": counts["stored"],
            "duplicates": counts["duplicates"],
            "quarantined": counts["quarantined"],
            "alerts": alerts,
            "expected_alerts": expected,
            "latency_ms": {"p50": latencies.percentile(0.5), "p99": latencies.percentile(0.99)},
            "ok": counts["balanced"] and counts["pending"] == 0 and alerts == expected,
        }


async def run(
    settings: Settings,
    cast: Cast,
    *,
    for_s: float | None,
    say: Callable[[str], None],
    on_url: Callable[[Context, SignIn], None],
) -> dict[str, Any] | None:
    """Runs a demo on the data directory of `settings`; its summary when it took stock. `on_url`: the page is there."""
    stop = asyncio.Event()
    with system.stop_on_signals(stop):
        say("starting PostgreSQL")
        async with database(settings) as base:
            async with await connect(base.dsn, application_name="vitalstream demo") as connection:
                passwords, sign_in = await enrol(connection, cast.patients(), say)
            async with open_context(settings, base.dsn, ALL, free_ports=True, simulated=True) as context:
                driver = Demo(context, cast, passwords, sign_in, for_s, say, lambda: on_url(context, sign_in))
                await system.run(context, ALL, stop, driver.run)
            return driver.summary
