"""The processor on real PostgreSQL: one measurement one Observation, the right patient, nothing lost."""

from __future__ import annotations

import random
from dataclasses import replace

import psycopg
import pytest

from tests.charting import Registry, register
from tests.processing import LATENESS_US, SECOND_US, START_US, Line, spo2
from vitals.identity import shard_of
from vitals.reading import NONE, Flag


@pytest.fixture
def line(any_database: str) -> Line:
    return Line(any_database)


@pytest.fixture
def anna(line: Line) -> Registry:
    return register(line.dsn, "anna", "oximeter-1")


def charted(line: Line) -> list[tuple[object, ...]]:
    return line.rows(
        "SELECT p.id, o.sequence, o.value_1 FROM observation o JOIN patient p ON p.key = o.patient ORDER BY 1, 2, 3"
    )


def reasons(line: Line) -> list[tuple[object, ...]]:
    return line.rows("SELECT reason, convert_from(raw, 'UTF8') FROM quarantine ORDER BY key")


async def test_redelivery_in_one_group_and_later_is_counted_and_never_charted_twice(line: Line, anna: Registry) -> None:
    first, second = spo2("oximeter-1", 1, "96"), spo2("oximeter-1", 2, "97")
    await line.append([first, first, second], [second], shard_key="anna")
    await line.apply()
    await line.append([replace(first, received_us=first.received_us + 5)], shard_key="anna")
    counts = await line.apply()
    assert charted(line) == [("anna", 1, 96.0), ("anna", 2, 97.0)]
    assert (counts.received, counts.stored, counts.duplicates, counts.quarantined) == (5, 2, 3, 0)


async def test_another_value_under_the_same_identity_is_a_conflict(line: Line, anna: Registry) -> None:
    await line.append([spo2("oximeter-1", 1, "96")], [spo2("oximeter-1", 1, "69")], shard_key="anna")
    counts = await line.apply()
    assert charted(line) == [("anna", 1, 96.0)]
    assert reasons(line) == [("conflict", "oximeter-1 1")]
    assert counts.balanced


async def test_counter_without_time_that_restarts_is_a_new_run_and_its_redelivery_a_duplicate(
    line: Line, anna: Registry
) -> None:
    timeless = [
        replace(spo2("oximeter-1", n, value, sequence=1), device_time_ns=NONE) for n, value in ((1, "96"), (2, "97"))
    ]
    await line.append(timeless, shard_key="anna")
    await line.append([timeless[1]], shard_key="anna")
    counts = await line.apply()
    assert charted(line) == [("anna", 1, 96.0), ("anna", 1, 97.0)]
    assert counts.duplicates == 1
    flags = line.rows("SELECT flags FROM observation WHERE value_1 = 97")
    assert flags == [(int(Flag.COUNTER_RESTART),)]


async def test_reading_in_a_foreign_shard_is_forwarded_and_counted_once(line: Line, anna: Registry) -> None:
    assert shard_of("oximeter-1") != shard_of("anna")
    await line.append([spo2("oximeter-1", 1, "96")], shard_key="oximeter-1")
    await line.append([spo2("oximeter-1", 1, "96"), spo2("oximeter-1", 2, "97")], shard_key="anna")
    counts = await line.apply()
    assert charted(line) == [("anna", 1, 96.0), ("anna", 2, 97.0)]
    assert (counts.received, counts.stored, counts.duplicates) == (3, 2, 1)
    assert counts.balanced


