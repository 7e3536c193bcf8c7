"""Simulated patients in a registry, and their devices against a running system: what `simulate` and the demo share."""

from __future__ import annotations

import asyncio
import shlex
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from simulators import fleet
from simulators.fleet import Cast, Fleet
from simulators.plan import SimulatedDevice, SimulatedPatient
from storage.connection import Connection, connect
from storage.registry.devices import add_device, return_device
from storage.registry.patients import NewPatient, add_patient
from storage.sql import sql
from vitals.errors import OperatorError
from vitals.identity import shard_of
from vitalstream import clock, system

#: Seeds that are tried for one whose patients are not registered yet.
_SEEDS_MAX = 1_000
#: How long a door may take to accept a connection.
_CONNECT_S = 5.0
_MQTT_PORT = 1883


# ---------------------------------------------------------------- registry


def new_patient(patient: SimulatedPatient, *, marked: bool) -> NewPatient:
    """A simulated patient as the registry takes it; `marked`: the name says that nobody real is meant."""
    return NewPatient(
        id=patient.id,
        name=f"{patient.name} (simulated)" if marked else patient.name,
        born=datetime.fromisoformat(patient.born).date(),
        sex=patient.sex,
        zone=patient.zone,
        identifiers=(("urn:example:mrn", f"MRN-{patient.id[2:]}"),),
        programmes=patient.scenario.programmes,
        spo2_target=patient.scenario.spo2_target,
    )


async def register(
    connection: Connection, patients: Sequence[SimulatedPatient], now: datetime, *, author: str, marked: bool = False
) -> dict[str, str]:
    """Registers patients with their devices, bound as the stories begin; returns the devices' passwords.

    Each patient is one transaction (or part of the caller's). Raises OperatorError, `patient-exists` among them.
    """
    passwords = {}
    for patient in patients:
        async with connection.transaction():
            # Several announcements follow: all their journal heads first, in order.
            names = {patient.id, *(plan.id for plan in patient.devices)}
            names |= {binding.patient for plan in patient.devices for binding in plan.bindings(corrected=False)}
            await connection.execute(sql("journal_lock_heads"), {"shards": sorted({shard_of(name) for name in names})})
            await add_patient(connection, new_patient(patient, marked=marked), author=author)
            for plan in patient.devices:
                passwords[plan.id] = await _bind(connection, plan, now, author)
    return passwords


async def _bind(connection: Connection, plan: SimulatedDevice, now: datetime, author: str) -> str:
    password = ""
    for binding in plan.bindings(corrected=False):
        since = now + timedelta(seconds=binding.since_s)
        made = await add_device(connection, plan.id, binding.patient, since, now, author=author)
        password = made.password
        if binding.until_s is not None:
            await return_device(connection, plan.id, now + timedelta(seconds=binding.until_s))
    return password


async def correct(dsn: str, devices: Fleet, patients: Sequence[SimulatedPatient], start_s: float, author: str) -> None:
    """Corrects the registry when the stories want it, as `vitalstream device add` would, and hands on new passwords."""
    wanted = [plan.correction for patient in patients for plan in patient.devices]
    for one in sorted((one for one in wanted if one is not None), key=lambda one: one.at_s):
        await asyncio.sleep(max(0.0, start_s + one.at_s - time.time()))
        now = clock.now()
        since = now.fromtimestamp(start_s + one.since_s, now.tzinfo)
        async with await connect(dsn, application_name="vitalstream simulate") as connection:
            made = await add_device(connection, one.device, one.patient, since, now, author=author)
        await devices.renew(one.device, made.password)


def expected(patients: Sequence[SimulatedPatient]) -> list[dict[str, str]]:
    """The alerts that the stories' own tables want, sorted."""
    pairs = sorted((patient.id, rule) for patient in patients for rule in patient.expected)
    return [{"patient": patient, "rule": rule} for patient, rule in pairs]


# ---------------------------------------------------------------- simulate


@dataclass(frozen=True, slots=True)
class Door:
    """Where devices publish."""

    host: str
    port: int

    @property
    def near(self) -> bool:
        """Whether it is on this machine."""
        return self.host in ("localhost", "127.0.0.1", "::1")

    def check(self) -> None:
        """Raises OperatorError when nothing listens there."""
        try:
            socket.create_connection((self.host, self.port), _CONNECT_S).close()
        except OSError as error:
            raise OperatorError(
                f"nothing takes MQTT at {self.host}:{self.port} ({error.strerror or error}): start `vitalstream up`, "
                "or say --to mqtt://HOST:PORT",
                code="no-door",
            ) from None


