"""axe-core finds nothing on any screen, in both colour schemes and on a phone's width."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import paho.mqtt.publish as publish
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.browsing import PHONE, Account, add_account, context, signed_in, violations
from tests.running import Installation

pytestmark = pytest.mark.browser

NAMES = {"ada": "Ada Novak", "eve": "Eve Silva"}

#: A fever, an improbable value and one that is well.
READINGS = [
    {"metric": "body_temp", "value": 39.5, "unit": "C"},
    {"metric": "spo2", "value": 41, "unit": "%"},
    {"metric": "heart_rate", "value": 71, "unit": "bpm"},
]


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    """A clinician with two patients: one with three alerts, one never heard of."""
    for patient, name in NAMES.items():
        site.json("patient", "add", patient, "--name", name, "--born", "1951-03-28", "--programme", "copd")
    device = site.json("device", "add", "patch", "--patient", "ada")
    publish.single(
        "vitalstream/v1/patch/readings",
        json.dumps(READINGS),
        qos=1,
        hostname="127.0.0.1",
        port=site.mqtt_port,
        client_id="patch",
        auth={"username": device["username"], "password": device["password"]},
    )
    return add_account(site, "nurse", "--role", "clinician")


@pytest.fixture(scope="module")
def alert(site: Installation, nurse: Account) -> str:
    """The id of Ada's first alert, once all three are there."""
    headers = site.token()
    deadline = time.monotonic() + 10
    while len(found := httpx.get(f"{site.url}/api/alerts?patient=ada", headers=headers).json()["alerts"]) < 3:
        assert time.monotonic() < deadline, found
    first: str = found[0]["id"]
    return first


@pytest.fixture(scope="module")
def page(browser: Browser, site: Installation, nurse: Account) -> Iterator[Page]:
    with context(browser, site) as made:
        yield signed_in(made, nurse)


def test_worklist(page: Page, alert: str) -> None:
    page.goto("/")
    expect(page.get_by_test_id("row-ada")).to_have_attribute("data-priority", "medium")
    expect(page.get_by_test_id("row-eve")).to_have_attribute("data-bucket", "no_data")
    assert violations(page) == []


