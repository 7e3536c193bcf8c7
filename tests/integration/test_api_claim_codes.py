"""Claim codes and passwords: what opens a device for whom, how often, and how fast one may guess."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.connection import connect
from storage.registry.devices import add_device
from storage.registry.directory import PostgresDeviceDirectory
from tests.api_site import open_site
from tests.integration.claiming import Clinic, clinic_on


@pytest.fixture
async def clinic(any_database: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with open_site(any_database, tmp_path) as site:
        yield await clinic_on(site)


async def test_codes_that_open_nothing(clinic: Clinic) -> None:
    await clinic.make()
    for typed in ("BCDF-GHJK", "hello", "", "AEIO-UAEI"):
        assert await clinic.refused("POST", "/api/claims/look", {"code": typed}, by="p-001") == (404, "wrong-code")
    first = await clinic.code()
    second = await clinic.code()
    assert await clinic.refused("POST", "/api/claims", {"code": first}, by="p-001") == (410, "expired-code")
    clinic.later(minutes=16)
    assert await clinic.refused("POST", "/api/claims", {"code": second}, by="p-002") == (410, "expired-code")
    printed = await clinic.code(kind="printed")
    clinic.later(days=89)
    assert (await clinic.good("POST", "/api/claims", {"code": printed}, by="p-002"))["state"] == "claimed"
    assert await clinic.refused("POST", "/api/claims/look", {"code": printed}) == (410, "used-code")
    stored = clinic.site.sql("SELECT sha256 FROM claim_code ORDER BY key")
    letters = printed.replace("-", "")
    assert stored[-1]["sha256"] == hashlib.sha256(letters.encode()).digest()
    assert ("patient", "write", "Claim", "conflict") in clinic.site.audit()


async def test_who_lost_the_answer_finds_the_own_claim(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    await clinic.good("POST", "/api/claims", {"code": code}, by="p-001")
    again = await clinic.ask("POST", "/api/claims", {"code": code}, by="p-001")
    assert (again.status_code, again.json()["error"]["device"]) == (410, "cuff-7")
    other = await clinic.ask("POST", "/api/claims", {"code": code}, by="p-002")
    assert (other.status_code, "device" in other.json()["error"]) == (410, False)


async def test_a_kit_opens_for_its_patient_only(clinic: Clinic) -> None:
    await clinic.make()
    kitted = await clinic.good("POST", "/api/devices/cuff-7/kit", {"patient": "p-001"})
    assert (kitted["state"], kitted["patient"]) == ("kitted", "p-001")
    code = await clinic.code(kind="printed")
    for path in ("/api/claims/look", "/api/claims"):
        assert await clinic.refused("POST", path, {"code": code}, by="p-002") == (409, "other-patient")
        with_patient = {"code": code, "patient": "p-002"}
        assert await clinic.refused("POST", path, with_patient) == (409, "other-patient")
    assert (await clinic.good("POST", "/api/claims", {"code": code}, by="p-001"))["state"] == "claimed"


async def test_guessing_is_slowed_down_and_one_good_code_does_not_help(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    guesses = ["BBBB-BBBB", "BBBB-BBBC", "BBBB-BBBD", "BBBB-BBBF"]
    for guess in guesses:
        assert (await clinic.refused("POST", "/api/claims/look", {"code": guess}, by="p-001"))[0] == 404
        await clinic.good("POST", "/api/claims/look", {"code": code}, by="p-001")
    await clinic.refused("POST", "/api/claims", {"code": "BBBB-BBBG"}, by="p-001")
    slow = await clinic.ask("POST", "/api/claims/look", {"code": code}, by="p-001")
    assert (slow.status_code, slow.json()["error"]["code"]) == (429, "slow-down")
    assert 1 <= slow.json()["error"]["retry_after_s"] <= 5
    assert await clinic.refused("POST", "/api/claims", {"code": code}, by="p-001") == (429, "slow-down")
    await clinic.good("POST", "/api/claims/look", {"code": code}, by="p-002")


async def test_guesses_side_by_side_count_too(clinic: Clinic) -> None:
    guesses = [clinic.ask("POST", "/api/claims/look", {"code": "BBBB-BBBB"}, by="p-001") for _ in range(9)]
    statuses = sorted([response.status_code for response in await asyncio.gather(*guesses)])
    assert statuses == [404] * 5 + [429] * 4


async def test_of_two_who_claim_at_once_one_is_first(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    both = await asyncio.gather(*(clinic.ask("POST", "/api/claims", {"code": code}, by=p) for p in clinic.patients))
    assert sorted(response.status_code for response in both) == [201, 410]
    [loser] = [response for response in both if response.status_code == 410]
    assert loser.json()["error"]["code"] == "used-code"
    assert len(clinic.site.sql("SELECT key FROM binding")) == 1


async def test_another_organisations_code_is_a_wrong_one(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    clinic.site.organisation("p-002")
    clinic.site.sql("UPDATE token SET organisation = 2 WHERE patient = (SELECT key FROM patient WHERE id = 'p-002')")
    assert await clinic.refused("POST", "/api/claims/look", {"code": code}, by="p-002") == (404, "wrong-code")
    assert (await clinic.refused("POST", "/api/claims", {"code": code, "patient": "p-002"}))[0] == 404


async def test_patients_claim_for_themselves_only_and_see_their_own_claims(clinic: Clinic) -> None:
    await clinic.make()
    code = await clinic.code()
    body = {"code": code, "patient": "p-002"}
    assert await clinic.refused("POST", "/api/claims", body, by="p-001") == (403, "forbidden")
    await clinic.good("POST", "/api/claims", {"code": code, "patient": "p-001"}, by="p-001")
    await clinic.measured(clinic.pressure(128))
    [candidate] = (await clinic.progress())["candidates"]
    answer = {"reading": candidate["reading"]}
    for method, path in (("GET", ""), ("POST", "/confirm"), ("POST", "/not-mine"), ("POST", "/cancel")):
        status = await clinic.refused(method, f"/api/claims/cuff-7{path}", answer, by="p-002")
        assert status == (404, "not-found")
    assert clinic.charted("p-002") == []


# ---------------------------------------------------------------- passwords


async def test_the_old_password_stops_at_the_claim_and_its_use_is_told(clinic: Clinic) -> None:
    async with await connect(clinic.site.dsn, application_name="tests") as connection:
        old = await add_device(connection, "cuff-7", None, None, datetime.now(UTC))
    new = (await clinic.claim())["credentials"]
    directory = PostgresDeviceDirectory(clinic.site.pool)
    assert await directory.authenticate("cuff-7", old.password) is None
    assert await directory.authenticate("cuff-7", new["password"]) is not None
    for _ in range(100):
        if clinic.site.sql("SELECT device FROM device_contact WHERE refused_at IS NOT NULL"):
            break
        await asyncio.sleep(0.02)
    clinic.later(minutes=3)
    assert (await clinic.progress())["trouble"]["code"] == "device-refused"
    [row] = clinic.site.sql("SELECT password_sha256 FROM device WHERE id = 'cuff-7'")
    assert row["password_sha256"] == hashlib.sha256(new["password"].encode()).digest()
