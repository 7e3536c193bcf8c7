"""axe-core finds nothing on any screen, in both colour schemes and on a phone's width."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import get_args

import httpx
import paho.mqtt.publish as publish
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.browsing import DESKTOP, PHONE, Account, Scheme, add_account, context, signed_in, violations
from tests.running import Installation

pytestmark = pytest.mark.browser

NAMES = {"ada": "Ada Novak", "jon": "Jonas Weiss", "eve": "Eve Silva"}


@pytest.fixture(scope="module")
def nurse(site: Installation) -> Account:
    """A clinician with three patients: one with two alerts and an improbable value, one well, one never heard of."""
    for patient, name in NAMES.items():
        site.json("patient", "add", patient, "--name", name, "--born", "1951-03-28", "--programme", "copd")
    for patient, values in (
        ("ada", [("body_temp", 39.5, "C"), ("spo2", 41, "%")]),
        ("jon", [("heart_rate", 71, "bpm")]),
    ):
        password = site.json("device", "add", f"d-{patient}", "--patient", patient)["password"]
        readings = [{"metric": metric, "value": value, "unit": unit} for metric, value, unit in values]
        publish.single(
            f"vitalstream/v1/d-{patient}/readings",
            json.dumps(readings),
            qos=1,
            hostname="127.0.0.1",
            port=site.mqtt_port,
            client_id=f"d-{patient}",
            auth={"username": f"d-{patient}", "password": password},
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


@pytest.fixture(
    scope="module",
    params=[*((scheme, DESKTOP) for scheme in get_args(Scheme)), ("light", PHONE)],
    ids=lambda value: f"{value[0]}-{value[1][0]}px",
)
def page(request: pytest.FixtureRequest, browser: Browser, site: Installation, nurse: Account) -> Iterator[Page]:
    scheme, size = request.param
    with context(browser, site, scheme=scheme, size=size) as made:
        yield signed_in(made, nurse)


@pytest.fixture
def new_page(page: Page) -> Iterator[Page]:
    """A second page with the first one's look and sign-in, for what has to be faked."""
    made = page.context.new_page()
    yield made
    made.close()


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


def test_not_found(page: Page) -> None:
    page.goto("/patients/nobody")
    expect(page.get_by_test_id("not-found")).to_be_visible()
    assert violations(page) == []


def test_empty(new_page: Page) -> None:
    def emptied(route: Route) -> None:
        worklist = route.fetch().json()
        route.fulfill(json=worklist | {"rows": [], "counts": dict.fromkeys(worklist["counts"], 0)})

    new_page.route("**/api/worklist", emptied)
    new_page.route("**/api/live", lambda route: route.abort())
    new_page.goto("/")
    # The other page leads the stream for all tabs; here nothing but the answer above is to be seen.
    expect(new_page.get_by_test_id("empty-state").or_(new_page.get_by_test_id("worklist"))).to_be_visible()
    assert violations(new_page) == []


@pytest.mark.parametrize(("status", "state"), [(500, "server-error"), (403, "forbidden")])
def test_errors(new_page: Page, status: int, state: str) -> None:
    new_page.route("**/api/patients/ada", lambda route: route.fulfill(status=status, json={"error": {"message": "no"}}))
    new_page.goto("/patients/ada")
    expect(new_page.get_by_test_id(state)).to_be_visible()
    assert violations(new_page) == []


def test_stream_lost(page: Page) -> None:
    # Last, because the page's clock stays wrong.
    page.clock.install()
    page.goto("/")
    expect(page.get_by_test_id("row-ada")).to_be_visible()
    page.route("**/api/live", lambda route: route.abort())
    page.clock.fast_forward(20_000)
    expect(page.get_by_test_id("stream-lost")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_sign_in(browser: Browser, site: Installation, scheme: Scheme) -> None:
    with context(browser, site, scheme=scheme) as made:
        page = made.new_page()
        page.goto("/")
        page.get_by_role("textbox", name="User").fill("nobody")
        page.get_by_role("textbox", name="Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("status")).to_contain_text("wrong")
        assert violations(page) == []
