"""Programs from outside that some tests drive: where they are, and what to say when they are not there."""

from __future__ import annotations

import os
import shutil
import sys

# Debian keeps the broker where an ordinary user's PATH does not look.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])

# Any Chromium will do; Debian's come first because they start fastest.
_BROWSERS = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_browser() -> str | None:
    """Path of a Chromium: the one that VITALSTREAM_BROWSER names, else the first of the usual ones."""
    named = os.environ.get("VITALSTREAM_BROWSER")
    return shutil.which(named) if named else next(filter(None, map(find_program, _BROWSERS)), None)


def find_program(name: str) -> str | None:
    """Path of a program on PATH or where the system keeps its services."""
    return shutil.which(name, path=_PATH)


def why_not(marker: str) -> str | None:
    """The reason why tests with this marker cannot run here, with the remedy; None when they can."""
    match marker:
        case "browser" if find_browser() is None:
            return "no Chromium found: apt-get install chromium, or name one in VITALSTREAM_BROWSER"
        case "mosquitto" if not (find_program("mosquitto") and find_program("mosquitto_pub")):
            return "no Mosquitto found: apt-get install mosquitto mosquitto-clients"
        case "dbus" if sys.platform != "linux" or not find_program("dbus-daemon"):
            return "no dbus-daemon found (Linux only): apt-get install dbus-daemon"
        case "timescale" if not os.environ.get("VITALSTREAM_TEST_TIMESCALE_URL"):
            return "no TimescaleDB named: set VITALSTREAM_TEST_TIMESCALE_URL to a server for tests"
        case _:
            return None


def is_continuous_integration() -> bool:
    """Where a missing tool must not pass for a green run."""
    return os.environ.get("CI", "").lower() in {"1", "true"}
