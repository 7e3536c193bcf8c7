"""From a code on a box to a reading on the chart: every step, everything that can go wrong, and two at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.registry.devices import add_device
from storage.registry.directory import PostgresDeviceDirectory
from tests.api_site import minutes_ago, open_site
from tests.integration.claiming import Clinic, clinic_on, now_us


@pytest.fixture
async def clinic(any_database: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with open_site(any_database, tmp_path) as site:
        yield await clinic_on(site)


# ---------------------------------------------------------------- the journey


async def test_an_mqtt_device_from_code_to_chart(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code(kind="printed")
    found = await clinic.good("POST", "/api/claims/look", {"code": code.lower().replace("-", " ")}, by="p-001")
    box = {
        "id": "cuff-7",
        "transport": "mqtt",
        "maker": "A&D",
        "model": "UA-651BLE",
        "serial_end": "5678",
        "picture": "cuff",
    }
    assert found == {"device": box}
    claimed = await clinic.good("POST", "/api/claims", {"code": code}, by="p-001")
    credentials = claimed.pop("credentials")
    assert (credentials["username"], credentials["url"]) == ("cuff-7", "mqtt://site:1883")
    assert {**claimed, "since": "", "waiting_s": 0} == {
        "device": box,
        "state": "claimed",
        "since": "",
        "candidates": [],
        "confirmed": None,
        "waiting_s": 0,
        "trouble": None,
    }
    directory = PostgresDeviceDirectory(clinic.site.pool)
    account = await directory.authenticate("cuff-7", credentials["password"])
    assert account is not None
    assert account.shard_key == "p-001"

    counts = await clinic.measured(clinic.pressure(128, 60))
    assert (counts.stored, counts.quarantined) == (0, 1)
    assert (clinic.charted(), clinic.kept()) == ([], [("cuff-7", "unproven")])
    waiting = await clinic.progress()
    assert waiting["credentials"] is None
    [candidate] = waiting["candidates"]
    assert (candidate["label"], candidate["text"], candidate["unit"]) == ("Blood pressure", "128/79", "mm[Hg]")
    assert candidate["confirmable"] is True

    proven = await clinic.answer("confirm", candidate["reading"])
    assert (proven["state"], proven["confirmed"], proven["candidates"]) == ("proven", candidate["reading"], [])
    counts = await clinic.apply()
    assert (counts.stored, counts.quarantined, counts.duplicates) == (1, 0, 0)
    assert (clinic.charted(), clinic.kept()) == ([128], [])
    assert [str(row["id"]) for row in clinic.site.sql("SELECT id FROM observation")] == [candidate["reading"]]
    await clinic.measured(clinic.pressure(131))
    assert clinic.charted() == [128, 131], "from now on without asking"
    events = clinic.site.sql("SELECT state, actor FROM device_event ORDER BY key")
    assert [row["state"] for row in events] == ["made", "claim-open", "claimed", "proven"]
    assert len({row["actor"] for row in events}) == 2
    assert {("patient", "write", "Claim", "ok"), ("patient", "write", "Device/cuff-7/confirm", "ok")} <= set(
        clinic.site.audit()
    )
    assert code not in str(clinic.site.audit())


async def test_a_ble_device_needs_no_password_and_its_pulse_comes_along(clinic: Clinic) -> None:
    await clinic.make("oxi-3", "ble", maker="Nonin", model="3230 Pulse Oximeter")
    claimed = await clinic.claim(device="oxi-3")
    assert claimed["credentials"] is None
    assert claimed["device"]["picture"] == "oximeter"
    both = [clinic.number("spo2", 96, 30, device="oxi-3"), clinic.number("pulse_rate_oximeter", 71, 30, device="oxi-3")]
    await clinic.measured(*both, clinic.number("battery", 80, 30, device="oxi-3"))
    [candidate] = (await clinic.progress(device="oxi-3"))["candidates"]
    assert (candidate["label"], candidate["text"]) == ("SpO2", "96")
    assert clinic.charted() == []
    await clinic.answer("confirm", candidate["reading"], device="oxi-3")
    counts = await clinic.apply()
    assert (counts.stored, counts.quarantined) == (3, 0)
    assert sorted(clinic.charted()) == [71, 96]
    [status] = clinic.site.sql("SELECT p.id FROM device_status s JOIN patient p ON p.key = s.patient")
    assert status["id"] == "p-001", "what the device said of itself is the patient's too"


async def test_staff_claim_for_a_patient_who_is_beside_them(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    assert await clinic.refused("POST", "/api/claims", {"code": code}) == (422, "bad-request")
    assert (await clinic.refused("POST", "/api/claims", {"code": code, "patient": "p-404"}))[0] == 404
    claimed = await clinic.good("POST", "/api/claims", {"code": code, "patient": "p-001"})
    assert claimed["state"] == "claimed"
    await clinic.measured(clinic.pressure(128))
    [candidate] = (await clinic.good("GET", "/api/claims/cuff-7"))["candidates"]
    await clinic.good("POST", "/api/claims/cuff-7/confirm", {"reading": candidate["reading"]})
    await clinic.apply()
    assert (clinic.charted(), clinic.charted("p-002")) == ([128], [])


async def test_who_measured_before_typing_the_code_finds_the_reading(clinic: Clinic) -> None:
    """A device that nobody ever had counts from 15 min before its claim."""
    await clinic.make()
    await clinic.measured(clinic.pressure(120, 20 * 60), clinic.pressure(128, 10 * 60), shard_key="cuff-7")
    assert clinic.kept() == [("cuff-7", "no-binding")] * 2
    await clinic.claim()
    await clinic.apply()
    assert sorted(clinic.kept()) == [("cuff-7", "no-binding"), ("cuff-7", "unproven")]
    [candidate] = (await clinic.progress())["candidates"]
    assert candidate["text"] == "128/79"
    await clinic.answer("confirm", candidate["reading"])
    await clinic.apply()
    assert (clinic.charted(), clinic.kept()) == ([128], [("cuff-7", "no-binding")])


async def test_a_device_that_others_had_counts_from_its_claim_only(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim("p-002")
    await clinic.measured(clinic.pressure(150), shard_key="p-002")
    [candidate] = (await clinic.progress("p-002"))["candidates"]
    await clinic.answer("confirm", candidate["reading"], "p-002")
    back = await clinic.good("POST", "/api/devices/cuff-7/return")
    assert (back["state"], back["patient"]) == ("returned", None)
    await clinic.measured(clinic.pressure(160), shard_key="cuff-7")
    await clinic.claim("p-001")
    await clinic.apply()
    assert (await clinic.progress())["candidates"] == []
    await clinic.measured(clinic.pressure(128))
    [candidate] = (await clinic.progress())["candidates"]
    await clinic.answer("confirm", candidate["reading"])
    await clinic.apply()
    assert (clinic.charted("p-001"), clinic.charted("p-002")) == ([128], [150])
    periods = clinic.site.sql(
        "SELECT a.key FROM binding a JOIN binding b ON a.device = b.device AND a.key < b.key AND a.period && b.period"
    )
    assert periods == []
    assert await clinic.refused("POST", "/api/claims/cuff-7/cancel", by="p-002") == (409, "already-proven")


# ---------------------------------------------------------------- whose is it


async def test_of_two_measurements_within_two_minutes_only_a_newer_one_can_be_confirmed(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim()
    await clinic.measured(clinic.pressure(128, 200), clinic.pressure(151, 110))
    found = (await clinic.progress())["candidates"]
    assert [(each["text"], each["confirmable"]) for each in found] == [("151/79", False), ("128/79", False)]
    for each in found:
        answer = {"reading": each["reading"]}
        assert await clinic.refused("POST", "/api/claims/cuff-7/confirm", answer, by="p-001") == (
            409,
            "two-candidates",
        )
    await clinic.measured(clinic.pressure(129, 20))
    newest = (await clinic.progress())["candidates"][0]
    assert (newest["text"], newest["confirmable"]) == ("129/79", True)
    await clinic.answer("confirm", newest["reading"])
    counts = await clinic.apply()
    assert (clinic.charted(), counts.quarantined) == ([129], 2)
    assert clinic.kept() == [("cuff-7", "not-confirmed")] * 2


async def test_not_mine_stays_away_from_the_chart_whoever_sends_it_again(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim()
    theirs = [clinic.pressure(151, 60), clinic.number("pulse_rate_cuff", 90, 60)]
    await clinic.measured(*theirs)
    [candidate] = (await clinic.progress())["candidates"]
    for _ in range(2):
        still = await clinic.answer("not-mine", candidate["reading"])
        assert (still["state"], still["candidates"]) == ("claimed", [])
    mine = clinic.pressure(128, 5)
    await clinic.measured(theirs[0], mine)
    found = {each["text"]: each for each in (await clinic.progress())["candidates"]}
    await clinic.answer("not-mine", found["151/79"]["reading"])
    await clinic.answer("confirm", found["128/79"]["reading"])
    await clinic.apply()
    counts = await clinic.measured(*theirs, mine)
    assert clinic.charted() == [128]
    assert counts.duplicates == 3
    assert clinic.kept() == [("cuff-7", "not-confirmed")] * 3
    answer = {"reading": candidate["reading"]}
    assert await clinic.refused("POST", "/api/claims/cuff-7/not-mine", answer, by="p-001") == (409, "already-proven")


async def test_a_strap_that_sends_each_second_is_one_candidate(clinic: Clinic) -> None:
    await clinic.make("strap-1", "ble", maker="Polar", model="H10")
    assert (await clinic.claim(device="strap-1"))["device"]["picture"] == "strap"
    await clinic.measured(*(clinic.number("heart_rate", 60 + i, 30 - i, device="strap-1") for i in range(20)))
    [first] = (await clinic.progress(device="strap-1"))["candidates"]
    assert (first["text"], first["confirmable"]) == ("79", True)
    await clinic.measured(*(clinic.number("heart_rate", 80 + i, 10 - i, device="strap-1") for i in range(5)))
    await clinic.answer("confirm", first["reading"], device="strap-1")
    await clinic.apply()
    assert clinic.charted() == [60 + i for i in range(25)]


async def test_confirming_twice_charts_once(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim()
    await clinic.measured(clinic.pressure(128))
    [candidate] = (await clinic.progress())["candidates"]
    answers = await asyncio.gather(*(clinic.answer("confirm", candidate["reading"]) for _ in range(3)))
    assert [each["state"] for each in answers] == ["proven"] * 3
    counts = await clinic.apply()
    assert (counts.stored, counts.duplicates, counts.quarantined) == (1, 0, 0)
    assert [row["state"] for row in clinic.site.sql("SELECT state FROM device_event")].count("proven") == 1


async def test_only_a_reading_that_waits_can_be_confirmed(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim()
    unknown = {"reading": "00000000-0000-0000-0000-000000000001"}
    for what in ("confirm", "not-mine"):
        assert await clinic.refused("POST", f"/api/claims/cuff-7/{what}", unknown, by="p-001") == (409, "not-waiting")
    assert (await clinic.refused("POST", "/api/claims/cuff-7/confirm", {"reading": "x"}, by="p-001"))[0] == 422
    assert clinic.site.sql("SELECT key FROM binding WHERE proven") == []


async def test_a_group_that_read_the_registry_before_the_proof_is_repaired(clinic: Clinic) -> None:
    """A row that is quarantined after the confirmation looked for it is found by the command behind it."""
    await clinic.make()
    await clinic.claim()
    await clinic.measured(clinic.pressure(128, 30))
    [candidate] = (await clinic.progress())["candidates"]
    await clinic.measured(clinic.pressure(131, 5))
    # Out of sight for the confirmation, as an open transaction's row would be.
    clinic.site.sql("UPDATE quarantine SET device = 'hidden' WHERE key = (SELECT max(key) FROM quarantine)")
    await clinic.answer("confirm", candidate["reading"])
    clinic.site.sql("UPDATE quarantine SET device = 'cuff-7' WHERE device = 'hidden'")
    counts = await clinic.apply()
    assert (clinic.charted(), counts.quarantined) == ([128, 131], 0)


# ---------------------------------------------------------------- the ends


async def test_a_cancelled_claim_charts_nothing_ever(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim("p-002")
    await clinic.measured(clinic.pressure(150), shard_key="p-002")
    for _ in range(2):
        ended = await clinic.good("POST", "/api/claims/cuff-7/cancel", by="p-002")
        assert (ended["state"], ended["candidates"], ended["trouble"]) == ("cancelled", [], None)
    unknown = {"reading": "00000000-0000-0000-0000-000000000001"}
    for what in ("confirm", "not-mine"):
        path = f"/api/claims/cuff-7/{what}"
        assert await clinic.refused("POST", path, unknown, by="p-002") == (409, "claim-ended")
    assert (await clinic.good("GET", "/api/devices"))["devices"][0]["state"] == "made"
    await clinic.claim("p-001")
    await clinic.measured(clinic.pressure(128))
    [candidate] = (await clinic.progress())["candidates"]
    await clinic.answer("confirm", candidate["reading"])
    counts = await clinic.apply()
    assert (clinic.charted("p-001"), clinic.charted("p-002"), counts.quarantined) == ([128], [], 1)


async def test_staff_take_back_a_device_in_the_middle_of_a_claim(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim()
    await clinic.good("POST", "/api/devices/cuff-7/return")
    assert (await clinic.progress())["state"] == "cancelled"
    [binding] = clinic.site.sql("SELECT upper_inf(period) AS open, proven FROM binding")
    assert (binding["open"], binding["proven"]) == (False, False)


async def test_the_shells_binding_is_proven_at_once_and_ends_a_claim(clinic: Clinic) -> None:
    await clinic.make()
    await clinic.claim("p-002")
    async with clinic.site.pool.connection() as connection:
        await add_device(connection, "cuff-7", "p-001", None, datetime.now(UTC))
    [device] = (await clinic.good("GET", "/api/devices"))["devices"]
    assert (device["state"], device["patient"]) == ("proven", "p-001")
    assert (await clinic.progress("p-002"))["state"] == "cancelled"
    await clinic.measured(clinic.pressure(128))
    assert (clinic.charted("p-001"), clinic.charted("p-002")) == ([128], [])


# ---------------------------------------------------------------- silence


async def test_silence_is_explained_after_two_minutes(clinic: Clinic) -> None:
    await clinic.make("cuff-7", "ble")
    assert (await clinic.claim())["trouble"] is None
    clinic.later(seconds=119)
    assert (await clinic.progress())["trouble"] is None
    clinic.later(seconds=3)
    waiting = await clinic.progress()
    assert (waiting["trouble"]["code"], waiting["waiting_s"] >= 121) == ("nothing-came", True)
    directory = PostgresDeviceDirectory(clinic.site.pool)
    await directory.signal("cuff-7", "gateway-1", -93, now_us())
    await directory.signal("cuff-7", "gateway-1", -40, now_us() - 60_000_000)
    assert (await clinic.progress())["trouble"]["code"] == "too-far"
    await clinic.measured(clinic.pressure(128, 3 * 86_400))
    assert (await clinic.progress())["trouble"]["code"] == "time-unknown"
    clinic.site.sql("UPDATE gateway SET seen_at = %s", [minutes_ago(2)])
    trouble = (await clinic.progress())["trouble"]
    assert (trouble["code"], trouble["text"].endswith(".")) == ("gateway-silent", True)
    await clinic.measured(clinic.pressure(128))
    assert (await clinic.progress())["trouble"] is None
