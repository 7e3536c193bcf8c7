"""Raw frames over MQTT, with the properties that go with them."""

from __future__ import annotations

import pytest

from device_gateway.payloads.gatt_payload import parse
from device_gateway.payloads.model import Sent, Unusable
from device_gateway.timestamps import Face, Instant
from vitals.reading import NONE, Flag

RATE = bytes.fromhex("0648")
TIMED = bytes.fromhex("02 8000 4f00 5f00 e80706170e230a")
UNSET = bytes.fromhex("02 8000 4f00 5f00 00000000000000")


def sent(frame: bytes, at: str | None = None, seq: str | None = None, uuid: str = "2a37") -> Sent:
    part = parse(uuid, frame, at, seq).parts[0]
    assert isinstance(part, Sent), part
    return part


def test_a_frame_without_properties_has_neither_time_nor_sequence() -> None:
    one = sent(RATE)
    assert (one.metric, one.time, one.sequence, one.length) == ("heart_rate", None, NONE, 2)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:01Z", "1000"])
def test_properties_speak_for_frames_that_have_no_time(at: str) -> None:
    one = sent(RATE, at, "12")
    assert one.time is not None
    assert isinstance(one.time, Instant)
    assert (one.time.utc_ns, one.sequence) == (1_000_000_000, 12)


def test_the_frames_own_time_wins() -> None:
    assert isinstance(sent(TIMED, "1000", uuid="2a35").time, Face)


def test_a_clock_that_was_never_set_is_not_helped_by_the_time_of_sending() -> None:
    one = sent(UNSET, "1000", uuid="2a35")
    assert one.time is None
    assert Flag.CLOCK_UNSET in Flag(one.flags)


def test_improbable_values_are_flagged() -> None:
    assert Flag.IMPROBABLE in Flag(sent(bytes.fromhex("000a")).flags)


@pytest.mark.parametrize(
    ("uuid", "frame", "at", "seq", "reason"),
    [
        ("2a37", b"\x06", None, None, "truncated"),
        ("2a37", b"", None, None, "truncated"),
        ("2a37", b"\x06\x48\x00", None, None, "trailing-bytes"),
        ("2a00", RATE, None, None, "unknown-format"),
        ("2a37", RATE, "2026-01-31T08:30:00", None, "naive-time"),
        ("2a37", RATE, "soon", None, "bad-time"),
        ("2a37", RATE, None, "-1", "bad-sequence"),
        ("2a37", RATE, None, "9" * 19, "bad-sequence"),
        ("2a37", RATE, None, "\u0661", "bad-sequence"),
    ],
)
def test_a_bad_frame_is_kept_whole_with_its_reason(
    uuid: str, frame: bytes, at: str | None, seq: str | None, reason: str
) -> None:
    parsed = parse(uuid, frame, at, seq)
    (part,) = parsed.parts
    assert isinstance(part, Unusable)
    assert (part.reason, part.start, part.length, parsed.raw) == (reason, 0, len(frame), frame)
    assert uuid in part.message