def door_of(text: str) -> Door:
    """The door of `mqtt://host[:port]`; raises ValueError with what is wrong."""
    parts = urlsplit(text)
    try:
        port = parts.port or _MQTT_PORT
    except ValueError:
        raise ValueError("the port is a number from 1 to 65535") from None
    if parts.scheme != "mqtt" or not parts.hostname or parts.username or parts.path.strip("/"):
        raise ValueError("write it as mqtt://HOST or mqtt://HOST:PORT; devices have credentials of their own")
    return Door(parts.hostname, port)


def cast_of(count: int | None, story: str | None, seed: int, story_parts: int) -> Cast:
    """Who takes part: ids carry the seed and the story, so that runs don't meet each other's patients."""
    tag = f"sim{seed}" + (f"-{story}" if story else "")
    return Cast(count or (story_parts if story else 20), seed, story, tag)


async def free_seed(connection: Connection, cast: Cast) -> Cast:
    """The same cast with the first seed whose patients are not registered; raises OperatorError."""
    for seed in range(cast.seed, cast.seed + _SEEDS_MAX):
        one = cast_of(cast.count, cast.story, seed, cast.count)
        row = await (await connection.execute(sql("patient_key"), {"id": one.patients()[0].id})).fetchone()
        if row is None:
            return one
    raise OperatorError("the next thousand seeds are taken; give another --seed", code="no-seed")


def commands(patients: Sequence[SimulatedPatient], now: datetime) -> list[str]:
    """The shell commands that register what is simulated on a system whose registry can't be reached from here."""
    lines = []
    for patient in patients:
        words = ["patient", "add", patient.id, "--name", f"{patient.name} (simulated)", "--born", patient.born]
        words += ["--sex", patient.sex, "--zone", patient.zone]
        words += [word for programme in patient.scenario.programmes for word in ("--programme", programme)]
        if patient.scenario.spo2_target:
            words += ["--spo2-target", "-".join(map(str, patient.scenario.spo2_target))]
        lines.append(words)
        for plan in patient.devices:
            for binding in plan.bindings():
                since = now + timedelta(seconds=binding.since_s)
                lines.append(["device", "add", plan.id, "--patient", binding.patient, "--since", since.isoformat()])
                if binding.until_s is not None:
                    until = now + timedelta(seconds=binding.until_s)
                    lines.append(["device", "return", plan.id, "--at", until.isoformat()])
    return ["vitalstream " + shlex.join(words) for words in lines]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of devices: who, where, how long (None: until a signal). `dsn` None: no registry to correct."""

    door: Door
    cast: Cast
    passwords: dict[str, str]
    for_s: float | None
    dsn: str | None
    author: str


async def run(one: Run, say: Callable[[str], None]) -> dict[str, Any]:
    """Lets the devices tell their stories until the time is over or a signal comes; what they published."""
    stop = asyncio.Event()
    patients = one.cast.patients()
    with system.stop_on_signals(stop):
        async with running(one.door.host, one.door.port, one.cast, one.passwords) as devices:
            said = await devices.event("history")
            if not said["acknowledged"]:
                raise OperatorError(
                    f"{one.door.host}:{one.door.port} acknowledged no reading: are these its devices' passwords?",
                    code="not-acknowledged",
                )
            say(f"{said['acknowledged']} remembered readings are acknowledged; the devices go on measuring")
            correcting = None
            if one.dsn is not None:
                correcting = asyncio.create_task(correct(one.dsn, devices, patients, said["start_s"], one.author))
            with suppress(TimeoutError):
                async with asyncio.timeout(one.for_s):
                    await stop.wait()
            if correcting is not None:
                correcting.cancel()
                with suppress(asyncio.CancelledError):
                    await correcting
            return await devices.stop()


@asynccontextmanager
async def running(host: str, port: int, cast: Cast, passwords: dict[str, str]) -> AsyncIterator[Fleet]:
    """The devices' process; killed at the end if it still runs."""
    devices = await fleet.start(host, port, cast, passwords)
    try:
        yield devices
    finally:
        await devices.kill()


def without_corrections(patients: Sequence[SimulatedPatient]) -> None:
    """Raises OperatorError when a story changes the registry, which nothing can do from here."""
    for patient in patients:
        if any(plan.correction is not None for plan in patient.devices):
            raise OperatorError(
                f"the story {patient.scenario.name} corrects the registry while it runs, which credentials alone can't "
                "do: choose another --scenario, or fewer --patients",
                code="needs-registry",
            )
