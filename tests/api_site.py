"""A site for tests of the interface: the application on a real database, rows put in by SQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row

from api.app import create_app
from api.server import serve
from api.services import ApiServices
from storage.connection import Pool
from storage.registry.accounts import NewUser, add_token, add_user
from storage.registry.devices import Credentials, add_device
from storage.registry.patients import NewPatient, add_patient
from vitals import codes, units
from vitalstream.listening import listen

#: What made-up ids are derived from.
_IDS = UUID("6f1f3f36-9d8c-4f7a-8d5e-0d8a0c5b2f11")


def minutes_ago(minutes: float) -> datetime:
    """An instant relative to the clock that the site runs on."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


@dataclass
class Site:
    """One database and one application. `client` speaks to it in the process."""

    dsn: str
    pool: Pool
    app: FastAPI
    client: httpx.AsyncClient
    roles: dict[str, bool]
    _rows: int = field(default=0)

    async def token(self, role: str = "clinician", patient: str | None = None) -> dict[str, str]:
        """Headers of a program with this role."""
        async with self.pool.connection() as connection:
            made = await add_token(connection, role, datetime.now(UTC), patient=patient)
        return {"Authorization": f"Bearer {made}"}

    async def user(self, name: str, role: str = "clinician", patient: str | None = None) -> NewUser:
        """A person's account."""
        async with self.pool.connection() as connection:
            return await add_user(connection, name, role, patient)

    async def patient(self, patient: str = "p-001", **fields: Any) -> int:
        """A registered patient; returns the key."""
        async with self.pool.connection() as connection:
            return await add_patient(connection, NewPatient(id=patient, **fields), author="test")

    async def device(self, device: str = "d-1", patient: str | None = "p-001") -> Credentials:
        """A device, bound since an hour ago."""
        since = None if patient is None else minutes_ago(60)
        async with self.pool.connection() as connection:
            return await add_device(connection, device, patient, since, datetime.now(UTC))

    def sql(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """Runs a statement on a connection of its own."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return list(cursor.fetchall()) if cursor.description else []

    def audit(self) -> list[tuple[str, str, str, str]]:
        """Every audit row: role, action, resource, outcome."""
        rows = self.sql("SELECT role, action, resource, outcome FROM audit ORDER BY key")
        return [(row["role"], row["action"], row["resource"], row["outcome"]) for row in rows]

    def reading(self, *values: float, **fields: Any) -> UUID:
        """Charts one reading and wakes the feed; returns its id."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            made = self.insert_reading(connection, *values, **fields)
            connection.execute("NOTIFY chart")
        return made

    def insert_reading(
        self,
        connection: psycopg.Connection[Any],
        *values: float,
        metric: str = "spo2",
        at: datetime | None = None,
        patient: str = "p-001",
        device: str = "d-1",
        unit: str | None = None,
        decimals: int = 0,
        absent: int = 0,
        flags: int = 0,
        status: int = 0,
        source: int = 0,
        gateway: int = 1,
    ) -> UUID:
        """Charts one reading on a connection of the caller's."""
        self._rows += 1
        row, at = codes.metric(metric), at or datetime.now(UTC)
        padded = [*values, 0.0, 0.0][:3]
        # On its own: it would lock out others until the caller commits.
        self.sql("SELECT ensure_observation_partitions(%s)", [[at]])
        connection.execute(
            """
            INSERT INTO observation (id, patient, device, gateway, metric, unit, "values", source, flags, measured_at,
                received_at, device_time_ns, sequence, clock_offset_us, utc_offset_min, value_1, value_2, value_3,
                decimals_1, decimals_2, decimals_3, absent_1, absent_2, absent_3, shard, journal_offset, journal_row,
                status)
            SELECT %(id)s, p.key, d.key, %(gateway)s, %(metric)s, %(unit)s, %(values)s, %(source)s, %(flags)s, %(at)s,
                %(at)s, 0, %(n)s, 0, 0, %(v1)s, %(v2)s, %(v3)s, %(decimals)s, %(decimals)s, %(decimals)s, %(absent)s,
                CASE WHEN %(values)s = 1 THEN 5 ELSE %(absent)s END, %(absent_3)s, 0, %(n)s, 0, %(status)s
            FROM patient p, device d WHERE p.id = %(patient)s AND d.id = %(device)s
            """,
            {
                "id": (made := uuid5(_IDS, f"reading {self._rows}")),
                "metric": row.number,
                "unit": units.unit(unit or row.units[0]).number,
                "values": 3 if row.shape == "blood_pressure" else 1,
                "flags": flags,
                "at": at,
                "n": self._rows,
                "v1": padded[0],
                "v2": padded[1],
                "v3": padded[2],
                "decimals": decimals,
                "absent": absent,
                "absent_3": absent if len(values) == 3 else 5,
                "status": status,
                "source": source,
                "gateway": gateway,
                "patient": patient,
                "device": device,
            },
        )
        return made

    def alert(self, **fields: Any) -> UUID:
        """Opens an alert and wakes the feed; returns its id."""
        with psycopg.connect(self.dsn, autocommit=True) as connection, connection.transaction():
            made = self.insert_alert(connection, **fields)
            connection.execute("NOTIFY chart")
        return made

    def insert_alert(
        self,
        connection: psycopg.Connection[Any],
        *,
        patient: str = "p-001",
        priority: str = "high",
        opened: datetime | None = None,
        condition: str = "active",
        rule: str = "spo2-copd",
        metric: str = "spo2",
        value: str = "86",
        unit: str = "%",
        raised: str = "below 88 %",
        dwell: str | None = "5 min",
    ) -> UUID:
        """Opens an alert on a connection of the caller's."""
        self._rows += 1
        made, opened = uuid5(_IDS, f"alert {self._rows}"), opened or datetime.now(UTC)
        measured_us = int(opened.timestamp() * 1_000_000)
        observation = str(uuid5(_IDS, f"opening {self._rows}"))
        reading = {
            "observation": observation,
            "metric": metric,
            "value": value,
            "unit": unit,
            "measured_us": measured_us,
        }
        limits = {
            "metric": metric,
            "raise": raised,
            "clear": "at or above 89 %",
            "for": dwell,
            "unit": unit,
            "source": "s",
        }
        connection.execute(
            """
            INSERT INTO alert (id, organisation, patient, rule, version, priority, title, condition, opened_at,
                cleared_at, late, readings, limits, explanation, engine_version)
            SELECT %(id)s, p.organisation, p.key, %(rule)s, 1, %(priority)s, 'Low oxygen saturation', %(condition)s,
                %(opened)s, %(cleared)s, false, %(readings)s, %(limits)s, 'explained', 'test'
            FROM patient p WHERE p.id = %(patient)s
            """,
            {
                "id": made,
                "rule": rule,
                "priority": priority,
                "condition": condition,
                "opened": opened,
                "cleared": opened if condition == "cleared" else None,
                "readings": json.dumps([reading]),
                "limits": json.dumps(limits),
                "patient": patient,
            },
        )
        connection.execute(
            "INSERT INTO alert_change (alert, change, because) VALUES (%s, 'opened', %s)",
            [made, json.dumps(reading)],
        )
        return made

    def organisation(self, *patients: str) -> int:
        """A second organisation that these patients now belong to; returns its key."""
        key: int = self.sql("INSERT INTO organisation (name) VALUES ('other') RETURNING key")[0]["key"]
        self.sql("UPDATE patient SET organisation = %s WHERE id = ANY (%s)", [key, list(patients)])
        return key


@asynccontextmanager
async def open_site(dsn: str, static: Path) -> AsyncIterator[Site]:
    """The application on this database, without a network."""
    roles = {"api": True}
    async with Pool(dsn, application_name="tests") as pool:
        services = ApiServices(
            pool=pool, now=lambda: datetime.now(UTC), simulated=True, ready=lambda: roles, static=static
        )
        app = create_app(services)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://site") as client,
        ):
            site = Site(dsn, pool, app, client, roles)
            site.sql("INSERT INTO heartbeat (name, seen_at) VALUES ('streams', now())")
            yield site


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    type: str
    data: Any
    id: str | None