def test_search_without_a_match(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill("zzz")
    expect(page.get_by_role("status").filter(has_text="No patient matches")).to_be_visible()
    assert violations(page) == []


def test_patient_with_trends(page: Page, alert: str) -> None:
    page.goto("/patients/ada")
    expect(page.get_by_role("figure").first.locator("canvas")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="View as table").click()
    expect(page.get_by_role("region", name="Temperature as table")).to_be_visible()
    assert violations(page) == []


def test_patient_without_data(page: Page) -> None:
    page.goto("/patients/eve")
    expect(page.get_by_test_id("no-data")).to_be_visible()
    assert violations(page) == []


def test_raw_fhir(page: Page, alert: str) -> None:
    page.goto("/patients/ada")
    page.get_by_role("button", name="Temperature: FHIR resource").click()
    expect(page.get_by_test_id("raw-fhir")).to_be_visible()
    assert violations(page) == []


def test_alert(page: Page, alert: str) -> None:
    page.goto(f"/alerts/{alert}")
    expect(page.get_by_test_id(f"alert-{alert}")).to_be_visible()
    assert violations(page) == []


def test_help(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Keyboard and signs").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


def open_dialog(page: Page, name: str) -> None:
    """One of the patient page's dialogs, with something to complain about in it."""
    page.goto("/patients/ada")
    expect(page.get_by_test_id("readings")).to_be_visible()
    if name == "entry":
        page.get_by_role("button", name="Add reading").click()
        form = page.get_by_test_id("entry-dialog")
        if form.get_by_role("button", name="NEWS2 round").get_attribute("aria-pressed") == "false":
            form.get_by_role("button", name="NEWS2 round").click()
        form.get_by_role("textbox", name="SpO2").fill("9x")
        form.get_by_role("textbox", name="Temperature").fill("386")
        form.get_by_text("On oxygen").click()
        form.get_by_text("Voice").click()
        form.get_by_text("Earlier").click()
        expect(form.get_by_text("Check: 386")).to_be_visible()
    else:
        opener = "Mark as wrong: " if name == "wrong" else "Acknowledge and close: "
        page.get_by_role("button", name=opener).first.click()
        page.get_by_test_id(f"{name}-dialog").get_by_role("radio", name="Artefact").check()
    expect(page.get_by_test_id(f"{name}-dialog")).to_be_visible()


DIALOGS = ("entry", "close", "wrong")


@pytest.mark.parametrize("name", DIALOGS)
def test_dialogs(page: Page, alert: str, name: str) -> None:
    open_dialog(page, name)
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_silence(page: Page) -> None:
    """A gateway with its alert, one without, and the pipeline itself."""

    def silenced(route: Route) -> None:
        worklist = route.fetch().json()
        [ada] = [row["alert"] for row in worklist["rows"] if row["patient"] == "ada"]
        alert = ada | {"id": "g-1", "patient": None, "patient_name": None, "gateway": "gw-1", "priority": "technical"}
        since = worklist["server_time"]
        rows = [row | {"silence": {"since": since, "cause": "pipeline"}} for row in worklist["rows"]]
        gateways = [
            {"gateway": "gw-1", "seen_at": since, "alert": alert},
            {"gateway": "gw-2", "seen_at": since, "alert": None},
        ]
        route.fulfill(json=worklist | {"gateways": gateways, "rows": rows})

    page.route("**/api/worklist", silenced)
    page.route("**/api/live", lambda route: route.abort())
    page.goto("/")
    expect(page.get_by_test_id("gateway-gw-1")).to_contain_text("Gateway gw-1 is silent since")
    expect(page.get_by_test_id("gateway-gw-2").get_by_role("button")).to_have_count(0)
    expect(page.get_by_test_id("silent-pipeline")).to_be_visible()
    expect(page.get_by_test_id("row-eve")).to_contain_text("(vitalstream itself)")
    assert violations(page) == []
    page.unroute_all()


def test_not_found(page: Page) -> None:
    page.goto("/patients/nobody")
    expect(page.get_by_test_id("not-found")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize(("status", "state"), [(500, "server-error"), (403, "forbidden")])
def test_errors(page: Page, status: int, state: str) -> None:
    path = "**/api/patients/eve"
    page.route(path, lambda route: route.fulfill(status=status, json={"error": {"message": "no"}}))
    page.goto("/patients/eve")
    expect(page.get_by_test_id(state)).to_be_visible()
    page.unroute(path)
    assert violations(page) == []


def test_a_planted_break_is_found(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_test_id("row-ada")).to_be_visible()
    page.evaluate("() => document.querySelector('main').append(document.createElement('img'))")
    assert [line.partition(":")[0] for line in violations(page)] == ["image-alt, light", "image-alt, dark"]


def test_stream_lost(page: Page) -> None:
    # Last, because the page's clock stays wrong.
    page.clock.install()
    page.goto("/")
    expect(page.get_by_test_id("row-ada")).to_be_visible()
    page.route("**/api/live", lambda route: route.abort())
    page.clock.fast_forward(20_000)
    expect(page.get_by_test_id("stream-lost")).to_be_visible()
    assert violations(page) == []


def test_phone(browser: Browser, site: Installation, nurse: Account, alert: str) -> None:
    with context(browser, site, size=PHONE) as made:
        page = signed_in(made, nurse)
        for path, landmark in (
            ("/", "worklist"),
            ("/patients/ada", "patient-header"),
            (f"/alerts/{alert}", f"alert-{alert}"),
        ):
            page.goto(path)
            expect(page.get_by_test_id(landmark)).to_be_visible()
            assert violations(page) == []
            width = page.evaluate("() => document.documentElement.scrollWidth")
            assert width <= PHONE[0], f"{path} scrolls sideways"
        for name in DIALOGS:
            open_dialog(page, name)
            assert violations(page) == []
            form = page.get_by_test_id(f"{name}-dialog")
            assert form.evaluate("form => form.scrollWidth <= form.clientWidth"), f"{name} is cut off"


def test_no_patients(browser: Browser, site: Installation, nurse: Account) -> None:
    def emptied(route: Route) -> None:
        worklist = route.fetch().json()
        route.fulfill(json=worklist | {"rows": [], "counts": dict.fromkeys(worklist["counts"], 0)})

    with context(browser, site) as made:
        made.route("**/api/worklist", emptied)
        made.route("**/api/live", lambda route: route.abort())
        page = signed_in(made, nurse)
        expect(page.get_by_test_id("empty-state")).to_be_visible()
        assert violations(page) == []


def test_sign_in(browser: Browser, site: Installation) -> None:
    with context(browser, site) as made:
        page = made.new_page()
        page.goto("/")
        page.get_by_role("textbox", name="User").fill("nobody")
        page.get_by_role("textbox", name="Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("status")).to_contain_text("wrong")
        assert violations(page) == []
