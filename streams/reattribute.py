"""Charted readings whose device was bound to somebody else after all: who gets them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vitals import codes
from vitals.identity import identity, observation_id
from vitals.ports.chart import Binding, DeviceRecord, Move, Stray, Touched
from vitals.reading import SINCE_EVER, Flag

_MINUTE_US = 60_000_000

#: How much earlier and later a reading with a repaired time may have been measured, as the gateway's clock repair says
#: (`device_gateway/timestamps.py`). A repeated hour is one hour nearly everywhere; more only keeps a reading away.
_WINDOWS: tuple[tuple[Flag, int, int], ...] = (
    (Flag.CLOCK_OFFSET, 2 * _MINUTE_US, 2 * _MINUTE_US),
    (Flag.ZONE_UNKNOWN, 14 * 60 * _MINUTE_US, 12 * 60 * _MINUTE_US),
    (Flag.AMBIGUOUS_HOUR, 0, 60 * _MINUTE_US),
)
_REPLACED = int(Flag.CLOCK_AHEAD | Flag.CLOCK_UNSET)


def moves(strays: Iterable[Stray], devices: Mapping[int, DeviceRecord]) -> list[Move]:
    """What to do with rows that somebody else has by now; `devices` by key.

    A reading moves only to a patient who had the device at every instant at which it could have been measured, as when
    it arrives; else it is withdrawn, and one that is withdrawn already stays so.
    """
    result = []
    for stray in strays:
        known = devices.get(stray.device_key)
        if known is None:
            continue
        owner = _owner(stray, known.bindings)
        key, name = (0, "") if owner is None else (owner.patient_key, owner.patient)
        if key == stray.patient_key if stray.living else owner is None:
            continue
        metric = codes.by_number()[stray.metric].key
        number = identity(known.device, metric, stray.device_time_ns, stray.sequence)
        result.append(Move(stray, key, name, observation_id(number, name)))
    return result


def touched(found: Iterable[Move]) -> Iterator[Touched]:
    """Whose readings these moves take away or bring."""
    for move in found:
        at_us = move.stray.measured_us
        if move.stray.living and move.stray.patient_key:
            yield Touched(move.stray.patient_key, move.stray.patient, at_us)
        if move.patient_key:
            yield Touched(move.patient_key, move.patient, at_us)


def _owner(stray: Stray, bindings: tuple[Binding, ...]) -> Binding | None:
    first, last = _window(stray)
    if first == SINCE_EVER and len(bindings) == 1:
        first = last
    for binding in bindings:
        if binding.proven and binding.from_us <= first and last < binding.to_us:
            return binding
    return None


def _window(stray: Stray) -> tuple[int, int]:
    if stray.flags & _REPLACED:
        return SINCE_EVER, stray.received_us
    first = last = stray.measured_us
    for flag, before_us, after_us in _WINDOWS:
        if stray.flags & flag:
            first, last = first - before_us, last + after_us
    return first, max(stray.measured_us, min(last, stray.received_us))
