"""Weight against that of an earlier day: which readings count, which one they are compared with, when it clears."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.kinds.delta import Delta
from alerts.rules import Limit, Rule
from tests.unit.alerts.both_ways import every_way
from tests.unit.alerts.stored import DAY, HOUR, MINUTE, rule, sample
from vitals.events import PatientContext
from vitals.reading import Flag

#: Three pounds in a day or two, as kilograms.
GAIN: dict[str, Any] = {"raised": Limit(">", 1.36), "cleared": Limit("<=", 0.9)}

Spans = list[tuple[int, int, int]]
Weights = list[tuple[float, float]]


def gain(against: str = "nearest", days: int = 3, **more: Any) -> Rule:
    given = GAIN | {"window_us": days * DAY, "against": against} | more
    return rule("gain", "delta", "body_weight", **given)


def at(text: str) -> int:
    """Microseconds of a UTC time such as "2026-10-24T22:30"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def spans(one: Rule, weights: list[tuple[int, float]], zone: str = "UTC", **more: Any) -> Spans:
    """Positions of reference, raising and clearing reading; -1: still open. Times in microseconds."""
    rows = [sample(t, kg, "body_weight", sequence=i, **more) for i, (t, kg) in enumerate(weights)]
    found = every_way(one, rows, context=PatientContext(1, "p", zone=zone))
    assert all(opened_us == rows[completing][7] for opened_us, _, completing, _ in found)
    return [told[1:] for told in found]


def mornings(*kilograms: float | None) -> list[tuple[int, float]]:
    """One reading a day at 07:00 from 2026-03-02 on, None on days without."""
    start = at("2026-03-02T07:00")
    return [(start + day * DAY, kg) for day, kg in enumerate(kilograms) if kg is not None]


@pytest.mark.parametrize(
    ("raised", "kilograms", "expected"),
    [
        # 82.36 - 81.0 is 1.3599999999999994 in binary, and 1.36 to everyone else.
        (Limit(">=", 1.36), (81.0, 82.36), [(0, 1, -1)]),
        (Limit(">", 1.36), (81.0, 82.36), []),
        (Limit(">", 1.36), (81.0, 82.37), [(0, 1, -1)]),
        (Limit(">=", 1.36), (81.0, 82.35), []),
        (Limit(">=", 1.36), (68.74, 70.1), [(0, 1, -1)]),
        (Limit("<=", -1.36), (82.36, 81.0), [(0, 1, -1)]),
    ],
)
def test_a_change_is_what_people_would_subtract(raised: Limit, kilograms: tuple[float, ...], expected: Spans) -> None:
    one = gain(raised=raised, cleared=Limit("<=", 0.9) if raised.upward else Limit(">=", -0.9))
    assert spans(one, mornings(*kilograms)) == expected


def test_pounds_meet_a_rule_in_kilograms_and_the_other_way_round() -> None:
    start = at("2026-03-02T07:00")
    pounds = [(start, 180.0), (start + DAY, 183.0), (start + 2 * DAY, 183.1)]
    # 3 lb are 1.360777 kg.
    assert spans(gain(), pounds, unit="[lb_av]") == [(0, 1, -1)]
    limits: dict[str, Any] = {"raised": Limit(">", 3), "cleared": Limit("<=", 2), "unit": "[lb_av]"}
    assert spans(gain(**limits), pounds[:2], unit="[lb_av]") == [], "exactly 3 lb, though both were charted in kg"
    assert spans(gain(**limits), pounds[::2], unit="[lb_av]") == [(0, 1, -1)]
    assert spans(gain(**limits), mornings(81.0, 82.36)) == [], "2.998 lb"
    assert spans(gain(**limits), mornings(81.0, 82.37)) == [(0, 1, -1)]


@pytest.mark.parametrize(
    ("against", "expected"),
    [
        # 80.0, 82.0, 81.0, then 82.37: nearest is 81.0, lowest 80.0, highest 82.0.
        ("nearest", [(0, 1, 2), (2, 3, -1)]),
        ("minimum", [(0, 1, -1)]),
        ("maximum", [(0, 1, -1)]),
    ],
)
def test_the_reference_while_an_alert_is_open(against: str, expected: Spans) -> None:
    cleared = Limit("<=", 1.0) if against == "nearest" else Limit("<=", 0.9)
    assert spans(gain(against, cleared=cleared), mornings(80.0, 82.0, 81.0, 82.37)) == expected


@pytest.mark.parametrize(
    ("against", "kilograms", "expected"),
    [
        ("nearest", (80.0, 81.0, 80.5, 81.8), []),
        ("minimum", (80.0, 81.0, 80.5, 81.8), [(0, 3, -1)]),
        ("maximum", (80.0, 81.0, 80.5, 82.3), []),
        ("maximum", (80.0, 81.0, 80.5, 82.37), [(1, 3, -1)]),
        # Of equal ones the later.
        ("minimum", (80.0, 80.0, 80.5, 81.8), [(1, 3, -1)]),
        ("maximum", (80.5, 80.5, 80.0, 81.9), [(1, 3, -1)]),
        # The window is three local days back, that day included.
        ("minimum", (80.0, None, None, 81.37), [(0, 1, -1)]),
        ("minimum", (80.0, None, None, None, 81.37), []),
        ("nearest", (80.0, None, None, 81.37), [(0, 1, -1)]),
        ("minimum", (80.0,), []),
        ("minimum", (), []),
    ],
)
def test_the_reference(against: str, kilograms: tuple[float | None, ...], expected: Spans) -> None:
    assert spans(gain(against), mornings(*kilograms)) == expected


