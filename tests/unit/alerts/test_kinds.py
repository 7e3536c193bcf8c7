"""Each kind at its edges: whole series and single steps agree with what is written down here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from alerts.episodes import points_of
from alerts.kinds import KINDS
from alerts.kinds.base import Run, Verdict
from alerts.rules import Limit, Rule, in_metric_unit, in_unit, sees
from tests.unit.alerts.stored import SECOND, group, rule, sample
from vitals import codes
from vitals.reading import Flag

FEVER = rule("fever", "threshold", "body_temp", Limit(">=", 38.1), cleared=Limit("<", 38.0))
LOW = rule("low", "threshold", "spo2", Limit("<", 88))
HELD = rule("held", "sustained", "spo2", Limit("<", 88), for_us=10 * SECOND, max_gap_us=5 * SECOND)
ODD = rule("odd", "improbable", "spo2")


def both(one: Rule, series: list[tuple[float, float]], metric: str = "spo2", flags: Any = ()) -> list[list[int]]:
    """Spans of (seconds, value) pairs, found by the vectorised way and by steps, which must agree."""
    marks = [*flags, *[0] * (len(series) - len(flags))]
    rows = group(
        *(
            sample(int(t * SECOND), v, metric, flags=f, sequence=i)
            for i, ((t, v), f) in enumerate(zip(series, marks, strict=True))
        )
    )
    kind = KINDS[one.kind]
    number = codes.metric(metric).number
    values = in_unit(one, number, 0, rows["value"])
    whole = kind.spans(one, rows["measured_us"], values, (rows["flags"] & int(Flag.IMPROBABLE)) != 0)
    stepped: list[list[int]] = []
    run: Run | None = None
    is_open = False
    points = points_of(rows)
    for place, point in enumerate(points):
        low, high = kind.quiet(one, run, is_open)
        before = (run, is_open)
        run, verdict = kind.step(one, run, is_open, float(values[place]), point)
        if verdict is Verdict.RAISED:
            assert run is not None
            stepped.append([points.index(run.first), place, -1])
            run, is_open = None, True
        elif verdict is Verdict.CLEARED:
            stepped[-1][2], is_open = place, False
        if low <= values[place] <= high and not point.improbable:
            assert (run, is_open) == before, "a quiet value changed something"
    assert whole.tolist() == stepped
    return stepped


@pytest.mark.parametrize(
    ("values", "spans"),
    [
        ([38.0, 38.09, math.nextafter(38.1, 0)], []),
        ([38.1], [[0, 0, -1]]),
        ([38.1, 38.0], [[0, 0, -1]]),  # 38.0 is neither fever nor below 38.0
        ([38.1, math.nextafter(38.0, 0), 38.1], [[0, 0, 1], [2, 2, -1]]),
        ([37.0, 38.2, 38.05, 38.3, 37.9, 37.0], [[1, 1, 4]]),
        ([], []),
    ],
)
def test_threshold(values: list[float], spans: list[list[int]]) -> None:
    assert both(FEVER, [(i, v) for i, v in enumerate(values)], "body_temp") == spans


@pytest.mark.parametrize(
    ("series", "spans"),
    [
        ([(0, 87), (5, 87), (10, 87)], [[0, 2, -1]]),
        ([(0, 87), (5, 87), (9.999999, 87)], []),
        ([(0, 87), (5, 88), (10, 87)], []),  # 88 is not below 88: the run ends
        ([(0, 87), (5.000001, 87), (10, 87)], []),  # the gap starts a new run
        ([(0, 87), (6, 87), (11, 87), (16, 87)], [[1, 3, -1]]),
        ([(0, 87), (100, 87)], []),  # two samples with silence between them are no duration
        ([(0, 87), (5, 87), (10, 87), (500, 87), (501, 89)], [[0, 2, 4]]),  # a gap never clears
        ([(0, 87), (5, 87), (10, 87), (11, 88), (12, 89), (13, 87)], [[0, 2, 4]]),
        ([(0, 87), (0, 87), (5, 87), (10, 87), (10, 90)], [[0, 3, 4]]),  # equal times, in order of sequence
    ],
)
def test_sustained(series: list[tuple[float, float]], spans: list[list[int]]) -> None:
    assert both(HELD, series) == spans


def test_improbable() -> None:
    odd = int(Flag.IMPROBABLE)
    series = [(float(i), 95.0) for i in range(5)]
    assert both(ODD, series, flags=(0, odd, odd, 0, odd)) == [[1, 1, 3], [4, 4, -1]]


def test_pending_is_the_run_at_the_end() -> None:
    times = np.array([0, 4, 10, 14], dtype=np.int64) * SECOND
    nothing = np.zeros(4, dtype=np.bool_)
    assert KINDS["sustained"].pending(HELD, times, np.array([87.0, 87, 87, 87]), nothing) == 2
    assert KINDS["sustained"].pending(HELD, times, np.array([87.0, 87, 87, 88]), nothing) is None


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


def test_a_rule_in_another_unit_compares_in_its_own() -> None:
    fahrenheit = rule("f", "threshold", "body_temp", Limit(">=", 100.6), unit="[degF]")
    number = codes.metric("body_temp").number
    celsius = np.array([38.1, 38.11, 38.111111111])  # 100.58, 100.598, 100.6 degrees Fahrenheit
    assert fahrenheit.raise_limit is not None
    assert fahrenheit.raise_limit.mask(in_unit(fahrenheit, number, 0, celsius)).tolist() == [False, False, True]
    low, high = in_metric_unit(fahrenheit, number, 0, *fahrenheit.raise_limit.outside())
    assert low == -math.inf and 38.1111 < high < 38.111111112
