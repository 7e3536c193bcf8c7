"""FHIR searches on real PostgreSQL: what each parameter finds, refusals, links and pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.fhir_schema import check_schema
from tests.fhir_site import MRN, NOW, Site, numbers, open_site, uuid


@pytest.fixture
async def site(any_database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(any_database, tmp_path) as opened:
        yield opened


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
