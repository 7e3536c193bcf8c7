"""The ten hardest cases of docs/hardest-cases.md, from the journal to the chart on real PostgreSQL.

Rules are this file's own, so that a change of a shipped limit changes nothing here: SpO2 below 88 % for 5 min with no
gap over 2 min; fever from 38.1 °C; a weight gain of more than 1.36 kg within 3 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from alerts.online import OnlineEngine
from alerts.rules import Limit
from storage.chart.corrections import mark_wrong
from storage.connection import connect
from storage.scope import Scope
from tests.charting import register
from tests.disorder.scenes import DAY, MINUTE, rule
from tests.processing import SECOND_US, START_US, Line, reading
from vitals.identity import identity, observation_id
from vitals.reading import Flag, Reading

RULES = (
    rule("low", "sustained", "spo2", Limit("<", 88), for_us=5 * MINUTE, max_gap_us=2 * MINUTE),
    rule("fever", "threshold", "body_temp", Limit(">=", 38.1), cleared=Limit("<", 38.0)),
    rule(
        "gain",
        "delta",
        "body_weight",
        Limit(">", 1.36),
        cleared=Limit("<=", 0.9),
        window_us=3 * DAY,
        against="nearest",
    ),
)
DEVICE = "device-1"
#: 2026-10-24T22:30:00Z is 00:30 on Sunday 25 October in Berlin, a day of 25 hours.
SUNDAY_S = (1_792_881_000_000_000 - START_US) // SECOND_US
HOUR_S = 3600

#: Rule, condition, opened and cleared in seconds since the start, late.
Told = tuple[str, str, int, int | None, bool]


@pytest.fixture
def line(any_database: str) -> Line:
    made = Line(any_database, lambda: OnlineEngine(RULES))
    register(made.dsn, "anna", DEVICE)
    with psycopg.connect(made.dsn, autocommit=True) as connection:
        connection.execute("UPDATE patient SET zone = 'Europe/Berlin'")
    return made


def spo2(second: int, value: str, *, late_s: int = 0, flags: int = 0) -> Reading:
    return replace(reading("spo2", "%", DEVICE, second, value, late_s=late_s), flags=Flag(flags))


def temperature(second: int, value: str, unit: str = "Cel", *, late_s: int = 0) -> Reading:
    return reading("body_temp", unit, DEVICE, second, value, late_s=late_s)


def weight(second: int, value: str, unit: str = "kg") -> Reading:
    return reading("body_weight", unit, DEVICE, second, value)


async def said(line: Line, *groups: Sequence[Reading]) -> list[Told]:
    """What stands after these groups, each applied by an engine of its own, in order of rule and opening."""
    for group in groups:
        await line.append(group, shard_key="anna")
        counts = await line.apply()
        assert counts.balanced
    rows = line.rows(
        "SELECT rule, condition, us_of(opened_at), us_of(cleared_at), late FROM alert ORDER BY rule, opened_at, id"
    )
    return [
        (str(name), str(condition), _second(opened), None if cleared is None else _second(cleared), bool(late))
        for name, condition, opened, cleared, late in rows
    ]


def _second(us: object) -> int:
    assert isinstance(us, int)
    return (us - START_US) // SECOND_US


def because(line: Line, change: str) -> list[object]:
    """Values of the readings that caused changes of this sort, in order."""
    rows = line.rows(f"SELECT because ->> 'value' FROM alert_change WHERE change = '{change}' ORDER BY key")
    return [value for (value,) in rows]


async def test_a_burst_of_old_samples_is_as_long_as_it_was_measured(line: Line) -> None:
    burst = [spo2(n, "85", late_s=3 * HOUR_S - n) for n in range(200)]
    assert await said(line, burst) == [], "200 samples received at once, measured within 200 s"
    longer = [spo2(n, "85", late_s=3 * HOUR_S - n) for n in range(200, 301)]
    assert await said(line, longer) == [("low", "active", 300, None, False)]


async def test_a_gap_inside_a_dwell_is_no_breach(line: Line) -> None:
    before = [spo2(n, "85") for n in range(0, 200, 20)]
    after = [spo2(n, "85") for n in range(480, 601, 20)]
    assert await said(line, before, after) == [], "10 min from first to last, but nobody looked for 5 of them"
    # A dwell that starts after the gap counts, and once open no silence clears it.
    more = [spo2(n, "85") for n in range(620, 781, 20)]
    assert await said(line, more, [spo2(9 * HOUR_S, "85")]) == [("low", "active", 780, None, False)]


async def test_a_late_critical_reading_is_an_alert_that_is_over(line: Line) -> None:
    assert await said(line, [temperature(600, "36.8")]) == []
    assert await said(line, [temperature(0, "40.2", late_s=2 * HOUR_S)]) == [("fever", "cleared", 0, 600, True)]
    assert line.rows("SELECT count(*) FROM alert_act") == [(0,)], "nobody has seen it yet: it waits for a person"


async def test_a_late_normal_reading_inside_a_breach_takes_the_alert_back(line: Line) -> None:
    low = [spo2(n, "85") for n in range(0, 301, 20)]
    assert await said(line, low) == [("low", "active", 300, None, False)]
    assert await said(line, [spo2(150, "95", late_s=600)]) == [("low", "retracted", 300, None, False)]
    assert because(line, "retracted") == ["95"], "and says which reading changed its mind"
    # The breach goes on: five minutes after the normal reading there is an alert, of its own.
    again = await said(line, [spo2(n, "85") for n in range(320, 461, 20)])
    assert again[1:] == [("low", "active", 460, None, False)]


async def test_a_restart_inside_a_dwell_forgets_nothing(line: Line) -> None:
    # Each group is applied by an engine that knows nothing but what is stored.
    parts = [[spo2(n, "85") for n in range(start, start + 60, 20)] for start in range(0, 300, 60)]
    assert await said(line, *parts) == []
    assert await said(line, [spo2(300, "85")]) == [("low", "active", 300, None, False)]


async def test_the_same_identity_with_another_value_changes_nothing(line: Line) -> None:
    fever = [("fever", "active", 60, None, False)]
    assert await said(line, [temperature(60, "39.0")]) == fever
    assert await said(line, [temperature(60, "36.6")], [temperature(60, "39.00")]) == fever
    assert line.rows("SELECT reason FROM quarantine") == [("conflict",)], "39.00 is the same measurement, 36.6 is not"
    assert line.rows("SELECT value_1 FROM observation") == [(39.0,)]


async def test_the_night_in_which_an_hour_comes_twice(line: Line) -> None:
    # A dwell over the change of the clock, from 02:57 CEST to 02:02 CET: five minutes, not minus 55 nor 65.
    night = SUNDAY_S + 2 * HOUR_S + 27 * 60
    dwell = [spo2(night + n, "85") for n in range(0, 301, 60)]
    assert await said(line, dwell[:-1]) == []
    assert await said(line, dwell[-1:]) == [("low", "active", night + 300, None, False)]
    # Sunday has 25 hours: a weight at 23:30 is still its second one, a day and an hour after the first at 00:30.
    sunday = [weight(SUNDAY_S, "80.0"), weight(SUNDAY_S + 24 * HOUR_S, "82.0")]
    assert [one for one in await said(line, sunday) if one[0] == "gain"] == []
    monday = SUNDAY_S + 25 * HOUR_S
    assert ("gain", "active", monday, None, False) in await said(line, [weight(monday, "82.0")])


async def test_a_change_of_unit_is_no_change_of_weight(line: Line) -> None:
    days = [24 * HOUR_S * n for n in range(3)]
    assert await said(line, [weight(days[0], "81.4")], [weight(days[1], "179.5", "[lb_av]")]) == []
    gained = [weight(days[2], "183.0", "[lb_av]")]  # 1.59 kg more than the 179.5 lb of the day before
    assert await said(line, gained) == [("gain", "active", days[2], None, False)]
    fever = await said(line, [temperature(0, "100.5", "[degF]")], [temperature(60, "100.6", "[degF]")])
    assert [one for one in fever if one[0] == "fever"] == [("fever", "active", 60, None, False)], "38.06 and 38.11 °C"


async def test_a_sensor_that_falls_off_during_a_breach_clears_nothing(line: Line) -> None:
    low = [spo2(n, "85") for n in range(0, 301, 20)]
    off = [spo2(n, "99", flags=Flag.NO_CONTACT) for n in range(320, 901, 20)]
    assert await said(line, low, off) == [("low", "active", 300, None, False)]
    assert await said(line, [spo2(920, "95")]) == [("low", "cleared", 300, 920, False)]


async def test_the_correction_of_the_opening_reading_moves_or_takes_back_the_alert(line: Line) -> None:
    assert await said(line, [temperature(0, "41.9"), temperature(600, "38.4")]) == [("fever", "active", 0, None, False)]
    await wrong(line, 0)
    assert await said(line) == [("fever", "active", 600, None, False)]
    await wrong(line, 600)
    assert [one[:2] for one in await said(line)] == [("fever", "retracted")]
    # The readings are still there, entered in error; sent again they are duplicates and no news.
    assert [one[:2] for one in await said(line, [temperature(0, "41.9")])] == [("fever", "retracted")]
    assert line.rows("SELECT status, version FROM observation") == [(2, 2), (2, 2)]


async def wrong(line: Line, second: int) -> None:
    """A clinician marks the temperature measured then as wrong; the processor acts on it."""
    name = observation_id(identity(DEVICE, "body_temp", (START_US + second * SECOND_US) * 1000, second), "anna")
    async with await connect(line.dsn, application_name="test") as connection:
        assert await mark_wrong(connection, Scope(1), name, "artefact", None, "ada") is not None
    await line.apply()
