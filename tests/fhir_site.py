"""The FHIR interface served from a real database: registered patients, charted Observations, one client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from fastapi import Depends, FastAPI

from api import errors
from api.access import guard
from api.fhir.router import fhir_router
from api.services import ApiServices
from storage.connection import Pool, connect
from storage.registry.accounts import add_token
from storage.registry.devices import add_device
from storage.registry.patients import NewPatient, add_patient
from vitals import codes, units

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MRN = "https://hospital.example/mrn"

_INSERT = """
INSERT INTO observation (id, patient, device, gateway, metric, unit, "values", source, flags, measured_at,
    received_at, device_time_ns, sequence, clock_offset_us, utc_offset_min, value_1, value_2, value_3, decimals_1,
    decimals_2, decimals_3, absent_1, absent_2, absent_3, shard, journal_offset, journal_row, status, version,
    updated_at)
SELECT %(id)s, p.key, d.key, 1, %(metric)s, %(unit)s, 1, 0, %(flags)s, %(at)s, %(at)s, 0, 0, 0, 60,
    %(value)s, 79, 0, %(decimals)s, 0, 0, 0, 0, 5, 0, 0, 0, %(status)s, %(version)s, %(updated)s
FROM patient p, device d WHERE p.id = %(patient)s AND d.id = %(device)s
"""


@dataclass
class Site:
    """A served application, its clients and its database."""

    client: httpx.AsyncClient
    dsn: str
    tokens: dict[str, str]

    async def get(self, path: str, who: str = "clinician", **headers: str) -> httpx.Response:
        """What `who` gets for a path."""
        return await self.client.get(path, headers={"Authorization": f"Bearer {self.tokens[who]}", **headers})

    async def ids(self, query: str, who: str = "clinician") -> list[int]:
        """Numbers of the Observations found, in order."""
        answer = await self.get(f"/fhir/Observation?{query}", who)
        assert answer.status_code == 200, answer.text
        return numbers(answer.json())

    async def insert(self, number: int, **fields: Any) -> None:
        """Charts one more Observation."""
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            await _insert(connection, number, **fields)


def uuid(number: int) -> UUID:
    """The id of the Observation with this number."""
    return UUID(int=number)


def numbers(bundle: dict[str, Any]) -> list[int]:
    """Numbers of the Observations of a page, in order."""
    return [UUID(entry["resource"]["id"]).int for entry in bundle.get("entry", [])]


async def _insert(
    connection: psycopg.AsyncConnection[Any],
    number: int,
    *,
    patient: str = "p-1",
    device: str = "d-1",
    metric: str = "heart_rate",
    at: datetime = NOW,
    value: float = 72,
    decimals: int = 0,
    status: int = 0,
    version: int = 1,
    flags: int = 0,
    updated: datetime = NOW,
) -> None:
    row = codes.metric(metric)
    await connection.execute("SELECT ensure_observation_partitions(%s)", [[at]])
    await connection.execute(
        _INSERT,
        {
            "id": uuid(number),
            "patient": patient,
            "device": device,
            "metric": row.number,
            "unit": units.unit(row.ucum).number,
            "at": at,
            "value": value,
            "decimals": decimals,
            "status": status,
            "version": version,
            "flags": flags,
            "updated": updated,
        },
    )


@asynccontextmanager
async def open_site(database_dsn: str, static: Path) -> AsyncIterator[Site]:
    """Two patients with Observations, a third without, and a second organisation nobody may see."""
    async with await connect(database_dsn, application_name="tests") as connection:
        await _register(connection)
        tokens = {
            "clinician": await add_token(connection, "clinician", NOW),
            "administrator": await add_token(connection, "administrator", NOW),
            "patient": await add_token(connection, "patient", NOW, patient="p-1"),
        }
        await _chart(connection)
    async with Pool(database_dsn, application_name="tests") as pool:
        app = FastAPI(dependencies=[Depends(guard)])
        app.state.services = ApiServices(pool, lambda: NOW, True, lambda: {"api": True}, static)
        errors.install(app)
        app.include_router(fhir_router())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://fhir.test") as client:
            yield Site(client, database_dsn, tokens)


async def _register(connection: psycopg.AsyncConnection[Any]) -> None:
    since = datetime(2020, 1, 1, tzinfo=UTC)  # what holds "now" is decided by the server's clock
    await add_patient(
        connection,
        NewPatient("p-1", "Ada Novak", date(1955, 3, 8), "female", identifiers=((MRN, "7001"), ("urn:x", "A|1"))),
        author="tests",
    )
    await add_patient(connection, NewPatient("p-2", "Bo_Anders O'Neil", date(1960, 1, 31)), author="tests")
    await add_patient(connection, NewPatient("p-3"), author="tests")
    for device, patient in (("d-1", "p-1"), ("d-2", "p-2"), ("d-3", None)):
        await add_device(connection, device, patient, since if patient else None, NOW)
    # A second organisation that nobody of the first may see.
    await connection.execute("INSERT INTO organisation (name) VALUES ('other')")
    await connection.execute("INSERT INTO patient (id, organisation, name) VALUES ('p-x', 2, 'Ada Other')")
    await connection.execute("INSERT INTO device (id, organisation, password_sha256) VALUES ('d-x', 2, '')")
    await connection.execute("UPDATE installation SET simulated = true")


async def _chart(connection: psycopg.AsyncConnection[Any]) -> None:
    day = timedelta(days=1)
    await _insert(connection, 1, at=NOW - 2 * day)
    await _insert(connection, 2, at=NOW - day, metric="body_temp", value=36.6, decimals=2)
    await _insert(connection, 3, at=NOW - timedelta(hours=1), metric="blood_pressure", value=128)
    await _insert(connection, 4, at=NOW - timedelta(minutes=1), metric="spo2", value=97, flags=1 << 10)
    await _insert(connection, 5, patient="p-2", device="d-2", at=NOW - day, status=2, version=2, updated=NOW + day)
    await _insert(connection, 6, patient="p-x", device="d-x", at=NOW)
