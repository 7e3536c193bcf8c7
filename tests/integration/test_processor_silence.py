"""Silence on real PostgreSQL: device status as samples, deadlines, ticks, and stretches in which nobody listened."""

from __future__ import annotations

import psycopg
import pytest

from tests.charting import Registry, register
from tests.processing import SECOND_US, START_US, Line, reading, spo2
from tests.silence_engine import SILENCE_US, SilenceEngine
from vitals.identity import identity, observation_id, shard_of

ALERTS = "SELECT p.id, a.rule, us_of(a.opened_at) FROM alert a JOIN patient p ON p.key = a.patient ORDER BY 1"
DEADLINES = "SELECT p.id, d.shard, us_of(d.due_at) FROM alert_deadline d JOIN patient p ON p.key = d.patient ORDER BY 1"
MINUTE_US = 60 * SECOND_US
TOLD = "SELECT count(*) > 0 FROM alert"
BEATEN = "SELECT count(*) > 0 FROM heartbeat WHERE us_of(seen_at) = {}"


@pytest.fixture
def engine() -> SilenceEngine:
    return SilenceEngine()


@pytest.fixture
def line(any_database: str, engine: SilenceEngine) -> Line:
    return Line(any_database, lambda: engine)


@pytest.fixture
def anna(line: Line) -> Registry:
    return register(line.dsn, "anna", "oximeter-1")


async def test_battery_of_a_bound_device_is_its_patients_sample_wherever_it_arrived(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    battery = reading("battery", "%", "oximeter-1", 1, "7")
    assert shard_of("oximeter-1") != shard_of("anna")
    await line.append([battery], shard_key="oximeter-1")
    await line.append([battery, spo2("oximeter-1", 2, "96")], shard_key="anna")
    counts = await line.apply(now_us=START_US)
    assert engine.seen == {"anna": [7.0, 96.0]}
    expected = observation_id(identity("oximeter-1", "battery", battery.device_time_ns, 1), "anna")
    assert line.rows("SELECT id, patient, shard FROM device_status") == [(expected, anna.patient, shard_of("anna"))]
    assert (counts.received, counts.stored, counts.duplicates, counts.balanced) == (3, 2, 1, True)


async def test_status_of_a_device_that_nobody_wears_stays_where_it_arrived(line: Line, engine: SilenceEngine) -> None:
    bert = register(line.dsn, "bert", "cuff-1")
    await line.append([reading("battery", "%", "spare", 1, "7")], shard_key="spare")
    await line.append([reading("battery", "%", "cuff-1", 1, "9")], shard_key="cuff-1")
    with psycopg.connect(line.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO device (id, password_sha256) VALUES ('spare', '')")
    counts = await line.apply(now_us=START_US)
    rows = line.rows("SELECT patient, shard, value_1 FROM device_status ORDER BY value_1")
    assert rows == [(0, shard_of("spare"), 7.0), (bert.patient, shard_of("bert"), 9.0)]
    assert engine.seen == {"bert": [9.0]}
    assert counts.balanced


async def test_silence_opens_an_alert_once_its_time_has_come(line: Line, engine: SilenceEngine, anna: Registry) -> None:
    await line.append([spo2("oximeter-1", 60, "96")], shard_key="anna")
    due_us = START_US + MINUTE_US + SILENCE_US
    await line.apply(now_us=due_us - 1)
    assert line.rows(DEADLINES) == [("anna", shard_of("anna"), due_us)]
    assert line.rows(ALERTS) == []
    assert not any(look.tick for look in engine.looks)
    counts = await line.apply(now_us=due_us, until=TOLD)  # a restart between
    assert line.rows(ALERTS) == [("anna", "silent", due_us)]
    assert [look.samples for look in engine.looks if look.tick] == [0]
    assert line.rows(DEADLINES) == []
    assert line.rows("SELECT sum(next_offset), sum(applied) FROM shard") == [(1, 1)]
    assert counts.balanced


async def test_a_patient_who_keeps_sending_costs_no_write_of_a_deadline(line: Line, anna: Registry) -> None:
    await line.append([spo2("oximeter-1", 0, "96")], [spo2("oximeter-1", 60, "96")], shard_key="anna")
    await line.apply_by("anna")
    assert line.rows(DEADLINES) == [("anna", shard_of("anna"), START_US + SILENCE_US)]
    # The stored one wakes us too early; the tick finds the next and stores it.
    later_us = START_US + MINUTE_US + SILENCE_US
    await line.apply(now_us=later_us - 1, until=f"SELECT bool_and(us_of(due_at) = {later_us}) FROM alert_deadline")
    assert line.rows(ALERTS) == []


async def test_what_waits_in_the_journal_is_applied_before_silence_is_judged(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await line.append([spo2("oximeter-1", 0, "96")], shard_key="anna")
    await line.apply(now_us=START_US)
    await line.append([spo2("oximeter-1", 500, "96")], shard_key="anna")
    now_us = START_US + SILENCE_US + 1
    await line.apply(now_us=now_us, until=f"SELECT bool_and(us_of(due_at) > {now_us}) FROM alert_deadline")
    assert line.rows(ALERTS) == []
    assert [look.tick for look in engine.looks] == [False, False, True]


async def test_one_patient_whose_tick_fails_hides_nobody_elses_silence(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    for patient in ("bert", "carl", "dora"):
        register(line.dsn, patient, f"oximeter-{patient}")
        await line.append([spo2(f"oximeter-{patient}", 0, "96")], shard_key=patient)
    engine.sick = "carl"
    await line.apply(now_us=START_US + SILENCE_US, until="SELECT count(*) = 2 FROM alert")
    assert [row[0] for row in line.rows(ALERTS)] == ["bert", "dora"]
    assert [row[0] for row in line.rows(DEADLINES)] == ["carl"]


async def test_a_hole_in_the_pipelines_life_is_a_blind_stretch(line: Line) -> None:
    stretches = "SELECT us_of(since), us_of(until) FROM blind ORDER BY 1"
    times = [START_US, START_US + 50 * SECOND_US, START_US + 50 * SECOND_US + 10 * MINUTE_US]
    for now_us in times:
        await line.apply(now_us=now_us, until=BEATEN.format(now_us))
    assert line.rows(stretches) == [(times[1], times[2])]
