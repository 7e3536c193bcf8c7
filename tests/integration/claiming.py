"""A site with a gateway that lives, devices on staff's shelf, and readings that come in as from an intake."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from storage.chart.readings import us_of
from storage.journal.postgres import PostgresJournal
from tests.api_site import Site
from tests.processing import Line, record_of
from vitals import codes
from vitals.identity import shard_of
from vitals.reading import Reading, Value

SECOND_US = 1_000_000


def now_us() -> int:
    return us_of(datetime.now(UTC))


@dataclass
class Clinic:
    """Staff's and patients' requests on a site, and what devices send."""

    site: Site
    staff: dict[str, str]
    patients: dict[str, dict[str, str]]
    _sequence: int = field(default=0)

    async def ask(self, method: str, path: str, body: Any = None, *, by: str | None = None) -> httpx.Response:
        """A request by a patient (id), else by staff."""
        headers = self.staff if by is None else self.patients[by]
        return await self.site.client.request(method, path, json=body, headers=headers)

    async def good(self, method: str, path: str, body: Any = None, *, by: str | None = None) -> Any:
        """The same, which must succeed; its JSON."""
        response = await self.ask(method, path, body, by=by)
        assert response.status_code in (200, 201), response.text
        return response.json()

    async def refused(self, method: str, path: str, body: Any = None, *, by: str | None = None) -> tuple[int, str]:
        """The same, which must not; its status and code. Every refusal says what to do."""
        response = await self.ask(method, path, body, by=by)
        error = response.json()["error"]
        assert error["message"].endswith("."), error
        return response.status_code, error["code"]

    async def make(self, device: str = "cuff-7", transport: str = "mqtt", **fields: Any) -> Any:
        """A device on the shelf."""
        box = {"id": device, "transport": transport, "maker": "A&D", "model": "UA-651BLE", "serial": "SN12345678"}
        return await self.good("POST", "/api/devices", {**box, **fields})

    async def code(self, device: str = "cuff-7", kind: str = "screen") -> str:
        """A claim code of the device."""
        made = await self.good("POST", f"/api/devices/{device}/claim-code", {"kind": kind})
        code: str = made["code"]
        return code

    async def claim(self, patient: str = "p-001", device: str = "cuff-7") -> Any:
        """The device is the patient's, unproven."""
        return await self.good("POST", "/api/claims", {"code": await self.code(device)}, by=patient)

    async def progress(self, patient: str = "p-001", device: str = "cuff-7") -> Any:
        return await self.good("GET", f"/api/claims/{device}", by=patient)

    async def answer(self, what: str, reading: str, patient: str = "p-001", device: str = "cuff-7") -> Any:
        return await self.good("POST", f"/api/claims/{device}/{what}", {"reading": reading}, by=patient)

    def pressure(self, systolic: float, ago_s: float = 0.0, *, device: str = "cuff-7") -> Reading:
        """A blood pressure measured so long ago, and received now."""
        values = (Value(systolic), Value(79.0), Value(95.0))
        return self._reading(device, "blood_pressure", "mm[Hg]", values, ago_s)

    def number(self, metric: str, number: float, ago_s: float = 0.0, *, device: str = "cuff-7") -> Reading:
        """Any other value."""
        return self._reading(device, metric, codes.metric(metric).units[0], (Value(number),), ago_s)

    def _reading(self, device: str, metric: str, unit: str, values: tuple[Value, ...], ago_s: float) -> Reading:
        self._sequence += 1
        received_us = now_us()
        at_us = received_us - int(ago_s * SECOND_US)
        return Reading(
            device,
            metric,
            values,
            unit,
            at_us,
            received_us,
            at_us * 1000,
            self._sequence,
            earliest_us=at_us,
            latest_us=at_us,
        )

    async def send(self, *readings: Reading, shard_key: str = "p-001") -> None:
        """What the intake appends, in the shard of whoever is bound at receipt."""
        async with PostgresJournal(self.site.dsn) as journal:
            await journal.append({shard_of(shard_key): record_of(readings)})

    async def apply(self) -> Any:
        """The processor, until nothing waits; the ledger, which must balance."""
        counts = await Line(self.site.dsn).apply(now_us=now_us())
        assert counts.balanced
        assert counts.inconsistent == ()
        return counts

    async def measured(self, *readings: Reading, shard_key: str = "p-001") -> Any:
        """Sent and processed."""
        await self.send(*readings, shard_key=shard_key)
        return await self.apply()

    def charted(self, patient: str = "p-001") -> list[float]:
        """First values of the patient's living Observations, in order of time."""
        rows = self.site.sql(
            "SELECT o.value_1 FROM observation o JOIN patient p ON p.key = o.patient"
            " WHERE p.id = %s AND o.status <> 2 ORDER BY o.measured_at, o.value_1",
            [patient],
        )
        return [row["value_1"] for row in rows]

    def kept(self) -> list[tuple[str, str]]:
        """Device and reason of every open row of quarantine."""
        rows = self.site.sql("SELECT device, reason FROM quarantine WHERE state = 'open' ORDER BY key")
        return [(row["device"], row["reason"]) for row in rows]

    def later(self, **shift: float) -> None:
        """Moves everything that claims remember into the past."""
        by = timedelta(**shift)
        self.site.sql("UPDATE claim SET claimed_at = claimed_at - %s", [by])
        self.site.sql("UPDATE claim_code SET made_at = made_at - %s, expires_at = expires_at - %s", [by, by])
        self.site.sql("UPDATE device SET state_at = state_at - %s", [by])


async def clinic_on(site: Site) -> Clinic:
    """Two patients, a clinician, and a gateway that gave a sign of life just now."""
    site.sql("INSERT INTO gateway (id, seen_at) VALUES ('gateway-1', now())")
    patients = {}
    for patient, name in (("p-001", "Ada Novak"), ("p-002", "Ben Okoro")):
        await site.patient(patient, name=name)
        patients[patient] = await site.token("patient", patient)
    return Clinic(site, await site.token(), patients)
