"""The live stream on a real server: snapshot, vitals, alerts, resume, scopes, late commits, stopping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest

from api.live import hub, watcher
from tests.api_site import Event, Site, Stream, live, minutes_ago, open_site, served


@pytest.fixture
async def site(database_dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(database_dsn, tmp_path) as site:
        await site.patient(name="Ada")
        await site.device()
        yield site


@pytest.fixture
async def address(site: Site) -> AsyncIterator[str]:
    async with served(site) as address:
        yield address


async def collect(stream: Stream, kind: str, for_s: float) -> list[Event]:
    """Everything of one kind that comes within a time."""
    found = []
    try:
        async with asyncio.timeout(for_s):
            while (event := await stream.next()) is not None:
                if event.type == kind:
                    found.append(event)
    except TimeoutError:
        pass
    return found


async def test_snapshot_then_readings_then_alert(site: Site, address: str) -> None:
    site.reading(95, at=minutes_ago(2))
    async with live(address, await site.token()) as stream:
        snapshot = await stream.until("snapshot")
        assert snapshot.data["rows"][0]["vitals"][2]["text"] == "95"
        seen = site.reading(86)
        began = time.monotonic()
        vitals = await stream.until("vitals")
        assert time.monotonic() - began < 1.0
        assert vitals.id is None
        [row] = vitals.data["rows"]
        assert (row["patient"], row["vitals"][2]["observation"]) == ("p-001", str(seen))
        [point] = vitals.data["points"]
        assert [*point[:4], *point[5:]] == ["p-001", "spo2", None, "d-1", 86.0, 0, None]
        assert vitals.data["counts"]["patients"] == 1
        made = site.alert()
        alert = await stream.until("alert")
        assert (alert.data["id"], alert.data["condition"]) == (str(made), "active")
        assert alert.id
        vitals = await stream.until("vitals")
        assert (vitals.data["rows"][0]["bucket"], vitals.data["counts"]["high"]) == ("unacknowledged", 1)
        response = await site.client.post(f"/api/alerts/{made}/acknowledge", headers=await site.token())
        assert response.status_code == 200
        alert = await stream.until("alert")
        assert alert.data["acknowledged_by"] == response.json()["acknowledged_by"]
    assert ("clinician", "read", "Live", "ok") in site.audit()


async def test_heartbeats_come_and_time_alone_makes_no_data(
    site: Site, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BEAT_EVERY_S", 0.2)
    for seconds in (3, 2, 1):
        site.reading(95, at=minutes_ago((58.5 + seconds) / 60))
    async with live(address, await site.token()) as stream:
        snapshot = await stream.until("snapshot")
        assert snapshot.data["rows"][0]["bucket"] == "rest"
        beat = await stream.until("hb")
        assert beat.data["lag_s"] < 1
        assert beat.data["server_time"] > snapshot.data["server_time"]
        vitals = await stream.until("vitals")
        assert (vitals.data["rows"][0]["bucket"], vitals.data["counts"]["no_data"]) == ("no_data", 1)


async def test_a_returning_browser_gets_the_alerts_it_missed(site: Site, address: str) -> None:
    headers = await site.token()
    async with live(address, headers) as stream:
        await stream.until("snapshot")
        site.alert(rule="before")
        before = await stream.until("alert")
    missed = [site.alert(rule=f"missed-{i}") for i in range(3)]
    async with live(address, headers, before.id) as stream:
        await stream.until("snapshot")
        # While any older transaction is open on the server an alert may come again, so `before` may lead the way.
        found = [await stream.until("alert")]
        while found[-1].data["id"] != str(missed[-1]):
            found.append(await stream.until("alert"))
        found = [event for event in found if event.data["rule"] != "before"]
        assert [event.data["id"] for event in found] == [str(alert) for alert in missed]
        # Only the last one moves the place: a line lost in between loses nothing.
        assert [event.id is None for event in found] == [True, True, False]
    async with live(address, headers, found[-1].id) as stream:
        await stream.until("snapshot")
        again = await collect(stream, "alert", 0.5)
        assert {event.data["id"] for event in again} <= {str(alert) for alert in missed}


async def test_a_browser_that_saw_no_alert_yet_resumes_from_its_snapshot(site: Site, address: str) -> None:
    headers = await site.token()
    async with live(address, headers) as stream:
        snapshot = await stream.until("snapshot")
    made = site.alert()
    async with live(address, headers, snapshot.id) as stream:
        again = await stream.until("snapshot")
        assert again.id is None
        assert (await stream.until("alert")).data["id"] == str(made)


@pytest.mark.parametrize("place", ["0123456789abcdef-5", "nonsense", "-", "{identity}-999999999999", "{identity}-x"])
async def test_a_place_from_elsewhere_means_load_everything(site: Site, address: str, place: str) -> None:
    headers = await site.token()
    async with live(address, headers) as stream:
        snapshot = await stream.until("snapshot")
    assert snapshot.id is not None
    identity = snapshot.id.partition("-")[0]
    async with live(address, headers, place.format(identity=identity)) as stream:
        await stream.until("snapshot")
        assert (await stream.until("resync")).data == {}


async def test_rows_that_commit_out_of_order_are_seen_exactly_once(site: Site, address: str) -> None:
    headers = await site.token()
    with (
        psycopg.connect(site.dsn) as early,
        psycopg.connect(site.dsn) as late,
        psycopg.connect(site.dsn, autocommit=True) as waker,
    ):
        site.insert_reading(early, 1)
        early_alert = site.insert_alert(early, rule="early")
        async with live(address, headers) as stream:
            await stream.until("snapshot")
            site.insert_reading(late, 2)
            late_alert = site.insert_alert(late, rule="late")
            late.commit()
            waker.execute("NOTIFY chart")
            first = await stream.until("alert")
            assert first.data["id"] == str(late_alert)
            waker.execute("NOTIFY chart")
            points = [point for event in await collect(stream, "vitals", 0.6) for point in event.data["points"]]
            early.commit()
            waker.execute("NOTIFY chart")
            second = await stream.until("alert")
            assert second.data["id"] == str(early_alert)
            site.reading(3)
            rest = await collect(stream, "vitals", 0.8)
            points += [point for event in rest for point in event.data["points"]]
            assert sorted(point[5] for point in points) == [1, 2, 3]
        # The first alert's place lies before the transaction that was open then.
        async with live(address, headers, first.id) as stream:
            await stream.until("snapshot")
            found = {event.data["id"] for event in await collect(stream, "alert", 0.6)}
            assert str(early_alert) in found


async def test_scopes_see_their_own(site: Site, address: str) -> None:
    await site.patient("p-002")
    await site.device("d-2", "p-002")
    await site.patient("p-003")
    await site.device("d-3", "p-003")
    site.organisation("p-003")
    everyone, own = await site.token(), await site.token("patient", "p-002")
    async with live(address, everyone) as staff, live(address, own) as patient:
        rows = (await staff.until("snapshot")).data["rows"]
        assert sorted(row["patient"] for row in rows) == ["p-001", "p-002"]
        snapshot = (await patient.until("snapshot")).data
        assert [row["patient"] for row in snapshot["rows"]] == ["p-002"]
        assert snapshot["counts"]["patients"] == 1
        for number in (1, 2, 3):
            site.reading(95, patient=f"p-00{number}", device=f"d-{number}")
            site.alert(patient=f"p-00{number}")
        alerts = [event.data["patient"] for event in await collect(patient, "alert", 0.7)]
        assert alerts == ["p-002"]
        seen = await collect(staff, "alert", 0.5)
        assert sorted(event.data["patient"] for event in seen) == ["p-001", "p-002"]
        site.reading(94, patient="p-001", device="d-1")
        site.reading(93, patient="p-002", device="d-2")
        events = await collect(patient, "vitals", 0.8)
        assert {row["patient"] for event in events for row in event.data["rows"]} == {"p-002"}
        assert {point[0] for event in events for point in event.data["points"]} == {"p-002"}


async def test_corrections_are_read_from_the_chart(site: Site, address: str) -> None:
    wrong = site.reading(40, at=minutes_ago(1))
    site.reading(95, at=minutes_ago(2))
    async with live(address, await site.token()) as stream:
        snapshot = await stream.until("snapshot")
        assert snapshot.data["rows"][0]["vitals"][2]["text"] == "40"
        site.sql("UPDATE observation SET status = 2, version = 2, xid = pg_current_xact_id() WHERE id = %s", [wrong])
        site.sql("NOTIFY chart")
        vitals = await stream.until("vitals")
        assert vitals.data["rows"][0]["vitals"][2]["text"] == "95"


async def test_new_patients_appear(site: Site, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "REGISTRY_EVERY_S", 0.1)
    async with live(address, await site.token()) as stream:
        await stream.until("snapshot")
        await site.patient("p-002", name="Bea")
        vitals = await stream.until("vitals")
        assert [row["name"] for row in vitals.data["rows"]] == ["Bea"]
        assert vitals.data["counts"]["patients"] == 2


async def test_too_many_rows_in_flight_mean_resync(site: Site, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live(address, await site.token()) as stream:
        await stream.until("snapshot")
        monkeypatch.setattr("storage.chart.feed.REMEMBERED_MAX", 5)
        with psycopg.connect(site.dsn) as connection:
            for value in range(90, 100):
                site.insert_reading(connection, float(value))
            connection.execute("NOTIFY chart")
            connection.commit()
        await stream.until("resync")
        vitals = await stream.until("vitals")
        assert vitals.data["rows"][0]["vitals"][2]["text"] == "99"
        site.reading(88)
        assert (await stream.until("vitals")).data["rows"][0]["vitals"][2]["text"] == "88"


async def test_a_lost_feed_ends_streams_and_the_next_one_works(site: Site, address: str) -> None:
    headers = await site.token()
    async with live(address, headers) as stream:
        await stream.until("snapshot")
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(10):
            while await stream.next() is not None:
                pass
    async with live(address, headers) as stream:
        assert (await stream.until("snapshot")).data["rows"]


async def test_stopping_takes_less_than_a_second_with_open_streams(site: Site) -> None:
    headers = await site.token()
    async with served(site) as address, live(address, headers) as one, live(address, headers) as two:
        await one.until("snapshot")
        await two.until("snapshot")
        await site.app.state.hub.close()
        began = time.monotonic()
        assert await collect(one, "snapshot", 1) == []
        assert await collect(two, "snapshot", 1) == []
        assert time.monotonic() - began < 1.0


async def test_a_served_site_stops_fast(site: Site) -> None:
    headers = await site.token()
    client = httpx.AsyncClient(timeout=30)
    async with served(site) as address:
        request = client.build_request("GET", f"{address}/api/live", headers=headers)
        response = await client.send(request, stream=True)
        await Stream(response).until("snapshot")
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    await client.aclose()


async def test_the_feed_rests_when_nobody_watches(site: Site, address: str) -> None:
    async with live(address, await site.token()) as stream:
        await stream.until("snapshot")
        assert site.app.state.hub.following
    for _ in range(100):
        if not site.app.state.hub.following:
            break
        await asyncio.sleep(0.05)
    assert not site.app.state.hub.following


async def test_too_many_streams_are_refused(site: Site, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "WATCHERS_MAX", 1)
    headers = await site.token()
    async with live(address, headers) as stream:
        await stream.until("snapshot")
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{address}/api/live", headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "not-ready")


def test_alerts_waiting_are_bounded() -> None:
    assert 0 < watcher.ALERTS_WAITING_MAX <= 1000
