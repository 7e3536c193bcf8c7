"""Limits and marks at their edges: thresholds, dwells, readings that stand alone, technical rules. Every way of looking
at a series agrees with what is written down here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alerts.kinds import KINDS
from alerts.oracle import track_of
from alerts.rules import Limit, Rule, in_metric_unit, in_unit, sees
from tests.unit.alerts.both_ways import NOBODY, every_way
from tests.unit.alerts.stored import SECOND, group, rule, sample
from vitals import codes
from vitals.reading import Flag

FEVER = rule("fever", "threshold", "body_temp", Limit(">=", 38.1), cleared=Limit("<", 38.0))
HELD = rule("held", "sustained", "spo2", Limit("<", 88), for_us=10 * SECOND, max_gap_us=5 * SECOND)
SPOT = rule("spot", "sustained", "spo2", Limit("<", 88), for_us=10 * SECOND, max_gap_us=5 * SECOND, spot=True)
ODD = rule("odd", "improbable", "spo2")
CLOCK = rule("clock", "clock", "any")
OFF = rule("off", "contact", "any", for_us=10 * SECOND, max_gap_us=5 * SECOND)

Seconds = list[tuple[float, float]]
Spans = list[tuple[int, int, int]]


def spans(one: Rule, series: Seconds, metric: str = "spo2", flags: tuple[int, ...] = (), until_s: float = 0) -> Spans:
    """Positions of the opening, completing and clearing one of (seconds, value) pairs; -1: still open."""
    marks = [*flags, *[0] * (len(series) - len(flags))]
    rows = [
        sample(int(t * SECOND), v, metric, flags=f, sequence=i)
        for i, ((t, v), f) in enumerate(zip(series, marks, strict=True))
    ]
    until_us = max([int(until_s * SECOND), *(row[7] for row in rows)])
    found = every_way(one, rows, until_us)
    assert all(opened_us == rows[completing][7] for opened_us, _, completing, _ in found)
    return [told[1:] for told in found]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([38.0, 38.09, math.nextafter(38.1, 0)], []),
        ([38.1], [(0, 0, -1)]),
        ([38.1, 38.0], [(0, 0, -1)]),  # 38.0 is neither fever nor below 38.0
        ([38.1, math.nextafter(38.0, 0), 38.1], [(0, 0, 1), (2, 2, -1)]),
        ([37.0, 38.2, 38.05, 38.3, 37.9, 37.0], [(1, 1, 4)]),
        ([], []),
    ],
)
def test_threshold(values: list[float], expected: Spans) -> None:
    assert spans(FEVER, [(i, v) for i, v in enumerate(values)], "body_temp") == expected


#: What a dwell of 10 s with silences of at most 5 s says, whether or not a reading that stands alone counts.
DWELLS: list[tuple[Seconds, Spans]] = [
    ([(0, 87), (5, 87), (10, 87)], [(0, 2, -1)]),
    ([(0, 87), (5, 87), (9.999999, 87)], []),
    ([(0, 87), (5, 88), (10, 87)], []),  # 88 is not below 88: the run ends
    ([(0, 87), (5, 87), (10, 87), (500, 87), (501, 89)], [(0, 2, 4)]),  # a gap never clears
    ([(0, 87), (5, 87), (10, 87), (11, 88), (12, 89), (13, 87)], [(0, 2, 4)]),
    ([(0, 87), (0, 87), (5, 87), (10, 87), (10, 90)], [(0, 3, 4)]),  # equal times, in order of sequence
]


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        *DWELLS,
        ([(0, 87), (5.000001, 87), (10, 87)], []),  # the gap starts a new run
        ([(0, 87), (6, 87), (11, 87), (16, 87)], [(1, 3, -1)]),
        ([(0, 87), (100, 87)], []),  # two samples with silence between them are no duration
    ],
)
def test_sustained(series: Seconds, expected: Spans) -> None:
    assert spans(HELD, series) == expected


@pytest.mark.parametrize(("series", "expected"), DWELLS)
def test_a_dwell_is_the_same_where_a_lone_reading_counts(series: Seconds, expected: Spans) -> None:
    assert spans(SPOT, series) == expected


@pytest.mark.parametrize(
    ("series", "until_s", "expected"),
    [
        ([(0, 87)], 5, []),  # not yet: another may come within 5 s
        ([(0, 87)], 5.000001, [(0, 0, -1)]),  # confirmed by time alone
        ([(0, 87)], 500, [(0, 0, -1)]),
        ([(0, 88)], 500, []),  # 88 is not below 88
        ([(0, 87), (5, 87)], 500, []),  # each has the other, and two are no dwell
        ([(0, 87), (0, 87)], 500, []),  # at the same instant too
        ([(0, 87), (5, 95)], 500, []),
        ([(0, 95), (5, 87)], 500, []),  # a reading just before counts as well, whatever it says
        ([(0, 95), (5.000001, 87)], 500, [(1, 1, -1)]),
        ([(0, 95), (1, 96), (2, 97), (6, 87)], 500, []),  # the last quiet one is the neighbour
        ([(0, 95), (1, 96), (2, 97), (8, 87)], 500, [(3, 3, -1)]),
        ([(0, 87), (5.000001, 95)], 500, [(0, 0, 1)]),  # alone, then well: it opened and is over
        ([(0, 87), (6, 88), (7, 95)], 500, [(0, 0, 2)]),  # 88 does not clear
        ([(0, 87), (6, 87), (12, 87)], 12, [(0, 0, -1)]),  # open since the first, whatever the others are
        ([(0, 87), (6, 95), (12, 87)], 17, [(0, 0, 1)]),
        ([(0, 87), (6, 95), (12, 87)], 18, [(0, 0, 1), (2, 2, -1)]),
        ([(0, 87), (5, 87), (11, 87)], 500, [(2, 2, -1)]),
        ([(0, 87), (6, 87), (11, 87), (16, 87)], 16, [(0, 0, -1)]),
    ],
)
def test_a_reading_that_stands_alone(series: Seconds, until_s: float, expected: Spans) -> None:
    assert spans(SPOT, series, until_s=until_s) == expected


def test_what_is_known_from_some_time_on_proves_nobody_alone() -> None:
    kind, track = KINDS["sustained"], track_of(SPOT, group(sample(20 * SECOND, 87.0)))
    for known_s, alone in ((14, True), (15, True), (16, False)):
        part = track._replace(known_us=known_s * SECOND)
        assert bool(kind.intervals(SPOT, NOBODY, part, 100 * SECOND)) is alone
        assert (kind.due(SPOT, NOBODY, kind.resume(SPOT, NOBODY, part, None)) is not None) is alone


def test_improbable() -> None:
    odd = int(Flag.IMPROBABLE)
    series = [(float(i), 95.0) for i in range(5)]
    assert spans(ODD, series, flags=(0, odd, odd, 0, odd)) == [(1, 1, 3), (4, 4, -1)]


def test_improbable_and_off_is_the_sensor_not_the_patient() -> None:
    off = int(Flag.NO_CONTACT)
    series = [(float(i), 95.0) for i in range(3)]
    assert spans(ODD, series, flags=(0, off | int(Flag.IMPROBABLE), 0)) == []
    assert spans(ODD, series, flags=(int(Flag.IMPROBABLE), off, 0)) == [(0, 0, 2)]


@pytest.mark.parametrize("mark", [Flag.CLOCK_OFFSET, Flag.CLOCK_AHEAD, Flag.CLOCK_UNSET])
def test_clock(mark: Flag) -> None:
    wrong, other = int(mark), int(Flag.CLOCK_OFFSET | Flag.CLOCK_AHEAD)
    series = [(float(i), 95.0) for i in range(6)]
    assert spans(CLOCK, series, flags=(0, wrong, wrong, 0, 0, wrong)) == [(1, 1, 3), (5, 5, -1)]
    assert spans(CLOCK, series, flags=(wrong, other, 0)) == [(0, 0, 2)], "another kind of wrong is not right"
    odd = int(Flag.IMPROBABLE | Flag.NO_CONTACT)
    assert spans(CLOCK, series, flags=(wrong | odd, odd)) == [(0, 0, 1)], "doubted values have times too"
    harmless = int(Flag.NO_TIME | Flag.ZONE_UNKNOWN | Flag.AMBIGUOUS_HOUR | Flag.LOW_PERFUSION)
    assert spans(CLOCK, series, flags=(harmless,)) == []


@pytest.mark.parametrize(
    ("seconds", "off", "expected"),
    [
        ((0, 5, 10), "xxx", [(0, 2, -1)]),
        ((0, 5, 9), "xxx", []),
        ((0, 5, 10), "x.x", []),  # contact ends the run
        ((0, 6, 10), "xxx", []),  # silence for longer than 5 s too
        ((0, 5, 10, 11), "xxx.", [(0, 2, 3)]),
        ((0, 5, 10, 400, 401), "xxxx.", [(0, 2, 4)]),  # silence never clears
    ],
)
def test_contact(seconds: tuple[float, ...], off: str, expected: Spans) -> None:
    flags = tuple(int(Flag.NO_CONTACT | Flag.IMPROBABLE) if mark == "x" else 0 for mark in off)
    assert spans(OFF, [(t, 95.0) for t in seconds], flags=flags) == expected


def test_the_sensors_own_word_on_contact_is_a_series_too() -> None:
    off = int(Flag.NO_CONTACT)
    said = [(0.0, 0.0), (5.0, 0.0), (10.0, 0.0), (12.0, 1.0)]
    assert spans(OFF, said, "sensor_contact", flags=(off, off, off)) == [(0, 2, 3)]


@pytest.mark.parametrize("flag", [Flag.IMPROBABLE, Flag.NO_CONTACT])
@pytest.mark.parametrize("one", [HELD, SPOT])
def test_a_doubted_value_is_not_looked_at(one: Rule, flag: Flag) -> None:
    series = [(0.0, 87.0), (4.0, 100.0), (5.0, 87.0), (10.0, 87.0), (11.0, 100.0)]
    assert spans(one, series, flags=(0, int(flag), 0, 0, int(flag))) == [(0, 3, -1)]


@pytest.mark.parametrize("op", [">=", ">", "<=", "<"])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_limit_and_the_band_outside_it_share_no_value(op: Any, step: int) -> None:
    limit = Limit(op, 88.0)
    value = 88.0 if step == 0 else math.nextafter(88.0, math.inf * step)
    low, high = limit.outside()
    assert limit.holds(value) != (low <= value <= high)
    assert limit.mask(np.array([value]))[0] == limit.holds(value)


def test_default_clear_limit() -> None:
    assert Limit(">=", 38.1).mirrored() == Limit("<=", 37.1)
    assert Limit(">", 180).mirrored() == Limit("<=", 179)
    assert Limit("<", 88).mirrored() == Limit(">=", 89)
    assert Limit("<=", 8).mirrored() == Limit(">=", 9)


def test_a_rule_sees_its_family_in_units_that_convert() -> None:
    pulses = {number for number, _ in sees("heart_rate", "/min")}
    assert pulses == {1, 2, 3, 4}
    assert {n for n, _ in sees("glucose_capillary_mass", "mmol/L")} == {21}
    assert set(sees("blood_pressure.diastolic", "mm[Hg]")) == {(13, 2)}
    assert set(sees("blood_pressure", "mm[Hg]")) == {(13, 1), (13, 2), (13, 3)}


def test_composed_metrics_see_several_families() -> None:
    every = {number for number, _ in sees("any", "1")}
    measured = {m.number for m in codes.table().values() if m.shape in ("quantity", "blood_pressure")}
    assert every == measured | {codes.metric("sensor_contact").number}
    scored = {codes.by_number()[number].family for number, _ in sees("news2", "1")}
    assert scored == {
        *("resp_rate", "spo2", "oxygen_in_use", "oxygen_flow"),
        *("blood_pressure", "heart_rate", "consciousness", "body_temp"),
    }
    assert {part for number, part in sees("news2", "1") if number == codes.metric("blood_pressure").number} == {1}


def test_a_rule_in_another_unit_compares_in_its_own() -> None:
    fahrenheit = rule("f", "threshold", "body_temp", Limit(">=", 100.6), unit="[degF]")
    number = codes.metric("body_temp").number
    celsius = np.array([38.1, 38.11, 38.111111111])  # 100.58, 100.598, 100.6 degrees Fahrenheit
    assert fahrenheit.raise_limit is not None
    assert fahrenheit.raise_limit.mask(in_unit(fahrenheit, number, 0, celsius)).tolist() == [False, False, True]
    low, high = in_metric_unit(fahrenheit, number, 0, *fahrenheit.raise_limit.outside())
    assert low == -math.inf and 38.1111 < high < 38.111111112
