"""People change their minds, on real PostgreSQL: values marked as wrong, bindings corrected, in whatever order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import permutations

import psycopg
import pytest

from storage.chart.ledger import identities_charted_twice
from storage.chart.postgres import PostgresChart, PostgresUnit
from storage.connection import connect
from storage.faults import DatabaseTrouble
from storage.registry.changes import announce
from streams import repair
from tests.charting import Registry, register
from tests.processing import SECOND_US, START_US, Line, reading, spo2
from tests.silence_engine import SilenceEngine
from vitals.identity import identity, observation_id, shard_of

DEVICE = "oximeter-1"
CHARTED = (
    "SELECT p.id, o.sequence, o.status, o.version FROM observation o JOIN patient p ON p.key = o.patient ORDER BY 1, 2"
)
HANDOVER_S = 100


@pytest.fixture
def engine() -> SilenceEngine:
    return SilenceEngine()


@pytest.fixture
def line(any_database: str, engine: SilenceEngine) -> Line:
    return Line(any_database, lambda: engine)


@pytest.fixture
def anna(line: Line) -> Registry:
    return register(line.dsn, "anna", DEVICE)


def change(line: Line, query: str, *values: object) -> None:
    with psycopg.connect(line.dsn, autocommit=True) as connection:
        connection.execute(query.encode(), values)


def mark(line: Line, sequence: int, patient: str = "anna") -> str:
    """What the page's "mark as wrong" writes beside its command; the Observation's id."""
    number = observation_id(identity(DEVICE, "spo2", (START_US + sequence * SECOND_US) * 1000, sequence), patient)
    change(line, "INSERT INTO correction (observation, patient, reason, actor) VALUES (%s, 1, 'artefact', 'x')", number)
    return str(number)


async def hand_over(line: Line, anna: Registry, *, second: int = HANDOVER_S) -> None:
    """The device turns out to have been bert's from `second` on; bert is registered when he isn't yet."""
    change(line, "INSERT INTO patient (id) VALUES ('bert') ON CONFLICT DO NOTHING")
    at_us = START_US + second * SECOND_US
    change(line, "DELETE FROM binding")
    change(
        line,
        "INSERT INTO binding (device, patient, period, author) VALUES (%s, %s, tstzrange(NULL, instant_of(%s)), 'x')",
        *(anna.device, anna.patient, at_us),
    )
    change(
        line,
        "INSERT INTO binding (device, patient, period, author) "
        "SELECT %s, key, tstzrange(instant_of(%s), NULL), 'x' FROM patient WHERE id = 'bert'",
        *(anna.device, at_us),
    )
    await say(line, "anna", "bert")


async def say(line: Line, *patients: str) -> None:
    async with await connect(line.dsn, application_name="test") as connection, connection.transaction():
        await announce(connection, patients=patients, devices=[DEVICE])


async def twice(line: Line) -> list[object]:
    async with await connect(line.dsn, application_name="test") as connection:
        return list(await identities_charted_twice(connection))


async def test_a_value_marked_as_wrong_is_in_error_and_its_patient_examined(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await line.append([spo2(DEVICE, n, str(90 + n)) for n in (1, 2)], shard_key="anna")
    await line.apply(now_us=START_US)
    await line.command({"command": "correction", "observation": mark(line, 2), "patient": "anna"}, "anna")
    counts = await line.apply(now_us=START_US)
    assert line.rows(CHARTED) == [("anna", 1, 0, 1), ("anna", 2, 2, 2)]
    assert engine.again == [(anna.patient, START_US + 2 * SECOND_US)]
    assert engine.seen == {"anna": [91.0]}
    assert engine.looks[-1].samples == 0
    assert (counts.stored, counts.balanced) == (2, True)
    # A redelivery of it is a duplicate, not a resurrection.
    await line.append([spo2(DEVICE, 2, "92")], shard_key="anna")
    counts = await line.apply(now_us=START_US)
    assert (counts.duplicates, counts.stored, counts.balanced) == (1, 2, True)


async def test_what_nobody_understands_is_logged_and_stops_no_shard(
    line: Line, engine: SilenceEngine, anna: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in ({"command": "fly"}, {"command": "correction"}, {"command": "correction", "observation": str(mark)}):
        await line.command(body, "anna")
    await line.append([spo2(DEVICE, 1, "96")], shard_key="anna")
    counts = await line.apply(now_us=START_US)
    assert (engine.seen, counts.stored, counts.balanced) == ({"anna": [96.0]}, 1, True)
    assert capsys.readouterr().out.count("command-refused") == 3


async def test_a_command_that_fails_every_time_is_passed(
    line: Line, anna: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(repair, "obey", broken)
    await line.append([spo2(DEVICE, 1, "96")], shard_key="anna")
    await say(line, "anna")
    await line.append([spo2(DEVICE, 2, "96")], shard_key="anna")
    counts = await line.apply(now_us=START_US)
    assert (counts.stored, counts.pending, counts.balanced) == (2, 0, True)


async def prepared(line: Line, anna: Registry) -> None:
    await line.append([spo2(DEVICE, second, "96") for second in (98, 99, 100, 101)], shard_key="anna")
    await line.append([reading("battery", "%", DEVICE, second, "7") for second in (99, 101)], shard_key="anna")
    await line.apply(now_us=START_US)
    await hand_over(line, anna)


async def assert_handed_over(line: Line, engine: SilenceEngine) -> None:
    assert line.rows(CHARTED) == [
        ("anna", 98, 0, 1),
        ("anna", 99, 0, 1),
        ("anna", 100, 2, 2),
        ("anna", 101, 2, 2),
        ("bert", 100, 0, 1),
        ("bert", 101, 0, 1),
    ]
    assert (engine.seen["anna"], engine.seen["bert"]) == ([7.0, 96.0, 96.0], [7.0, 96.0, 96.0])
    moved = [
        (bert, START_US + HANDOVER_S * SECOND_US) for (bert,) in line.rows("SELECT key FROM patient WHERE id = 'bert'")
    ]
    assert set(moved) <= set(engine.again)
    battery = observation_id(identity(DEVICE, "battery", (START_US + 101 * SECOND_US) * 1000, 101), "bert")
    rows = line.rows("SELECT p.id, s.id FROM device_status s JOIN patient p ON p.key = s.patient ORDER BY 1")
    assert [patient for patient, _ in rows] == ["anna", "bert"]
    assert rows[1][1] == battery
    assert await twice(line) == []


@pytest.mark.parametrize("order", list(permutations(("anna", "bert", DEVICE))), ids="-".join)
async def test_a_corrected_binding_moves_readings_once_whatever_shard_comes_first(
    line: Line, engine: SilenceEngine, anna: Registry, order: tuple[str, ...]
) -> None:
    assert len({shard_of(key) for key in order}) == 3
    await prepared(line, anna)
    counts = await line.apply_by(*order)
    assert (counts.received, counts.stored, counts.pending, counts.balanced) == (6, 6, 0, True)
    await assert_handed_over(line, engine)
    both = {patient for look in engine.looks[1:] for patient in look.patients}
    assert both == {"anna", "bert"}


class Dying(PostgresChart):
    """Its first transactions end just before their commit."""

    deaths = 3

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresUnit]:
        async with super().transaction() as unit:
            yield unit
            if Dying.deaths:
                Dying.deaths -= 1
                raise DatabaseTrouble("somebody pulled the plug; try again")


async def test_a_corrected_binding_survives_transactions_that_are_rolled_back(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await prepared(line, anna)
    Dying.deaths = 3
    counts = await line.apply(now_us=START_US, chart=Dying)
    assert Dying.deaths == 0
    assert (counts.stored, counts.pending, counts.balanced) == (6, 0, True)
    await assert_handed_over(line, engine)


async def test_a_binding_corrected_there_and_back_leaves_what_was(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await prepared(line, anna)
    await line.apply(now_us=START_US)
    for second in (1_000, HANDOVER_S, 1_000):
        await hand_over(line, anna, second=second)
        counts = await line.apply(now_us=START_US)
        assert (counts.stored, counts.balanced) == (6, True)
        assert await twice(line) == []
    assert engine.seen["anna"] == [7.0, 7.0, 96.0, 96.0, 96.0, 96.0]
    assert engine.seen["bert"] == []
    living = line.rows("SELECT p.id FROM observation o JOIN patient p ON p.key = o.patient WHERE o.status = 0")
    assert living == [("anna",)] * 4


async def test_a_persons_correction_is_never_undone_by_a_binding(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await line.append([spo2(DEVICE, second, "96") for second in (100, 101)], shard_key="anna")
    await line.apply(now_us=START_US)
    # The binding is corrected between the mark and its command.
    body = {"command": "correction", "observation": mark(line, 100), "patient": "anna"}
    await hand_over(line, anna)
    await line.command(body, "anna")
    await line.apply(now_us=START_US)
    assert line.rows(CHARTED) == [("anna", 100, 2, 2), ("anna", 101, 2, 2), ("bert", 101, 0, 1)]
    assert (engine.seen["anna"], engine.seen["bert"]) == ([], [96.0])


async def test_a_correction_follows_a_reading_that_moved_meanwhile(
    line: Line, engine: SilenceEngine, anna: Registry
) -> None:
    await line.append([spo2(DEVICE, 100, "96")], shard_key="anna")
    await line.apply(now_us=START_US)
    await hand_over(line, anna)
    await line.apply(now_us=START_US)
    body = {"command": "correction", "observation": mark(line, 100), "patient": "anna"}
    await line.command(body, "anna")
    counts = await line.apply(now_us=START_US)
    assert line.rows(CHARTED) == [("anna", 100, 2, 2), ("bert", 100, 2, 2)]
    assert engine.seen["bert"] == []
    assert (counts.stored, counts.balanced) == (1, True)


async def test_a_reading_of_nobody_waits_for_its_patient(line: Line, anna: Registry) -> None:
    await line.append([spo2(DEVICE, 100, "96")], shard_key="anna")
    await line.apply(now_us=START_US)
    change(line, "DELETE FROM binding")
    await say(line, "anna")
    await line.apply(now_us=START_US)
    assert line.rows(CHARTED) == [("anna", 100, 2, 2)]
    await hand_over(line, anna)
    counts = await line.apply(now_us=START_US)
    assert line.rows(CHARTED) == [("anna", 100, 2, 2), ("bert", 100, 0, 1)]
    assert (counts.stored, counts.balanced) == (1, True)


async def test_a_long_correction_comes_in_pieces(
    line: Line, engine: SilenceEngine, anna: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "STRAYS_MAX", 3)
    await line.append([spo2(DEVICE, second, "96") for second in range(95, 120)], shard_key="anna")
    await line.apply(now_us=START_US)
    await hand_over(line, anna)
    counts = await line.apply(now_us=START_US)
    assert (len(engine.seen["anna"]), len(engine.seen["bert"])) == (5, 20)
    assert (counts.stored, counts.balanced) == (25, True)


async def test_what_is_known_of_a_patient_changed(line: Line, engine: SilenceEngine, anna: Registry) -> None:
    await line.append([spo2(DEVICE, 1, "96")], shard_key="anna")
    await line.apply(now_us=START_US)
    await line.command({"command": "registry-changed", "patients": ["anna"], "since_us": START_US - 5}, "anna")
    await line.apply(now_us=START_US)
    assert engine.again == [(anna.patient, START_US - 5)]
    assert (engine.looks[-1].samples, engine.looks[-1].patients) == (0, frozenset({"anna"}))


async def test_alerts_follow_readings_to_their_right_patient(any_database: str) -> None:
    line = Line(any_database)
    anna = register(line.dsn, "anna", DEVICE)
    await line.append([spo2(DEVICE, second, "90") for second in range(0, 90, 10)], shard_key="anna")
    await line.apply()
    who = "FROM alert a JOIN patient p ON p.key = a.patient ORDER BY 1"
    alerts = f"SELECT p.id, a.rule, a.condition, us_of(a.opened_at) {who}"
    opened_us = START_US + 60 * SECOND_US
    assert line.rows(alerts) == [("anna", "spo2-low-general", "active", opened_us)]
    await hand_over(line, anna, second=0)
    await line.apply()
    assert line.rows(alerts) == [
        ("anna", "spo2-low-general", "retracted", opened_us),
        ("bert", "spo2-low-general", "active", opened_us),
    ]
