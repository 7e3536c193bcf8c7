"""The list of readings, marking one as wrong, closing alerts: routes, refusals, what is stored and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.formats import encode_cursor
from tests.api_site import Site, live, minutes_ago, open_site, served
from vitals import wire
from vitals.identity import shard_of

NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
async def site(any_database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(any_database, tmp_path) as site:
        site.client.headers.update(await site.token())
        await site.patient(name="Ada")
        await site.device()
        yield site


async def get(site: Site, path: str) -> Any:
    response = await site.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def commands(site: Site) -> list[tuple[int, dict[str, Any]]]:
    rows = site.sql("SELECT shard, payload FROM journal_record ORDER BY appended_at")
    told = [(row["shard"], wire.decode(row["payload"]).command) for row in rows]
    return [(shard, body) for shard, body in told if body["command"] != "registry-changed"]


def withdraw(site: Site, observation: UUID) -> None:
    """What the processor does with a mark."""
    site.sql(
        "UPDATE observation SET status = 2, version = version + 1, updated_at = now(), xid = pg_current_xact_id()"
        " WHERE id = %s",
        [observation],
    )


# ---------------------------------------------------------------- the list


async def test_readings_newest_first_with_everything_about_them(site: Site) -> None:
    first = site.reading(77, metric="pulse_rate_oximeter", at=minutes_ago(3))
    at = minutes_ago(2)
    second = site.reading(72.5, metric="heart_rate", at=at, decimals=1, source=1, flags=256)
    site.reading(95, at=minutes_ago(1))
    body = await get(site, "/api/patients/p-001/readings?metric=heart_rate")
    assert [reading["observation"] for reading in body["readings"]] == [str(second), str(first)]
    measured = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    assert body["readings"][0] == {
        "observation": str(second),
        "metric": "heart_rate",
        "label": "Heart rate",
        "text": "72.5",
        "unit": "/min",
        "measured_at": measured,
        "received_at": measured,
        "device": "d-1",
        "source": "manual",
        "flags": ["improbable"],
        "absent_reason": None,
        "status": "final",
        "version": 1,
        "wrong": None,
    }
    assert body["next"] is None
    everything = await get(site, "/api/patients/p-001/readings")
    assert [reading["metric"] for reading in everything["readings"]] == ["spo2", "heart_rate", "pulse_rate_oximeter"]
    assert ("clinician", "read", "Patient/p-001/readings", "ok") in site.audit()


async def test_coded_pressure_and_lost_values_in_words(site: Site) -> None:
    for metric, values, fields in [
        ("consciousness", (2,), {}),
        ("oxygen_in_use", (1,), {}),
        ("blood_pressure", (128, 79), {}),
        ("spo2", (0,), {"absent": 1}),
    ]:
        site.reading(*values, metric=metric, **fields)
    found = {each["metric"]: each for each in (await get(site, "/api/patients/p-001/readings"))["readings"]}
    texts = {metric: (each["text"], each["absent_reason"]) for metric, each in found.items()}
    assert texts == {
        "consciousness": ("V", None),
        "oxygen_in_use": ("yes", None),
        "blood_pressure": ("128/79", None),
        "spo2": (None, "not-a-number"),
    }


async def test_pages_of_readings_hold_each_once(site: Site) -> None:
    at = minutes_ago(5)
    made = [site.reading(70 + i, metric="heart_rate", at=at if i % 2 else minutes_ago(i)) for i in range(9)]
    found, after = [], ""
    while True:
        body = await get(site, f"/api/patients/p-001/readings?limit=2{after}")
        found += [reading["observation"] for reading in body["readings"]]
        if body["next"] is None:
            break
        after = f"&after={body['next']}"
    assert len(found) == 9
    assert set(found) == {str(each) for each in made}


@pytest.mark.parametrize(
    "query",
    [
        "metric=nonsense",
        "limit=0",
        "limit=201",
        "limit=x",
        "after=nonsense",
        "after=MQoy",
        f"after={encode_cursor('9' * 20, NOBODY)}",
    ],
)
async def test_the_list_refuses_what_it_does_not_understand(site: Site, query: str) -> None:
    response = await site.client.get(f"/api/patients/p-001/readings?{query}")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "bad-request")


async def test_a_patient_reads_only_their_own(site: Site) -> None:
    await site.patient("p-002")
    own = await site.token("patient", "p-002")
    assert (await site.client.get("/api/patients/p-002/readings", headers=own)).status_code == 200
    assert (await site.client.get("/api/patients/p-001/readings", headers=own)).status_code == 403
    assert (await site.client.get("/api/patients/p-404/readings")).status_code == 404


# ---------------------------------------------------------------- marked as wrong


async def test_marking_stores_who_and_tells_the_processor(site: Site) -> None:
    wrong = site.reading(40, at=minutes_ago(2))
    response = await site.client.post(
        f"/api/observations/{wrong}/wrong", json={"reason": "artefact", "note": "  cold hands "}
    )
    assert response.status_code == 202
    body = response.json()
    assert {**body, "at": ""} == {
        "observation": str(wrong),
        "reason": "artefact",
        "note": "cold hands",
        "by": "token-1",
        "at": "",
    }
    told = {"command": "correction", "observation": str(wrong), "patient": "p-001"}
    assert commands(site) == [(shard_of("p-001"), told)]
    [reading] = (await get(site, "/api/patients/p-001/readings"))["readings"]
    mark = {key: body[key] for key in ("reason", "note", "by", "at")}
    assert (reading["status"], reading["wrong"]) == ("final", mark), "until the processor got there"
    withdraw(site, wrong)
    [reading] = (await get(site, "/api/patients/p-001/readings"))["readings"]
    assert (reading["status"], reading["version"], reading["text"], reading["wrong"]) == (
        "entered-in-error",
        2,
        "40",
        mark,
    )
    [audit] = site.sql("SELECT * FROM audit WHERE action = 'write'")
    assert (audit["resource"], audit["outcome"]) == (f"Observation/{wrong}/wrong", "ok")
    assert audit["patient"] is not None


async def test_the_second_mark_hears_of_the_first(site: Site) -> None:
    wrong = site.reading(40)
    paths = [
        site.client.post(f"/api/observations/{wrong}/wrong", json={"reason": reason}, headers=await site.token())
        for reason in ("artefact", "other")
    ]
    responses = sorted(await asyncio.gather(*paths), key=lambda response: response.status_code)
    assert [response.status_code for response in responses] == [202, 409]
    first, error = responses[0].json(), responses[1].json()["error"]
    assert (error["code"], error["by"], error["at"]) == ("already-marked", first["by"], first["at"])
    assert error["message"].endswith(".")
    assert len(commands(site)) == 1
    assert len(site.sql("SELECT key FROM correction")) == 1
    assert ("clinician", "write", f"Observation/{wrong}/wrong", "conflict") in site.audit()


@pytest.mark.parametrize(
    "body", [None, {}, {"reason": "bored"}, {"reason": "other", "note": "x" * 501}, {"reason": "other", "note": 5}]
)
async def test_marks_without_a_good_reason(site: Site, body: Any) -> None:
    wrong = site.reading(40)
    response = await site.client.post(f"/api/observations/{wrong}/wrong", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "bad-request")
    assert commands(site) == []


async def test_what_is_not_ours_can_not_be_marked(site: Site) -> None:
    await site.patient("p-002")
    await site.device("d-2", "p-002")
    other = site.reading(40, patient="p-002", device="d-2")
    site.organisation("p-002")
    for observation in (other, NOBODY):
        response = await site.client.post(f"/api/observations/{observation}/wrong", json={"reason": "other"})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not-found")
    response = await site.client.post("/api/observations/not-an-id/wrong", json={"reason": "other"})
    assert response.status_code == 422
    assert site.sql("SELECT key FROM correction") == []


async def test_trends_show_wrong_points_apart(site: Site) -> None:
    site.reading(95, at=minutes_ago(5))
    wrong = site.reading(40, at=minutes_ago(4))
    alone = site.reading(98.6, metric="body_temp", unit="[degF]", decimals=1, at=minutes_ago(3))
    site.reading(200, 80, metric="blood_pressure", at=minutes_ago(2), status=2)
    lost = site.reading(0, at=minutes_ago(1), absent=4)
    for each in (wrong, alone, lost):
        withdraw(site, each)
    found = (await get(site, "/api/patients/p-001/series?hours=1"))["series"]
    series = {(each["metric"], each["component"]): each for each in found}
    assert series["spo2", None]["v"] == [95]
    [point] = series["spo2", None]["wrong"]
    assert (point["v"], point["observation"]) == (40, str(wrong))
    assert series["spo2", None]["t"][0] < point["t"]
    temperature = series["body_temp", None]
    assert (temperature["t"], temperature["v"], temperature["wrong"][0]["v"]) == ([], [], 37.0)
    assert [series["blood_pressure", part]["wrong"][0]["v"] for part in ("systolic", "diastolic")] == [200, 80]
    assert ("blood_pressure", "mean") not in series


async def test_wrong_points_are_bounded_to_the_newest(site: Site) -> None:
    first = site.reading(70, metric="heart_rate", at=minutes_ago(50), status=2)
    site.sql(
        "INSERT INTO observation SELECT (jsonb_populate_record(o, jsonb_build_object("
        "'measured_at', o.measured_at + i * interval '1 second', 'value_1', i))).*"
        " FROM observation o, generate_series(1, 300) i WHERE o.id = %s",
        [first],
    )
    [series] = (await get(site, "/api/patients/p-001/series?hours=1"))["series"]
    assert [point["v"] for point in series["wrong"]] == list(range(101, 301))


async def test_tiles_fall_back_to_the_newest_that_counts(site: Site) -> None:
    site.reading(95, at=minutes_ago(2))
    wrong = site.reading(40, at=minutes_ago(1))
    withdraw(site, wrong)
    row = (await get(site, "/api/worklist"))["rows"][0]
    assert (row["vitals"][2]["text"], row["bucket"]) == ("95", "rest")


# ---------------------------------------------------------------- alerts, closed


async def test_closing_acknowledges_when_nobody_has(site: Site) -> None:
    alert = site.alert()
    response = await site.client.post(f"/api/alerts/{alert}/close", json={"outcome": "artefact", "note": "cold hands"})
    assert response.status_code == 200
    body = response.json()
    assert body["outcome"] == {
        "outcome": "artefact",
        "note": "cold hands",
        "by": "token-1",
        "at": body["acknowledged_at"],
    }
    assert (body["acknowledged_by"], body["condition"]) == ("token-1", "active")
    assert await get(site, f"/api/alerts/{alert}") == body
    again = await site.client.post(f"/api/alerts/{alert}/acknowledge")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already-acknowledged")
    assert ("clinician", "write", f"Alert/{alert}/close", "ok") in site.audit()


async def test_closing_leaves_an_older_acknowledgement_alone(site: Site) -> None:
    alert = site.alert(condition="cleared")
    first = (await site.client.post(f"/api/alerts/{alert}/acknowledge", headers=await site.token())).json()
    assert (first["acknowledged_by"], first["outcome"]) == ("token-2", None)
    body = (await site.client.post(f"/api/alerts/{alert}/close", json={"outcome": "real"})).json()
    assert (body["acknowledged_by"], body["acknowledged_at"]) == ("token-2", first["acknowledged_at"])
    assert (body["outcome"]["by"], body["outcome"]["note"]) == ("token-1", None)


async def test_of_two_who_close_at_once_one_is_first(site: Site) -> None:
    alert = site.alert()
    paths = [
        site.client.post(f"/api/alerts/{alert}/close", json={"outcome": outcome}, headers=await site.token())
        for outcome in ("real", "technical")
    ]
    responses = sorted(await asyncio.gather(*paths), key=lambda response: response.status_code)
    assert [response.status_code for response in responses] == [200, 409]
    first, error = responses[0].json()["outcome"], responses[1].json()["error"]
    assert (error["code"], error["by"], error["at"]) == ("already-closed", first["by"], first["at"])
    acts = [(row["act"], row["outcome"]) for row in site.sql("SELECT act, outcome FROM alert_act ORDER BY act")]
    assert acts == [("acknowledge", None), ("outcome", first["outcome"])]
    assert ("clinician", "write", f"Alert/{alert}/close", "conflict") in site.audit()


async def test_a_close_that_waits_for_an_acknowledgement_keeps_its_name(site: Site) -> None:
    alert = site.alert()
    with psycopg.connect(site.dsn) as connection:
        connection.execute("INSERT INTO alert_act (alert, act, actor) VALUES (%s, 'acknowledge', 'dr-first')", [alert])
        waiting = asyncio.create_task(site.client.post(f"/api/alerts/{alert}/close", json={"outcome": "other"}))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        connection.commit()
    body = (await waiting).json()
    assert (body["acknowledged_by"], body["outcome"]["outcome"]) == ("dr-first", "other")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"outcome": "done"}, {"outcome": None}, {"outcome": "real", "note": "x" * 501}]
)
async def test_closing_needs_an_outcome(site: Site, body: Any) -> None:
    alert = site.alert()
    response = await site.client.post(f"/api/alerts/{alert}/close", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "bad-request")
    assert site.sql("SELECT key FROM alert_act") == []


async def test_only_ones_own_alerts_can_be_closed(site: Site) -> None:
    await site.patient("p-002")
    other = site.alert(patient="p-002")
    site.organisation("p-002")
    for alert in (other, uuid4()):
        response = await site.client.post(f"/api/alerts/{alert}/close", json={"outcome": "real"})
        assert response.status_code == 404
    assert site.sql("SELECT key FROM alert_act") == []


async def test_the_live_stream_tells_of_an_outcome(site: Site) -> None:
    alert = site.alert()
    headers = await site.token()
    async with served(site) as address, live(address, headers) as stream:
        await stream.until("snapshot")
        await site.client.post(f"/api/alerts/{alert}/close", json={"outcome": "technical"})
        event = await stream.until("alert")
        assert (event.data["id"], event.data["outcome"]["outcome"]) == (str(alert), "technical")
