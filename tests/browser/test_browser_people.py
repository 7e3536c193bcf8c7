"""What people do to the chart: enter readings by hand, mark one as wrong, close an alert with what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.browsing import PHONE, Account, add_account, context, signed_in
from tests.running import Installation

pytestmark = pytest.mark.browser

PATIENT = "ada"
PAGE = f"/patients/{PATIENT}"


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    site.json("patient", "add", PATIENT, "--name", "Ada Novak", "--born", "1951-03-28", "--zone", "Europe/Berlin")
    return add_account(site, "nurse", "--role", "clinician")


@pytest.fixture(scope="module")
def doctor(site: Installation, nurse: Account) -> Account:
    return add_account(site, "doctor", "--role", "clinician")


@pytest.fixture
def desk(browser: Browser, site: Installation) -> Iterator[BrowserContext]:
    with context(browser, site) as made:
        yield made


def dialog(page: Page) -> Locator:
    """The entry form, opened by its key."""
    expect(page.get_by_test_id("patient-header")).to_be_visible()
    page.keyboard.press("n")
    opened = page.get_by_test_id("entry-dialog")
    expect(opened).to_be_visible()
    return opened


def listed(page: Page, label: str, value: str) -> Locator:
    """The row of a reading in the list."""
    return page.get_by_test_id("readings").get_by_role("row").filter(has_text=label).filter(has_text=value)


def stored(site: Installation, metric: str) -> list[dict[str, object]]:
    """What the server keeps of a family."""
    url = f"{site.url}/api/patients/{PATIENT}/readings?metric={metric}"
    rows: list[dict[str, object]] = httpx.get(url, headers=site.token()).json()["readings"]
    return rows


def test_a_blood_pressure_by_keyboard_alone_ends_up_on_the_chart(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, PAGE)
    dialog(page)
    # Systolic, diastolic and heart rate, as the form opens the first time.
    for key in ("128", "79", "72"):
        page.keyboard.type(key)
        page.keyboard.press("Enter" if key == "72" else "Tab")
    expect(page.get_by_test_id("said")).to_have_text("2 readings added")
    expect(page.get_by_test_id("tile-blood_pressure")).to_contain_text("128/79")
    expect(listed(page, "Blood pressure", "128/79")).to_contain_text("entered by hand")
    expect(page.get_by_role("heading", name="Blood pressure mmHg")).to_be_visible()


def test_a_round_asks_about_what_is_improbable_and_raises_its_alert(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, PAGE)
    form = dialog(page)
    form.get_by_role("button", name="NEWS2 round").click()
    for label, typed in (
        ("Respiratory rate", "18"),
        ("SpO2", "97"),
        ("Systolic", "131"),
        ("Diastolic", "82"),
        ("Heart rate", "75"),
        ("Temperature", "386"),
    ):
        form.get_by_role("textbox", name=label).fill(typed)
    form.get_by_text("On air").click()
    form.get_by_text("Alert", exact=True).click()
    form.get_by_role("button", name="Save", exact=True).click()
    temperature = form.get_by_role("textbox", name="Temperature")
    expect(form.get_by_text("Check: 386 °C?")).to_be_visible()
    expect(temperature).to_be_focused()
    temperature.fill("39,5")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_test_id("said")).to_have_text("7 readings added")
    expect(listed(page, "Consciousness", "A, alert")).to_be_visible()
    expect(listed(page, "Oxygen in use", "on air")).to_be_visible()
    expect(page.get_by_test_id("tile-body_temp")).to_contain_text("39.5")
    expect(page.get_by_role("button", name="Acknowledge: High fever")).to_be_visible()


def test_pressed_again_after_a_lost_answer_it_is_stored_once(
    desk: BrowserContext, site: Installation, nurse: Account
) -> None:
    page = signed_in(desk, nurse, PAGE)
    form = dialog(page)
    if form.get_by_role("button", name="Weight").get_attribute("aria-pressed") == "false":
        form.get_by_role("button", name="Weight").click()
    form.get_by_role("textbox", name="Weight").fill("81.4")
    path = f"**/api{PAGE}/readings"
    # The server takes it, but its answer never arrives.
    page.route(
        path, lambda route: (route.fetch(), route.abort()) if route.request.method == "POST" else route.continue_()
    )
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form.get_by_text("it is stored once")).to_be_visible()
    expect(form.get_by_role("textbox", name="Weight")).to_be_disabled()
    page.unroute(path)
    form.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_test_id("said")).to_have_text("1 reading added")
    expect(listed(page, "Weight", "81.4")).to_have_count(1)
    assert [row["text"] for row in stored(site, "body_weight")] == ["81.4"]


def test_a_refusal_stands_at_its_field(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, PAGE)
    body = {"error": {"code": "bad-reading", "message": "Too many digits.", "reading": 1, "reason": "bad-value"}}
    page.route(
        f"**/api{PAGE}/readings",
        lambda route: route.fulfill(status=422, json=body) if route.request.method == "POST" else route.continue_(),
    )
    form = dialog(page)
    form.get_by_role("textbox", name="Systolic").fill("128")
    form.get_by_role("textbox", name="Diastolic").fill("79")
    form.get_by_role("textbox", name="Heart rate").fill("71")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form.get_by_test_id("entry-heart_rate").get_by_role("status")).to_have_text("Too many digits.")
    expect(form.get_by_role("textbox", name="Heart rate")).to_be_focused()
    page.unroute_all()


def test_a_reading_marked_as_wrong_is_struck_through_and_leaves_its_alerts(
    desk: BrowserContext, browser: Browser, site: Installation, nurse: Account, doctor: Account
) -> None:
    page = signed_in(desk, nurse, PAGE)
    expect(page.get_by_role("button", name="Acknowledge: High fever")).to_be_visible()
    row = listed(page, "Temperature", "39.5")
    row.get_by_role("button", name=re.compile("Mark as wrong: Temperature")).click()
    asked = page.get_by_test_id("wrong-dialog")
    # By keyboard: the first reason has the focus, the arrow takes the third.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(asked.get_by_role("radio", name="Wrong value")).to_be_checked()
    asked.get_by_label("Note").fill("read off the wrong line")

    with context(browser, site) as elsewhere:
        # The doctor's page is a little old and hears nothing live.
        elsewhere.route("**/api/live", lambda route: route.abort())
        stale = signed_in(elsewhere, doctor, PAGE)
        listed(stale, "Temperature", "39.5").get_by_role("button", name=re.compile("Mark as wrong")).click()

        asked.get_by_role("button", name="Mark as wrong").click()
        expect(asked).to_have_count(0)
        expect(row.locator("s")).to_contain_text("39.5")
        expect(row).to_contain_text("Marked as wrong: wrong value. nurse")
        expect(row).to_contain_text("read off the wrong line")
        expect(row.get_by_role("button", name=re.compile("Mark as wrong"))).to_have_count(0)
        expect(page.get_by_role("button", name="Acknowledge: High fever")).to_have_count(0)
        expect(page.get_by_test_id("tile-body_temp")).not_to_contain_text("39.5")

        late = stale.get_by_test_id("wrong-dialog")
        late.get_by_role("radio", name="Artefact").check()
        late.get_by_role("button", name="Mark as wrong").click()
        expect(late.get_by_role("status")).to_contain_text("Already marked as wrong by nurse at ")

    page.reload()
    expect(listed(page, "Temperature", "39.5").locator("s")).to_be_visible()
    page.get_by_role("button", name="View as table").click()
    table = page.get_by_role("region", name="Temperature as table")
    expect(table.locator("s")).to_have_text("39.5")
    expect(table).to_contain_text("marked as wrong")
    [kept] = stored(site, "body_temp")
    assert (kept["status"], kept["version"]) == ("entered-in-error", 2)


def test_an_alert_is_closed_with_what_it_was(
    desk: BrowserContext, browser: Browser, site: Installation, nurse: Account, doctor: Account
) -> None:
    page = signed_in(desk, nurse, PAGE)
    form = dialog(page)
    if form.get_by_role("button", name="Temperature").get_attribute("aria-pressed") == "false":
        form.get_by_role("button", name="Temperature").click()
    form.get_by_role("textbox", name="Temperature").fill("38.3")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Acknowledge: Fever")).to_be_visible()

    with context(browser, site) as elsewhere:
        elsewhere.route("**/api/live", lambda route: route.abort())
        stale = signed_in(elsewhere, doctor, PAGE)
        stale.get_by_role("button", name="Acknowledge and close: Fever").click()
        late = stale.get_by_test_id("close-dialog")
        late.get_by_role("radio", name="Real").check()

        page.keyboard.press("c")
        asked = page.get_by_test_id("close-dialog")
        expect(asked).to_contain_text("Fever")
        page.keyboard.press("ArrowDown")
        asked.get_by_label("Note").fill("hot tea")
        asked.get_by_role("button", name="Acknowledge and close").press("Enter")
        closed = page.get_by_role("article").filter(has_text="Fever").locator("[data-testid^=outcome-by-]")
        expect(closed).to_contain_text("Closed as an artefact by nurse at ")
        expect(closed).to_contain_text("hot tea")
        expect(page.locator("[data-testid^=ack-by-]").first).to_contain_text("Acknowledged by nurse")

        late.get_by_role("button", name="Acknowledge and close").click()
        expect(stale.locator("[data-testid^=outcome-by-]")).to_contain_text("by nurse at ")
        expect(late).to_have_count(0)

    page.get_by_role("article").get_by_role("link", name="Fever").first.click()
    outcome = page.get_by_role("article").locator("[data-testid^=outcome-by-]")
    expect(outcome).to_contain_text("Closed as an artefact by nurse")
    expect(page.get_by_role("button", name=re.compile("close", re.IGNORECASE))).to_have_count(0)


def test_a_patient_enters_the_own_readings_and_judges_none(
    browser: Browser, site: Installation, nurse: Account
) -> None:
    ada = add_account(site, "ada", "--role", "patient", "--patient", PATIENT)
    with context(browser, site, size=PHONE) as made:
        page = signed_in(made, ada)
        page.get_by_role("button", name="Add reading").click()
        form = page.get_by_test_id("entry-dialog")
        expect(form.get_by_role("button", name="NEWS2 round")).to_have_count(0)
        systolic = form.get_by_role("textbox", name="Systolic")
        expect(systolic).to_be_focused()
        expect(systolic).to_have_attribute("inputmode", "numeric")
        systolic.fill("119")
        form.get_by_role("textbox", name="Diastolic").fill("74")
        form.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_test_id("tile-blood_pressure")).to_contain_text("119/74")
        expect(page.get_by_role("button", name=re.compile("Mark as wrong"))).to_have_count(0)
