"""Parts of the live stream without a database: following commits, one watcher, the picture."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from api.live.picture import POINTS_MAX, Picture, points_of
from api.live.watcher import ALERTS_WAITING_MAX, Watcher, event
from api.worklist_view import PatientState, Watch
from storage.chart.feed import FeedState, advance
from storage.chart.readings import Charted
from storage.chart.worklist import ListedPatient
from storage.registry.gateways import Gateway, Signs
from storage.scope import Scope
from vitals import codes, units
from vitals.reading import Absent, Value, absent

NOW = 1_795_000_000_000_000
SCOPE = Scope(1)
WATCH = Watch(Signs(NOW, NOW), ())


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["begin", "commit", "look"])), max_size=60))
def test_every_committed_row_is_delivered_exactly_once(script: list[tuple[int, str]]) -> None:
    """Transactions begin and commit in any order, looks happen at any time."""
    state, next_xid = FeedState(1), 1
    running: dict[int, int] = {}
    committed: set[int] = set()
    delivered: list[Hashable] = []

    def look() -> None:
        nonlocal state
        xmin = min(running.values(), default=next_xid)
        seen = [(("row", xid), xid) for xid in committed if xid >= state.cursor]
        state, new, resync = advance(state, seen, xmin=xmin, xmax=next_xid, overflow=False)
        assert not resync
        delivered.extend(new)

    for slot, step in script:
        if step == "begin" and slot not in running:
            running[slot], next_xid = next_xid, next_xid + 1
        elif step == "commit" and slot in running:
            committed.add(running.pop(slot))
        elif step == "look":
            look()
    committed.update(running.values())
    running.clear()
    look()
    assert sorted(delivered, key=str) == sorted((("row", xid) for xid in committed), key=str)
    look()
    assert len(delivered) == len(committed)
    assert not state.remembered


def test_after_an_overflow_late_commits_are_told_once_more() -> None:
    state = FeedState(10, {"a": 11})
    state, new, resync = advance(state, [("b", 12)], xmin=10, xmax=20, overflow=True)
    assert (new, resync, state.cursor) == (set(), True, 20)
    state, new, resync = advance(state, [("c", 21)], xmin=15, xmax=22, overflow=False)
    assert (new, resync) == ({"c"}, False)
    state, new, resync = advance(state, [("c", 21)], xmin=20, xmax=22, overflow=False)
    assert (new, resync) == (set(), True)
    state, new, resync = advance(state, [("c", 21), ("d", 22)], xmin=23, xmax=23, overflow=False)
    assert (new, resync, state.cursor) == ({"d"}, False, 23)


def test_an_overflow_with_nothing_in_flight_is_told_once() -> None:
    state, _, resync = advance(FeedState(10), [], xmin=20, xmax=20, overflow=True)
    assert (resync, state.blind_until) == (True, 0)


def _listed(key: int, team: int = 1) -> ListedPatient:
    return ListedPatient(key, f"p-{key}", f"N{key}", date(1950, 1, 1), None, "UTC", None, (), frozenset({team}))


def _reading(patient: int, at: int = NOW, metric: str = "heart_rate", **fields: Any) -> Charted:
    row = codes.metric(metric)
    values = fields.pop("values", (Value(72),))
    unit = units.unit(fields.pop("unit", row.units[0])).number
    return Charted(UUID(int=at), patient, "d-1", row.number, unit, 0, 0, 1, at, at, values)


def _picture(*patients: ListedPatient) -> Picture:
    picture = Picture(1, False, WATCH)
    picture.put({patient.key: PatientState(patient, {}, ()) for patient in patients})
    picture.render(NOW)
    return picture


def _vitals(picture: Picture, scope: Scope = SCOPE) -> Any:
    data = picture.vitals(scope, *picture.render(NOW), NOW)
    return None if data is None else json.loads(data)


def test_only_what_changed_and_only_the_scope() -> None:
    picture = _picture(_listed(1), _listed(2, team=2))
    assert _vitals(picture) is None
    picture.take_readings([_reading(1), _reading(2), _reading(99)])
    changed, points, dropped = picture.render(NOW)
    told = json.loads(picture.vitals(Scope(1, team=2), changed, points, dropped, NOW) or b"")
    assert [row["patient"] for row in told["rows"]] == ["p-2"]
    assert (told["counts"]["patients"], [point[0] for point in told["points"]]) == (1, ["p-2"])
    assert picture.vitals(Scope(1, patient=3), changed, points, dropped, NOW) is None


def test_too_many_points_are_left_out_and_said_so() -> None:
    picture = _picture(_listed(1))
    picture.take_readings(_reading(1, NOW + i) for i in range(POINTS_MAX + 1))
    told = _vitals(picture)
    assert (told["points"], told["points_dropped"], len(told["rows"])) == ([], True, 1)


def test_snapshots_are_encoded_once_until_something_changes() -> None:
    picture = _picture(_listed(1))
    first = picture.snapshot(SCOPE, NOW)
    assert picture.snapshot(SCOPE, NOW + 500_000) is first
    assert picture.snapshot(SCOPE, NOW + 1_500_000) is not first
    picture.take_readings([_reading(1)])
    assert json.loads(picture.snapshot(SCOPE, NOW + 500_000))["rows"][0]["vitals"][0]["text"] == "72"


def test_time_alone_changes_a_bucket_once() -> None:
    picture = _picture(_listed(1))
    picture.take_readings([_reading(1)])
    picture.render(NOW)
    picture.let_time_pass(NOW + 23 * 3600 * 1_000_000)
    assert not picture.has_news()
    later = NOW + 25 * 3600 * 1_000_000
    picture.let_time_pass(later)
    assert picture.has_news()
    picture.render(later)
    picture.let_time_pass(later)
    assert not picture.has_news()


def test_a_gateway_that_falls_silent_changes_its_patients_rows() -> None:
    picture = _picture(_listed(1))
    picture.take_readings([_reading(1)])
    later = NOW + 25 * 3600 * 1_000_000
    alive = Signs(later, later, gateways=(Gateway(0, "ward", later),))
    picture.take_watch(Watch(alive, ()))
    picture.let_time_pass(later)
    picture.render(later)
    picture.let_time_pass(later)
    assert not picture.has_news()
    picture.take_watch(Watch(replace(alive, gateways=(Gateway(0, "ward", later - 90_000_000),)), ()))
    picture.let_time_pass(later)
    changed, points, dropped = picture.render(later)
    told = json.loads(picture.vitals(SCOPE, changed, points, dropped, later) or b"")
    assert told["rows"][0]["silence"]["cause"] == "gateway"
    assert [gateway["gateway"] for gateway in told["gateways"]] == ["ward"]
    own = json.loads(picture.vitals(Scope(1, patient=1), changed, points, dropped, later) or b"")
    assert own["gateways"] == []


def test_points_are_in_the_metrics_own_unit() -> None:
    assert points_of("p", _reading(1, metric="body_temp", unit="[degF]", values=(Value(98.6, 1),)))[0][5] == 37.0
    pressure = (Value(128), absent(Absent.ERROR), absent(Absent.UNKNOWN))
    made = points_of("p", _reading(1, metric="blood_pressure", values=pressure))
    assert [(point[2], point[5], point[7]) for point in made] == [("systolic", 128, None), ("diastolic", None, "error")]


def _late(_: Scope, behind: frozenset[int]) -> bytes | None:
    return b"late:" + ",".join(map(str, sorted(behind))).encode()


async def test_a_slow_reader_gets_one_event_about_everybody_it_missed() -> None:
    watcher = Watcher(SCOPE, _late)
    watcher.put_vitals(b"first", frozenset({1}))
    assert await watcher.take() == b"first"
    for patient in (1, 2, 3, 2):
        watcher.put_vitals(b"x", frozenset({patient}))
    assert await watcher.take() == b"late:1,2,3"
    watcher.put_vitals(b"again", frozenset({1}))
    watcher.put_beat(b"old beat")
    watcher.put_beat(b"|beat")
    assert await watcher.take() == b"again|beat"


async def test_alerts_are_never_dropped_but_the_stream_may_end() -> None:
    watcher = Watcher(SCOPE, _late)
    for i in range(ALERTS_WAITING_MAX):
        watcher.put_alert(b"%d," % i)
    taken = await watcher.take()
    assert taken == b"".join(b"%d," % i for i in range(ALERTS_WAITING_MAX))
    for i in range(ALERTS_WAITING_MAX + 1):
        watcher.put_alert(b"%d," % i)
    assert await watcher.take() is None


async def test_resync_voids_what_waits_but_not_alerts() -> None:
    watcher = Watcher(SCOPE, _late)
    watcher.put_vitals(b"void", frozenset({1}))
    watcher.put_alert(b"alert|")
    watcher.put_resync()
    assert await watcher.take() == b"alert|" + event("resync", b"{}")


def test_events_are_written_as_browsers_read_them() -> None:
    assert event("alert", b"{}", "a-5") == b"id: a-5\nevent: alert\ndata: {}\n\n"
    assert event("hb", b"{}") == b"event: hb\ndata: {}\n\n"