async def test_readings_go_to_whoever_had_the_device_when_it_measured(line: Line, anna: Registry) -> None:
    with psycopg.connect(line.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO patient (id) VALUES ('bert')")
        handover = START_US + 100 * SECOND_US
        connection.execute(
            "UPDATE binding SET period = tstzrange('-infinity', instant_of(%s)) WHERE device = %s",
            [handover, anna.device],
        )
        connection.execute(
            "INSERT INTO binding (device, patient, period, author) "
            "SELECT %s, key, tstzrange(instant_of(%s), NULL), 'test' FROM patient WHERE id = 'bert'",
            [anna.device, handover],
        )
    readings = [spo2("oximeter-1", second, "96") for second in (1, 99, 100, 101)]
    unsure = replace(spo2("oximeter-1", 102, "96"), earliest_us=START_US)
    await line.append([*readings, unsure], shard_key="bert")
    counts = await line.apply()
    assert [(patient, number) for patient, number, _ in charted(line)] == [
        ("anna", 1),
        ("anna", 99),
        ("bert", 100),
        ("bert", 101),
    ]
    assert reasons(line) == [("time-uncertain", "oximeter-1 102")]
    assert counts.balanced


async def test_unregistered_device_is_kept_with_its_bytes(line: Line, anna: Registry) -> None:
    await line.append([spo2("stranger", 1, "96")], shard_key="anna")
    counts = await line.apply()
    assert reasons(line) == [("unknown-device", "stranger 1")]
    assert counts.balanced


async def test_poisoned_reading_is_set_aside_and_its_neighbours_are_charted(line: Line, anna: Registry) -> None:
    """A time before 4713 BC is more than PostgreSQL holds: it fails the whole transaction, every time."""
    beyond = replace(spo2("oximeter-1", 3, "96"), measured_us=-(2**62), earliest_us=START_US, latest_us=START_US)
    around = [spo2("oximeter-1", second, "96") for second in (1, 2, 4, 5)]
    await line.append([*around[:2], beyond, *around[2:]], [spo2("oximeter-1", 6, "97")], shard_key="anna")
    counts = await line.apply()
    assert [number for _, number, _ in charted(line)] == [1, 2, 4, 5, 6]
    assert reasons(line) == [("poisoned", "oximeter-1 3")]
    assert counts.balanced


async def test_dwell_survives_a_restart_in_its_middle(line: Line, anna: Registry) -> None:
    for start in (0, 40):
        await line.append([spo2("oximeter-1", start + n, "90") for n in range(0, 40, 10)], shard_key="anna")
        await line.apply()
    assert line.rows("SELECT rule, condition, us_of(opened_at) FROM alert") == [
        ("spo2-low-general", "active", START_US + 60 * SECOND_US)
    ]


async def test_too_late_reading_is_charted_flagged_and_opens_nothing(line: Line, anna: Registry) -> None:
    late_s = LATENESS_US // SECOND_US + 1
    await line.append([spo2("oximeter-1", n, "80", late_s=late_s) for n in range(0, 200, 20)], shard_key="anna")
    await line.apply()
    assert {flags for (flags,) in line.rows("SELECT flags FROM observation")} == {int(Flag.TOO_LATE)}
    assert line.rows("SELECT rule FROM alert") == []


@pytest.mark.parametrize("seed", range(3))
async def test_splits_duplicates_disorder_and_restarts_change_nothing(line: Line, seed: int) -> None:
    """The chart and the alerts are a function of the set of readings."""
    choose = random.Random(seed)
    told: list[list[tuple[object, ...]]] = []
    levels = [value for value in ("90", "93", "96") * 4 for _ in range(choose.randint(2, 18))]
    values = [value if choose.random() < 0.95 else "95" for value in levels]
    for patient, shuffled in (("plain", False), ("stirred", True)):
        register(line.dsn, patient, f"oximeter-{patient}")
        readings = [spo2(f"oximeter-{patient}", 7 * n, value) for n, value in enumerate(values)]
        if shuffled:
            readings += choose.choices(readings, k=40)
            choose.shuffle(readings)
        while readings:
            size = choose.randint(1, 30)
            await line.append(readings[:size], shard_key=patient)
            readings = readings[size:]
            if choose.random() < 0.4:
                await line.apply()
        counts = await line.apply()
        assert counts.balanced
        told.append(
            line.rows(
                "SELECT rule, version, priority, us_of(opened_at), us_of(cleared_at), "
                "(SELECT array_agg(r ->> 'measured_us' ORDER BY 1) FROM jsonb_array_elements(readings) r) "
                f"FROM alert a JOIN patient p ON p.key = a.patient WHERE p.id = '{patient}' "
                "AND condition <> 'retracted' ORDER BY 4, 1"
            )
        )
    assert told[0] == told[1]
    assert told[0], "a story without alerts shows nothing"
