"""NEWS2 as a rule: what counts and for how long, which scale, what an open alert holds on to, for whom it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from alerts import oracle
from alerts.kinds import KINDS
from alerts.online import OnlineEngine
from alerts.oracle import series_of, tracks_of
from alerts.rules import Limit, Rule
from tests.unit.alerts.both_ways import NOBODY, Told, every_way
from tests.unit.alerts.stored import DAY, HOUR, SECOND, Store, group, keys, rule, sample
from vitals.events import PatientContext, Period, SpO2Target

FIVE = rule("news2-5", "score", "news2", Limit(">=", 5), cleared=Limit("<=", 4))
THREE = replace(FIVE, id="news2-5-or-3", single_three=True)
SCALE_2 = PatientContext(1, "p", spo2_targets=(SpO2Target(88, 92),))

_METRICS = {
    "rr": "resp_rate",
    "spo2": "spo2",
    "o2": "oxygen_in_use",
    "flow": "oxygen_flow",
    "sbp": "blood_pressure",
    "pulse": "heart_rate",
    "acvpu": "consciousness",
    "temp": "body_temp",
}

#: When (in hours), which parameter, its value, and by which device.
Read = tuple[float, str, float] | tuple[float, str, float, int]


def rows_of(reads: list[Read]) -> list[tuple[Any, ...]]:
    rows = []
    for number, (hours, name, value, *device) in enumerate(reads):
        part = 1 if name == "sbp" else 0
        at_us = round(hours * HOUR)
        more: dict[str, Any] = {"component": part, "sequence": number, "device": device[0] if device else 1}
        rows.append(sample(at_us, value, _METRICS[name], **more))
    return rows


def told(one: Rule, reads: list[Read], context: PatientContext = NOBODY) -> list[Told]:
    found = every_way(one, rows_of(reads), 1000 * HOUR, context)
    assert all(opening == completing for _, opening, completing, _ in found)
    return found


def spans(one: Rule, reads: list[Read], context: PatientContext = NOBODY) -> list[tuple[int, int]]:
    """Positions of what raised and what cleared; -1: still open."""
    return [(opening, clearing) for _, opening, _, clearing in told(one, reads, context)]


@pytest.mark.parametrize(
    ("reads", "with_three", "without"),
    [
        ([(0, "rr", 25)], [(0, -1)], []),
        ([(0, "rr", 24)], [], []),
        ([(0, "acvpu", 1)], [(0, -1)], []),
        ([(0, "sbp", 90)], [(0, -1)], []),
        ([(0, "temp", 39.1)], [], []),  # two points at most
        ([(0, "o2", 1)], [], []),
        # 2 + 2 + 1 of three of seven: at least five, whatever the others are.
        ([(0, "rr", 21), (0.1, "pulse", 111), (0.2, "temp", 38.1)], [(2, -1)], [(2, -1)]),
        ([(0, "rr", 21), (0.1, "pulse", 111), (0.2, "temp", 38.0)], [], []),
        # Three in one parameter holds on although the sum would clear.
        ([(0, "rr", 25), (1, "pulse", 80), (2, "rr", 24)], [(0, 2)], []),
        ([(0, "rr", 25), (1, "o2", 1), (2, "rr", 24), (3, "o2", 0)], [(0, 2)], [(1, 2)]),
    ],
)
def test_points_and_a_single_three(
    reads: list[Read], with_three: list[tuple[int, int]], without: list[tuple[int, int]]
) -> None:
    assert spans(THREE, reads) == with_three
    assert spans(FIVE, reads) == without


def test_it_names_everything_that_counted_in_the_order_of_the_chart() -> None:
    rows = rows_of([(0, "temp", 38.1), (0.1, "sbp", 120), (0.2, "rr", 21), (0.3, "pulse", 111)])
    track = tracks_of(FIVE, list(series_of(group(*rows))))[0][1]
    (interval,) = KINDS["score"].intervals(FIVE, NOBODY, track, 0)
    assert [p.observation for p in interval.inputs] == [rows[i][-1] for i in (2, 1, 3, 0)]
    assert every_way(FIVE, rows, HOUR) == [(round(0.3 * HOUR), 3, 3, -1)]


US = 1 / HOUR
#: The pulse's two points of the five, by a spot reading and by a stream.
SPOT: list[Read] = [(0, "pulse", 111)]
STREAM: list[Read] = [(-60 / 3600, "pulse", 80), (0, "pulse", 111)]


@pytest.mark.parametrize(
    ("before", "hours", "counts"),
    [
        (SPOT, 12, True),
        (SPOT, 12 + US, False),
        (STREAM, 1, True),
        (STREAM, 1 + US, False),
        # 120 s apart is a stream, a microsecond more is not.
        ([(-120 / 3600, "pulse", 80), (0, "pulse", 111)], 1 + US, False),
        ([(-120 / 3600 - US, "pulse", 80), (0, "pulse", 111)], 1 + US, True),
        # The newest value decides, and another device's stream is another series.
        ([*STREAM, (0.5, "pulse", 111)], 12.5, True),
        ([(-60 / 3600, "pulse", 80, 2), (0, "pulse", 111)], 12, True),
        # Where the newest one is too old, an older one of a spot series still counts.
        ([(-1, "pulse", 111, 2), (-60 / 3600, "pulse", 80), (0, "pulse", 80)], 2, True),
        ([(-1, "pulse", 111, 2), (-60 / 3600, "pulse", 80), (0, "pulse", 80)], 1, False),
    ],
)
def test_how_long_a_value_counts(before: list[Read], hours: float, counts: bool) -> None:
    # Of the same instant the order is that of the code table: breathing before temperature.
    found = spans(FIVE, [*before, (hours, "rr", 21), (hours, "temp", 38.1)])
    assert found == ([(len(before) + 1, -1)] if counts else [])


@pytest.mark.parametrize("name", ["acvpu", "o2", "flow"])
def test_consciousness_and_oxygen_count_twelve_hours(name: str) -> None:
    assert spans(FIVE, [(0, name, 1), (12, "rr", 25)]) == [(1, -1)]
    assert spans(FIVE, [(0, name, 1), (12 + US, "rr", 25)]) == []


def test_even_where_they_come_as_a_stream() -> None:
    flow: list[Read] = [(i / 60, "flow", 2) for i in range(3)]
    assert spans(FIVE, [*flow, (5, "rr", 25)]) == [(3, -1)]


def test_oxygen_is_yes_or_a_flow_and_the_newest_counts() -> None:
    assert spans(FIVE, [(0, "flow", 0.5), (1, "rr", 25)]) == [(1, -1)]
    assert spans(FIVE, [(0, "flow", 2), (1, "o2", 0), (2, "rr", 25)]) == []
    assert spans(FIVE, [(0, "o2", 1), (1, "flow", 0), (2, "rr", 25)]) == []
    assert spans(FIVE, [(0, "o2", 0), (1, "flow", 15), (2, "rr", 25)]) == [(2, -1)]


@pytest.mark.parametrize(
    ("spo2", "oxygen", "scale_1", "scale_2"),
    [
        (91, 0, True, False),
        (92, 0, False, False),
        (83, 0, True, True),
        (84, 0, True, False),
        (96, 1, False, False),
        (97, 1, False, True),  # too much oxygen
        (97, 0, False, False),
    ],
)
def test_scale_2_only_under_a_recorded_target(spo2: float, oxygen: float, scale_1: bool, scale_2: bool) -> None:
    reads: list[Read] = [(0, "o2", oxygen), (1, "spo2", spo2)]
    assert spans(THREE, reads) == ([(1, -1)] if scale_1 else [])
    assert spans(THREE, reads, SCALE_2) == ([(1, -1)] if scale_2 else [])
    assert spans(THREE, reads, replace(SCALE_2, spo2_targets=(SpO2Target(94, 98),))) == ([(1, -1)] if scale_1 else [])


def test_oxygen_turns_the_meaning_of_an_older_saturation_on_scale_2() -> None:
    assert spans(THREE, [(0, "spo2", 97), (1, "o2", 1), (2, "o2", 0)], SCALE_2) == [(1, 2)]
    assert spans(THREE, [(0, "spo2", 97), (1, "flow", 2), (2, "spo2", 92)], SCALE_2) == [(1, 2)]


def test_the_target_holds_from_its_date_on() -> None:
    dated = replace(SCALE_2, spo2_targets=(SpO2Target(88, 92, 10 * HOUR), SpO2Target(94, 98, 20 * HOUR)))
    hours = (9.0, 10 - US, 10.0, 15.0, 20 - US, 20.0, 21.0)
    assert spans(THREE, [(h, "spo2", 90) for h in hours], dated) == [(0, 2), (5, -1)]
    # A value from before is read by the scale of now.
    assert spans(FIVE, [(9, "spo2", 90), (9.1, "rr", 21), (11, "temp", 37)], dated) == [(1, 2)]
    assert spans(FIVE, [(15, "spo2", 90), (15.1, "rr", 21), (20, "temp", 37)], dated) == [(2, -1)]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        # Days of silence, and of everything else being measured, clear nothing.
        ([(0, "o2", 1), (0.1, "rr", 25), (20, "temp", 37), (500, "temp", 37), (501, "pulse", 80)], [(1, -1)]),
        ([(0, "o2", 1), (0.1, "rr", 25), (500, "rr", 25), (501, "rr", 24)], [(1, 3)]),
        # What raised it must be measured again, each of it as far as it takes.
        ([(0, "rr", 21), (0.1, "pulse", 131), (100, "rr", 16), (101, "temp", 38.1)], [(1, 2)]),
        ([(0, "pulse", 111), (0, "temp", 38.1), (0.1, "rr", 21), (90, "temp", 37)], [(2, 3)]),
        # Anything measured later joins what it holds, however old that is.
        ([(0, "pulse", 131), (0.1, "rr", 21), (50, "o2", 1), (60, "pulse", 80), (61, "o2", 0)], [(1, 3)]),
        ([(0, "pulse", 131), (0.1, "rr", 25), (50, "o2", 1), (60, "pulse", 80), (61, "o2", 0)], [(1, 4)]),
        # Another device may measure again.
        ([(0, "rr", 25), (0.1, "o2", 1), (30, "rr", 16, 2)], [(1, 2)]),
        # What was too old to count when it raised is not held.
        ([(0, "o2", 1), (13, "pulse", 131), (13.1, "rr", 21), (14, "rr", 12)], [(2, 3)]),
        # Cleared, only what is young counts again.
        ([(0, "rr", 25), (0, "o2", 1), (50, "o2", 0), (51, "o2", 1)], [(1, 2)]),
        ([(0, "rr", 25), (0, "o2", 1), (5, "o2", 0), (6, "o2", 1)], [(1, 2), (3, -1)]),
    ],
)
def test_it_clears_only_by_measuring_again(reads: list[Read], expected: list[tuple[int, int]]) -> None:
    assert spans(FIVE, reads) == expected


def test_a_single_three_clears_only_by_measuring_again() -> None:
    assert spans(THREE, [(0, "rr", 25), (1, "temp", 37), (500, "temp", 37), (501, "pulse", 80)]) == [(0, -1)]
    assert spans(THREE, [(0, "rr", 25), (500, "rr", 25), (501, "rr", 24)]) == [(0, 2)]


def test_a_stream_that_falls_silent_while_open_is_still_held() -> None:
    stream: list[Read] = [(i / 60, "rr", 25) for i in range(10)]
    reads: list[Read] = [*stream, (0.2, "o2", 1), (5, "temp", 37), (40, "spo2", 97), (41, "rr", 20)]
    assert spans(FIVE, reads) == [(10, 13)]


def test_long_quiet_streams_cost_no_exactness() -> None:
    # Values move inside their bounds for hours, then one does not.
    calm: list[Read] = [(i / 60, "pulse", 60.0 + i % 25) for i in range(90)]
    mixed: list[Read] = [*calm, (0.5, "rr", 16), (0.51, "spo2", 97), (1.4, "temp", 36.5)]
    reads = sorted([*mixed, (1.6, "rr", 21), (1.61, "pulse", 131), (1.62, "pulse", 90)])
    assert spans(FIVE, reads) == [(len(reads) - 2, len(reads) - 1)]


# ---------------------------------------------------------------- for whom it is not


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def stretches(context: PatientContext, until_us: int, *times_us: int) -> list[tuple[int, int | None]]:
    """Opened and cleared, of readings with three points at these times, by the oracle and group by group."""
    engine, store = OnlineEngine((THREE,)), Store({1: context})
    for at_us in times_us:
        store.take(engine, group(sample(at_us, 25.0, "resp_rate")), at_us)
        store.tick(engine, at_us)
    store.take(engine, group(), until_us, (1,), tick=True)
    truth = oracle.history((THREE,), {1: context}, store.samples, until_us)
    assert store.standing() == keys(truth)
    return [(alert.opened_us, alert.cleared_us) for alert in truth]


@pytest.mark.parametrize(
    ("born", "zone", "first"),
    [
        (date(2010, 3, 2), "UTC", "2026-03-02T00:00"),
        (date(2010, 3, 2), "America/New_York", "2026-03-02T05:00"),
        (date(2010, 10, 25), "Europe/Berlin", "2026-10-24T22:00"),
        (date(2008, 2, 29), "UTC", "2024-02-29T00:00"),
        (date(2012, 2, 29), "Asia/Kolkata", "2028-02-28T18:30"),
        (date(2084, 2, 29), "UTC", "2100-03-01T00:00"),  # 2100 is no leap year
    ],
)
def test_under_16_is_not_scored(born: date, zone: str, first: str) -> None:
    context = PatientContext(1, "p", born=born, zone=zone)
    first_us = at(first)
    assert stretches(context, first_us + DAY, first_us - HOUR, first_us - 1) == []
    assert stretches(context, first_us + DAY, first_us - 1, first_us) == [(first_us, None)]


def test_whose_birth_nobody_knows_is_scored() -> None:
    assert stretches(PatientContext(1, "p"), DAY, HOUR) == [(HOUR, None)]


def test_pregnancy_is_not_scored_and_ends_what_was_open() -> None:
    context = PatientContext(1, "p", pregnancies=(Period(10 * HOUR, 20 * HOUR), Period(18 * HOUR, 30 * HOUR)))
    assert stretches(context, 9 * HOUR, 8 * HOUR) == [(8 * HOUR, None)]
    assert stretches(context, 15 * HOUR, 8 * HOUR) == [(8 * HOUR, 10 * HOUR)]
    assert stretches(context, DAY, 10 * HOUR, 12 * HOUR, 30 * HOUR - 1) == []
    assert stretches(context, 40 * HOUR, 12 * HOUR, 30 * HOUR) == [(30 * HOUR, None)]
    open_end = replace(context, pregnancies=(Period(None, 5 * HOUR), Period(10 * HOUR, None)))
    assert stretches(open_end, 900 * HOUR, HOUR, 6 * HOUR, 100 * HOUR) == [(6 * HOUR, 10 * HOUR)]


def test_a_value_from_before_a_stretch_does_not_count_in_it() -> None:
    context = PatientContext(1, "p", pregnancies=(Period(None, 5 * HOUR),))
    engine, store = OnlineEngine((FIVE,)), Store({1: context})
    for hours, name, value in ((4.9, "rr", 25), (5.0, "o2", 1), (5.1, "temp", 38.1)):
        store.take(engine, group(*rows_of([(hours, name, value)])), round(hours * HOUR))
    assert not store.alerts
    store.take(engine, group(*rows_of([(5.2, "rr", 21)])), 6 * HOUR)
    assert [a.opened_us for a in store.alerts.values()] == [round(5.2 * HOUR)]
