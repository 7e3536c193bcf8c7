"""States that nobody hopes for: stream lost, server away, signed out, forbidden, not found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.browsing import Account, add_account, context, signed_in
from tests.running import Installation

pytestmark = pytest.mark.browser

#: Longer than the page waits for an event (15 s) before it calls its values old.
SILENCE_MS = 20_000


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    site.json("patient", "add", "ada", "--name", "Ada Novak")
    site.json("patient", "add", "eve", "--name", "Eve Silva")
    return add_account(site, "nurse", "--role", "clinician")


@pytest.fixture
def desk(browser: Browser, site: Installation) -> Iterator[BrowserContext]:
    with context(browser, site) as made:
        yield made


def test_stream_lost_and_found_again(desk: BrowserContext, site: Installation, nurse: Account) -> None:
    desk.clock.install()
    page = signed_in(desk, nurse)
    expect(page.get_by_test_id("row-ada")).to_be_visible()
    expect(page.get_by_test_id("live-chip")).to_have_attribute("data-lost", "false")
    assert site.stop() == 0
    page.clock.fast_forward(SILENCE_MS)
    expect(page.get_by_test_id("stream-lost")).to_contain_text("Connection lost")
    expect(page.get_by_test_id("live-chip")).to_contain_text("Not live")
    expect(page.get_by_test_id("row-ada")).to_be_visible()  # the last values stay, in grey
    site.up()
    page.clock.fast_forward(SILENCE_MS)
    expect(page.get_by_test_id("stream-lost")).to_have_count(0)
    expect(page.get_by_test_id("live-chip")).to_contain_text("Live")


def test_a_server_error_says_so_and_can_be_tried_again(desk: BrowserContext, nurse: Account) -> None:
    broken = True
    body = '{"error":{"code":"internal","message":"It is our fault. Try again."}}'
    desk.route(
        "**/api/patients/ada", lambda route: route.fulfill(status=500, body=body) if broken else route.continue_()
    )
    page = signed_in(desk, nurse, "/patients/ada")
    expect(page.get_by_test_id("server-error")).to_contain_text("It is our fault")
    broken = False
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("patient-header")).to_contain_text("Ada Novak")


def test_signing_out_takes_everything_away(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, "/patients/ada")
    expect(page.get_by_test_id("patient-header")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_test_id("sign-in-form")).to_be_visible()
    expect(page.get_by_text("Ada Novak")).to_have_count(0)
    assert desk.request.get("/api/worklist").status == 401


def test_a_session_that_ended_asks_to_sign_in_and_comes_back_to_the_place(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, "/patients/ada")
    expect(page.get_by_test_id("patient-header")).to_be_visible()
    desk.clear_cookies()
    page.reload()
    form = page.get_by_test_id("sign-in-form")
    expect(form).to_contain_text("Sign in to go on where you were")
    form.get_by_label("User").fill(nurse.user)
    form.get_by_role("textbox", name="Password").fill(nurse.password)
    form.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("patient-header")).to_contain_text("Ada Novak")


def test_a_patient_sees_the_own_page_and_no_other(desk: BrowserContext, site: Installation, nurse: Account) -> None:
    eve = add_account(site, "eve", "--role", "patient", "--patient", "eve")
    page = signed_in(desk, eve)
    expect(page.get_by_test_id("patient-header")).to_contain_text("Eve Silva")
    expect(page.get_by_text("Ada Novak")).to_have_count(0)
    page.goto("/patients/ada")
    expect(page.get_by_test_id("forbidden").or_(page.get_by_test_id("not-found"))).to_be_visible()
    expect(page.get_by_text("Ada Novak")).to_have_count(0)


def test_an_address_that_leads_nowhere(desk: BrowserContext, nurse: Account) -> None:
    page = signed_in(desk, nurse, "/nowhere")
    expect(page.get_by_test_id("not-found")).to_be_visible()
    page.get_by_role("link", name="Back to the worklist").click()
    expect(page.get_by_test_id("worklist")).to_be_visible()
