"""Values of search parameters: dates as sets of instants, tokens, escapes; codes to metrics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import codes
from vitals.fhir import codings
from vitals.fhir.search import (
    ALWAYS,
    BEGINNING_US,
    END_US,
    BadSearch,
    Interval,
    TimeSet,
    intersection,
    times,
    token,
    unescaped,
    union,
    values_of,
)

NOW_US = 1_795_348_800_000_000


def us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


DAY = (us(2026, 11, 22), us(2026, 11, 23))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-22", [DAY]),
        ("eq2026-11-22", [DAY]),
        ("ne2026-11-22", [(BEGINNING_US, DAY[0]), (DAY[1], END_US)]),
        ("gt2026-11-22", [(DAY[1], END_US)]),
        ("sa2026-11-22", [(DAY[1], END_US)]),
        ("ge2026-11-22", [(DAY[0], END_US)]),
        ("lt2026-11-22", [(BEGINNING_US, DAY[0])]),
        ("eb2026-11-22", [(BEGINNING_US, DAY[0])]),
        ("le2026-11-22", [(BEGINNING_US, DAY[1])]),
        ("2026", [(us(2026, 1, 1), us(2027, 1, 1))]),
        ("2026-12", [(us(2026, 12, 1), us(2027, 1, 1))]),
        ("2028-02", [(us(2028, 2, 1), us(2028, 3, 1))]),
        ("9999", [(us(9999, 1, 1), END_US)]),
        ("9999-12", [(us(9999, 12, 1), END_US)]),
        ("2026-11-22T10:00", [(us(2026, 11, 22, 10), us(2026, 11, 22, 10, 1))]),
        ("2026-11-22T10:00:01Z", [(us(2026, 11, 22, 10, 0, 1), us(2026, 11, 22, 10, 0, 2))]),
        ("2026-11-22T10:00:00.5Z", [(us(2026, 11, 22, 10) + 500_000, us(2026, 11, 22, 10) + 600_000)]),
        ("2026-11-22T10:00:00.123456789Z", [(us(2026, 11, 22, 10) + 123_456, us(2026, 11, 22, 10) + 123_457)]),
        ("2026-11-22T10:00:00+01:00", [(us(2026, 11, 22, 9), us(2026, 11, 22, 9, 0, 1))]),
        ("2026-11-22T10:00:00 01:00", [(us(2026, 11, 22, 9), us(2026, 11, 22, 9, 0, 1))]),
        ("2026-11-22T10:00-05:30", [(us(2026, 11, 22, 15, 30), us(2026, 11, 22, 15, 31))]),
        ("2026-11-22,2026-11-23", [(DAY[0], us(2026, 11, 24))]),
        ("2026-11-24,2026-11-22", [DAY, (us(2026, 11, 24), us(2026, 11, 25))]),
    ],
)
def test_dates(text: str, found: list[tuple[int, int]]) -> None:
    assert list(times("date", text, NOW_US)) == found


def test_approximately_widens_by_a_tenth_of_the_distance_from_now() -> None:
    minute = 60_000_000
    at = NOW_US - 100 * minute
    text = datetime.fromtimestamp(at // 1_000_000, UTC).strftime("ap%Y-%m-%dT%H:%M:%SZ")
    ((low, high),) = times("date", text, NOW_US)
    assert abs(low - (at - 10 * minute)) < 1_000_000
    assert abs(high - (at + 10 * minute)) <= 2_000_000


@pytest.mark.parametrize(
    "text",
    ["", "never", "26-11-22", "2026-13", "2026-02-30", "2026-11-22T25:00", "xx2026", "0000", "2026-11-22T10", "2026,"],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(BadSearch) as caught:
        times("_lastUpdated", text, NOW_US)
    assert caught.value.parameter == "_lastUpdated"


sets = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20))).map(
    lambda pairs: union(((Interval(low, low + width),) for low, width in pairs))
)


def has(found: TimeSet, instant: int) -> bool:
    return any(low <= instant < high for low, high in found)


@given(a=sets, b=sets, instant=st.integers(0, 80))
def test_sets_of_instants_follow_logic(a: TimeSet, b: TimeSet, instant: int) -> None:
    assert has(union((a, b)), instant) == (has(a, instant) or has(b, instant))
    assert has(intersection((a, b)), instant) == (has(a, instant) and has(b, instant))
    assert list(intersection((a, b))) == sorted(intersection((a, b)))


def test_no_restriction_is_all_of_time() -> None:
    assert intersection(()) == ALWAYS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8867-4", (None, "8867-4")),
        ("http://loinc.org|8867-4", ("http://loinc.org", "8867-4")),
        ("|8867-4", ("", "8867-4")),
        ("http://loinc.org|", ("http://loinc.org", None)),
        ("a|b\\|c", ("a", "b|c")),
    ],
)
def test_tokens(text: str, found: tuple[str | None, str | None]) -> None:
    assert token(text) == found


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a", ["a"]), ("a,b", ["a", "b"]), (r"a\,b,c", ["a,b", "c"]), (r"a\\,b", ["a\\", "b"]), (r"\$1", ["$1"])],
)
def test_commas_and_escapes(text: str, parts: list[str]) -> None:
    assert [unescaped(value) for value in values_of(text)] == parts


def keys(numbers: frozenset[int]) -> set[str]:
    return {codes.by_number()[number].key for number in numbers}


@pytest.mark.parametrize(
    ("system", "code", "found"),
    [
        (None, "8889-8", {"pulse_rate_oximeter"}),
        (codings.LOINC, "8867-4", {"heart_rate", "pulse_rate_oximeter", "pulse_rate_cuff", "heart_rate_resting"}),
        (codings.MDC, "149530", {"pulse_rate_oximeter"}),
        (codings.MDC, "8867-4", set()),
        ("", "8867-4", set()),
        (None, "8480-6", set()),
        (codings.LOCAL_METRIC, None, {"consciousness", "oxygen_in_use"}),
        (None, "97507-8", set()),  # a derived value is never charted
    ],
)
def test_codes_find_metrics(system: str | None, code: str | None, found: set[str]) -> None:
    assert keys(codings.metrics_with_code(system, code)) == found


def test_every_coding_that_is_written_is_found() -> None:
    for metric in codes.table().values():
        if codings.charted(metric):
            for coding in codings.metric_codings(metric):
                assert metric.number in codings.metrics_with_code(coding["system"], coding["code"])
                assert metric.number in codings.metrics_with_code(None, coding["code"])


def test_categories_and_statuses() -> None:
    assert "cgm_mass" in keys(codings.metrics_in_category(None, "laboratory"))
    assert codings.metrics_in_category("urn:other", "laboratory") == frozenset()
    assert codings.statuses_with_code(None, "amended") == {1}
    assert codings.statuses_with_code(codings.STATUS, None) == {0, 1, 2}
    assert codings.statuses_with_code(None, "done") == frozenset()
