"""A device's clock, by Current Time values typed from the specification."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from device_gateway.ble.clock import (
    DeviceClock,
    compared,
    encode,
    needs_setting,
    parse,
    right_face_us,
)

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US


def face(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp()) * SECOND_US  # type: ignore[arg-type, misc]


NOON_US = face(2026, 3, 10, 12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # year 0x07ea, month, day, hours, minutes, seconds, Tuesday, 128/256 s, adjust reason
        ("ea07 03 0a 0c 00 00 02 80 01", NOON_US + SECOND_US // 2),
        ("ea07 03 0a 0c 00 00 00 00 00", NOON_US),  # day of week not known
        ("0000 03 0a 0c 00 00 02 00 00", None),  # year not known
        ("ea07 02 1e 0c 00 00 02 00 00", None),  # 30 February
        ("ea07 03 0a 18 00 00 02 00 00", None),  # 24 h
        ("ea07 03 0a 0c 00 00 02 00", None),  # truncated
        ("ea07 03 0a 0c 00 00 02 00 00 00", None),
        ("", None),
    ],
)
def test_parse(value: str, expected: int | None) -> None:
    assert parse(bytes.fromhex(value)) == expected


def test_encode() -> None:
    # Sunday is 7; 0.75 s is 192/256; adjust reason 1 is a manual update
    assert encode(face(2026, 3, 29, 2, 3, 4) + 750_000) == bytes.fromhex("ea07 03 1d 02 03 04 07 c0 01")


def test_the_right_face_follows_the_zone() -> None:
    winter, summer = face(2026, 1, 10, 12), face(2026, 7, 10, 12)
    assert right_face_us(winter, "Europe/Berlin") == winter + HOUR_US
    assert right_face_us(summer, "Europe/Berlin") == summer + 2 * HOUR_US
    assert right_face_us(summer, None) == summer


def test_a_clock_that_was_only_read_explains_all_its_times() -> None:
    clock = compared(DeviceClock(), NOON_US - 2 * HOUR_US, NOON_US)
    assert needs_setting(clock)
    assert clock.offset_for(NOON_US - 5 * HOUR_US, NOON_US) == 2 * HOUR_US
    assert clock.offset_for(None, NOON_US) == 2 * HOUR_US


@pytest.mark.parametrize("ahead_us", [-2 * HOUR_US, 2 * HOUR_US])
def test_after_setting_each_time_gets_the_offset_it_was_measured_under(ahead_us: int) -> None:
    clock = compared(DeviceClock(), NOON_US + ahead_us, NOON_US)._replace(set_face_us=NOON_US)
    soon = NOON_US + 60 * SECOND_US
    before = NOON_US - 600 * SECOND_US + ahead_us  # measured ten minutes before, under the wrong clock
    assert clock.offset_for(before, soon) == -ahead_us
    assert clock.offset_for(NOON_US + 30 * SECOND_US, soon) == 0
    assert not needs_setting(clock)


def test_a_clock_that_stays_right_keeps_its_memory_and_one_that_goes_wrong_again_starts_anew() -> None:
    clock = DeviceClock(2 * HOUR_US, NOON_US)
    later = NOON_US + HOUR_US
    assert compared(clock, later - SECOND_US, later) == clock
    assert compared(clock, later - HOUR_US, later) == DeviceClock(HOUR_US)


def test_an_unset_clock_is_set_and_explains_nothing() -> None:
    clock = compared(DeviceClock(), None, NOON_US)
    assert needs_setting(clock)
    assert clock.offset_for(NOON_US, NOON_US) is None


def test_a_few_seconds_are_left_alone() -> None:
    assert not needs_setting(compared(DeviceClock(), NOON_US + 9 * SECOND_US, NOON_US))
