"""The session table: every cell of the README's, and what cells remember."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import device_gateway.ble
from device_gateway.ble.bounds import Bounds
from device_gateway.ble.states import LINKED, Action, Event, Kind, Phase, State, Step, step

BOUNDS = Bounds()
NOW_S = 1000.0
UNCHANGED = "·"


def documented() -> dict[tuple[Phase, Kind], str]:
    lines = (Path(device_gateway.ble.__path__[0]) / "README.md").read_text("utf-8").splitlines()
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in itertools.takewhile(
            lambda line: line.startswith("|"), itertools.dropwhile(lambda line: "granted" not in line, lines)
        )
    ]
    kinds = [Kind(name) for name in table[0][1:]]
    return {(Phase(row[0]), kind): cell for row in table[2:] for kind, cell in zip(kinds, row[1:], strict=True)}


def after(state: State, *events: Event | Kind, now_s: float = NOW_S) -> Step:
    """The last of several steps."""
    actions: tuple[Action, ...] = ()
    for event in events:
        state, actions = step(state, Event(event) if isinstance(event, Kind) else event, now_s, BOUNDS)
    return state, actions


def at(phase: Phase, **remembered: bool | int | float | Phase) -> State:
    return State(phase=phase, deadline_s=NOW_S, **{"has_clock": True, "pause_s": 0.5, **remembered})  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", Kind)
def test_every_cell_is_as_documented(phase: Phase, kind: Kind) -> None:
    state, actions = step(at(phase), Event(kind), NOW_S, BOUNDS)
    if state.phase is phase and not actions:
        shown = UNCHANGED
    else:
        shown = ": ".join(filter(None, (state.phase.value, ", ".join(action.value for action in actions))))
    assert shown == documented()[phase, kind]


def test_the_table_is_complete() -> None:
    assert set(documented()) == set(itertools.product(Phase, Kind))


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", Kind)
def test_whatever_waits_for_an_operation_has_a_deadline_ahead(phase: Phase, kind: Kind) -> None:
    state, actions = step(at(phase), Event(kind), NOW_S, BOUNDS)
    unbounded = {Phase.AWAITING, Phase.RADIO_DOWN, Phase.ENDED}
    if state.phase is phase and state.deadline_s == NOW_S:
        return  # nothing was started, and what runs keeps its deadline
    assert (state.deadline_s is None) == (state.phase in unbounded)
    assert state.deadline_s is None or state.deadline_s > NOW_S
    assert len(actions) <= 1


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase in LINKED])
@pytest.mark.parametrize(
    ("kind", "leads_to"),
    [(Kind.STOP, Phase.ENDED), (Kind.RADIO_LOST, Phase.RADIO_DOWN), (Kind.CONGESTED, Phase.BACKING_OFF)],
)
def test_every_link_is_closed_before_anything_else(phase: Phase, kind: Kind, leads_to: Phase) -> None:
    closing, actions = after(at(phase), kind)
    assert (closing.phase, actions) == (Phase.DISCONNECTING, (Action.CLOSE,))
    assert after(closing, Kind.CLOSED)[0].phase is leads_to
    assert after(closing, Kind.TIMED_OUT) == (after(closing, Kind.CLOSED)[0], (Action.ABANDON,))


def test_a_device_without_a_clock_goes_straight_to_its_details() -> None:
    connected = Event(Kind.CONNECTED, streams=True, has_clock=False)
    state, actions = after(at(Phase.CONNECTING), connected, Kind.DONE)
    assert (state.phase, actions) == (Phase.READING_DETAILS, (Action.READ_DETAILS,))


def test_a_wrong_clock_is_set_before_the_details() -> None:
    state, actions = after(at(Phase.READING_CLOCK), Event(Kind.DONE, clock_wrong=True))
    assert (state.phase, actions) == (Phase.SETTING_CLOCK, (Action.SET_CLOCK,))
    assert state.deadline_s == NOW_S + BOUNDS.set_clock_s


def test_what_came_while_disconnecting_decides_where_it_leads() -> None:
    closing = at(Phase.DISCONNECTING)
    assert after(closing, Kind.RADIO_LOST, Kind.CLOSED)[0].phase is Phase.RADIO_DOWN
    assert after(closing, Kind.RADIO_LOST, Kind.RADIO_BACK, Kind.CLOSED)[0].phase is Phase.BACKING_OFF
    assert after(closing, Kind.STOP, Kind.RADIO_LOST, Kind.CLOSED)[0].phase is Phase.ENDED


def test_an_advertisement_while_backing_off_is_answered_afterwards() -> None:
    state, actions = after(at(Phase.BACKING_OFF), Kind.ADVERTISED, Kind.TIMED_OUT)
    assert (state.phase, actions) == (Phase.SEEN, (Action.ASK_TURN,))
    assert not state.advertised


def test_waits_double_until_their_limit_and_a_reading_starts_them_again() -> None:
    state, waits = at(Phase.CONNECTING), []
    for _ in range(9):
        backing_off, _ = after(state, Kind.FAILED, Kind.CLOSED)
        waits.append((backing_off.deadline_s or 0.0) - NOW_S)
        state, _ = after(backing_off, Kind.ADVERTISED, Kind.TIMED_OUT, Kind.GRANTED)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    backing_off, _ = after(state, Event(Kind.CONNECTED), Kind.NOTIFIED, Kind.LINK_LOST, Kind.CLOSED)
    assert backing_off.deadline_s == NOW_S + BOUNDS.backoff_first_s


def test_a_link_that_never_brings_a_reading_is_not_hammered() -> None:
    state = at(Phase.STREAMING, failures=3)
    backing_off, _ = after(state, Kind.LINK_LOST, Kind.CLOSED)
    assert backing_off.deadline_s == NOW_S + 4.0


@pytest.mark.parametrize(("streams", "quiet_s"), [(False, BOUNDS.idle_s), (True, BOUNDS.silence_s)])
def test_silence_ends_a_link_and_every_reading_puts_it_off(streams: bool, quiet_s: float) -> None:
    state = at(Phase.STREAMING, streams=streams)
    assert after(state, Kind.NOTIFIED)[0].deadline_s == NOW_S + quiet_s
    resting, _ = after(state, Kind.NOTIFIED, Kind.TIMED_OUT, Kind.CLOSED)
    assert (resting.phase, resting.deadline_s) == (Phase.BACKING_OFF, NOW_S + BOUNDS.rest_s)
