"""Charted readings when bindings turn out to be others: the right patient, or nobody."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from streams.reattribute import moves, touched
from vitals import codes
from vitals.identity import identity, observation_id
from vitals.ports.chart import Binding, DeviceRecord, Move, Stray, Touched
from vitals.reading import Flag

SPO2 = codes.metric("spo2").number
MINUTE_US = 60_000_000
#: Bound from minute 100 to 200 to p-1, from then on to p-2.
FIRST = Binding(1, "p-1", 100 * MINUTE_US, 200 * MINUTE_US)
SECOND = Binding(2, "p-2", 200 * MINUTE_US, 9_000 * MINUTE_US)


def stray(minute: float, *, flags: int = 0, patient: int = 3, received: float | None = None) -> Stray:
    at_us = int(minute * MINUTE_US)
    return Stray(
        id=UUID(int=9),
        status=False,
        living=True,
        patient_key=patient,
        patient=f"p-{patient}" if patient else "",
        device_key=7,
        metric=SPO2,
        device_time_ns=at_us * 1000,
        sequence=4,
        measured_us=at_us,
        received_us=at_us if received is None else int(received * MINUTE_US),
        flags=flags,
    )


def decided(one: Stray, *bindings: Binding) -> list[Move]:
    return moves([one], {7: DeviceRecord(7, "d", bindings or (FIRST, SECOND))})


def owner(one: Stray, *bindings: Binding) -> str:
    (move,) = decided(one, *bindings)
    return move.patient


def test_a_reading_goes_to_whoever_had_the_device_with_the_id_it_would_have_had() -> None:
    one = stray(150)
    expected = observation_id(identity("d", "spo2", one.device_time_ns, 4), "p-1")
    assert decided(one) == [Move(one, 1, "p-1", expected)]


@pytest.mark.parametrize(("minute", "patient"), [(99.9, ""), (100, "p-1"), (199.9, "p-1"), (200, "p-2"), (9_000, "")])
def test_periods_are_half_open_and_outside_it_is_nobodys(minute: float, patient: str) -> None:
    assert owner(stray(minute)) == patient


@pytest.mark.parametrize(
    ("flags", "minute", "received", "patient"),
    [
        (Flag.CLOCK_OFFSET, 201, 300, ""),
        (Flag.CLOCK_OFFSET, 202, 300, "p-2"),
        (Flag.CLOCK_OFFSET, 199, 199.5, "p-1"),  # not after receipt
        (Flag.CLOCK_OFFSET, 199, 300, ""),
        (Flag.ZONE_UNKNOWN, 1_039, 2_000, ""),
        (Flag.ZONE_UNKNOWN, 1_040, 2_000, "p-2"),
        (Flag.AMBIGUOUS_HOUR, 150, 300, ""),
        (Flag.AMBIGUOUS_HOUR, 130, 300, "p-1"),
        (Flag.CLOCK_UNSET, 300, 300, ""),
        (Flag.CLOCK_AHEAD, 300, 300, ""),
        (Flag.NO_TIME, 300, 300, "p-2"),
    ],
)
def test_an_uncertain_time_is_somebodys_only_if_it_is_theirs_at_every_instant(
    flags: Flag, minute: float, received: float, patient: str
) -> None:
    assert owner(stray(minute, flags=flags, received=received)) == patient


def test_a_replaced_time_is_the_only_patients_that_the_device_ever_had() -> None:
    assert owner(stray(300, flags=Flag.CLOCK_UNSET), SECOND) == "p-2"


def test_a_row_in_error_comes_back_for_its_patient_but_not_for_nobody() -> None:
    (move,) = decided(replace(stray(150, patient=1), living=False))
    assert move.patient_key == 1
    assert decided(replace(stray(50), living=False)) == []


def test_what_is_right_already_or_of_an_unknown_device_stays() -> None:
    assert decided(stray(150, patient=1)) == []
    assert moves([stray(150)], {}) == []
    nobodys = replace(stray(50, patient=0), status=True)
    assert decided(nobodys) == []


def test_who_loses_and_who_gets_a_reading_is_told() -> None:
    gone, moved, back, first = stray(50), stray(150), replace(stray(151), living=False), stray(152, patient=0)
    found = moves([gone, moved, back, first], {7: DeviceRecord(7, "d", (FIRST,))})
    at_us = [int(minute * MINUTE_US) for minute in (50, 150, 151, 152)]
    assert list(touched(found)) == [
        Touched(3, "p-3", at_us[0]),
        Touched(3, "p-3", at_us[1]),
        Touched(1, "p-1", at_us[1]),
        Touched(1, "p-1", at_us[2]),
        Touched(1, "p-1", at_us[3]),
    ]


def test_an_unproven_binding_gets_nothing_that_is_charted() -> None:
    known = DeviceRecord(7, "d", (FIRST, replace(SECOND, proven=False)))
    assert moves([stray(250, patient=0)], {7: known}) == []
    [move] = moves([stray(250)], {7: known})
    assert (move.patient_key, move.patient) == (0, "")
