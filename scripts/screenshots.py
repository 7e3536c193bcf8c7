"""The README's pictures: starts a demo, waits for its alerts, and photographs the dashboard into docs/img.

Run it with `.venv/bin/python -m scripts.screenshots` after `make setup`; it needs Chromium and about a minute.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.system_tools import find_browser, why_not

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "img"

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
LOW: ViewportSize = {"width": 1440, "height": 680}
PHONE: ViewportSize = {"width": 390, "height": 844}

#: The demo's last story tells its alert within 50 s of the URL.
STORIES_S = 75.0
START_S = 60.0
#: README pages load on slow lines too.
PICTURE_MAX_B = 400_000

_SIGN_IN = re.compile(r"(http://\S+) +sign in as (\S+) with (\S+)")


@dataclass(frozen=True)
class Demo:
    """A running demo: where it is and how to sign in."""

    url: str
    user: str
    password: str


@dataclass(frozen=True)
class Picture:
    """One picture: `pose` brings the page into the state to be shown."""

    name: str
    pose: Callable[[Page], Awaitable[None]]
    size: ViewportSize
    dark: bool = False
    scale: float = 1.5


@asynccontextmanager
async def demo() -> AsyncIterator[Demo]:
    """A demo in a process of its own, ended afterwards."""
    command = [sys.executable, "-m", "vitalstream", "demo", "--patients", "20"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_S):
            running = await _signs_in(process.stderr)
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _signs_in(said: asyncio.StreamReader) -> Demo:
    async for line in said:
        if match := _SIGN_IN.search(line.decode()):
            return Demo(*match.groups())
    raise SystemExit("the demo ended before it served; run `make demo` and see what it says")


async def worklist(page: Page) -> None:
    """Everybody, the worst on top."""
    await page.goto("/")
    await expect(page.get_by_test_id("worklist")).to_be_visible()


async def patient(page: Page) -> None:
    """The patient whose oxygen saturation has fallen, with an hour of trends."""
    await page.goto("/patients/p-001?hours=1")
    await expect(page.get_by_role("figure").first.locator("canvas")).to_be_visible()


async def entry(page: Page) -> None:
    """A round of vitals entered by hand, with a value that deserves a second look."""
    await patient(page)
    await page.get_by_role("button", name="Add reading").click()
    form = page.get_by_test_id("entry-dialog")
    await form.get_by_role("button", name="NEWS2 round").click()
    typed = {"Respiratory rate": "18", "SpO2": "93", "Systolic": "128", "Diastolic": "79", "Heart rate": "88"}
    for label, value in typed.items():
        await form.get_by_role("textbox", name=label).fill(value)
    await form.get_by_text("On oxygen").click()
    await form.get_by_role("textbox", name="Oxygen flow").fill("2")
    await form.get_by_role("textbox", name="Temperature").fill("386")
    await form.get_by_text("Alert", exact=True).click()
    await expect(form.get_by_text("Check: 386")).to_be_visible()


async def close(page: Page) -> None:
    """An alert is closed with what it was."""
    await patient(page)
    await page.get_by_role("button", name="Acknowledge and close: ").first.click()
    await page.get_by_role("radio", name="Artefact").check()


async def wrong(page: Page) -> None:
    """The list of readings, one of them being marked as wrong."""
    await patient(page)
    await page.get_by_test_id("readings").scroll_into_view_if_needed()
    await page.get_by_role("button", name="Mark as wrong: SpO2").first.click()
    await page.get_by_role("radio", name="Artefact").check()


async def alert(page: Page) -> None:
    """How a score explains itself."""
    await page.goto("/patients/p-005?hours=1")
    await expect(page.get_by_role("figure").first.locator("canvas")).to_be_visible()
    address = await page.get_by_role("article").first.get_by_role("link").first.get_attribute("href")
    assert address is not None
    await page.goto(address)
    await expect(page.get_by_role("heading", name="Rule", exact=True)).to_be_visible()


async def devices(page: Page) -> None:
    """Staff's view of the fleet, and the code that opens a new cuff."""
    await _claimable(page, "cuff-17")
    await page.goto("/devices")
    await page.get_by_role("searchbox").fill("cuff-17")
    await page.get_by_role("button", name="Show code: cuff-17").click()
    await page.get_by_role("radio", name="On this screen").check()
    await page.get_by_role("button", name="Make the code").click()
    await expect(page.get_by_test_id("claim-code")).to_be_visible()


