"""The FHIR interface on real PostgreSQL: reads, searches, pages, scopes, audit rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import Depends, FastAPI

from api import errors
from api.access import guard
from api.fhir.parameters import ALL_OBSERVATIONS
from api.fhir.router import fhir_router
from api.services import ApiServices
from storage.chart import fhir_queries
from storage.chart.fhir_queries import DeviceSearch, PatientSearch
from storage.connection import Pool, connect
from storage.registry.accounts import add_token
from storage.registry.devices import add_device, return_device
from storage.registry.patients import NewPatient, add_patient
from storage.scope import Scope
from tests.fhir_schema import check_schema
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
        return await self.client.get(path, headers={"Authorization": f"Bearer {self.tokens[who]}", **headers})

    async def ids(self, query: str, who: str = "clinician") -> list[int]:
        """Numbers of the Observations found, in order."""
        answer = await self.get(f"/fhir/Observation?{query}", who)
        assert answer.status_code == 200, answer.text
        return numbers(answer.json())

    async def insert(self, number: int, **fields: Any) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            await _insert(connection, number, **fields)


def uuid(number: int) -> UUID:
    return UUID(int=number)


def numbers(bundle: dict[str, Any]) -> list[int]:
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


@pytest.fixture
async def site(database_dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
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
        app.state.services = ApiServices(pool, lambda: NOW, True, lambda: {"api": True}, tmp_path)
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


async def test_read_shows_the_stored_value_with_its_version(site: Site) -> None:
    answer = await site.get(f"/fhir/Observation/{uuid(2)}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"] == "Sun, 22 Nov 2026 12:00:00 GMT"
    assert '"value":36.60,' in answer.text
    body = answer.json()
    check_schema(body)
    assert body["subject"] == {"reference": "Patient/p-1"}
    assert body["device"] == {"reference": "Device/d-1"}
    assert body["effectiveDateTime"] == "2026-11-21T13:00:00+01:00"
    assert body["issued"] == "2026-11-21T12:00:00Z"


IF_NONE_MATCH = [('W/"1"', 304), ('W/"7", W/"1"', 304), ("*", 304), ('W/"2"', 200)]


async def test_read_with_if_none_match(site: Site) -> None:
    for known, status in IF_NONE_MATCH:
        answer = await site.get(f"/fhir/Observation/{uuid(2)}", **{"If-None-Match": known})
        assert answer.status_code == status, known
        assert answer.headers["ETag"] == 'W/"1"'
        assert bool(answer.content) == (status == 200)


NOT_FOUND = [
    f"/fhir/Observation/{uuid(6)}",  # another organisation's
    f"/fhir/Observation/{uuid(99)}",
    "/fhir/Observation/nonsense",
    "/fhir/Observation/%00",
    "/fhir/Patient/p-x",
    "/fhir/Patient/%00",
    "/fhir/Device/d-x",
]


async def test_what_is_not_there_or_not_ours_is_404(site: Site) -> None:
    for path in NOT_FOUND:
        answer = await site.get(path)
        assert answer.status_code == 404, path
        check_schema(answer.json())
        assert answer.json()["issue"][0]["code"] == "not-found"


BP, TEMP, SPO2, HR = 3, 2, 4, 1


OBSERVATION_SEARCHES = [
    ("", [4, 3, 5, 2, 1]),
    ("patient=p-1", [SPO2, BP, TEMP, HR]),
    ("patient=Patient/p-1", [SPO2, BP, TEMP, HR]),
    ("subject=http://fhir.test/fhir/Patient/p-1", [SPO2, BP, TEMP, HR]),
    ("subject:Patient=p-2", [5]),
    ("patient=p-1,p-2", [4, 3, 5, 2, 1]),
    ("patient=p-1&patient=p-2", []),
    ("subject=Device/p-1", []),
    ("patient=p-x", []),
    ("code=2708-6", [SPO2]),
    ("code=http://loinc.org|2708-6", [SPO2]),
    ("code=urn:other|2708-6", []),
    ("code=|2708-6", []),
    ("code=http://loinc.org|59408-5", [SPO2]),
    ("code=urn:iso:std:iso:11073:10101|150456", [SPO2]),
    ("patient=p-1&code=2708-6,8310-5", [SPO2, TEMP]),
    ("patient=p-1&code=http://loinc.org|", [SPO2, BP, TEMP, HR]),
    ("code=85354-9", [BP]),
    ("code=8480-6", []),  # a component's code
    ("code=2708-6&code=8310-5", []),
    ("category=vital-signs&patient=p-1", [SPO2, BP, TEMP, HR]),
    ("category=laboratory", []),
    ("status=entered-in-error", [5]),
    ("patient=p-1&status=final,amended", [SPO2, BP, TEMP, HR]),
    ("device=d-2", [5]),
    ("device=Device/d-1&code=8310-5", [TEMP]),
    (f"_id={uuid(2)},{uuid(3)},x", [BP, TEMP]),
    (f"identifier=urn:vitalstream:identity|{uuid(2)}", [TEMP]),
    (f"identifier={uuid(2)}", [TEMP]),
    (f"identifier=urn:other|{uuid(2)}", []),
    ("_lastUpdated=gt2026-11-22T13:00:00Z", [5]),
    ("patient=p-1&_sort=date", [HR, TEMP, BP, SPO2]),
    ("patient=p-1&_sort=-date", [SPO2, BP, TEMP, HR]),
    ("_sort=-_lastUpdated&_count=1", [5]),
    ("code=", [4, 3, 5, 2, 1]),
    ("nonsense=1&patient=p-2", [5]),
]


async def test_search(site: Site) -> None:
    assert {query: await site.ids(query) for query, _ in OBSERVATION_SEARCHES} == dict(OBSERVATION_SEARCHES)


DATES = [
    ("2026-11-22", [4, 3]),
    ("eq2026-11-20", [1]),
    ("ne2026-11-22", [2, 1]),
    ("2026-11", [4, 3, 2, 1]),
    ("2025", []),
    ("gt2026-11-21", [4, 3]),
    ("ge2026-11-21", [4, 3, 2]),
    ("lt2026-11-21", [1]),
    ("le2026-11-21", [2, 1]),
    ("sa2026-11-21", [4, 3]),
    ("eb2026-11-22", [2, 1]),
    ("ap2026-11-20T12:00:00Z", [1]),  # 10 % of two days: 4.8 h
    ("ge2026-11-22T11:00:00Z", [4, 3]),
    ("gt2026-11-22T11:00:00Z", [4]),
    ("2026-11-22T12:00:00%2B01:00", [3]),
    ("2026-11-22T12:00:00+01:00", [3]),  # not percent-encoded: it arrives as a space
    ("2026-11-20,2026-11-22", [4, 3, 1]),
    ("ge2026-11-21&date=lt2026-11-22", [2]),
    ("ge2026-11-22&date=lt2026-11-21", []),
]


async def test_date(site: Site) -> None:
    found = {value: await site.ids(f"patient=p-1&date={value}") for value, _ in DATES}
    assert found == dict(DATES)


NOT_UNDERSTOOD = [
    ("date=yesterday", "http.date"),
    ("date=xx2026", "http.date"),
    ("date=2026-02-30", "http.date"),
    ("_lastUpdated=2026-13", "http._lastUpdated"),
    ("_count=many", "http._count"),
    ("_sort=value", "http._sort"),
    ("_total=maybe", "http._total"),
    ("_format=xml", "http._format"),
    ("_cursor=abc", "http._cursor"),
    ("code:in=x", "http.code:in"),
    ("patient=%00", "http.*"),
]


async def test_what_cannot_be_understood_is_400(site: Site) -> None:
    for query, expression in NOT_UNDERSTOOD:
        answer = await site.get(f"/fhir/Observation?{query}")
        assert answer.status_code == 400, query
        check_schema(answer.json())
        assert answer.json()["issue"][0]["expression"] == [expression]


async def test_an_unknown_parameter_is_ignored_and_left_out_of_the_self_link(site: Site) -> None:
    answer = await site.get("/fhir/Observation?nonsense=1&patient=p-2&_count=5000")
    assert answer.json()["link"] == [
        {"relation": "self", "url": "http://fhir.test/fhir/Observation?patient=p-2&_count=1000"}
    ]
    strict = await site.get("/fhir/Observation?nonsense=1", Prefer="handling=strict")
    assert strict.status_code == 400
    assert strict.json()["issue"][0]["expression"] == ["http.nonsense"]


async def test_search_by_post(site: Site) -> None:
    answer = await site.client.post(
        "/fhir/Observation/_search?_count=1",
        data={"patient": "p-1", "code": "http://loinc.org|8310-5"},
        headers={"Authorization": f"Bearer {site.tokens['clinician']}"},
    )
    assert numbers(answer.json()) == [2]
    wrong = await site.client.post(
        "/fhir/Observation/_search", json={}, headers={"Authorization": f"Bearer {site.tokens['clinician']}"}
    )
    assert wrong.status_code == 415


async def test_bundle_is_a_valid_searchset(site: Site) -> None:
    bundle = (await site.get("/fhir/Observation?patient=p-1&_total=accurate")).json()
    check_schema(bundle)
    assert bundle["total"] == 4
    assert bundle["entry"][0]["fullUrl"] == f"http://fhir.test/fhir/Observation/{uuid(4)}"
    assert bundle["entry"][0]["resource"]["meta"]["security"][0]["code"] == "HTEST"
    empty = (await site.get("/fhir/Observation?patient=nobody")).json()
    check_schema(empty)
    assert "entry" not in empty
    assert "total" not in empty
    counted = (await site.get("/fhir/Observation?patient=p-1&_summary=count")).json()
    check_schema(counted)
    assert counted["total"] == 4
    assert "entry" not in counted
    assert (await site.get("/fhir/Observation?patient=p-1&_count=0")).json()["total"] == 4


@pytest.mark.parametrize("order", ["date", "-date", "_lastUpdated", "-_lastUpdated"])
async def test_pages_stay_stable_while_rows_arrive(site: Site, order: str) -> None:
    # Two share their instant, so only the id tells them apart.
    for number in range(10, 19):
        at = NOW - timedelta(minutes=number // 2)
        await site.insert(number, patient="p-3", at=at, updated=at)
    url = f"/fhir/Observation?patient=p-3&_count=2&_sort={order}"
    seen: list[int] = []
    arriving = 100
    while url:
        bundle = (await site.get(url)).json()
        seen += numbers(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next", "")
        # A row arrives before the place that was reached: it must neither repeat nor push anything.
        before = NOW + timedelta(days=1) if order.startswith("-") else NOW - timedelta(days=9)
        await site.insert(arriving, patient="p-3", at=before, updated=before)
        arriving += 1
    assert sorted(seen) == list(range(10, 19))
    assert len(seen) == 9


async def test_a_cursor_holds_for_its_own_order_only(site: Site) -> None:
    bundle = (await site.get("/fhir/Observation?patient=p-1&_count=1")).json()
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    fields = dict(parse_qsl(urlsplit(following).query))
    assert fields.keys() == {"patient", "_count", "_cursor"}
    answer = await site.get(f"/fhir/Observation?_sort=date&_cursor={fields['_cursor']}")
    assert answer.status_code == 400


async def test_a_patient_sees_only_what_is_theirs(site: Site) -> None:
    assert await site.ids("", "patient") == [4, 3, 2, 1]
    assert await site.ids("patient=p-2", "patient") == []
    assert (await site.get(f"/fhir/Observation/{uuid(5)}", "patient")).status_code == 404
    assert (await site.get("/fhir/Patient/p-2", "patient")).status_code == 404
    assert (await site.get("/fhir/Patient/p-1", "patient")).status_code == 200
    assert (await site.get("/fhir/Device/d-2", "patient")).status_code == 404
    patients = (await site.get("/fhir/Patient?name=bo", "patient")).json()
    assert "entry" not in patients


async def test_a_returned_device_names_its_next_patient_to_nobody_else(site: Site) -> None:
    async with await connect(site.dsn, application_name="tests") as connection:
        await return_device(connection, "d-1", datetime(2021, 1, 1, tzinfo=UTC))
        await add_device(connection, "d-1", "p-2", datetime(2022, 1, 1, tzinfo=UTC), NOW)
    assert (await site.get("/fhir/Device/d-1")).json()["patient"] == {"reference": "Patient/p-2"}
    assert "patient" not in (await site.get("/fhir/Device/d-1", "patient")).json()
    assert "entry" not in (await site.get("/fhir/Device?patient=p-2", "patient")).json()


async def test_a_team_sees_only_its_patients(site: Site) -> None:
    scope = Scope(1, team=2)
    async with await connect(site.dsn, application_name="tests") as connection:
        await connection.execute("INSERT INTO team (organisation, name) VALUES (1, 'second')")
        await connection.execute(
            "INSERT INTO enrolment (patient, team, programme, author) SELECT key, 2, 'copd', 't' FROM patient "
            "WHERE id = 'p-2'"
        )
        rows, _ = await fhir_queries.observation_page(connection, scope, ALL_OBSERVATIONS, "-date", None, 10)
        assert [UUID(row.id).int for row in rows] == [5]
        assert await fhir_queries.observation_count(connection, scope, ALL_OBSERVATIONS) == 1
        assert await fhir_queries.observation(connection, scope, uuid(1)) is None
        patients = await fhir_queries.patient_page(connection, scope, PatientSearch(), None, 10)
        assert [row.id for row, _ in patients] == ["p-2"]
        devices = await fhir_queries.device_page(connection, scope, DeviceSearch(), None, 10)
        assert [(row.id, row.patient) for row in devices] == [("d-2", "p-2")]


async def test_patients(site: Site) -> None:
    patient = (await site.get("/fhir/Patient/p-1")).json()
    check_schema(patient)
    assert patient == {
        "resourceType": "Patient",
        "id": "p-1",
        "meta": patient["meta"],
        "identifier": [{"system": MRN, "value": "7001"}, {"system": "urn:x", "value": "A|1"}],
        "name": [{"text": "Ada Novak"}],
        "gender": "female",
        "birthDate": "1955-03-08",
    }
    assert patient["meta"]["security"][0]["code"] == "HTEST"
    assert (await site.get("/fhir/Patient/p-3")).json().keys() == {"resourceType", "id", "meta"}


PATIENT_SEARCH = [
    ("", ["p-1", "p-2", "p-3"]),
    ("_id=p-2,p-3,p-x", ["p-2", "p-3"]),
    (f"identifier={MRN}|7001", ["p-1"]),
    ("identifier=7001", ["p-1"]),
    (f"identifier={MRN}|", ["p-1"]),
    (f"identifier={MRN}|7", []),
    ("identifier=urn:x|A\\|1", ["p-1"]),
    (f"identifier={MRN}|7001&identifier=urn:x|", ["p-1"]),
    (f"identifier={MRN}|7001&identifier=urn:y|", []),
    ("name=ada", ["p-1"]),
    ("name=nov", ["p-1"]),
    ("name=ovak", []),
    ("name=ada&name=nov", ["p-1"]),
    ("name=ada&name=bo", []),
    ("name=ada,bo", ["p-1", "p-2"]),
    ("name=%25", []),
    ("name=Bo_A", ["p-2"]),
    ("name=BoXA", []),
    ("name=O'Neil", ["p-2"]),
    ("birthdate=1955-03-08", ["p-1"]),
    ("birthdate=1955", ["p-1"]),
    ("birthdate=lt1960-01-31", ["p-1"]),
    ("birthdate=ge1960", ["p-2"]),
    ("birthdate=ge1950&birthdate=le1960-01-31", ["p-1", "p-2"]),
]


async def test_patient_search(site: Site) -> None:
    for query, found in PATIENT_SEARCH:
        bundle = (await site.get(f"/fhir/Patient?{query}")).json()
        check_schema(bundle)
        assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == found, query


async def test_patients_come_in_pages(site: Site) -> None:
    url, seen = "/fhir/Patient?_count=1&_total=accurate", []
    while url:
        bundle = (await site.get(url)).json()
        assert bundle["total"] == 3
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert seen == ["p-1", "p-2", "p-3"]


DEVICE_SEARCH = [
    ("", ["d-1", "d-2", "d-3"]),
    ("patient=p-1", ["d-1"]),
    ("patient=Patient/p-2", ["d-2"]),
    ("_id=d-3", ["d-3"]),
    ("_id=d-x", []),
    ("patient=p-3", []),
]


async def test_device_search(site: Site) -> None:
    for query, found in DEVICE_SEARCH:
        bundle = (await site.get(f"/fhir/Device?{query}&_total=accurate")).json()
        check_schema(bundle)
        assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == found, query
        assert bundle["total"] == len(found)


async def test_a_device_shows_its_model_and_patient(site: Site) -> None:
    async with await connect(site.dsn, application_name="tests") as connection:
        await connection.execute("INSERT INTO device_model (maker, model, firmware) VALUES ('Acme', 'Ox-1', '1.2')")
        await connection.execute("UPDATE device SET model = 1, revoked_at = now() WHERE id = 'd-1'")
    device = (await site.get("/fhir/Device/d-1")).json()
    check_schema(device)
    assert device["manufacturer"] == "Acme"
    assert device["modelNumber"] == "Ox-1"
    assert device["version"][0]["value"] == "1.2"
    assert device["status"] == "inactive"
    assert device["patient"] == {"reference": "Patient/p-1"}


async def test_nobody_gets_in_without_a_token(site: Site) -> None:
    for path in ("/fhir/Observation", f"/fhir/Observation/{uuid(1)}", "/fhir/Patient/p-1", "/fhir/Device"):
        answer = await site.client.get(path)
        assert answer.status_code == 401, path
        check_schema(answer.json())
        assert answer.json()["issue"][0]["code"] == "login"


async def test_every_request_leaves_an_audit_row(site: Site) -> None:
    await site.get(f"/fhir/Observation/{uuid(2)}")
    await site.get("/fhir/Observation?patient=p-1")
    await site.get("/fhir/Observation?date=never")
    await site.get("/fhir/Patient/p-1")
    await site.get("/fhir/Device/d-9")
    async with await psycopg.AsyncConnection.connect(site.dsn) as connection:
        cursor = await connection.execute("SELECT action, resource, outcome, patient FROM audit ORDER BY key")
        rows = await cursor.fetchall()
    assert rows == [
        ("read", f"Observation/{uuid(2)}", "ok", 1),
        ("search", "Observation", "ok", 1),
        ("search", "Observation", "failed", None),
        ("read", "Patient/p-1", "ok", 1),
        ("read", "Device/d-9", "not-found", None),
    ]


async def test_metadata_is_open_and_lists_what_the_routes_accept(site: Site) -> None:
    answer = await site.client.get("/fhir/metadata")
    assert answer.status_code == 200
    statement = json.loads(answer.content)
    check_schema(statement)
    assert statement["fhirVersion"] == "4.0.1"
    for resource in statement["rest"][0]["resource"]:
        for parameter in resource["searchParam"]:
            value = {"date": "2026", "reference": "p-1"}.get(parameter["type"], "x")
            found = await site.get(f"/fhir/{resource['type']}?{parameter['name']}={value}", Prefer="handling=strict")
            assert found.status_code == 200, parameter
