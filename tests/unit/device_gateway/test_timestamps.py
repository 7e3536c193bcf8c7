"""Clocks are repaired, not trusted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_gateway.timestamps import Face, Instant, repair
from vitals.reading import NONE, SINCE_EVER, Flag

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


def us(text: str) -> int:
    """Microseconds of an ISO time; UTC when it has no zone."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


RECEIVED_US = us("2026-03-10T12:00:00")


def sent_at(text: str, offset_min: int | None = 0) -> Instant:
    return Instant(us(text) * 1000, offset_min)


@pytest.mark.parametrize(
    "text", ["2026-03-10T11:59:00", "2026-03-03T12:00:00", "2001-01-01T00:00:00", "2026-03-10T12:02:00"]
)
def test_a_past_time_is_believed_as_sent(text: str) -> None:
    repaired = repair(sent_at(text, 60), RECEIVED_US, "Europe/Berlin")
    assert repaired.measured_us == repaired.earliest_us == repaired.latest_us == us(text)
    assert (repaired.flags, repaired.offset_us, repaired.utc_offset_min) == (0, 0, 60)
    assert repaired.device_time_ns == us(text) * 1000


def test_epoch_milliseconds_take_the_zone_of_the_patient() -> None:
    assert repair(sent_at("2026-03-10T11:00:00", None), RECEIVED_US, "Asia/Kolkata").utc_offset_min == 330
    assert repair(sent_at("2026-03-10T11:00:00", None), RECEIVED_US, None).utc_offset_min == 0


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("2026-03-10T12:02:01", Flag.CLOCK_AHEAD),
        ("2036-01-01T00:00:00", Flag.CLOCK_AHEAD),
        ("1999-12-31T23:59:59", Flag.CLOCK_UNSET),
        ("1970-01-01T00:00:00", Flag.CLOCK_UNSET),
    ],
)
def test_a_time_that_can_not_be_is_replaced_by_receipt_and_kept_as_identity(text: str, flag: Flag) -> None:
    repaired = repair(sent_at(text), RECEIVED_US, "Europe/Berlin")
    assert (repaired.measured_us, repaired.latest_us) == (RECEIVED_US, RECEIVED_US)
    assert repaired.earliest_us == SINCE_EVER
    assert Flag(repaired.flags) == flag
    assert repaired.device_time_ns == us(text) * 1000
    assert repaired.utc_offset_min == 60


def test_no_time_means_measured_when_received() -> None:
    repaired = repair(None, RECEIVED_US, "Europe/Berlin")
    assert repaired.measured_us == repaired.earliest_us == repaired.latest_us == RECEIVED_US
    assert Flag(repaired.flags) == Flag.NO_TIME
    assert repaired.device_time_ns == NONE


def test_a_clock_that_its_device_calls_unset_is_replaced_even_if_its_face_looks_good() -> None:
    face_us = us("2026-03-10T11:00:00")
    repaired = repair(Face(face_us), RECEIVED_US, "Europe/Berlin", unset=True)
    assert (repaired.measured_us, repaired.earliest_us) == (RECEIVED_US, SINCE_EVER)
    assert Flag(repaired.flags) == Flag.CLOCK_UNSET
    assert repaired.device_time_ns == face_us * 1000
    assert Flag(repair(None, RECEIVED_US, None, unset=True).flags) == Flag.CLOCK_UNSET


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ("2026-03-10T15:00:00", "2026-03-10T14:50:00"),  # 3 h ahead
        ("2026-03-09T09:00:00", "2026-03-09T08:50:00"),  # 27 h behind
        ("1970-01-01T05:00:00", "1970-01-01T04:50:00"),  # started at the epoch after a battery change
    ],
)
def test_a_clock_known_wrong_is_shifted_by_its_offset(now: str, text: str) -> None:
    repaired = repair(sent_at(text), RECEIVED_US, None, device_now_us=us(now))
    assert repaired.measured_us == RECEIVED_US - 10 * MINUTE_US
    assert repaired.offset_us == RECEIVED_US - us(now)
    assert Flag(repaired.flags) == Flag.CLOCK_OFFSET
    assert repaired.earliest_us == repaired.measured_us - 2 * MINUTE_US
    assert repaired.latest_us == repaired.measured_us + 2 * MINUTE_US
    assert repaired.device_time_ns == us(text) * 1000


def test_a_shifted_window_ends_at_receipt() -> None:
    repaired = repair(sent_at("2026-03-10T15:00:00"), RECEIVED_US, None, device_now_us=us("2026-03-10T15:00:00"))
    assert (repaired.measured_us, repaired.latest_us) == (RECEIVED_US, RECEIVED_US)


