"""Silence on the worklist and the alert of a gateway: who sees it, how it opens, clears and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.live import hub
from storage.connection import connect
from storage.registry.gateways import beat, watch_gateways
from tests.api_site import Site, live, minutes_ago, open_site, served


@pytest.fixture
async def site(any_database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(any_database, tmp_path) as site:
        site.client.headers.update(await site.token())
        await site.patient(name="Ada")
        await site.device()
        yield site


async def get(site: Site, path: str, headers: dict[str, str] | None = None) -> Any:
    response = await site.client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def silence(site: Site) -> Any:
    worklist = await get(site, "/api/worklist")
    page = await get(site, "/api/patients/p-001")
    assert page["row"]["silence"] == worklist["rows"][0]["silence"]
    return worklist["rows"][0]["silence"]


async def give_sign(site: Site, gateway: str = "ward", minutes_back: float = 0) -> int:
    async with site.pool.connection() as connection:
        await beat(connection, gateway)
    [row] = site.sql(
        "UPDATE gateway SET seen_at = seen_at - make_interval(secs => %s) WHERE id = %s RETURNING key",
        [60 * minutes_back, gateway],
    )
    return int(row["key"])


async def watch(site: Site) -> int:
    async with await connect(site.dsn, application_name="tests") as connection:
        return await watch_gateways(connection, "test")


async def test_causes_of_silence_from_the_database(site: Site) -> None:
    at = minutes_ago(40 * 60)
    assert (await silence(site)) == {"since": None, "cause": "patient"}
    key = await give_sign(site)
    site.reading(95, at=at, gateway=key)
    found = await silence(site)
    assert found == {"since": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z", "cause": "patient"}
    site.sql("INSERT INTO device_presence SELECT key, false, now() FROM device")
    assert (await silence(site))["cause"] == "device"
    await give_sign(site, minutes_back=1.1)
    assert (await silence(site))["cause"] == "gateway"
    site.sql("INSERT INTO blind VALUES (now() - interval '30 hours', now() - interval '1 minute')")
    assert (await silence(site))["cause"] == "pipeline"
    site.sql("DELETE FROM blind")
    site.sql("UPDATE heartbeat SET seen_at = now() - interval '61 seconds'")
    assert (await silence(site))["cause"] == "pipeline"
    [row] = (await get(site, "/api/worklist"))["rows"]
    assert (row["bucket"], row["why"]) == ("no_data", "No data for 40 h (pipeline)")
    site.reading(95, gateway=key)
    assert await silence(site) is None


async def test_one_device_that_is_online_is_enough(site: Site) -> None:
    await site.device("d-2")
    site.sql("INSERT INTO device_presence SELECT key, id = 'd-2', now() FROM device")
    assert (await silence(site))["cause"] == "patient"


async def test_a_silent_gateway_is_one_alert(site: Site) -> None:
    await site.patient("p-002")
    await give_sign(site, "ward", minutes_back=1.5)
    await give_sign(site, "cellar")
    assert await watch(site) == 0
    [gateway] = (await get(site, "/api/worklist"))["gateways"]
    assert (gateway["gateway"], gateway["alert"]) == ("ward", None)
    await give_sign(site, "ward", minutes_back=2.1)
    assert await watch(site) == 1
    assert await watch(site) == 0
    [alert] = (await get(site, "/api/alerts"))["alerts"]
    assert (alert["patient"], alert["patient_name"], alert["gateway"]) == (None, None, "ward")
    assert (alert["rule"], alert["priority"], alert["condition"]) == ("gateway-silent", "technical", "active")
    assert alert["explanation"].startswith("Gateway ward has given no sign of life since 20")
    assert [update["change"] for update in alert["updates"]] == ["opened"]
    worklist = await get(site, "/api/worklist")
    assert worklist["gateways"][0]["alert"] == alert
    assert (worklist["counts"]["technical"], [row["alert_count"] for row in worklist["rows"]]) == (1, [0, 0])
    assert await get(site, f"/api/alerts/{alert['id']}") == alert
    await give_sign(site, "ward")
    assert await watch(site) == 1
    [alert] = (await get(site, "/api/alerts"))["alerts"]
    assert (alert["condition"], [update["change"] for update in alert["updates"]]) == ("cleared", ["opened", "cleared"])
    assert alert["cleared_at"] >= alert["opened_at"]
    assert (await get(site, "/api/worklist"))["gateways"] == []
    closed = await site.client.post(f"/api/alerts/{alert['id']}/close", json={"outcome": "technical"})
    assert closed.status_code == 200
    assert (await get(site, "/api/alerts"))["alerts"] == []
    await give_sign(site, "ward", minutes_back=9)
    assert await watch(site) == 1
    assert len((await get(site, "/api/alerts?state=all"))["alerts"]) == 2, "another silence, another alert"


async def test_two_watchers_open_one(site: Site) -> None:
    await give_sign(site, minutes_back=5)
    assert sum(await asyncio.gather(*(watch(site) for _ in range(4)))) == 1
    assert len(site.sql("SELECT id FROM alert")) == 1


async def test_a_pipeline_that_was_away_blames_no_gateway(site: Site) -> None:
    await give_sign(site, minutes_back=60)
    site.sql("UPDATE heartbeat SET seen_at = now() - interval '59 minutes'")
    assert await watch(site) == 0
    site.sql("UPDATE heartbeat SET seen_at = now()")
    site.sql("INSERT INTO blind VALUES (now() - interval '59 minutes', now())")
    assert await watch(site) == 0
    site.sql("DELETE FROM blind")
    assert await watch(site) == 1


async def test_staff_see_a_gateways_alert_and_patients_do_not(site: Site) -> None:
    await give_sign(site, minutes_back=5)
    await watch(site)
    [alert] = site.sql("SELECT id FROM alert")
    nurse = await site.user("nurse")  # of a team
    signed_in = await site.client.post("/api/sign-in", json={"user": "nurse", "password": nurse.password})
    cookie = {"Authorization": "", "Cookie": signed_in.headers["set-cookie"].split(";")[0]}
    for headers in (await site.token(), await site.token("administrator"), cookie):
        assert len((await get(site, "/api/alerts", headers))["alerts"]) == 1
        assert (await get(site, f"/api/alerts/{alert['id']}", headers))["gateway"] == "ward"
        worklist = await get(site, "/api/worklist", headers)
        assert (len(worklist["gateways"]), worklist["counts"]["technical"]) == (1, 1)
    own = await site.token("patient", "p-001")
    assert (await get(site, "/api/alerts?state=all", own))["alerts"] == []
    assert (await site.client.get(f"/api/alerts/{alert['id']}", headers=own)).status_code == 404
    worklist = await get(site, "/api/worklist", own)
    assert (worklist["gateways"], worklist["counts"]["technical"]) == ([], 0)


async def test_the_live_stream_tells_staff_of_gateways(site: Site) -> None:
    staff, own = await site.token(), await site.token("patient", "p-001")
    await give_sign(site, minutes_back=5)
    async with served(site) as address, live(address, staff) as nurse, live(address, own) as patient:
        snapshot = await nurse.until("snapshot")
        assert [gateway["gateway"] for gateway in snapshot.data["gateways"]] == ["ward"]
        assert (await patient.until("snapshot")).data["gateways"] == []
        assert await watch(site) == 1
        event = await nurse.until("alert")
        assert (event.data["gateway"], event.data["patient"], event.data["condition"]) == ("ward", None, "active")
        vitals = await nurse.until("vitals")
        assert (vitals.data["counts"]["technical"], vitals.data["rows"]) == (1, [])
        assert vitals.data["gateways"][0]["alert"]["id"] == event.data["id"]
        site.alert()
        assert (await patient.until("alert")).data["patient"] == "p-001", "and nothing before it"
        # Whoever comes back from before hears of it too.
        async with live(address, staff, snapshot.id) as late:
            assert (await late.until("alert")).data["gateway"] == "ward"


async def test_the_live_stream_tells_when_a_cause_changes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY_S", 0.1)
    monkeypatch.setattr(hub, "REGISTRY_EVERY_S", 0.1)
    key = await give_sign(site)
    site.reading(95, at=minutes_ago(40 * 60), gateway=key)
    async with served(site) as address, live(address, await site.token()) as stream:
        assert (await stream.until("snapshot")).data["rows"][0]["silence"]["cause"] == "patient"
        await give_sign(site, minutes_back=5)
        vitals = await stream.until("vitals")
        assert (vitals.data["rows"][0]["silence"]["cause"], vitals.data["rows"][0]["bucket"]) == ("gateway", "no_data")
        assert [gateway["gateway"] for gateway in vitals.data["gateways"]] == ["ward"]
