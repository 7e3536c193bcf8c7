"""From a code to the first reading on the chart, on a phone; and every page that somebody sees when it goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import httpx
import paho.mqtt.publish as publish
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from storage.embedded.server import attach_or_start
from tests.browser.browsing import DESKTOP, PHONE, Account, Scheme, add_account, context, signed_in, violations
from tests.running import Installation

pytestmark = pytest.mark.browser

ZONE = "Europe/Berlin"

#: Blood Pressure Measurement (2A35): flags mmHg and nothing else, 128, 79, mean 95 as SFLOAT.
PRESSURE_FRAME = bytes.fromhex("00 8000 4F00 5F00")

Look = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    site.json("patient", "add", "ada", "--name", "Ada Novak", "--born", "1947-03-28", "--zone", ZONE)
    site.json("patient", "add", "ben", "--name", "Ben Okoro", "--zone", ZONE)
    return add_account(site, "nurse", "--role", "clinician")


@pytest.fixture(scope="module")
def staff(site: Installation, nurse: Account) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, headers=site.token()) as client:
        yield client


@pytest.fixture(scope="module")
def ada(site: Installation, nurse: Account) -> Account:
    return add_account(site, "ada", "--role", "patient", "--patient", "ada")


@pytest.fixture
def phone(browser: Browser, site: Installation, ada: Account) -> Iterator[Page]:
    """Ada's phone, on her own page."""
    with context(browser, site, size=PHONE) as made:
        yield signed_in(made, ada, "/")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claim")


@pytest.fixture
def look(photographs: Path) -> Look:
    """Photographs a page in both schemes; axe-core finds nothing on it and it doesn't scroll sideways."""

    def taken(page: Page, name: str) -> None:
        assert violations(page) == []
        for scheme in get_args(Scheme):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=photographs / f"{name}-{scheme}.png", full_page=True)
        overflow = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name} scrolls sideways"

    return taken


def made(staff: httpx.Client, device: str, *, transport: str = "mqtt", kind: str = "printed", patient: str = "") -> str:
    """A device with an open code."""
    box = {"id": device, "transport": transport, "maker": "A&D", "model": "UA-651BLE", "serial": f"SN-{device}-4711"}
    asked = [("/api/devices", box), (f"/api/devices/{device}/claim-code", {"kind": kind})]
    if patient:
        asked.insert(1, (f"/api/devices/{device}/kit", {"patient": patient}))
    for path, body in asked:
        answer = staff.post(path, json=body)
        assert answer.is_success, answer.text
    code: str = answer.json()["code"]
    return code


def send(site: Installation, account: dict[str, str], suffix: str, payload: str | bytes) -> None:
    """One message of a device."""
    device = account["username"]
    publish.single(
        f"vitalstream/v1/{device}/{suffix}",
        payload,
        qos=1,
        hostname="127.0.0.1",
        port=site.mqtt_port,
        client_id=device,
        auth={"username": device, "password": account["password"]},
    )


def pressure(systolic: int, ago_s: float = 0) -> str:
    """A blood pressure as JSON."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    value = {"systolic": systolic, "diastolic": 79}
    return json.dumps({"metric": "blood_pressure", "value": value, "unit": "mmHg", "at": at.isoformat()})


def past(site: Installation, change: str) -> None:
    """Lets time pass: an SQL statement that moves what the server remembers into the past."""
    with attach_or_start(site.data_dir / "postgres", 10.0) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(change.encode())


def at_step(page: Page, step: str) -> None:
    """The page has gone on to this step, and its heading has the focus."""
    expect(page.get_by_test_id("claim")).to_have_attribute("data-step", step)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_test_id("help-line")).to_contain_text("Call your care team")


def enter(page: Page, code: str) -> None:
    """Types a code and goes on."""
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on", exact=True).click()


def claimed(page: Page, code: str) -> dict[str, str]:
    """From a scanned code to an MQTT device's new settings, entered."""
    page.goto(f"/claim?code={code}")
    at_step(page, "box")
    page.get_by_role("button", name="Yes, this is it").click()
    at_step(page, "settings")
    _, username, password = page.get_by_role("main").locator("dd code").all_inner_texts()
    page.get_by_role("button", name="I have entered them").click()
    at_step(page, "waiting")
    return {"username": username, "password": password}


