"""Silence: how long, over which devices, and without the time in which nothing could have been seen."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.kinds.absence import due_us
from alerts.rules import Rule
from tests.unit.alerts.both_ways import Told, every_way
from tests.unit.alerts.stored import DAY, HOUR, rule, sample
from vitals.events import PatientContext
from vitals.reading import Flag

#: A weight every day, six hours of grace: silence counts from 30 h on.
DAILY = rule("no-weight", "absence", "body_weight", every_us=DAY, for_us=30 * HOUR)
ANYTHING = rule("nothing", "absence", "any", every_us=HOUR, for_us=90 * 60_000_000)
DUE = 30 * HOUR


def weight(at_us: int, device: int = 1, **more: Any) -> tuple[Any, ...]:
    return sample(at_us, 80.0, "body_weight", device=device, **more)


def told(one: Rule, rows: list[tuple[Any, ...]], until_us: int, blind: tuple[tuple[int, int], ...] = ()) -> list[Told]:
    return every_way(one, rows, until_us, PatientContext(1, "p", blind=blind))


@pytest.mark.parametrize(
    ("second_us", "until_us", "expected"),
    [
        (None, DUE, []),  # the grace lasts to the end of that instant
        (None, DUE + 1, [(DUE, 0, 0, -1)]),
        (None, 40 * DAY, [(DUE, 0, 0, -1)]),
        (DAY, 2 * DAY, []),
        (DUE, 2 * DAY, []),  # a reading at the very instant is in time
        (DUE + 1, 2 * DAY, [(DUE, 0, 0, 1)]),
        (DUE + 1, 2 * DUE + 1, [(DUE, 0, 0, 1)]),
        (DUE + 1, 2 * DUE + 2, [(DUE, 0, 0, 1), (2 * DUE + 1, 1, 1, -1)]),
    ],
)
def test_silence(second_us: int | None, until_us: int, expected: list[Told]) -> None:
    rows = [weight(0)] if second_us is None else [weight(0), weight(second_us)]
    assert told(DAILY, rows, until_us) == expected


def test_who_never_sent_anything_has_nothing_to_miss() -> None:
    assert told(DAILY, [], 40 * DAY) == []


@pytest.mark.parametrize(
    ("blind", "due"),
    [
        ((), DUE),
        (((10 * HOUR, 12 * HOUR),), DUE + 2 * HOUR),
        (((-5 * HOUR, 2 * HOUR),), DUE + 2 * HOUR),  # only what lies after the reading
        (((-5 * HOUR, 0),), DUE),
        (((-5 * HOUR, 1),), DUE + 1),
        (((DUE - 1, DUE + HOUR),), DUE + HOUR + 1),  # it begins with one instant to go
        (((DUE, DUE + HOUR),), DUE),  # the silence was long enough before
        (((HOUR, 3 * HOUR), (29 * HOUR, 30 * HOUR), (31 * HOUR, 36 * HOUR)), DUE + 8 * HOUR),
        (((HOUR, 3 * HOUR), (32 * HOUR, 33 * HOUR)), DUE + 2 * HOUR),
    ],
)
def test_blindness_stops_the_clock(blind: tuple[tuple[int, int], ...], due: int) -> None:
    assert due_us(0, DUE, blind) == due
    assert told(DAILY, [weight(0)], due, blind) == []
    assert told(DAILY, [weight(0)], due + 1, blind) == [(due, 0, 0, -1)]
    assert told(DAILY, [weight(0), weight(due)], due, blind) == []
    assert told(DAILY, [weight(0), weight(due + 1)], due + 1, blind) == [(due, 0, 0, 1)]


def test_two_scales_are_one_patient() -> None:
    rows = [weight(0, 1), weight(20 * HOUR, 2), weight(40 * HOUR, 1), weight(60 * HOUR, 2)]
    assert told(DAILY, rows, 61 * HOUR) == [], "each is silent for 40 h, the patient is not"
    assert told(DAILY, rows, 91 * HOUR) == [(90 * HOUR, 3, 3, -1)]
    # The other scale ends it.
    late = [weight(0, 1), weight(40 * HOUR, 2)]
    assert told(DAILY, late, 41 * HOUR) == [(DUE, 0, 0, 1)]
    # Of the same instant the last in order is the last reading: that of the higher device number.
    assert told(DAILY, [weight(0, 2), weight(0, 1)], DUE + 1) == [(DUE, 0, 0, -1)]


def test_any_reading_at_all() -> None:
    rows = [
        weight(0),
        sample(HOUR, 95.0, "spo2", device=2),
        sample(2 * HOUR, 1.0, "sensor_contact", device=3),
        sample(3 * HOUR, 36.6, "body_temp", device=4),
        weight(5 * HOUR),
    ]
    assert told(ANYTHING, rows, 5 * HOUR) == [(4 * HOUR + HOUR // 2, 3, 3, 4)]


def test_a_doubted_reading_is_none() -> None:
    for flag in (Flag.IMPROBABLE, Flag.NO_CONTACT):
        rows = [weight(0), weight(DAY, flags=int(flag)), weight(2 * DAY)]
        assert told(DAILY, rows, 2 * DAY) == [(DUE, 0, 0, 2)]
