"""One Chromium for all browser tests, one `up` for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.browsing import launch
from tests.running import Installation, installation


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Installation]:
    with installation() as running:
        running.up()
        yield running