def test_a_bluetooth_cuff_from_staffs_desk_to_the_chart(
    browser: Browser, site: Installation, nurse: Account, phone: Page, look: Look
) -> None:
    with context(browser, site, size=DESKTOP) as desk:
        page = signed_in(desk, nurse, "/")
        page.get_by_role("link", name="Devices").click()
        page.get_by_role("button", name="New device").click()
        form = page.get_by_test_id("make-dialog")
        form.get_by_role("radio", name="Bluetooth").check()
        for label, typed in (("Device id", "cuff-1"), ("Maker", "A&D"), ("Model", "UA-651BLE")):
            form.get_by_label(label, exact=True).fill(typed)
        form.get_by_label("Serial number").fill("SN-4711")
        look(page, "staff-make")
        form.get_by_role("button", name="Add device").click()
        row = page.get_by_test_id("device-cuff-1")
        expect(row).to_contain_text("Not given out")
        page.get_by_role("button", name="Pack for a patient: cuff-1").click()
        page.get_by_test_id("kit-dialog").get_by_label("Patient").select_option("ada")
        look(page, "staff-pack")
        page.get_by_test_id("kit-dialog").get_by_role("button", name="Pack").click()
        expect(row).to_contain_text("Ada Novak")
        page.get_by_role("button", name="Show code: cuff-1").click()
        page.get_by_role("radio", name="On this screen").check()
        page.get_by_role("button", name="Make the code").click()
        code = page.get_by_test_id("claim-code").inner_text()
        expect(page.get_by_role("img", name=f"QR code of {code}")).to_be_visible()
        look(page, "staff-code")
        page.keyboard.press("Escape")
        expect(row).to_contain_text("Code given out")

        phone.get_by_test_id("add-device").click()
        at_step(phone, "choose")
        look(phone, "choose")
        phone.get_by_role("button", name="Blood pressure cuff").click()
        at_step(phone, "code")
        look(phone, "code")
        enter(phone, code.lower().replace("-", " "))
        at_step(phone, "box")
        expect(phone.get_by_role("main")).to_contain_text("A&D UA-651BLE")
        expect(phone.get_by_role("main")).to_contain_text("4711")
        look(phone, "box")
        phone.get_by_role("button", name="Yes, this is it").click()
        at_step(phone, "waiting")
        look(phone, "waiting")
        expect(row).to_contain_text("Added, not proven", timeout=15_000)
        look(page, "staff-devices")

        # What a gateway does that has no radio: the frame as the cuff would send it.
        send(site, site.json("device", "add", "cuff-1"), "gatt/2a35", PRESSURE_FRAME)
        at_step(phone, "asked")
        expect(phone.get_by_test_id("candidate")).to_have_text("128/79")
        expect(phone.get_by_test_id("claim-said")).to_have_text(
            re.compile(r"^We got 128/79 mmHg at \d\d:\d\d\. Is this yours\?$")
        )
        look(phone, "asked")
        phone.get_by_role("button", name="Yes, this is mine").click()
        at_step(phone, "done")
        look(phone, "done")
        phone.get_by_role("link", name="See my readings").click()
        expect(phone.get_by_test_id("tile-blood_pressure")).to_contain_text("128/79")
        expect(row).to_contain_text("In use", timeout=15_000)


