"""Staff's side of claiming: the fleet, what each state forbids, who sees what, and what was there before."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.connection import connect
from storage.migrate import load_migrations, migrate
from storage.registry.directory import PostgresDeviceDirectory
from tests.api_site import Site, open_site
from tests.integration.claiming import Clinic, clinic_on, now_us


@pytest.fixture
async def clinic(any_database: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    async with open_site(any_database, tmp_path) as site:
        yield await clinic_on(site)


async def device(clinic: Clinic, id_: str = "cuff-7") -> dict[str, object]:
    found = {each["id"]: each for each in (await clinic.good("GET", "/api/devices"))["devices"]}
    return dict(found[id_])


async def test_a_made_device_with_all_that_is_known(clinic: Clinic) -> None:
    made = await clinic.make(transport="ble", firmware="1.2")
    assert {**made, "state_since": ""} == {
        "id": "cuff-7",
        "transport": "ble",
        "maker": "A&D",
        "model": "UA-651BLE",
        "firmware": "1.2",
        "serial": "SN12345678",
        "state": "made",
        "state_since": "",
        "patient": None,
        "battery_percent": None,
        "last_received_at": None,
        "online": None,
        "signal_dbm": None,
        "signal": None,
        "gateway": None,
        "stuck": None,
    }
    assert await device(clinic) == made
    directory = PostgresDeviceDirectory(clinic.site.pool)
    assert await directory.authenticate("cuff-7", "") is None, "nothing signs in as a device on the shelf"
    box = {"id": "cuff-7", "transport": "mqtt", "maker": "x", "model": "y"}
    assert await clinic.refused("POST", "/api/devices", box) == (409, "device-exists")
    assert ("clinician", "write", "Device/cuff-7", "conflict") in clinic.site.audit()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "cuff 8"}, "bad-id"),
        ({"id": "manual-8"}, "bad-id"),
        ({"transport": "zigbee"}, "bad-request"),
        ({"maker": " "}, "bad-request"),
        ({"model": "x" * 101}, "bad-request"),
        ({"serial": "a\0b"}, "bad-request"),
    ],
)
async def test_boxes_that_can_not_be_registered(clinic: Clinic, change: dict[str, str], code: str) -> None:
    box = {"id": "cuff-8", "transport": "mqtt", "maker": "A&D", "model": "UA-651BLE", **change}
    assert await clinic.refused("POST", "/api/devices", box) == (422, code)
    assert (await clinic.good("GET", "/api/devices"))["devices"] == []


async def test_what_is_heard_of_a_device(clinic: Clinic) -> None:
    await clinic.make(transport="ble")
    await clinic.claim()
    directory = PostgresDeviceDirectory(clinic.site.pool)
    await directory.signal("cuff-7", "gateway-1", -77, now_us())
    await directory.presence("cuff-7", True, now_us())
    await clinic.measured(clinic.number("battery", 64), clinic.pressure(128))
    found = await device(clinic)
    heard = {key: found[key] for key in ("battery_percent", "online", "signal_dbm", "signal", "gateway", "patient")}
    assert heard == {
        "battery_percent": 64,
        "online": True,
        "signal_dbm": -77,
        "signal": "fair",
        "gateway": "gateway-1",
        "patient": "p-001",
    }
    assert found["last_received_at"] is not None, "what waits in quarantine is a sign of life too"
    [gateway] = (await clinic.good("GET", "/api/gateways"))["gateways"]
    assert (gateway["gateway"], gateway["online"], gateway["devices"]) == ("gateway-1", True, 1)
    clinic.later(minutes=11)
    stuck = (await device(clinic))["stuck"]
    assert isinstance(stuck, dict)
    assert stuck["step"] == "claimed"


async def test_a_code_is_shown_once_with_an_address_for_a_qr_code(clinic: Clinic) -> None:
    await clinic.make()
    made = await clinic.good("POST", "/api/devices/cuff-7/claim-code", {"kind": "printed"})
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", made["code"])
    assert made["url"] == f"http://site/claim?code={made['code']}"
    assert made["expires_at"] > (await device(clinic))["state_since"]
    everything = str([clinic.site.sql(f"SELECT * FROM {table}") for table in ("claim_code", "device_event", "audit")])
    assert made["code"] not in everything
    assert made["code"].replace("-", "") not in everything


async def test_what_each_state_forbids(clinic: Clinic) -> None:
    await clinic.make()

    async def tried(*acts: str) -> list[tuple[int, str]]:
        bodies = {"kit": {"patient": "p-001"}, "claim-code": {"kind": "screen"}, "return": None}
        return [await clinic.refused("POST", f"/api/devices/cuff-7/{act}", bodies[act]) for act in acts]

    assert await tried("return") == [(409, "not-given-out")]
    await clinic.claim()
    assert await tried("kit", "claim-code") == [(409, "already-claimed")] * 2
    await clinic.good("POST", "/api/devices/cuff-7/return")
    assert await tried("return") == [(409, "already-returned")]
    assert (await clinic.good("POST", "/api/devices/cuff-7/kit", {"patient": "p-001"}))["state"] == "kitted"
    assert (await clinic.good("POST", "/api/devices/cuff-7/return"))["patient"] is None
    for unknown in ("nothing", "%00", "cuff-7%00"):
        assert await clinic.refused("POST", f"/api/devices/{unknown}/return") == (404, "no-such-device")
        assert await clinic.refused("GET", f"/api/claims/{unknown}") == (404, "not-found")
    assert (await clinic.refused("POST", "/api/devices/cuff-7/kit", {"patient": "p-404"}))[0] == 404


async def test_a_kit_and_a_return_withdraw_the_code(clinic: Clinic) -> None:
    await clinic.make()
    for path, body in (("kit", {"patient": "p-001"}), ("return", None)):
        code = await clinic.code()
        await clinic.good("POST", f"/api/devices/cuff-7/{path}", body)
        assert await clinic.refused("POST", "/api/claims", {"code": code}, by="p-001") == (410, "expired-code")


async def test_devices_of_patients_elsewhere_stay_out_of_sight(clinic: Clinic) -> None:
    for id_, patient in (("cuff-1", "p-001"), ("cuff-2", "p-002")):
        await clinic.make(id_)
        await clinic.claim(patient, id_)
    await clinic.make("cuff-3")
    team = clinic.site.sql("INSERT INTO team (organisation, name) VALUES (1, 'second') RETURNING key")[0]["key"]
    clinic.site.sql(
        "UPDATE enrolment SET team = %s WHERE patient = (SELECT key FROM patient WHERE id = 'p-002')", [team]
    )
    nurse = await clinic.site.user("nurse")
    answer = await clinic.site.client.post("/api/sign-in", json={"user": "nurse", "password": nurse.password})
    assert answer.status_code == 200
    listed = (await clinic.site.client.get("/api/devices")).json()["devices"]
    assert [each["id"] for each in listed] == ["cuff-1", "cuff-3"]
    path, csrf = "/api/devices/cuff-2/return", {"X-Requested-With": "vitalstream"}
    assert (await clinic.site.client.post(path, headers=csrf)).status_code == 404
    for route in ("/api/devices/cuff-1/return", "/api/claims/cuff-1/cancel", "/api/claims", "/api/claims/look"):
        without = await clinic.site.client.post(route, json={"code": "BBBB-BBBB"})
        assert (without.status_code, without.json()["error"]["code"]) == (403, "csrf")
    assert (await device(clinic, "cuff-1"))["state"] == "claimed"
    assert (await device(clinic, "cuff-2"))["state"] == "claimed"


async def test_devices_from_before_claiming_keep_what_they_had(empty_database_dsn: str, tmp_path: Path) -> None:
    steps = load_migrations()
    async with await connect(empty_database_dsn, application_name="tests") as connection:
        await migrate(connection, steps[:4])
        await connection.execute("INSERT INTO patient (id) VALUES ('p-001'), ('p-002')")
        await connection.execute(
            "INSERT INTO device (id, password_sha256) VALUES ('new', ''), ('worn', ''), ('back', '')"
        )
        for id_, patient, period in (
            ("worn", 1, "[2026-01-01,2026-02-01)"),
            ("worn", 2, "[2026-02-01,)"),
            ("back", 1, "[2026-01-01,2026-03-01)"),
        ):
            await connection.execute(
                "INSERT INTO binding (device, patient, period, author)"
                " SELECT key, %s, %s::tstzrange, 'dr' FROM device WHERE id = %s",
                [patient, period, id_],
            )
        await migrate(connection, steps)
    async with open_site(empty_database_dsn, tmp_path) as site:
        clinic = Clinic(site, await site.token(), {})
        assert await states(clinic) == {"new": ("made", None), "worn": ("proven", "p-002"), "back": ("returned", None)}
        events = site.sql(
            "SELECT e.state FROM device_event e JOIN device d ON d.key = e.device AND d.id = 'worn' ORDER BY e.key"
        )
        assert [row["state"] for row in events] == ["made", "proven", "proven"]
        assert site.sql("SELECT key FROM binding WHERE NOT proven") == []


async def states(clinic: Clinic) -> dict[object, tuple[object, object]]:
    listed = (await clinic.good("GET", "/api/devices"))["devices"]
    return {each["id"]: (each["state"], each["patient"]) for each in listed}


async def test_hand_entry_is_no_device_of_the_fleet(clinic: Clinic) -> None:
    site: Site = clinic.site
    row = {"metric": "heart_rate", "value": 72}
    body = {"entry": "00000000-0000-0000-0000-000000000001", "readings": [row]}
    await clinic.good("POST", "/api/patients/p-001/readings", body)
    assert len(site.sql("SELECT key FROM device")) == 1
    assert await states(clinic) == {}
