"""FHIR reads on real PostgreSQL: resources, versions, scopes, audit rows, metadata."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from api.fhir.parameters import ALL_OBSERVATIONS
from storage.chart import fhir_queries
from storage.chart.fhir_queries import DeviceSearch, PatientSearch
from storage.connection import connect
from storage.registry.devices import add_device, return_device
from storage.scope import Scope
from tests.fhir_schema import check_schema
from tests.fhir_site import MRN, NOW, Site, open_site, uuid


@pytest.fixture
async def site(database_dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(database_dsn, tmp_path) as opened:
        yield opened


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