def test_a_clock_within_two_minutes_is_right() -> None:
    repaired = repair(sent_at("2026-03-10T11:50:00"), RECEIVED_US, None, device_now_us=RECEIVED_US - 2 * MINUTE_US)
    assert (repaired.offset_us, repaired.flags) == (0, 0)


def test_a_time_after_the_devices_own_now_is_replaced() -> None:
    repaired = repair(sent_at("2030-01-05T00:00:00"), RECEIVED_US, None, device_now_us=us("2030-01-01T00:00:00"))
    assert (repaired.measured_us, repaired.offset_us, repaired.earliest_us) == (RECEIVED_US, 0, SINCE_EVER)
    assert Flag(repaired.flags) == Flag.CLOCK_AHEAD


def test_a_zoneless_face_is_read_in_the_zone_of_the_patient() -> None:
    face_us = us("2026-03-10T12:30:00")
    repaired = repair(Face(face_us), RECEIVED_US, "Europe/Berlin")
    assert repaired.measured_us == us("2026-03-10T11:30:00")
    assert (repaired.utc_offset_min, repaired.flags) == (60, 0)
    assert repaired.earliest_us == repaired.latest_us == repaired.measured_us
    assert repaired.device_time_ns == face_us * 1000  # raw ticks: the same in whatever zone it is read


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "../../etc/passwd", ""])
def test_without_a_zone_a_face_is_utc_and_may_be_any_zone(zone: str | None) -> None:
    face_us = us("2026-03-08T10:00:00")
    repaired = repair(Face(face_us), RECEIVED_US, zone)
    assert repaired.measured_us == face_us
    assert Flag(repaired.flags) == Flag.ZONE_UNKNOWN
    assert (repaired.earliest_us, repaired.latest_us) == (face_us - 14 * HOUR_US, face_us + 12 * HOUR_US)
    near = repair(Face(us("2026-03-10T11:00:00")), RECEIVED_US, zone)
    assert near.latest_us == RECEIVED_US


def test_in_a_repeated_hour_the_earlier_instant_is_taken() -> None:
    received_us = us("2026-10-25T06:00:00")
    repaired = repair(Face(us("2026-10-25T02:30:00")), received_us, "Europe/Berlin")
    assert repaired.measured_us == repaired.earliest_us == us("2026-10-25T00:30:00")  # still summer time, +2 h
    assert repaired.latest_us == us("2026-10-25T01:30:00")
    assert (Flag(repaired.flags), repaired.utc_offset_min) == (Flag.AMBIGUOUS_HOUR, 120)


def test_a_repeated_hour_that_has_come_only_once_can_not_be_the_later_one() -> None:
    received_us = us("2026-10-25T00:31:00")
    assert repair(Face(us("2026-10-25T02:30:00")), received_us, "Europe/Berlin").latest_us == received_us


def test_a_skipped_hour_is_a_clock_that_was_not_put_forward() -> None:
    repaired = repair(Face(us("2026-03-29T02:30:00")), us("2026-03-29T06:00:00"), "Europe/Berlin")
    assert (repaired.measured_us, repaired.flags) == (us("2026-03-29T01:30:00"), 0)


TIMES = st.one_of(
    st.none(),
    st.builds(Instant, st.integers(-(10**21), 10**21), st.one_of(st.none(), st.integers(-1439, 1439))),
    # 1582 to 9999, what the field can hold
    st.builds(Face, st.integers(-12_200_000_000_000_000, 253_402_300_799_000_000)),
)


@given(
    sent=TIMES,
    zone=st.sampled_from([None, "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "nonsense"]),
    now_us=st.one_of(st.none(), st.integers(-(10**18), 10**18)),
    unset=st.booleans(),
)
def test_whatever_was_sent_the_result_can_be_stored_and_is_not_in_the_future(
    sent: Instant | Face | None, zone: str | None, now_us: int | None, unset: bool
) -> None:
    repaired = repair(sent, RECEIVED_US, zone, device_now_us=now_us, unset=unset)
    assert us("2000-01-01T00:00:00") <= repaired.measured_us <= RECEIVED_US + 2 * MINUTE_US
    assert repaired.earliest_us <= repaired.measured_us <= repaired.latest_us
    assert repaired.latest_us <= RECEIVED_US + 2 * MINUTE_US
    assert all(-(2**63) <= value < 2**63 for value in (repaired.device_time_ns, repaired.offset_us))
    assert abs(repaired.utc_offset_min) < 1440
