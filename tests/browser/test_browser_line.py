"""The line as people see it: a reading and an alert arrive live, are acknowledged, and everybody sees by whom."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.browsing import Account, add_account, context, signed_in
from tests.running import Installation
from tests.system_tools import find_program

pytestmark = [pytest.mark.browser, pytest.mark.mosquitto]

PATIENT = "ada"
DEVICE = "patch"


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    return add_account(site, "nurse", "--role", "clinician")


@pytest.fixture(scope="module")
def doctor(site: Installation) -> Account:
    return add_account(site, "doctor", "--role", "clinician")


@pytest.fixture(scope="module")
def password(site: Installation) -> str:
    """Of Ada's device; asked for after the empty worklist was looked at."""
    site.json("patient", "add", PATIENT, "--name", "Ada Novak", "--born", "1951-03-28", "--zone", "Europe/Berlin")
    made: str = site.json("device", "add", DEVICE, "--patient", PATIENT)["password"]
    return made


@pytest.fixture
def desk(browser: Browser, site: Installation) -> Iterator[BrowserContext]:
    with context(browser, site) as made:
        yield made


def publish(site: Installation, password: str, metric: str, value: float, unit: str) -> None:
    """One reading by Debian's command line client, with the device's credentials."""
    path = find_program("mosquitto_pub")
    assert path is not None
    access = [path, "-h", "127.0.0.1", "-p", str(site.mqtt_port), "-u", DEVICE, "-P", password, "-q", "1", "-V", "5"]
    body = json.dumps({"metric": metric, "value": value, "unit": unit})
    done = subprocess.run(
        [*access, "-t", f"vitalstream/v1/{DEVICE}/readings", "-m", body],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def remember(page: Page) -> None:
    """Leaves a mark in the page that a reload would wipe out."""
    page.evaluate("() => { window.notReloaded = true }")


def not_reloaded(page: Page) -> bool:
    return page.evaluate("() => window.notReloaded === true") is True


def done(page: Page) -> Locator:
    """What stands where the button was, once an alert is acknowledged."""
    return page.locator("[data-testid^=ack-by-]")


def test_sign_in_by_keyboard_to_a_worklist_without_patients(desk: BrowserContext, nurse: Account) -> None:
    page = desk.new_page()
    page.goto("/")
    form = page.get_by_test_id("sign-in-form")
    form.get_by_label("User").focus()
    page.keyboard.type(nurse.user)
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(form.get_by_role("status")).to_contain_text("User or password is wrong")
    form.get_by_role("textbox", name="Password").fill(nurse.password)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("empty-state")).to_contain_text("vitalstream patient add")
    expect(page.get_by_test_id("live-chip")).to_contain_text("Live")


def test_a_reading_arrives_without_reload(
    desk: BrowserContext, site: Installation, nurse: Account, password: str
) -> None:
    page = signed_in(desk, nurse)
    row = page.get_by_test_id(f"row-{PATIENT}")
    expect(row).to_have_attribute("data-bucket", "no_data")
    remember(page)
    publish(site, password, "heart_rate", 72, "bpm")
    expect(row).to_contain_text("72")
    expect(row).to_have_attribute("data-bucket", "rest")
    publish(site, password, "heart_rate", 74, "bpm")
    expect(row).to_contain_text("74")
    assert not_reloaded(page)


def test_an_alert_arrives_live_and_is_acknowledged(
    desk: BrowserContext, browser: Browser, site: Installation, nurse: Account, doctor: Account, password: str
) -> None:
    page = signed_in(desk, nurse)
    row = page.get_by_test_id(f"row-{PATIENT}")
    expect(row).to_have_attribute("data-bucket", "rest")
    with context(browser, site) as late_desk:
        # The doctor's page hears nothing live: what it shows is a little old, as on a bad line.
        late_desk.route("**/api/live", lambda route: route.abort())
        remember(page)
        publish(site, password, "body_temp", 39.5, "C")

        expect(row).to_have_attribute("data-priority", "medium")
        expect(row).to_have_attribute("data-open", "true")
        expect(row).to_contain_text("39.5")
        expect(row).to_contain_text("limit at or above 39.1")
        expect(page.get_by_test_id("count-medium")).to_have_text("1")
        expect(page.get_by_test_id("count-low")).to_have_text("1")

        stale = signed_in(late_desk, doctor, f"/patients/{PATIENT}")
        theirs = stale.get_by_role("button", name="Acknowledge: High fever")
        expect(theirs).to_be_visible()

        row.get_by_role("link", name="Ada Novak").click()
        page.get_by_role("button", name="Acknowledge: High fever").click()
        expect(done(page)).to_contain_text("Acknowledged by nurse")
        assert not_reloaded(page)

        theirs.click()
        expect(done(stale)).to_contain_text("Already acknowledged by nurse")


def test_a_second_browser_sees_who_acknowledged_and_why_it_came(
    desk: BrowserContext, browser: Browser, site: Installation, nurse: Account, doctor: Account
) -> None:
    page = signed_in(desk, doctor, f"/patients/{PATIENT}")
    expect(done(page)).to_contain_text("Acknowledged by nurse")
    # The other alert of the same reading is open still; acknowledged elsewhere, it changes here live.
    expect(page.get_by_role("button", name="Acknowledge: Fever")).to_be_visible()
    remember(page)
    with context(browser, site) as elsewhere:
        other = signed_in(elsewhere, nurse, f"/patients/{PATIENT}")
        other.get_by_role("button", name="Acknowledge: Fever").click()
        expect(page.get_by_role("button", name="Acknowledge: Fever")).to_have_count(0)
    assert not_reloaded(page)

    page.get_by_role("link", name="High fever").first.click()
    article = page.get_by_role("article")
    expect(article).to_contain_text("temp-high")
    expect(article).to_contain_text("NEWS2 2-point band")
    expect(article).to_contain_text("Acknowledged by nurse")
    expect(article.get_by_role("table")).to_contain_text("39.5")


def test_the_patient_page_shows_trends_and_raw_fhir(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, f"/patients/{PATIENT}")
    expect(page.get_by_test_id("patient-header")).to_contain_text("Europe/Berlin")
    expect(page.get_by_role("figure").first.locator("canvas")).to_be_visible()
    expect(page.get_by_role("heading", name="Temperature °C")).to_be_visible()
    page.get_by_role("button", name="View as table").click()
    expect(page.get_by_role("region", name="Temperature as table")).to_contain_text("39.5")
    page.get_by_role("button", name="Temperature: FHIR resource").click()
    raw = page.get_by_test_id("raw-fhir")
    expect(raw).to_contain_text('"resourceType": "Observation"')
    resource = json.loads(raw.inner_text())
    assert resource["valueQuantity"]["value"] == 39.5
    assert resource["subject"] == {"reference": f"Patient/{PATIENT}"}