async def claim(page: Page) -> None:
    """A patient's new cuff waits for its first reading."""
    code = await _claimable(page, "cuff-18")
    await page.goto(f"/claim?patient=p-001&code={code}")
    await page.get_by_role("button", name="Yes, this is it").click()
    await expect(page.get_by_test_id("claim")).to_have_attribute("data-step", "waiting")


async def _claimable(page: Page, device: str) -> str:
    """A Bluetooth cuff with an open code for the first patient."""
    box = {"id": device, "transport": "ble", "maker": "A&D", "model": "UA-651BLE", "serial": "5170800471"}
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        ("/api/devices", box),
        (f"/api/devices/{device}/kit", {"patient": "p-001"}),
        (f"/api/devices/{device}/claim-code", {"kind": "printed"}),
    )
    for path, body in asked:
        answer = await page.request.post(path, data=body, headers={"X-Requested-With": "vitalstream"})
        await expect(answer).to_be_ok()
    code: str = (await answer.json())["code"]
    return code


PICTURES = (
    Picture("worklist-light", worklist, DESKTOP),
    Picture("worklist-dark", worklist, DESKTOP, dark=True),
    Picture("patient", patient, DESKTOP),
    Picture("alert", alert, DESKTOP, dark=True),
    Picture("phone", worklist, PHONE, scale=2),
    Picture("entry", entry, DESKTOP),
    Picture("close", close, PHONE, dark=True, scale=2),
    Picture("wrong", wrong, DESKTOP),
    Picture("devices", devices, LOW),
    Picture("claim", claim, PHONE, scale=2),
)


async def wait_for_stories(browser: Browser, running: Demo) -> None:
    """Until the alerts of all stories stand on the worklist."""
    page = await signed_in(browser, running, PICTURES[0])
    await page.goto("/")
    for priority, count in (("high", 4), ("medium", 8), ("low", 3), ("technical", 2)):
        await expect(page.get_by_test_id(f"count-{priority}")).to_have_text(str(count), timeout=STORIES_S * 1000)
    await page.context.close()


async def signed_in(browser: Browser, running: Demo, picture: Picture) -> Page:
    """A page in the picture's size and colours, in a browser profile of its own."""
    context = await browser.new_context(
        base_url=running.url,
        viewport=picture.size,
        device_scale_factor=picture.scale,
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    answer = await context.request.post("/api/sign-in", data={"user": running.user, "password": running.password})
    await expect(answer).to_be_ok()
    return await context.new_page()


async def take(browser: Browser, running: Demo, picture: Picture, folder: Path) -> Path:
    """Photographs into `folder` and returns the file."""
    page = await signed_in(browser, running, picture)
    await picture.pose(page)
    await page.evaluate("() => document.fonts.ready")
    path = folder / f"{picture.name}.png"
    await page.screenshot(path=path, animations="disabled", caret="hide")
    await page.context.close()
    size = path.stat().st_size
    if size > PICTURE_MAX_B:
        raise SystemExit(f"{path.name} has {size} bytes, {PICTURE_MAX_B} are allowed: lower its scale")
    return path


async def main() -> None:
    """All pictures or none: they replace the old ones only when the last one is good."""
    if reason := why_not("browser"):
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as folder:
        async with demo() as running, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            await wait_for_stories(browser, running)
            paths = [await take(browser, running, picture, Path(folder)) for picture in PICTURES]
            await browser.close()
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in paths:
            target = FOLDER / path.name
            target.write_bytes(path.read_bytes())
            print(f"{target.relative_to(ROOT)}  {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    asyncio.run(main())
