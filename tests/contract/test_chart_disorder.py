"""What every chart must do about silence, corrections and moved readings (`vitals.ports.chart`); run on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest

from storage.chart.ledger import ledger
from storage.chart.postgres import PostgresChart
from storage.connection import connect
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from tests.charting import NO_ROWS, NOON_US, SECOND_US, alert_change, chart_row, effects, progress, record, register
from vitals import codes
from vitals.events import AlertChange, Deadline, PatientContext
from vitals.identity import shard_of
from vitals.ports.alerting import HistoryRequest
from vitals.ports.chart import BLIND_AFTER_US, Columns, Due, Effects, Move, ShardLost, Stray, Touched
from vitals.reading import NONE, Flag
from vitals.wire import encode_command

DAY_US = 86_400 * SECOND_US
EVER = NONE
COMMAND = encode_command({"command": "reexamine", "from_us": {"anna": 5}})


@dataclass(frozen=True)
class World:
    """A migrated database; `device` has been anna's up to NOON_US + 100 s and is bert's from then on."""

    dsn: str
    chart: PostgresChart
    anna: int
    bert: int
    device: int

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def change(self, query: str, *values: object) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(query.encode(), values)

    async def write(self, what: Effects) -> None:
        async with self.chart.transaction() as unit:
            await unit.write(what)

    async def charted(self, *rows: Columns, status: Columns = NO_ROWS) -> None:
        table = np.concatenate(rows) if rows else NO_ROWS
        await self.write(Effects([progress(3, 1, 0, 0, records=0)], table, status))

    def spo2(self, second: int, patient: int) -> Columns:
        at_us = NOON_US + second * SECOND_US
        return chart_row(at_us, patient=patient, device=self.device, metric="spo2", unit="%")

    def battery(self, second: int, patient: int, value: float = 7.0, metric: str = "battery") -> Columns:
        at_us = NOON_US + second * SECOND_US
        unit = codes.metric(metric).units[0]
        return chart_row(at_us, patient=patient, device=self.device, metric=metric, unit=unit, values=[(value, 0, 0)])

    async def strays(self, *patients: str, since_us: int = EVER, limit: int = 100) -> list[Stray]:
        async with self.chart.transaction() as unit:
            return await unit.strays(["cuff-1"], patients, since_us, limit)

    async def move(self, *moves: Move) -> None:
        async with self.chart.transaction() as unit:
            await unit.move(moves)

    def statuses(self) -> list[tuple[object, ...]]:
        return self.rows(
            "SELECT p.id, o.status, o.version FROM observation o JOIN patient p ON p.key = o.patient ORDER BY 1, 2"
        )


@pytest.fixture
async def world(any_database: str) -> AsyncIterator[World]:
    anna = register(any_database)
    with psycopg.connect(any_database, autocommit=True) as connection:
        row = connection.execute("INSERT INTO patient (id) VALUES ('bert') RETURNING key").fetchone()
        assert row is not None
        handover = NOON_US + 100 * SECOND_US
        connection.execute("UPDATE binding SET period = tstzrange('-infinity', instant_of(%s))", [handover])
        connection.execute(
            "INSERT INTO binding (device, patient, period, author) "
            "VALUES (%s, %s, tstzrange(instant_of(%s), NULL), 'test')",
            [anna.device, row[0], handover],
        )
    async with PostgresLeases(any_database, uuid4()) as leases:
        await leases.acquire((3, 11))
        async with PostgresChart(any_database, "test") as chart:
            yield World(any_database, chart, anna.patient, row[0], anna.device)


def id_of(row: Columns) -> UUID:
    return UUID(bytes=row["id"][0].tobytes())


async def test_device_status_of_a_patient_is_history_and_lost_contact_is_marked(world: World) -> None:
    status = [world.battery(1, world.anna), world.battery(2, world.anna, 0.0, "sensor_contact"), world.battery(3, 0)]
    await world.charted(world.spo2(4, world.anna), status=np.concatenate(status))
    async with world.chart.transaction() as unit:
        request = HistoryRequest(world.anna, NOON_US, NOON_US + 10 * SECOND_US)
        history = await unit.history([request], {world.anna: PatientContext(world.anna, "anna")})
    samples = np.sort(history[world.anna].samples, order="measured_us")
    assert [(int(s["metric"]), float(s["value"]), int(s["flags"])) for s in samples] == [
        (45, 7.0, 0),
        (46, 0.0, int(Flag.NO_CONTACT)),
        (codes.metric("spo2").number, 72.0, 0),
    ]
    assert samples["observation"][0].tobytes() == status[0]["id"][0].tobytes()


async def test_deadlines_are_kept_replaced_and_ended(world: World) -> None:
    first, second = Deadline(NOON_US, NOON_US - DAY_US), Deadline(NOON_US + 5, NOON_US)
    still = progress(3, 1, 0, 0, records=0)
    await world.write(replace(effects([still]), deadlines={world.anna: first, world.bert: second}))
    both = {shard_of("anna"), shard_of("bert")}
    async with world.chart.transaction() as unit:
        assert await unit.due(both, NOON_US - 1, 9) == []
        assert await unit.due(both, NOON_US, 9) == [Due(world.anna, shard_of("anna"))]
        everybody = [Due(world.anna, shard_of("anna")), Due(world.bert, shard_of("bert"))]
        assert await unit.due(both, NOON_US + 5, 9) == everybody
        assert await unit.due(both, NOON_US + 5, 1) == everybody[:1]
        assert await unit.due(both, NOON_US + 5, 9, [world.anna]) == everybody[1:]
        assert await unit.due({shard_of("bert")}, NOON_US + 5, 9) == everybody[1:]
        contexts = await unit.contexts([world.anna, world.bert])
    assert {key: context.deadline for key, context in contexts.items()} == {world.anna: first, world.bert: second}
    await world.write(replace(effects([still]), deadlines={world.anna: second, world.bert: None}))
    async with world.chart.transaction() as unit:
        contexts = await unit.contexts([world.anna, world.bert])
    assert {key: context.deadline for key, context in contexts.items()} == {world.anna: second, world.bert: None}


async def test_deadlines_of_a_lost_shard_are_not_written(world: World) -> None:
    with pytest.raises(ShardLost):
        await world.write(
            replace(effects([progress(3, 7, 0, 0, records=0)]), deadlines={world.anna: Deadline(NOON_US, NOON_US)})
        )
    assert world.rows("SELECT count(*) FROM alert_deadline") == [(0,)]


async def beats(world: World, *at_us: int) -> None:
    for now_us in at_us:
        async with world.chart.transaction() as unit:
            await unit.beat(now_us)


async def blind(world: World) -> tuple[tuple[int, int], ...]:
    async with world.chart.transaction() as unit:
        return (await unit.contexts([world.anna]))[world.anna].blind


async def test_a_hole_between_beats_is_a_blind_stretch(world: World) -> None:
    hole_ends = NOON_US + 2 * BLIND_AFTER_US + 1
    await beats(world, NOON_US, NOON_US + BLIND_AFTER_US, hole_ends, hole_ends + 1)
    assert await blind(world) == ((NOON_US + BLIND_AFTER_US, hole_ends),)
    assert world.rows("SELECT us_of(seen_at) FROM heartbeat WHERE name = 'streams'") == [(hole_ends + 1,)]


async def test_a_clock_that_was_put_back_makes_no_blind_stretch(world: World) -> None:
    await beats(world, NOON_US, NOON_US - DAY_US, NOON_US + 1)
    assert await blind(world) == ()


async def test_contexts_leave_out_blind_stretches_of_long_ago(world: World) -> None:
    await beats(world, NOON_US, NOON_US + DAY_US, NOON_US + 62 * DAY_US)
    assert await blind(world) == ((NOON_US + DAY_US, NOON_US + 62 * DAY_US),)


async def test_keys_of_patients_by_id(world: World) -> None:
    async with world.chart.transaction() as unit:
        assert await unit.patients(["anna", "bert", "carl"]) == {"anna": world.anna, "bert": world.bert}


async def test_what_a_person_marked_is_in_error_once_and_seen_by_everybody_who_follows(world: World) -> None:
    row, other = world.spo2(1, world.anna), world.spo2(2, world.anna)
    await world.charted(row, other)
    before = world.rows("SELECT max(xid::text::bigint) FROM observation")
    for expected in ([Touched(world.anna, "anna", NOON_US + SECOND_US)], []):
        async with world.chart.transaction() as unit:
            await unit.lock([], [id_of(row)])
            assert await unit.withdraw([id_of(row), UUID(int=1)]) == expected
    assert world.statuses() == [("anna", 0, 1), ("anna", 2, 2)]
    changed = world.rows("SELECT id, updated_at > received_at - interval '99 years' FROM observation WHERE status = 2")
    assert changed == [(id_of(row), True)]
    after = world.rows("SELECT xid::text::bigint FROM observation WHERE status = 2")
    assert int(str(after[0][0])) > int(str(before[0][0]))


async def test_strays_are_rows_that_somebody_else_or_nobody_has_now(world: World) -> None:
    right = [world.spo2(1, world.anna), world.spo2(101, world.bert)]
    wrong = [world.spo2(2, world.bert), world.spo2(102, world.anna)]
    foreign = chart_row(NOON_US, patient=world.anna, device=world.device + 1)
    await world.charted(
        *right, *wrong, foreign, status=np.concatenate([world.battery(3, 0), world.battery(4, world.anna)])
    )
    found = await world.strays()
    assert [(s.id, s.status, s.living, s.patient) for s in found] == [
        (id_of(wrong[0]), False, True, "bert"),
        (id_of(world.battery(3, 0)), True, True, ""),
        (id_of(wrong[1]), False, True, "anna"),
    ]
    at_us = NOON_US + 2 * SECOND_US
    spo2 = codes.metric("spo2").number
    assert found[0] == Stray(
        id_of(wrong[0]),
        False,
        True,
        world.bert,
        "bert",
        world.device,
        spo2,
        at_us * 1000,
        0,
        at_us,
        at_us + SECOND_US,
        0,
    )
    assert await world.strays(since_us=at_us + 1) == found[1:]
    assert await world.strays(limit=1) == found[:1]


async def test_rows_of_one_instant_come_together(world: World) -> None:
    await world.charted(world.spo2(2, world.bert), status=world.battery(2, 0))
    assert len(await world.strays(limit=1)) == 2


async def test_rows_of_somebody_who_lost_the_binding_for_ever_are_found_by_name(world: World) -> None:
    await world.charted(world.spo2(1, world.anna))
    world.change("DELETE FROM binding WHERE patient = %s", world.anna)
    assert await world.strays() == []
    assert [s.patient for s in await world.strays("anna")] == ["anna"]


async def test_what_a_person_marked_as_wrong_never_strays(world: World) -> None:
    living, in_error = world.spo2(2, world.bert), world.spo2(102, world.anna)
    await world.charted(living, in_error)
    for row in (living, in_error):
        world.change(
            "INSERT INTO correction (observation, patient, reason, actor) VALUES (%s, 1, 'artefact', 'x')", id_of(row)
        )
    world.change("UPDATE observation SET status = 2 WHERE id = %s", id_of(in_error))
    assert await world.strays() == []


def to(stray: Stray, patient: int, name: str, number: int) -> Move:
    return Move(stray, patient, name, UUID(int=number))


async def test_a_move_charts_a_reading_for_its_new_patient_once(world: World) -> None:
    row = world.spo2(2, world.bert)
    await world.charted(row)
    (stray,) = await world.strays()
    for _ in range(2):
        await world.move(to(stray, world.anna, "anna", 77), to(stray, world.anna, "anna", 77))
    assert world.statuses() == [("anna", 0, 1), ("bert", 2, 2)]
    assert world.rows("SELECT old, new FROM observation_move") == [(id_of(row), UUID(int=77))]
    same = (
        "measured_at, received_at, device, value_1, unit, gateway, shard, journal_offset, journal_row, clock_offset_us"
    )
    assert len(world.rows(f"SELECT DISTINCT {same} FROM observation")) == 1
    assert await world.strays() == []
    async with await connect(world.dsn, application_name="tests") as connection:
        assert (await ledger(connection)).stored == 1


async def test_a_reading_that_comes_back_is_the_row_that_it_was(world: World) -> None:
    row = world.spo2(2, world.bert)
    await world.charted(row)
    (stray,) = await world.strays()
    await world.move(to(stray, world.anna, "anna", 77))
    back = replace(stray, id=UUID(int=77), patient_key=world.anna, patient="anna")
    await world.move(Move(back, world.bert, "bert", id_of(row)))
    assert world.statuses() == [("anna", 2, 2), ("bert", 0, 3)]
    assert world.rows("SELECT count(*) FROM observation_move") == [(1,)]


async def test_a_reading_of_nobody_is_withdrawn_and_comes_back_with_a_binding(world: World) -> None:
    row = world.spo2(2, world.bert)
    await world.charted(row)
    (stray,) = await world.strays()
    await world.move(to(stray, 0, "", 5))
    assert world.statuses() == [("bert", 2, 2)]
    (found,) = await world.strays()  # anna is bound at that time
    assert (found.id, found.living) == (id_of(row), False)
    world.change("DELETE FROM binding WHERE patient = %s", world.anna)
    assert await world.strays("anna", "bert") == []


async def test_device_status_moves_in_place(world: World) -> None:
    await world.charted(status=np.concatenate([world.battery(3, 0), world.battery(4, world.bert)]))
    one, two = await world.strays()
    await world.move(to(one, world.anna, "anna", 77), to(two, 0, "", 78))
    rows = world.rows("SELECT patient, id FROM device_status ORDER BY measured_at")
    assert rows == [(world.anna, UUID(int=77)), (0, UUID(int=78))]


async def test_several_records_for_one_shard_keep_their_order(world: World) -> None:
    await world.write(
        replace(
            effects([progress(3, 1, 0, 0, records=0)]),
            forward={20: record(2)},
            commands=[(20, COMMAND), (21, COMMAND), (20, COMMAND)],
        )
    )
    async with PostgresJournal(world.dsn) as journal:
        found = await journal.read({20: 0, 21: 0}, 10_000)
    assert [(one.shard, one.offset, one.payload) for one in found] == [
        (20, 0, record(2)),
        (20, 1, COMMAND),
        (20, 2, COMMAND),
        (21, 0, COMMAND),
    ]


async def test_a_lock_keeps_other_writers_from_the_same_devices(world: World) -> None:
    names: Sequence[str] = ["cuff-1", "unknown"]
    async with world.chart.transaction() as unit, PostgresChart(world.dsn, "other") as other:
        await unit.lock(names, [])
        with psycopg.connect(world.dsn) as connection:
            held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
            assert held.fetchone() == (1,)
        async with other.transaction() as second:
            await second.lock(["unknown"], [UUID(int=1)])  # nobody's: free


async def test_an_alert_is_found_where_it_was_first_raised(world: World) -> None:
    """Whoever wants a free id for that reading must know that it is taken, wherever the alert lies by now."""
    first = alert_change("opened", key=uuid4(), patient=world.anna)
    early_us = NOON_US - 5 * SECOND_US
    reading = replace(first.alert.readings[0], observation=uuid4(), measured_us=early_us)
    moved = replace(
        first.alert, condition="cleared", opened_us=early_us, cleared_us=early_us + SECOND_US, readings=(reading,)
    )
    steps = [progress(3, 1, 0, 0, records=0)]
    await world.write(replace(effects(steps), alerts=[first]))
    await world.write(replace(effects(steps), alerts=[AlertChange("amended", moved, None)]))

    async def found(from_us: int) -> list[UUID]:
        request = HistoryRequest(world.anna, from_us, NOON_US + 100 * SECOND_US)
        async with world.chart.transaction() as unit:
            history = await unit.history([request], await unit.contexts([world.anna]))
        return [alert.id for alert in history[world.anna].alerts]

    assert await found(NOON_US - 1) == [moved.id]
    assert await found(NOON_US + 1) == []