class Stream:
    """One open GET /api/live; a task reads ahead, so that waiting with a time limit loses nothing."""

    def __init__(self, response: httpx.Response) -> None:
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read(response))

    async def _read(self, response: httpx.Response) -> None:
        fields: dict[str, str] = {}
        try:
            async for line in response.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                    continue
                if "event" in fields:
                    self._events.put_nowait(Event(fields["event"], json.loads(fields["data"]), fields.get("id")))
                fields = {}
        finally:
            self._events.put_nowait(None)

    async def next(self) -> Event | None:
        """The next event of any kind; None at the end of the stream."""
        return await self._events.get()

    async def until(self, kind: str, timeout_s: float = 10.0) -> Event:
        """The next event of this kind; others before it are passed over."""
        async with asyncio.timeout(timeout_s):
            while (event := await self.next()) is not None:
                if event.type == kind:
                    return event
        raise AssertionError(f"the stream ended without {kind}")

    async def close(self) -> None:
        """Stops reading."""
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[str]:
    """The site behind a real server on a free port; yields its address."""
    listener = listen("127.0.0.1", 0, "the test's port")
    port = listener.getsockname()[1]
    stop, started = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve(site.app, listener, stop=stop, started=started))
    try:
        async with asyncio.timeout(10):
            await started.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


@asynccontextmanager
async def live(address: str, headers: dict[str, str], last_event_id: str | None = None) -> AsyncIterator[Stream]:
    """One browser's stream."""
    more = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{address}/api/live", headers={**headers, **more}) as response,
    ):
        assert response.status_code == 200
        stream = Stream(response)
        try:
            yield stream
        finally:
            await stream.close()
