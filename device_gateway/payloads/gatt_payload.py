"""Raw GATT frames, with the MQTT 5 user properties `at` and `seq` for frames that don't carry them. Pure."""

from __future__ import annotations

from device_gateway.decoders.registry import decoder
from device_gateway.payloads.model import NO_SEQUENCE, Parsed, Sent, unusable
from device_gateway.payloads.times import from_milliseconds, instant
from device_gateway.timestamps import Face, Instant
from vitals.errors import DeviceError
from vitals.plausible import improbable
from vitals.reading import Flag

_CLOCK_UNSET = int(Flag.CLOCK_UNSET)

#: Digits of the largest sequence, 2^63 - 1, and more than enough for a time in milliseconds.
_DIGITS_MAX = 19


def parse(uuid: str, frame: bytes, at: str | None, seq: str | None) -> Parsed:
    """The readings of one frame of a characteristic; never raises. A frame is decoded whole or is one
    Unusable.

    The frame's own time wins over `at`: that is when it was measured, `at` may be when a hub passed it on.
    """
    try:
        decoded = decoder(uuid)(frame)
        sequence = NO_SEQUENCE if seq is None else _sequence(seq)
        sent_at = None if at is None else _time(at)
    except DeviceError as error:
        return unusable(frame, error.code, f"characteristic {uuid[:40]}: {error.message}")
    length = len(frame)
    return Parsed(
        frame,
        [
            Sent(
                reading.metric,
                reading.values,
                reading.unit,
                _own_time(reading.local_us, reading.flags, sent_at),
                None,
                sequence,
                reading.flags | improbable(reading.metric, reading.values, reading.unit),
                0,
                length,
            )
            for reading in decoded
        ],
    )


def _own_time(local_us: int | None, flags: int, sent_at: Instant | None) -> Instant | Face | None:
    if local_us is not None:
        return Face(local_us)
    return None if flags & _CLOCK_UNSET else sent_at


def _time(text: str) -> Instant | None:
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return from_milliseconds(int(text))
    return instant(text)


def _sequence(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and int(text) < 2**63:
        return int(text)
    raise DeviceError("seq must be a whole number from 0 on; count the device's readings", code="bad-sequence")
