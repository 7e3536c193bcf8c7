"""What every chart must do (`vitals.ports.chart`); run on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest

from storage.chart.postgres import PostgresChart
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from tests.charting import (
    NO_ROWS,
    NOON_US,
    SECOND_US,
    Registry,
    alert_change,
    chart_row,
    effects,
    progress,
    record,
    register,
)
from vitals import codes
from vitals.errors import InternalError
from vitals.events import Enrolment, PatientContext, Period, SpO2Target
from vitals.ports.alerting import HistoryRequest
from vitals.ports.chart import Binding, DeviceRecord, Effects, Head, Known, Poisoned, Quarantined, ShardLost

DAY_US = 86_400 * SECOND_US
SHARDS = (3, 11)


@dataclass(frozen=True)
class World:
    """A migrated database with one patient and device; the chart owns shards 3 and 11 with epoch 1."""

    dsn: str
    chart: PostgresChart
    keys: Registry

    def count(self, query: str) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    async def write(self, what: Effects) -> None:
        async with self.chart.transaction() as unit:
            await unit.write(what)


@pytest.fixture
async def world(any_database: str) -> AsyncIterator[World]:
    async with PostgresLeases(any_database, uuid4()) as leases, PostgresJournal(any_database) as journal:
        await leases.acquire(SHARDS)
        await journal.append({shard: record(5) for shard in SHARDS})
        async with PostgresChart(any_database, "test") as chart:
            yield World(any_database, chart, register(any_database))


async def test_what_was_charted_comes_back_as_history(world: World) -> None:
    anna = world.keys.patient
    rows = np.concatenate(
        [
            chart_row(
                NOON_US,
                patient=anna,
                device=4,
                metric="body_temp",
                unit="[degF]",
                values=[(99.5, 1, 0)],
                sequence=9,
            ),
            chart_row(
                NOON_US + 1,
                patient=anna,
                metric="blood_pressure",
                unit="mm[Hg]",
                values=[(128.0, 0, 0), (0.0, 0, 4), (95.0, 0, 0)],
            ),
            chart_row(NOON_US + 3 * SECOND_US, patient=anna),
        ]
    )
    await world.write(effects([progress(3, 1, 0, 5)], rows))
    context = PatientContext(anna, "anna")
    async with world.chart.transaction() as unit:
        request = HistoryRequest(anna, NOON_US, NOON_US + 2 * SECOND_US)
        history = (await unit.history([request], {anna: context}))[anna]
    assert (history.context, history.from_us, history.to_us) == (context, NOON_US, NOON_US + 2 * SECOND_US)
    samples = np.sort(history.samples, order=["measured_us", "component"])
    assert samples["component"].tolist() == [0, 1, 3]  # the diastolic value is absent
    assert samples["value"].tolist() == [37.5, 128.0, 95.0]
    temperature = samples[0]
    assert temperature["sent"] == 99.5
    assert temperature["decimals"] == 1
    assert temperature["sequence"] == 9
    assert temperature["device"] == 4
    assert temperature["measured_us"] == NOON_US
    assert temperature["received_us"] == NOON_US + SECOND_US
    assert temperature["observation"].tobytes() == rows["id"][0].tobytes()


async def test_entered_in_error_rows_are_no_history_but_keep_their_identity(world: World) -> None:
    anna = world.keys.patient
    await world.write(effects([progress(3, 1, 0, 5)], chart_row(NOON_US, patient=anna)))
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute("UPDATE observation SET status = 2")
    key = (1, 1, NOON_US * 1000, 0)
    async with world.chart.transaction() as unit:
        history = await unit.history([HistoryRequest(anna, 0, NOON_US)], {anna: PatientContext(anna, "anna")})
        assert len(history[anna].samples) == 0
        assert await unit.known([key]) == {key: Known(3, ((72.0, 0, 0),))}


async def test_known_finds_observations_and_device_status_by_identity(world: World) -> None:
    pressure = ((120.0, 0, 0), (0.0, 0, 1), (93.5, 1, 0))
    bp = chart_row(NOON_US, metric="blood_pressure", unit="mm[Hg]", values=pressure, sequence=2)
    battery = chart_row(NOON_US, patient=0, metric="battery", unit="%", values=[(64.0, 0, 0)])
    await world.write(Effects([progress(3, 1, 0, 5)], bp, battery))
    asked = [
        (1, 13, NOON_US * 1000, 2),
        (1, 45, NOON_US * 1000, 0),
        (1, 13, NOON_US * 1000, 3),
        (2, 45, NOON_US * 1000, 0),
    ]
    async with world.chart.transaction() as unit:
        found = await unit.known(asked)
        assert await unit.known([]) == {}
    assert found == {asked[0]: Known(8, pressure), asked[1]: Known(2, ((64.0, 0, 0),))}


async def test_heads_are_the_highest_time_then_sequence_over_months_and_status(world: World) -> None:
    rows = np.concatenate(
        [
            chart_row(NOON_US - 90 * DAY_US, sequence=99),
            chart_row(NOON_US, sequence=4),
            chart_row(NOON_US, sequence=7),
            chart_row(NOON_US - 40 * DAY_US, device=2),
        ]
    )
    battery = chart_row(NOON_US, patient=0, metric="battery", unit="%", values=[(64.0, 0, 0)], sequence=1)
    await world.write(Effects([progress(3, 1, 0, 5)], rows, battery))
    async with world.chart.transaction() as unit:
        heads = await unit.heads([(1, 1), (2, 1), (1, 45), (2, 45)])
    assert heads == {
        (1, 1): Head(NOON_US * 1000, 7),
        (2, 1): Head((NOON_US - 40 * DAY_US) * 1000, 0),
        (1, 45): Head(NOON_US * 1000, 1),
    }


async def test_devices_come_with_all_their_bindings(world: World) -> None:
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO device (id, password_sha256) VALUES ('spare', '')")
        connection.execute("UPDATE binding SET period = tstzrange('-infinity', instant_of(%s))", [NOON_US])
        connection.execute(
            "INSERT INTO binding (device, patient, period, author) "
            "VALUES (%s, %s, tstzrange(instant_of(%s), NULL), 'test')",
            [world.keys.device, world.keys.patient, NOON_US + 1],
        )
    async with world.chart.transaction() as unit:
        devices = await unit.devices(["cuff-1", "spare", "stranger"])
    anna = world.keys.patient
    assert devices["cuff-1"] == DeviceRecord(
        world.keys.device,
        "cuff-1",
        (Binding(anna, "anna", -(2**63), NOON_US), Binding(anna, "anna", NOON_US + 1, 2**63 - 1)),
    )
    assert devices["spare"].bindings == ()
    assert "stranger" not in devices


async def test_contexts_hold_what_rules_must_know(world: World) -> None:
    anna = world.keys.patient
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO enrolment (patient, programme, author) VALUES (%s, 'copd', 'test')", [anna])
        connection.execute(
            "INSERT INTO enrolment (patient, programme, since, until, author) "
            "VALUES (%s, 'diabetes', instant_of(%s), instant_of(%s), 'test')",
            [anna, NOON_US, NOON_US + 5],
        )
        connection.execute("INSERT INTO spo2_target (patient, low, high, author) VALUES (%s, 88, 92, 'test')", [anna])
        connection.execute("UPDATE patient SET zone = 'Europe/Berlin', born = '1950-03-01'")
        connection.execute(
            "INSERT INTO pregnancy (patient, since, until, author) VALUES (%s, '-infinity', instant_of(%s), 'test')",
            [anna, NOON_US],
        )
    async with world.chart.transaction() as unit:
        contexts = await unit.contexts([anna, 999])
    expected = PatientContext(
        anna,
        "anna",
        (Enrolment("copd"), Enrolment("diabetes", NOON_US, NOON_US + 5)),
        (SpO2Target(88, 92),),
        "Europe/Berlin",
        date(1950, 3, 1),
        (Period(None, NOON_US),),
    )
    assert contexts == {anna: expected}
    assert contexts[anna].deadline is None


async def test_gateways_get_one_key_each(world: World) -> None:
    async with world.chart.transaction() as unit:
        first = await unit.gateways(["ward", "home"])
    async with world.chart.transaction() as unit:
        again = await unit.gateways(["home", "ward", "van"])
    assert set(first) == {"ward", "home"}
    assert first.items() <= again.items()
    assert len(set(again.values())) == 3


async def test_a_stale_epoch_or_offset_loses_its_shards_and_nothing_is_written(world: World) -> None:
    for bad in (progress(11, 2, 0, 5), progress(11, 1, 1, 5), progress(12, 1, 0, 5)):
        with pytest.raises(ShardLost) as lost:
            await world.write(effects([progress(3, 1, 0, 5), bad], chart_row(NOON_US)))
        assert lost.value.shards == {bad.shard}
    assert world.count("SELECT count(*) FROM observation") == 0
    assert world.count("SELECT sum(next_offset + applied) FROM shard") == 0


async def test_a_shard_that_was_taken_over_is_lost(world: World) -> None:
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute("UPDATE shard SET lease_until = '-infinity'")
    async with PostgresLeases(world.dsn, uuid4()) as thief:
        assert (await thief.acquire([11]))[11].epoch == 2
    with pytest.raises(ShardLost) as lost:
        await world.write(effects([progress(3, 1, 0, 5), progress(11, 1, 0, 5)]))
    assert lost.value.shards == {11}


async def test_a_failure_after_the_write_leaves_nothing(world: World) -> None:
    class Unplugged(Exception):
        pass

    quarantined = Quarantined("cuff-1", "no-binding", "bind it", NOON_US, b"raw", None, 3, 0, 0)
    everything = Effects(
        progress=[progress(3, 1, 0, 5)],
        observations=chart_row(NOON_US, patient=world.keys.patient),
        device_status=chart_row(NOON_US, metric="battery", unit="%"),
        quarantined=[quarantined],
        alerts=[alert_change("opened", key=UUID(int=7), patient=world.keys.patient)],
        forward={20: record(1)},
    )
    with pytest.raises(Unplugged):
        async with world.chart.transaction() as unit:
            await unit.write(everything)
            raise Unplugged
    tables = ("observation", "device_status", "quarantine", "alert", "alert_change")
    assert [world.count(f"SELECT count(*) FROM {table}") for table in tables] == [0] * 5
    assert world.count("SELECT sum(next_offset) FROM shard") == 0
    assert world.count("SELECT sum(appended) FROM journal_head") == 10
    await world.write(everything)
    assert [world.count(f"SELECT count(*) FROM {table}") for table in tables] == [1] * 5
    assert world.count("SELECT sum(appended) FROM journal_head") == 11


async def test_a_unit_that_failed_cannot_commit(world: World) -> None:
    with pytest.raises(InternalError, match="open another"):
        async with world.chart.transaction() as unit:
            with pytest.raises(ShardLost):
                await unit.write(effects([progress(3, 1, 0, 5), progress(11, 5, 0, 5)]))
            with pytest.raises(InternalError, match="failed before"):
                await unit.heads([(1, 1)])
    assert world.count("SELECT sum(next_offset) FROM shard") == 0


async def test_rows_that_the_database_refuses_are_poison_and_the_next_group_goes_on(world: World) -> None:
    nobody = alert_change("opened", key=UUID(int=7), patient=424_242)
    with pytest.raises(Poisoned):
        await world.write(replace(effects([progress(3, 1, 0, 5)]), alerts=[nobody]))
    await world.write(effects([progress(3, 1, 0, 5)], chart_row(NOON_US)))
    assert world.count("SELECT count(*) FROM observation") == 1


async def test_counts_add_up_over_groups(world: World) -> None:
    await world.write(effects([replace(progress(3, 1, 0, 5), duplicates=2, forwarded=1)]))
    await world.write(effects([replace(progress(3, 1, 1, 4), duplicates=1)]))
    with psycopg.connect(world.dsn) as connection:
        row = connection.execute("SELECT next_offset, applied, duplicates, forwarded FROM shard WHERE shard = 3")
        assert row.fetchone() == (2, 9, 3, 1)


async def test_quarantine_keeps_raw_bytes_and_texts_that_the_database_cannot_hold(world: World) -> None:
    odd = Quarantined("cuff\0\ud800", "malformed", "a \0 b", NOON_US, b"\x00\xff", None, 3, 0, 2)
    replayable = replace(odd, device="cuff-1", record=b"VSJ")
    await world.write(replace(effects([progress(3, 1, 0, 5)]), quarantined=[odd, replayable]))
    with psycopg.connect(world.dsn) as connection:
        rows = connection.execute(
            "SELECT device, message, us_of(received_at), raw, record, shard, journal_offset, journal_row "
            "FROM quarantine ORDER BY key"
        ).fetchall()
    assert rows == [
        ("cuff␀?", "a ␀ b", NOON_US, b"\x00\xff", None, 3, 0, 2),
        ("cuff-1", "a ␀ b", NOON_US, b"\x00\xff", b"VSJ", 3, 0, 2),
    ]


async def test_forwarded_records_are_in_the_journal_with_the_commit(world: World) -> None:
    forwarded = record(2)
    await world.write(replace(effects([progress(3, 1, 0, 5)]), forward={20: forwarded}))
    async with PostgresJournal(world.dsn) as journal:
        assert [one.payload for one in await journal.read({20: 0}, 10_000)] == [forwarded]


async def test_alerts_come_back_as_they_were_said(world: World) -> None:
    anna = world.keys.patient
    opened = alert_change("opened", key=UUID(int=7), patient=anna)
    cleared = alert_change(
        "cleared", key=UUID(int=7), patient=anna, condition="cleared", cleared_us=NOON_US + SECOND_US
    )
    merged = alert_change("retracted", key=UUID(int=8), patient=anna, condition="retracted")
    merged = replace(merged, alert=replace(merged.alert, merged_into=UUID(int=7), late=True))
    await world.write(replace(effects([progress(3, 1, 0, 5)]), alerts=[opened]))
    await world.write(replace(effects([progress(3, 1, 1, 0)]), alerts=[cleared, merged]))
    context = {anna: PatientContext(anna, "anna")}
    async with world.chart.transaction() as unit:
        around = await unit.history([HistoryRequest(anna, NOON_US - 1, NOON_US + 1)], context)
        after = await unit.history([HistoryRequest(anna, NOON_US + 2 * SECOND_US, NOON_US + DAY_US)], context)
    assert set(around[anna].alerts) == {cleared.alert, merged.alert}
    assert set(after[anna].alerts) == {merged.alert}
    with psycopg.connect(world.dsn) as connection:
        rows = connection.execute("SELECT change, because->>'metric' FROM alert_change ORDER BY key").fetchall()
    assert rows == [("opened", "spo2"), ("cleared", "spo2"), ("retracted", "spo2")]


async def test_an_active_alert_is_history_however_old(world: World) -> None:
    anna = world.keys.patient
    opened = alert_change("opened", key=UUID(int=7), patient=anna)
    await world.write(replace(effects([progress(3, 1, 0, 5)]), alerts=[opened, opened]))
    async with world.chart.transaction() as unit:
        long_after = HistoryRequest(anna, NOON_US + 90 * DAY_US, NOON_US + 91 * DAY_US)
        before = HistoryRequest(anna, NOON_US - 90 * DAY_US, NOON_US - 80 * DAY_US)
        context = {anna: PatientContext(anna, "anna")}
        assert [a.id for a in (await unit.history([long_after], context))[anna].alerts] == [UUID(int=7)]
        assert [a.id for a in (await unit.history([before], context))[anna].alerts] == [UUID(int=7)]


async def test_history_reaches_deeper_for_the_metrics_that_want_it(world: World) -> None:
    anna = world.keys.patient
    rows = [
        chart_row(NOON_US + second * SECOND_US, patient=anna, device=4, metric=metric, unit=unit)
        for metric, unit in (("spo2", "%"), ("body_weight", "kg"))
        for second in (0, 60, 120)
    ]
    await world.write(effects([progress(3, 1, 0, 6)], np.concatenate(rows)))
    weight = codes.metric("body_weight").number
    request = HistoryRequest(anna, NOON_US + 90 * SECOND_US, NOON_US + DAY_US, ((weight, NOON_US + 30 * SECOND_US),))
    async with world.chart.transaction() as unit:
        history = (await unit.history([request], {anna: PatientContext(anna, "anna")}))[anna]
    found = sorted((int(s["metric"]), (int(s["measured_us"]) - NOON_US) // SECOND_US) for s in history.samples)
    spo2 = codes.metric("spo2").number
    assert found == sorted([(spo2, 120), (weight, 60), (weight, 120)])
    assert history.known_us(weight) == NOON_US + 30 * SECOND_US
    assert history.known_us(spo2) == NOON_US + 90 * SECOND_US


async def test_a_commit_without_rows_only_moves_offsets(world: World) -> None:
    await world.write(effects([progress(11, 1, 0, 0)], NO_ROWS))
    assert world.count("SELECT next_offset FROM shard WHERE shard = 11") == 1
