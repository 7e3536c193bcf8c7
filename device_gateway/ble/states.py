"""One device's session as a table: `(state, event, now) -> (state, actions)`. Pure; README.md shows it whole.

A phase that waits for something has a deadline, so no call of BlueZ's can hold a session for ever: when it passes, the
session is told `timed-out` and moves on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from device_gateway.ble.bounds import Bounds


class Phase(Enum):
    """Where a session is."""

    AWAITING = "awaiting"
    SEEN = "seen"
    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    READING_CLOCK = "reading clock"
    SETTING_CLOCK = "setting clock"
    READING_DETAILS = "reading details"
    STREAMING = "streaming"
    DISCONNECTING = "disconnecting"
    BACKING_OFF = "backing off"
    RADIO_DOWN = "radio down"
    ENDED = "ended"


class Kind(Enum):
    """What happens to it."""

    ADVERTISED = "advertised"
    GRANTED = "granted"
    CONNECTED = "connected"
    DONE = "done"
    FAILED = "failed"
    LINK_LOST = "link lost"
    NOTIFIED = "notified"
    CONGESTED = "congested"
    TIMED_OUT = "timed out"
    CLOSED = "closed"
    RADIO_LOST = "radio lost"
    RADIO_BACK = "radio back"
    STOP = "stop"


class Action(Enum):
    """What it does next. Each starts one operation, after ending the one that runs; ABANDON only ends."""

    ASK_TURN = "ask turn"
    CONNECT = "connect"
    SUBSCRIBE = "subscribe"
    READ_CLOCK = "read clock"
    SET_CLOCK = "set clock"
    READ_DETAILS = "read details"
    CLOSE = "close"
    ABANDON = "abandon"


class Event(NamedTuple):
    """`streams` and `has_clock` come with CONNECTED, `clock_wrong` (and settable) with the DONE of reading it."""

    kind: Kind
    streams: bool = False
    has_clock: bool = False
    clock_wrong: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A session. `after` is where disconnecting leads, `pause_s` how long backing off then lasts.

    `failures` counts links in a row that brought no reading, `heard` whether this one did, `advertised` whether the
    device was seen while backing off.
    """

    phase: Phase = Phase.AWAITING
    deadline_s: float | None = None
    after: Phase = Phase.BACKING_OFF
    pause_s: float = 0.0
    failures: int = 0
    streams: bool = False
    has_clock: bool = False
    heard: bool = False
    advertised: bool = False


Step = tuple[State, tuple[Action, ...]]

#: There is a link, or soon may be one.
LINKED: Final = frozenset(
    {
        Phase.CONNECTING,
        Phase.SUBSCRIBING,
        Phase.READING_CLOCK,
        Phase.SETTING_CLOCK,
        Phase.READING_DETAILS,
        Phase.STREAMING,
    }
)

#: 2^20 half seconds are more than any limit; it keeps the power from growing.
_DOUBLINGS_MAX: Final = 20


def step(state: State, event: Event, now_s: float, bounds: Bounds) -> Step:
    """The next state and what to do; an event that means nothing here leaves the state as it is."""
    phase, kind = state.phase, event.kind
    if phase in LINKED:
        return _linked(state, event, now_s, bounds)
    if phase is Phase.DISCONNECTING:
        return _disconnecting(state, kind, now_s)
    if phase is Phase.ENDED:
        return state, ()
    asked = (Action.ABANDON,) if phase is Phase.SEEN else ()
    match kind:
        case Kind.STOP:
            return _rest(state, Phase.ENDED), asked
        case Kind.RADIO_LOST:
            return _rest(state, Phase.RADIO_DOWN), asked
        case Kind.RADIO_BACK if phase is Phase.RADIO_DOWN:
            return _rest(state, Phase.AWAITING), ()
        case Kind.ADVERTISED if phase is Phase.AWAITING:
            return _seen(state, now_s, bounds)
        case Kind.ADVERTISED if phase is Phase.BACKING_OFF:
            return replace(state, advertised=True), ()
        case Kind.TIMED_OUT if phase is Phase.BACKING_OFF:
            return _seen(state, now_s, bounds) if state.advertised else (_rest(state, Phase.AWAITING), ())
        case Kind.TIMED_OUT if phase is Phase.SEEN:
            return _rest(state, Phase.AWAITING), asked
        case Kind.GRANTED if phase is Phase.SEEN:
            return _waiting(state, Phase.CONNECTING, now_s + bounds.connect_s), (Action.CONNECT,)
        case _:
            return state, ()


