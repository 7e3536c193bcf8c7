"""Worklist, patient page, trends and alerts, from rows in the database to JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api_site import Site, minutes_ago, open_site
from vitals.reading import Absent, Flag


@pytest.fixture
async def site(any_database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(any_database, tmp_path) as site:
        site.client.headers.update(await site.token())
        yield site


async def get(site: Site, path: str) -> Any:
    response = await site.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def tiles(site: Site) -> dict[str, dict[str, Any]]:
    row = (await get(site, "/api/worklist"))["rows"][0]
    return {tile["metric"]: tile for tile in row["vitals"]}


async def test_an_empty_site(site: Site) -> None:
    worklist = await get(site, "/api/worklist")
    assert worklist["rows"] == []
    assert worklist["simulated"] is True
    assert set(worklist["counts"].values()) == {0}


async def test_a_row_says_who_and_how(site: Site) -> None:
    born = datetime.now(UTC).date() - timedelta(days=71 * 365 + 30)
    await site.patient(
        name="Ada Novak",
        born=born,
        sex="female",
        zone="Europe/Berlin",
        identifiers=(("urn:clinic", "12345"),),
        programmes=("copd",),
    )
    await site.device()
    at = minutes_ago(1)
    seen = site.reading(86, at=at)
    row = (await get(site, "/api/worklist"))["rows"][0]
    tile = row.pop("vitals")[2]
    assert row == {
        "patient": "p-001",
        "name": "Ada Novak",
        "age_years": 71,
        "sex": "female",
        "identifier": {"system": "urn:clinic", "value": "12345"},
        "zone": "Europe/Berlin",
        "programmes": ["copd", "general", "technical"],
        "bucket": "rest",
        "order": [3, 0, 0, "ada novak", "p-001"],
        "why": "",
        "silence": None,
        "alert": None,
        "alert_count": 0,
        "last_measured_at": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
        "last_received_at": row["last_measured_at"],
    }
    assert tile == {
        "metric": "spo2",
        "label": "SpO2",
        "unit": "%",
        "text": "86",
        "measured_at": row["last_measured_at"],
        "age_limit_s": 86400,
        "state": "fresh",
        "direction": None,
        "flags": [],
        "absent_reason": None,
        "observation": str(seen),
    }


async def test_tiles_show_the_newest_of_any_series_as_sent(site: Site) -> None:
    await site.patient()
    await site.device()
    site.reading(71, metric="heart_rate", at=minutes_ago(9))
    site.reading(77, metric="pulse_rate_oximeter", at=minutes_ago(2))
    site.reading(128, 79, metric="blood_pressure", at=minutes_ago(30))
    site.reading(97.880, metric="body_temp", unit="[degF]", decimals=2, flags=int(Flag.IMPROBABLE))
    site.reading(0, metric="spo2", absent=int(Absent.NOT_A_NUMBER))
    site.reading(999, metric="resp_rate", status=2)
    found = await tiles(site)
    assert [tile["text"] for tile in found.values()] == ["77", "128/79", None, None, "97.88", None]
    assert found["heart_rate"]["label"] == "Heart rate"
    assert (found["body_temp"]["unit"], found["body_temp"]["flags"]) == ("[degF]", ["improbable"])
    assert (found["spo2"]["absent_reason"], found["resp_rate"]["state"]) == ("not-a-number", "none")


async def test_readings_of_earlier_months_are_found(site: Site) -> None:
    await site.patient()
    await site.device()
    for days in (100, 70, 40):
        site.reading(float(days), metric="body_weight", at=minutes_ago(days * 24 * 60))
    tile = (await tiles(site))["body_weight"]
    assert (tile["text"], tile["state"], tile["age_limit_s"]) == ("40", "stale", 48 * 3600)


async def test_the_worklist_is_sorted_by_who_needs_somebody(site: Site) -> None:
    for number, name in enumerate(["Zoe", "Yan", "Xia", "Wim", "Vic", "Una"], start=1):
        await site.patient(f"p-00{number}", name=name)
        await site.device(f"d-{number}", f"p-00{number}")
        if number != 6:
            site.reading(95, patient=f"p-00{number}", device=f"d-{number}")
    acknowledged = site.alert(patient="p-001", priority="high")
    site.alert(patient="p-002", priority="medium", opened=minutes_ago(50))
    site.alert(patient="p-003", priority="high", opened=minutes_ago(5))
    site.alert(patient="p-004", priority="high", opened=minutes_ago(9), condition="cleared")
    await site.client.post(f"/api/alerts/{acknowledged}/acknowledge")
    worklist = await get(site, "/api/worklist")
    assert [(row["name"], row["bucket"]) for row in worklist["rows"]] == [
        ("Wim", "unacknowledged"),
        ("Xia", "unacknowledged"),
        ("Yan", "unacknowledged"),
        ("Zoe", "active"),
        ("Una", "no_data"),
        ("Vic", "rest"),
    ]
    assert worklist["counts"] == {"high": 3, "medium": 1, "low": 0, "technical": 0, "no_data": 1, "patients": 6}
    assert worklist["rows"][1]["why"] == "SpO2 86 % for 5 min, limit below 88 %"
    assert worklist["rows"][4]["why"] == "No readings yet"


async def test_the_patient_page(site: Site) -> None:
    key = await site.patient(
        name="Ada", born=date(1950, 2, 3), programmes=("copd",), spo2_target=(88, 92), identifiers=(("s", "1"),)
    )
    await site.device()
    await site.device("d-old", None)
    site.sql("INSERT INTO device_model (maker, model) VALUES ('Nonin', '3230')")
    site.sql("UPDATE device SET model = 1 WHERE id = 'd-1'")
    site.sql("INSERT INTO device_presence SELECT key, true, now() FROM device WHERE id = 'd-1'")
    site.sql(
        "INSERT INTO device_status SELECT key, 45, 2, 0, now(), now(), 0, 0, 81, 0, 0, 0, 0, 0 FROM device"
        " WHERE id = 'd-1'"
    )
    site.reading(91, at=minutes_ago(1))
    old = site.alert(opened=minutes_ago(600), condition="cleared")
    await site.client.post(f"/api/alerts/{old}/acknowledge")
    waiting = site.alert(opened=minutes_ago(900))
    page = await get(site, "/api/patients/p-001")
    assert page["patient"] == {
        "id": "p-001",
        "name": "Ada",
        "age_years": page["row"]["age_years"],
        "born": "1950-02-03",
        "sex": None,
        "zone": "UTC",
        "programmes": [
            {"programme": "copd", "since": None},
            {"programme": "general", "since": None},
            {"programme": "technical", "since": None},
        ],
        "identifiers": [{"system": "s", "value": "1"}],
        "spo2_target": [88, 92],
    }
    assert [alert["id"] for alert in page["alerts"]] == [str(waiting), str(old)]
    assert page["row"]["alert"]["id"] == str(waiting)
    [device] = page["devices"]
    assert (device["id"], device["model"], device["online"]) == ("d-1", "Nonin 3230", True)
    assert device["battery_percent"] == 81
    assert device["last_received_at"] >= page["row"]["last_received_at"]
    assert site.sql("SELECT patient FROM audit ORDER BY key DESC LIMIT 1") == [{"patient": key}]


async def test_an_alert_in_full(site: Site) -> None:
    await site.patient(name="Ada")
    opened = datetime(2026, 11, 22, 10, 42, 0, 123_999, tzinfo=UTC)
    made = site.alert(opened=opened)
    alert = await get(site, f"/api/alerts/{made}")
    [update] = alert.pop("updates")
    reading = {
        "observation": alert["readings"][0]["observation"],
        "metric": "spo2",
        "value": "86",
        "unit": "%",
        "measured_at": "2026-11-22T10:42:00.123Z",
    }
    assert alert == {
        "id": str(made),
        "patient": "p-001",
        "patient_name": "Ada",
        "gateway": None,
        "rule": "spo2-copd",
        "version": 1,
        "priority": "high",
        "title": "Low oxygen saturation",
        "explanation": "explained",
        "condition": "active",
        "opened_at": "2026-11-22T10:42:00.123Z",
        "cleared_at": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "outcome": None,
        "late": False,
        "readings": [reading],
        "limits": {
            "metric": "spo2",
            "raise": "below 88 %",
            "clear": "at or above 89 %",
            "for": "5 min",
            "unit": "%",
            "source": "s",
        },
    }
    assert (update["change"], update["because"]) == ("opened", reading)


async def test_lists_of_alerts_by_state_and_in_pages(site: Site) -> None:
    await site.patient("p-001")
    await site.patient("p-002")
    active = site.alert(opened=minutes_ago(1))
    cleared = site.alert(opened=minutes_ago(2), condition="cleared")
    retracted = site.alert(opened=minutes_ago(3), condition="retracted")
    done = site.alert(opened=minutes_ago(4), condition="cleared")
    seen = site.alert(opened=minutes_ago(5))
    other = site.alert(opened=minutes_ago(6), patient="p-002")
    for alert in (done, seen):
        await site.client.post(f"/api/alerts/{alert}/acknowledge")
    expected = {
        "": [active, cleared, seen, other],
        "open": [active, cleared, seen, other],
        "active": [active, seen, other],
        "unacknowledged": [active, cleared, other],
        "acknowledged": [done, seen],
        "cleared": [cleared, done],
        "all": [active, cleared, retracted, done, seen, other],
    }
    for state, ids in expected.items():
        query = f"?state={state}" if state else ""
        body = await get(site, f"/api/alerts{query}")
        assert ([alert["id"] for alert in body["alerts"]], body["next"]) == ([str(i) for i in ids], None), state
    body = await get(site, "/api/alerts?patient=p-002")
    assert [alert["id"] for alert in body["alerts"]] == [str(other)]
    found, after = [], ""
    while True:
        body = await get(site, f"/api/alerts?state=all&limit=4{after}")
        found += [alert["id"] for alert in body["alerts"]]
        if body["next"] is None:
            break
        after = f"&after={body['next']}"
    assert found == [str(alert) for alert in expected["all"]]


@pytest.mark.parametrize("query", ["state=nonsense", "limit=0", "limit=201", "limit=x", "after=nonsense", "after=MQoy"])
async def test_lists_refuse_what_they_do_not_understand(site: Site, query: str) -> None:
    response = await site.client.get(f"/api/alerts?{query}")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "bad-request")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/patients/p-404", 404, "not-found"),
        ("/api/patients/p-404/series", 404, "not-found"),
        ("/api/alerts?patient=p-404", 404, "not-found"),
        ("/api/alerts/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("/api/alerts/not-an-id", 422, "bad-request"),
        ("/api/patients/p-001/series?hours=7", 422, "bad-request"),
    ],
)
async def test_errors_say_what_to_do(site: Site, path: str, status: int, code: str) -> None:
    await site.patient()
    response = await site.client.get(path)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["message"].endswith(".")


async def test_of_two_who_acknowledge_at_once_one_is_first(site: Site) -> None:
    await site.patient()
    alert = site.alert()
    second = await site.token()
    paths = [site.client.post(f"/api/alerts/{alert}/acknowledge", headers=each) for each in ({}, second)]
    responses = sorted(await asyncio.gather(*paths), key=lambda response: response.status_code)
    assert [response.status_code for response in responses] == [200, 409]
    winner, loser = responses[0].json(), responses[1].json()["error"]
    assert loser["code"] == "already-acknowledged"
    assert (loser["by"], loser["at"]) == (winner["acknowledged_by"], winner["acknowledged_at"])
    assert {winner["acknowledged_by"]} < {"token-1", "token-2"}
    acts = site.sql("SELECT actor FROM alert_act")
    assert acts == [{"actor": winner["acknowledged_by"]}]


async def test_an_acknowledgement_that_waits_for_anothers_commit_is_second(site: Site) -> None:
    await site.patient()
    alert = site.alert()
    with psycopg.connect(site.dsn) as connection:
        connection.execute("INSERT INTO alert_act (alert, act, actor) VALUES (%s, 'acknowledge', 'dr-first')", [alert])
        waiting = asyncio.create_task(site.client.post(f"/api/alerts/{alert}/acknowledge"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        connection.commit()
    response = await waiting
    assert (response.status_code, response.json()["error"]["by"]) == (409, "dr-first")


async def test_trends_by_part_and_device_with_limits(site: Site) -> None:
    await site.patient(programmes=("copd",), spo2_target=(88, 92))
    await site.device("d-1")
    await site.device("d-2")
    site.reading(90, at=minutes_ago(3))
    site.reading(0, at=minutes_ago(2), absent=int(Absent.ERROR), flags=4)
    site.reading(91, at=minutes_ago(1))
    site.reading(98.6, metric="body_temp", unit="[degF]", decimals=1, device="d-2", at=minutes_ago(1))
    site.reading(130, 80, metric="blood_pressure", device="d-2", at=minutes_ago(1))
    site.reading(89, at=minutes_ago(400))
    site.reading(1, at=minutes_ago(1), status=2)
    rules = [
        ("copd", "spo2", "copd", "spo2", "%", "<", 88, "required"),
        ("general", "spo2-general", "general", "spo2", "%", "<", 92, "excluded"),
        ("fever", "fever", "general", "body_temp", "[degF]", ">=", 100.4, None),
        ("systolic", "systolic", "general", "blood_pressure.systolic", "mm[Hg]", ">", 180, None),
        ("diabetes", "weight", "diabetes", "body_temp", "Cel", ">", 1, None),
    ]
    for _, rule, programme, metric, unit, op, value, target in rules:
        definition = {"raise": {"op": op, "value": value}} | ({"spo2_target": target} if target else {})
        site.sql(
            "INSERT INTO rule (id, version, programme, kind, title, metric, unit, priority, source, definition)"
            " VALUES (%s, 1, %s, 'threshold', 't', %s, %s, 'high', 's', %s)",
            [rule, programme, metric, unit, json.dumps(definition)],
        )
    body = await get(site, "/api/patients/p-001/series?hours=6")
    series = {(each["metric"], each["component"]): each for each in body["series"]}
    assert set(series) == {
        ("spo2", None),
        ("body_temp", None),
        ("blood_pressure", "systolic"),
        ("blood_pressure", "diastolic"),
    }
    spo2 = series["spo2", None]
    assert (spo2["v"], spo2["flags"], spo2["device"], spo2["unit"]) == ([90, None, 91], [0, 4, 0], "d-1", "%")
    assert spo2["gap_ms"] == pytest.approx(180_000, abs=100)
    assert spo2["limits"] == [{"rule": "spo2", "priority": "high", "op": "<", "value": 88}]
    temperature = series["body_temp", None]
    assert (temperature["v"], temperature["unit"]) == ([37.0], "Cel")
    assert [(each["rule"], each["value"]) for each in temperature["limits"]] == [("fever", 38.0)]
    assert [each["rule"] for each in series["blood_pressure", "systolic"]["limits"]] == ["systolic"]
    assert series["blood_pressure", "diastolic"]["limits"] == []


async def test_long_trends_are_thinned_and_keep_every_spike(site: Site) -> None:
    await site.patient()
    await site.device()
    first = site.reading(70, metric="heart_rate", at=minutes_ago(23 * 60))
    site.sql(
        """
        INSERT INTO observation SELECT (jsonb_populate_record(o, jsonb_build_object(
            'measured_at', now() - i * interval '8 seconds',
            'value_1', CASE i WHEN 5000 THEN 199 WHEN 7001 THEN 31 ELSE 70 + i %% 3 END))).*
        FROM observation o, generate_series(1, 10000) i WHERE o.id = %s
        """,
        [first],
    )
    [series] = (await get(site, "/api/patients/p-001/series?hours=24"))["series"]
    assert 1000 < len(series["t"]) <= 2000
    assert series["t"] == sorted(series["t"])
    assert (max(series["v"]), min(series["v"])) == (199, 31)
    spike = series["t"][series["v"].index(199)] / 1000
    assert spike == pytest.approx(datetime.now(UTC).timestamp() - 40_000, abs=30)
    assert series["gap_ms"] > 86_400
