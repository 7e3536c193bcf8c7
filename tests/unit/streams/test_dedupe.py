"""One measurement, one Observation: identity decides, values tell duplicates from conflicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dedupe import (
    RUNS_MAX,
    Keys,
    Verdict,
    above_heads,
    judge,
    repeated,
    runs_of,
    same_measurement,
)
from vitals.ports.chart import Head, IdentityKey, Known
from vitals.reading import NONE, Absent


def keys(*rows: tuple[int, int, int, int]) -> Keys:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Keys(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])


def value(number: float, decimals: int = 1, unit: int = 6, absent: Absent = Absent.PRESENT) -> Known:
    return Known(unit, ((number, decimals, int(absent)),))


def test_same_number_and_unit_is_the_same_whatever_the_decimals() -> None:
    assert same_measurement(value(36.6, 1), value(36.60, 2))


@pytest.mark.parametrize(
    "other", [value(36.7), value(36.6, unit=7), value(36.6, absent=Absent.ERROR), Known(6, ((36.6, 1, 0),) * 3)]
)
def test_other_value_unit_absence_or_shape_is_not_the_same(other: Known) -> None:
    assert not same_measurement(value(36.6), other)


def test_two_absent_values_are_the_same_only_for_the_same_reason() -> None:
    nan = value(float("nan"), absent=Absent.NOT_A_NUMBER)
    assert same_measurement(nan, value(0.0, absent=Absent.NOT_A_NUMBER))
    assert not same_measurement(nan, value(0.0, absent=Absent.ERROR))


def test_redelivery_is_a_duplicate_and_another_value_a_conflict() -> None:
    charted: dict[IdentityKey, Known] = {}
    key = (1, 5, 1000, 1)
    assert judge(key, value(36.6), charted) == (Verdict.NEW, 0)
    assert judge(key, value(36.6, 2), charted) == (Verdict.DUPLICATE, 0)
    assert judge(key, value(36.7), charted) == (Verdict.CONFLICT, 0)


def test_counter_without_time_that_falls_back_starts_a_new_run() -> None:
    charted: dict[IdentityKey, Known] = {}
    key = (1, 5, NONE, 1)
    assert judge(key, value(96), charted) == (Verdict.NEW, 0)
    assert judge(key, value(97), charted) == (Verdict.NEW, 1)
    assert judge(key, value(97), charted) == (Verdict.DUPLICATE, 1)
    assert judge(key, value(96), charted) == (Verdict.DUPLICATE, 0)


def test_counter_runs_are_bounded() -> None:
    charted: dict[IdentityKey, Known] = {}
    key = (1, 5, NONE, 1)
    verdicts = [judge(key, value(float(n)), charted)[0] for n in range(RUNS_MAX + 1)]
    assert verdicts == [Verdict.NEW] * RUNS_MAX + [Verdict.CONFLICT]
    assert set(charted) == set(runs_of(key))


def test_above_head_is_new_by_construction_and_at_or_below_is_not() -> None:
    rows = keys((1, 5, 100, 1), (1, 5, 100, 2), (1, 5, 101, NONE), (1, 5, 99, 9), (2, 5, 1, 1))
    assert above_heads(rows, {(1, 5): Head(100, 1)}).tolist() == [False, True, True, False, True]


def test_reading_without_device_time_is_never_new_by_construction() -> None:
    assert above_heads(keys((1, 5, NONE, 7)), {}).tolist() == [False]


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=30))
def test_repeated_marks_exactly_the_identities_that_occur_twice(rows: list[tuple[int, int, int, int]]) -> None:
    assert repeated(keys(*rows)).tolist() == [rows.count(row) > 1 for row in rows]
