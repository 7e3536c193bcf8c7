"""Which readings belong together, and which nobody can tell apart."""

from __future__ import annotations

from uuid import UUID

from storage.registry.candidates import Measurement, Waiting, measurements
from vitals.reading import Absent, Reading, Value, absent


def row(
    key: int, at_s: float, metric: str = "blood_pressure", *, same_as: int | None = None, lost: bool = False
) -> Waiting:
    at_us = int(at_s * 1_000_000)
    values = (absent(Absent.NOT_A_NUMBER),) if lost else (Value(float(key)),)
    return Waiting(key, UUID(int=key if same_as is None else same_as), Reading("d", metric, values, "1", at_us, at_us))


def told(*rows: Waiting) -> list[tuple[list[int], bool]]:
    return [([each.key for each in found.rows], found.confirmable) for found in measurements(rows)]


def test_nothing_waits() -> None:
    assert measurements([]) == []


def test_what_is_measured_at_once_is_one_and_shown_by_what_people_know() -> None:
    [found] = measurements([row(1, 0, "pulse_rate_cuff"), row(2, 0), row(3, 9, "battery")])
    assert [each.key for each in found.rows] == [1, 2, 3]
    assert found.shown == row(2, 0)
    assert (found.holds(UUID(int=3)), found.holds(UUID(int=4))) == (True, False)


def test_a_stream_is_one_and_shows_its_newest() -> None:
    [found] = measurements([row(i, i, "spo2") for i in range(300)])
    assert found.shown == row(299, 299, "spo2")
    assert found.confirmable


def test_lost_values_are_not_shown() -> None:
    [found] = measurements([row(1, 0, "spo2"), row(2, 1, "spo2", lost=True)])
    assert found.shown == row(1, 0, "spo2")
    assert Measurement([row(1, 0, lost=True)]).shown is None


def test_two_within_two_minutes_can_not_be_told_apart_but_the_next_can() -> None:
    assert told(row(1, 0), row(2, 120)) == [([1], False), ([2], False)]
    assert told(row(1, 0), row(2, 121)) == [([1], True), ([2], True)]
    assert told(row(3, 150), row(2, 60), row(1, 0)) == [([1], False), ([2], False), ([3], True)]
    assert [each for _, each in told(row(1, 0), row(2, 60), row(3, 120), row(4, 180))] == [False] * 4


def test_a_memory_that_is_emptied_at_once_is_many() -> None:
    """A cuff without a clock sends what it has stored with one time: that can't be one person's measurement."""
    rows = [row(1, 0), row(2, 0, "pulse_rate_cuff"), row(3, 0), row(4, 0, "pulse_rate_cuff")]
    assert told(*rows) == [([1, 2], False), ([3, 4], False)]


def test_a_reading_delivered_again_is_the_same() -> None:
    rows = [row(1, 0), row(2, 0, "pulse_rate_cuff"), row(3, 0, same_as=1), row(4, 0, "pulse_rate_cuff", same_as=2)]
    assert told(*rows) == [([1, 2, 3, 4], True)]