def test_it_clears_against_the_reference_that_it_opened_with() -> None:
    # Opened against 80.0. 81.0 is less than the day before, and still 1.0 more than then.
    assert spans(gain(), mornings(80.0, 82.0, 81.0, 80.91)) == [(0, 1, -1)]
    assert spans(gain(), mornings(80.0, 82.0, 81.0, 80.9)) == [(0, 1, 3)]
    # Long after the reference has left the window too.
    days = (80.0, 82.0, 82.1, 82.2, 82.3, 82.4, 82.5, 82.6, 80.9, 80.9)
    assert spans(gain(), mornings(*days)) == [(0, 1, 8)]
    # Cleared, it starts again against what is nearest then.
    assert spans(gain(), mornings(80.0, 82.0, 80.9, 82.27)) == [(0, 1, 2), (2, 3, -1)]
    assert spans(gain(), mornings(80.0, 82.0, 80.9, 82.26)) == [(0, 1, 2)]


def test_only_the_first_reading_of_a_day_counts() -> None:
    start = at("2026-03-02T07:00")
    day = [(start, 80.0), (start + HOUR, 85.0), (start + DAY, 81.0), (start + DAY + HOUR, 86.0)]
    assert spans(gain(), day) == []
    # Neither as the reference, nor to clear.
    again = [(start, 80.0), (start + HOUR, 85.0), (start + DAY, 82.0), (start + DAY + HOUR, 80.0)]
    assert spans(gain(), again) == [(0, 2, -1)]


def test_of_the_same_instant_the_lower_sequence_is_first() -> None:
    start = at("2026-03-02T07:00")
    assert spans(gain(), [(start, 80.0), (start, 85.0), (start + DAY, 82.0)]) == [(0, 2, -1)]


def test_an_improbable_reading_is_not_the_first_of_its_day() -> None:
    start = at("2026-03-02T07:00")
    rows = [
        sample(start, 8.0, "body_weight", flags=int(Flag.IMPROBABLE)),
        sample(start + MINUTE, 80.0, "body_weight", sequence=1),
        sample(start + DAY, 81.37, "body_weight", sequence=2),
    ]
    assert [told[1:] for told in every_way(gain(), rows)] == [(1, 2, -1)]


@pytest.mark.parametrize(
    ("first", "second", "zone", "days"),
    [
        # Two sides of midnight in New York, one day in Greenwich.
        ("2026-03-03T04:59", "2026-03-03T05:00", "America/New_York", 2),
        ("2026-03-03T04:59", "2026-03-03T05:00", "UTC", 1),
        ("2026-03-02T23:59", "2026-03-03T00:00", "America/New_York", 1),
        ("2026-03-02T18:29", "2026-03-02T18:30", "Asia/Kolkata", 2),
        # 25 October 2026 in Berlin has 25 hours, from 22:00Z to 23:00Z.
        ("2026-10-24T21:59", "2026-10-24T22:00", "Europe/Berlin", 2),
        ("2026-10-24T22:00", "2026-10-25T22:59", "Europe/Berlin", 1),
        ("2026-10-25T22:59", "2026-10-25T23:00", "Europe/Berlin", 2),
        ("2026-10-25T00:30", "2026-10-25T01:30", "Europe/Berlin", 1),  # both 02:30 on the wall
        # 29 March 2026 in Berlin has 23, from 23:00Z to 22:00Z.
        ("2026-03-28T22:59", "2026-03-28T23:00", "Europe/Berlin", 2),
        ("2026-03-28T23:00", "2026-03-29T21:59", "Europe/Berlin", 1),
        ("2026-03-29T21:59", "2026-03-29T22:00", "Europe/Berlin", 2),
    ],
)
def test_days_are_the_patients_own(first: str, second: str, zone: str, days: int) -> None:
    found = spans(gain(), [(at(first), 80.0), (at(second), 82.0)], zone)
    assert found == ([(0, 1, -1)] if days == 2 else [])


@pytest.mark.parametrize(
    ("hours_us", "expected"),
    [
        (12 * HOUR - 1, []),
        (12 * HOUR, [(0, 1, -1)]),
    ],
)
def test_readings_closer_than_the_least_gap_are_not_compared(hours_us: int, expected: Spans) -> None:
    evening = at("2026-03-02T20:00")
    assert spans(gain(min_gap_us=12 * HOUR), [(evening, 80.0), (evening + hours_us, 82.0)]) == expected


def test_the_least_gap_leaves_the_day_before_that() -> None:
    evening = at("2026-03-02T20:00")
    days = [(evening - 2 * DAY, 79.0), (evening, 80.0), (evening + 11 * HOUR, 81.0)]
    assert spans(gain(min_gap_us=12 * HOUR), days) == [(0, 2, -1)]


def test_the_least_gap_does_not_hold_up_the_clearing() -> None:
    evening = at("2026-03-02T20:00")
    days = [(evening - 2 * DAY, 80.0), (evening, 82.0), (evening + 11 * HOUR, 80.5)]
    assert spans(gain(min_gap_us=12 * HOUR), days) == [(0, 1, 2)]


def test_the_window_reaches_over_the_night_with_an_hour_more() -> None:
    # The first reading of Thursday 22 October, and one late on Sunday, 96 h and 30 min later.
    days = [(at("2026-10-21T22:15"), 80.0), (at("2026-10-25T22:45"), 81.37)]
    assert spans(gain(), days, "Europe/Berlin") == [(0, 1, -1)]
    one = gain()
    assert Delta().lookback_us(one, PatientContext(1, "p")) > days[1][0] - days[0][0]