def _linked(state: State, event: Event, now_s: float, bounds: Bounds) -> Step:
    match event.kind:
        case Kind.STOP:
            return _close(state, now_s, bounds, after=Phase.ENDED)
        case Kind.RADIO_LOST:
            return _close(state, now_s, bounds, after=Phase.RADIO_DOWN)
        case Kind.CONGESTED:
            return _close(state, now_s, bounds, pause_s=bounds.backoff_max_s)
        case Kind.NOTIFIED:
            heard = replace(state, heard=True, failures=0)
            return (_quiet_from(heard, now_s, bounds) if state.phase is Phase.STREAMING else heard), ()
        case Kind.LINK_LOST if state.phase is not Phase.CONNECTING:
            return _close(state, now_s, bounds)
        case Kind.CONNECTED if state.phase is Phase.CONNECTING:
            known = replace(state, streams=event.streams, has_clock=event.has_clock)
            return _waiting(known, Phase.SUBSCRIBING, now_s + bounds.subscribe_s), (Action.SUBSCRIBE,)
        case Kind.DONE | Kind.FAILED | Kind.TIMED_OUT:
            return _operation_over(state, event, now_s, bounds)
        case _:
            return state, ()


def _operation_over(state: State, event: Event, now_s: float, bounds: Bounds) -> Step:
    """The phase's operation ended well, badly or not in time. Only a link and a subscription are indispensable."""
    well = event.kind is Kind.DONE
    match state.phase:
        case Phase.SUBSCRIBING if well and state.has_clock:
            return _waiting(state, Phase.READING_CLOCK, now_s + bounds.read_s), (Action.READ_CLOCK,)
        case Phase.READING_CLOCK if well and event.clock_wrong:
            return _waiting(state, Phase.SETTING_CLOCK, now_s + bounds.set_clock_s), (Action.SET_CLOCK,)
        case Phase.READING_CLOCK | Phase.SETTING_CLOCK:
            return _details(state, now_s, bounds)
        case Phase.SUBSCRIBING if well:
            return _details(state, now_s, bounds)
        case Phase.READING_DETAILS:
            streaming = _quiet_from(replace(state, phase=Phase.STREAMING), now_s, bounds)
            return streaming, (() if well else (Action.ABANDON,))
        case Phase.STREAMING if event.kind is Kind.TIMED_OUT:
            return _close(state, now_s, bounds, pause_s=bounds.rest_s)
        case Phase.CONNECTING | Phase.SUBSCRIBING if not well:
            return _close(state, now_s, bounds)
        case _:
            return state, ()


def _disconnecting(state: State, kind: Kind, now_s: float) -> Step:
    match kind:
        case Kind.STOP:
            return replace(state, after=Phase.ENDED), ()
        case Kind.RADIO_LOST if state.after is not Phase.ENDED:
            return replace(state, after=Phase.RADIO_DOWN), ()
        case Kind.RADIO_BACK if state.after is Phase.RADIO_DOWN:
            return replace(state, after=Phase.BACKING_OFF), ()
        case Kind.CLOSED | Kind.TIMED_OUT:
            abandoned = (Action.ABANDON,) if kind is Kind.TIMED_OUT else ()
            if state.after is Phase.BACKING_OFF:
                return _waiting(state, Phase.BACKING_OFF, now_s + state.pause_s), abandoned
            return _rest(state, state.after), abandoned
        case _:
            return state, ()


def _seen(state: State, now_s: float, bounds: Bounds) -> Step:
    seen = replace(state, heard=False, advertised=False)
    return _waiting(seen, Phase.SEEN, now_s + bounds.turn_s), (Action.ASK_TURN,)


def _details(state: State, now_s: float, bounds: Bounds) -> Step:
    return _waiting(state, Phase.READING_DETAILS, now_s + bounds.details_s), (Action.READ_DETAILS,)


def _quiet_from(state: State, now_s: float, bounds: Bounds) -> State:
    """Streaming: until when the device may be silent."""
    return replace(state, deadline_s=now_s + (bounds.silence_s if state.streams else bounds.idle_s))


def _close(
    state: State, now_s: float, bounds: Bounds, *, after: Phase = Phase.BACKING_OFF, pause_s: float | None = None
) -> Step:
    """Ends the link, whatever its state: bleak leaks a D-Bus connection for each link that is not disconnected."""
    failures = 0 if state.heard else state.failures + 1
    if pause_s is None:
        doublings = min(max(failures - 1, 0), _DOUBLINGS_MAX)
        pause_s = min(bounds.backoff_first_s * 2**doublings, bounds.backoff_max_s)
    closing = replace(state, failures=failures, after=after, pause_s=pause_s, advertised=False)
    return _waiting(closing, Phase.DISCONNECTING, now_s + bounds.disconnect_s), (Action.CLOSE,)


def _waiting(state: State, phase: Phase, deadline_s: float) -> State:
    return replace(state, phase=phase, deadline_s=deadline_s)


def _rest(state: State, phase: Phase) -> State:
    """A phase that ends by an event from outside only."""
    return replace(state, phase=phase, deadline_s=None, advertised=False)