def test_an_mqtt_device_by_its_qr_code_and_after_a_reload(
    site: Installation, staff: httpx.Client, phone: Page, look: Look
) -> None:
    code = made(staff, "mqtt-1", patient="ada")
    phone.goto(f"/claim?code={code}")
    at_step(phone, "box")
    expect(phone).to_have_url(f"{site.url}/claim")  # a code doesn't stay in the history
    phone.get_by_role("button", name="Yes, this is it").click()
    at_step(phone, "settings")
    look(phone, "settings")
    _, username, password = phone.get_by_role("main").locator("dd code").all_inner_texts()
    phone.reload()
    at_step(phone, "waiting")
    expect(phone).to_have_url(f"{site.url}/claim/mqtt-1")
    send(site, {"username": username, "password": password}, "readings", pressure(131))
    at_step(phone, "asked")
    phone.get_by_role("button", name="No, this is not mine").click()
    at_step(phone, "waiting")
    expect(phone.get_by_role("main")).to_contain_text("We put that reading aside")
    look(phone, "aside")
    send(site, {"username": username, "password": password}, "readings", pressure(119))
    at_step(phone, "asked")
    expect(phone.get_by_test_id("candidate")).to_have_text("119/79")
    phone.get_by_role("button", name="Yes, this is mine").click()
    at_step(phone, "done")
    phone.get_by_role("link", name="See my readings").click()
    expect(phone.get_by_test_id("tile-blood_pressure")).to_contain_text("119/79")
    expect(phone.get_by_test_id("readings")).not_to_contain_text("131/79")


def test_two_candidates_want_a_third(site: Installation, staff: httpx.Client, phone: Page, look: Look) -> None:
    account = claimed(phone, made(staff, "mqtt-2"))
    send(site, account, "readings", pressure(151, ago_s=240))
    at_step(phone, "asked")
    send(site, account, "readings", pressure(122, ago_s=200))
    at_step(phone, "again")
    expect(phone.get_by_test_id("claim-said")).to_contain_text("measure once more")
    look(phone, "again")
    send(site, account, "readings", pressure(124))
    at_step(phone, "asked")
    expect(phone.get_by_test_id("candidate")).to_have_text("124/79")
    phone.get_by_role("button", name="Yes, this is mine").click()
    at_step(phone, "done")
    phone.get_by_role("link", name="See my readings").click()
    expect(phone.get_by_test_id("tile-blood_pressure")).to_contain_text("124/79")
    expect(phone.get_by_test_id("readings")).not_to_contain_text("151/79")


def test_silence_says_what_to_look_at_and_ends_by_itself(
    site: Installation, staff: httpx.Client, phone: Page, look: Look
) -> None:
    account = claimed(phone, made(staff, "mqtt-3"))
    past(site, "UPDATE claim SET claimed_at = claimed_at - interval '3 minutes'")
    at_step(phone, "trouble")
    expect(phone.get_by_role("heading", name="Nothing has come yet")).to_be_visible()
    look(phone, "silence")
    phone.get_by_role("button", name="Stop adding this device").click()
    at_step(phone, "stopping")
    look(phone, "stopping")
    phone.get_by_role("button", name="No, go on").click()
    at_step(phone, "trouble")
    send(site, account, "readings", pressure(127))
    at_step(phone, "asked")


def test_stopping_leaves_nothing_and_no_dead_end(staff: httpx.Client, phone: Page, look: Look) -> None:
    claimed(phone, made(staff, "mqtt-4"))
    phone.goto("/claim")
    at_step(phone, "choose")
    phone.get_by_role("button", name="Go on where I was").click()
    at_step(phone, "waiting")
    phone.get_by_role("button", name="Stop adding this device").click()
    phone.get_by_role("button", name="Yes, stop").click()
    at_step(phone, "stopped")
    look(phone, "stopped")
    phone.get_by_role("button", name="Add another device").click()
    at_step(phone, "choose")
    phone.goto("/claim/nothing")
    at_step(phone, "gone")
    look(phone, "gone")


