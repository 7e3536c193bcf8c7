"""Values entered by hand and marks of people, through journal and processor to chart, trends, alerts and FHIR."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storage.chart.ledger import Ledger
from tests.api_site import Site, minutes_ago, open_site
from tests.fhir_rules import check_vital_signs
from tests.fhir_schema import check_schema
from tests.processing import Line


@pytest.fixture
async def site(any_database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(any_database, tmp_path) as site:
        site.client.headers.update(await site.token())
        await site.patient(name="Ada", zone="Europe/Berlin")
        yield site


async def get(site: Site, path: str) -> Any:
    response = await site.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def enter(site: Site, *rows: Any, entry: str | None = None, headers: dict[str, str] | None = None) -> Any:
    body = {"entry": entry or str(uuid4()), "readings": rows}
    return await site.client.post("/api/patients/p-001/readings", json=body, headers=headers)


async def apply(site: Site) -> Ledger:
    """Everything that is in the journal, through a processor."""
    found = await Line(site.dsn).apply()
    assert found.balanced
    return found


async def listed(site: Site) -> dict[str, dict[str, Any]]:
    return {each["metric"]: each for each in (await get(site, "/api/patients/p-001/readings"))["readings"]}


ROUND: Sequence[dict[str, Any]] = (
    {"metric": "heart_rate", "value": 72},
    {"metric": "blood_pressure", "value": {"systolic": 128, "diastolic": 79}},
    {"metric": "spo2", "value": 96, "unit": "%"},
    {"metric": "resp_rate", "value": 14},
    {"metric": "body_temp", "value": 37.2},
    {"metric": "body_weight", "value": 71.5, "unit": "kg"},
    {"metric": "glucose_capillary_mass", "value": 110},
    {"metric": "glucose_capillary_moles", "value": 6.1},
    {"metric": "consciousness", "value": "A"},
    {"metric": "oxygen_in_use", "value": True},
    {"metric": "oxygen_flow", "value": 2},
)


async def test_a_round_at_the_bedside(site: Site) -> None:
    entry = str(uuid4())
    response = await enter(site, *ROUND, entry=entry)
    assert (response.status_code, response.json()) == (201, {"entry": entry, "accepted": len(ROUND)})
    counts = await apply(site)
    assert (counts.received, counts.stored, counts.quarantined) == (len(ROUND), len(ROUND), 0)
    found = await listed(site)
    assert {metric: each["text"] for metric, each in found.items()} == {
        "heart_rate": "72",
        "blood_pressure": "128/79",
        "spo2": "96",
        "resp_rate": "14",
        "body_temp": "37.2",
        "body_weight": "71.5",
        "glucose_capillary_mass": "110",
        "glucose_capillary_moles": "6.1",
        "consciousness": "A",
        "oxygen_in_use": "yes",
        "oxygen_flow": "2",
    }
    assert {(each["source"], each["device"]) for each in found.values()} == {("manual", "manual-1")}
    row = (await get(site, "/api/worklist"))["rows"][0]
    assert [tile["text"] for tile in row["vitals"]] == ["72", "128/79", "96", "14", "37.2", "71.5"]
    assert row["silence"] is None
    page = await get(site, "/api/patients/p-001")
    assert page["devices"] == []
    series = {each["metric"] for each in (await get(site, "/api/patients/p-001/series?hours=1"))["series"]}
    assert series == {row["metric"] for row in ROUND}
    assert ("clinician", "write", "Patient/p-001/readings", "ok") in site.audit()


async def test_an_entry_sent_again_is_stored_once(site: Site) -> None:
    entry = str(uuid4())
    rows = [{"metric": "heart_rate", "value": 72}, {"metric": "heart_rate", "value": 80}]
    sent = await asyncio.gather(*(enter(site, *rows, entry=entry) for _ in range(3)))
    assert {response.status_code for response in sent} == {201}
    counts = await apply(site)
    assert (counts.received, counts.stored, counts.duplicates, counts.quarantined) == (6, 2, 4, 0)
    assert (await enter(site, *rows, entry=entry)).status_code == 201
    await enter(site, *rows)
    counts = await apply(site)
    assert (counts.stored, counts.duplicates) == (4, 6), "another entry with the same values is another measurement"


async def test_an_improbable_value_entered_by_hand_raises_an_alert(site: Site) -> None:
    await enter(site, {"metric": "heart_rate", "value": 330})
    await apply(site)
    alerts = (await get(site, "/api/alerts"))["alerts"]
    assert [alert["rule"] for alert in alerts] == ["improbable-heart-rate"]


async def test_a_reading_marked_as_wrong_is_struck_out_everywhere(site: Site) -> None:
    await enter(site, {"metric": "heart_rate", "value": 72, "at": minutes_ago(9).isoformat()})
    await enter(site, {"metric": "heart_rate", "value": 330, "at": minutes_ago(5).isoformat()})
    await apply(site)
    wrong = (await get(site, "/api/patients/p-001/readings?metric=heart_rate"))["readings"][0]
    marked = await site.client.post(f"/api/observations/{wrong['observation']}/wrong", json={"reason": "wrong-value"})
    assert marked.status_code == 202
    await apply(site)
    [first, second] = (await get(site, "/api/patients/p-001/readings?metric=heart_rate"))["readings"]
    assert (first["status"], first["version"], first["text"]) == ("entered-in-error", 2, "330")
    assert (second["status"], second["version"]) == ("final", 1)
    [series] = (await get(site, "/api/patients/p-001/series?hours=1"))["series"]
    assert (series["v"], [point["v"] for point in series["wrong"]]) == ([72], [330])
    row = (await get(site, "/api/worklist"))["rows"][0]
    assert (row["vitals"][0]["text"], row["alert"]) == ("72", None)
    alerts = (await get(site, "/api/alerts?state=all"))["alerts"]
    assert {alert["condition"] for alert in alerts} == {"retracted"}
    resource = await get(site, f"/fhir/Observation/{wrong['observation']}")
    check_schema(resource)
    check_vital_signs(resource)
    assert (resource["status"], resource["meta"]["versionId"]) == ("entered-in-error", "2")
    assert resource["valueQuantity"]["value"] == 330
    assert datetime.fromisoformat(resource["meta"]["lastUpdated"]) > datetime.now(UTC).replace(year=2020)
    for query, count in [("", 2), ("&status=entered-in-error", 1), ("&status=final", 1)]:
        bundle = await get(site, f"/fhir/Observation?patient=p-001&code=8867-4{query}")
        assert len(bundle["entry"]) == count


async def test_fhir_shows_that_a_person_entered_it(site: Site) -> None:
    await enter(site, *ROUND)
    await apply(site)
    bundle = await get(site, "/fhir/Observation?patient=p-001&_count=50")
    assert len(bundle["entry"]) == len(ROUND)
    coded = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        check_schema(resource)
        check_vital_signs(resource)
        assert {"text": "Entered by hand."} in resource["note"]
        assert resource["device"] == {"reference": "Device/manual-1"}
        assert resource["effectiveDateTime"][-6:] in ("+01:00", "+02:00")
        if "valueCodeableConcept" in resource:
            coded[resource["code"]["coding"][0]["code"]] = resource["valueCodeableConcept"]["text"]
    assert coded == {"consciousness": "Alert", "oxygen_in_use": "Supplemental oxygen"}
    device = await get(site, "/fhir/Device/manual-1")
    check_schema(device)
    assert device["patient"] == {"reference": "Patient/p-001"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"metric": "spo2"}, "bad-value"),
        ({"metric": "mood", "value": 3}, "unknown-metric"),
        ({"metric": "spo2", "value": 95, "unit": "kg"}, "unit-mismatch"),
        ({"metric": "spo2", "value": 95, "at": "2100-01-01T00:00:00Z"}, "bad-time"),
        (None, "malformed"),
    ],
)
async def test_a_value_that_can_not_be_taken_takes_the_entry_with_it(site: Site, row: Any, reason: str) -> None:
    response = await enter(site, {"metric": "heart_rate", "value": 72}, row)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["reading"], error["reason"]) == (422, "bad-reading", 1, reason)
    assert error["message"].endswith(".")
    assert site.sql("SELECT key FROM device") == []
    assert site.sql("SELECT shard FROM journal_record WHERE readings > 0") == []
    assert ("clinician", "write", "Patient/p-001/readings", "failed") in site.audit()


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"entry": "x", "readings": []}', b"\xff"])
async def test_bodies_that_are_no_entry(site: Site, content: bytes) -> None:
    response = await site.client.post("/api/patients/p-001/readings", content=content)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["reading"]) == (422, "bad-reading", None)


async def test_patients_enter_for_themselves_only(site: Site) -> None:
    await site.patient("p-002")
    one, other = await site.token("patient", "p-001"), await site.token("patient", "p-002")
    row = {"metric": "body_weight", "value": 71.5}
    assert (await enter(site, row, headers=one)).status_code == 201
    assert (await enter(site, row, headers=other)).status_code == 403
    assert (await enter(site, row, headers=await site.token("administrator"))).status_code == 403
    missing = await site.client.post("/api/patients/p-404/readings", json={"entry": str(uuid4()), "readings": [row]})
    assert missing.status_code == 404
    assert len(site.sql("SELECT shard FROM journal_record WHERE readings > 0")) == 1
