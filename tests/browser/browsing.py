"""A browser on a running `up`: signed-in pages that reach nothing but our server, and axe-core over them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

from tests.running import Installation
from tests.system_tools import find_browser

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

#: A commit reaches every page in well under a second; shared cores are uneven.
PATIENCE_MS = 10_000

DESKTOP = (1440, 900)
PHONE = (390, 844)

Scheme = Literal["light", "dark"]


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, headless."""
    expect.set_options(timeout=PATIENCE_MS)
    return playwright.chromium.launch(
        executable_path=find_browser(),
        # Containers have no user namespaces and a small /dev/shm.
        args=["--no-sandbox", "--disable-dev-shm-usage"],
    )


@dataclass
class Watched:
    """A context and what must not happen in it."""

    context: BrowserContext
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        # The browser itself reports refused requests; each of them is a state that some test looks at.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)


@contextmanager
def context(
    browser: Browser,
    site: Installation,
    *,
    size: tuple[int, int] = DESKTOP,
) -> Iterator[BrowserContext]:
    """A new browser profile; at its end nothing was asked of another origin and no script has failed."""
    made = browser.new_context(
        base_url=site.url,
        reduced_motion="reduce",
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    made.set_default_timeout(PATIENCE_MS)
    watched = Watched(made)
    made.on("request", lambda request: None if ours(site, request.url) else watched.strangers.append(request.url))
    made.on("console", watched.heard)
    made.on("weberror", lambda error: watched.complaints.append(str(error.error)))
    try:
        yield made
    finally:
        made.close()
    assert watched.strangers == []
    assert watched.complaints == []


def ours(site: Installation, url: str) -> bool:
    """Whether a request stays with our server or never leaves the page."""
    return url.startswith((f"{site.url}/", "data:", "blob:"))


@dataclass(frozen=True)
class Account:
    """Who signs in."""

    user: str
    password: str


def add_account(site: Installation, user: str, *options: str) -> Account:
    """A new account by the command line."""
    made = site.json("user", "add", user, *options)
    return Account(made["user"], made["password"])


def signed_in(context: BrowserContext, account: Account, path: str = "/") -> Page:
    """A page on `path`; the cookie is fetched beside it, as the form would."""
    answer = context.request.post("/api/sign-in", data={"user": account.user, "password": account.password})
    assert answer.ok, answer.text()
    page = context.new_page()
    page.goto(path)
    return page


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is, in both colour schemes: rule, element and remedy, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    lines = []
    for scheme in get_args(Scheme):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
        found: list[dict[str, Any]] = page.evaluate(
            f"() => axe.run(document, {{runOnly: {json.dumps(AXE_TAGS)}}}).then(result => result.violations)"
        )
        lines += [
            f"{one['id']}, {scheme}: {node['html'][:200]} {node['failureSummary']}".replace("\n", " ")
            for one in found
            for node in one["nodes"]
        ]
    return lines
