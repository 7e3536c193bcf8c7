"""What holds for every test: hypothesis' profiles, programs from outside, and skips that are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import hypothesis
import pytest

from tests.system_tools import is_continuous_integration, why_not

# Fixtures that several folders share live in modules of their own; name them here.
pytest_plugins = ["tests.fixtures_postgres"]

# Every day: the same examples each time, so a red run means a change. No deadline: shared cores are uneven.
hypothesis.settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
# `make test-long`: fresh examples each time; the blob in a failure's message brings one back.
hypothesis.settings.register_profile("long", max_examples=20_000, derandomize=False, print_blob=True, deadline=None)
hypothesis.settings.load_profile("ci")

_NEEDS_A_PROGRAM = ("browser", "dbus", "mosquitto", "timescale")
# Packages bring these everywhere, so continuous integration has no excuse; TimescaleDB is in no distribution.
_OWED_IN_CI = ("browser", "dbus", "mosquitto")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run here, each with its reason."""
    reasons = {marker: why_not(marker) for marker in _NEEDS_A_PROGRAM}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration a test that is skipped for want of such a program has failed."""
    report = yield
    owed = is_continuous_integration() and any(item.get_closest_marker(marker) for marker in _OWED_IN_CI)
    if owed and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were skipped and why, as the last thing on the screen."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section(f"skipped: {reasons.total()}")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} × {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