def test_codes_that_open_nothing(
    browser: Browser, site: Installation, staff: httpx.Client, nurse: Account, look: Look
) -> None:
    codes = {
        "used": made(staff, "mqtt-5"),
        "expired": made(staff, "mqtt-6"),
        "other": made(staff, "mqtt-7", patient="ben"),
    }
    assert staff.post("/api/claims", json={"code": codes["used"], "patient": "ben"}).status_code == 201
    past(
        site,
        "UPDATE claim_code SET made_at = made_at - interval '91 days', expires_at = expires_at - interval '91 days'"
        " WHERE device = (SELECT key FROM device WHERE id = 'mqtt-6')",
    )
    # Tries are counted by account.
    unlucky = add_account(site, "unlucky", "--role", "patient", "--patient", "ada")
    with context(browser, site, size=PHONE) as made_context:
        page = signed_in(made_context, unlucky, "/claim")
        page.get_by_role("button", name="I have a code").click()
        enter(page, "ABCD-0")
        expect(page.get_by_role("main")).to_contain_text("A and 0 are never in a code")
        look(page, "typo")
        for name, title in (("used", "used before"), ("expired", "too old"), ("other", "somebody else")):
            enter(page, codes[name])
            at_step(page, "refused")
            expect(page.get_by_role("heading", level=1)).to_contain_text(title)
            look(page, name)
            page.get_by_role("button", name="I have another code").click()
        enter(page, "ZZZZ-ZZZZ")
        at_step(page, "refused")
        expect(page.get_by_role("heading", level=1)).to_have_text("We do not know this code")
        look(page, "wrong")
        slowed = page.get_by_role("heading", name="Please wait a moment")
        for _ in range(3):
            page.get_by_role("button", name="Try again").click()
            enter(page, "ZZZZ-ZZZZ")
            at_step(page, "refused")
            if slowed.is_visible():
                break
        expect(slowed).to_be_visible()
        expect(page.get_by_role("button", name="Try again")).to_be_disabled()
        expect(page.get_by_role("timer")).to_contain_text("You can go on in")
        look(page, "slow-down")


def test_the_own_used_code_goes_on_where_it_was(staff: httpx.Client, phone: Page, look: Look) -> None:
    code = made(staff, "mqtt-8")
    claimed(phone, code)
    phone.evaluate("() => localStorage.clear()")
    phone.goto(f"/claim?code={code}")
    at_step(phone, "refused")
    look(phone, "own-code")
    phone.get_by_role("button", name="Go on with the device I added").click()
    at_step(phone, "waiting")


def test_staff_claim_at_the_bedside_and_take_back(
    browser: Browser, site: Installation, staff: httpx.Client, nurse: Account, look: Look
) -> None:
    with context(browser, site, size=PHONE) as bedside:
        page = signed_in(bedside, nurse, "/claim")
        expect(page.get_by_test_id("claim-for-whom")).to_be_visible()
        look(page, "for-whom")
        page.goto("/patients/ben")
        # Above the link the trends still find out that there is nothing to draw, and then it moves.
        expect(page.get_by_text("No readings in the last 6 h")).to_be_visible()
        expect(page.get_by_text("No reading has been stored")).to_be_visible()
        page.get_by_role("link", name="Add a device").click()
        at_step(page, "choose")
        expect(page.get_by_role("main")).to_contain_text("For Ben Okoro")
        page.get_by_role("button", name="I have a code").click()
        enter(page, made(staff, "cuff-9", transport="ble"))
        at_step(page, "box")
        page.get_by_role("button", name="Yes, this is it").click()
        at_step(page, "waiting")
        page.goto("/devices")
        row = page.get_by_test_id("device-cuff-9")
        expect(row).to_have_attribute("data-state", "claimed")
        look(page, "staff-phone")
        row.get_by_role("link", name="Go on with the first reading").click()
        at_step(page, "waiting")
        page.goto("/devices")
        row.get_by_role("button", name="Take back").click()
        look(page, "staff-take-back")
        page.get_by_test_id("return-dialog").get_by_role("button", name="Take back").click()
        expect(row).to_have_attribute("data-state", "returned")
