"""A device's clock: Current Time (0x2A2B), how far it is off, and which of its times that explains. Pure.

A clock that is set while the device holds readings splits its times in two: a face from before is repaired by the old
offset, one from after needs nothing. Faces tell which: the clock after setting can only show times between the setting
and the receipt.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from device_gateway.decoders import gatt_time
from device_gateway.timestamps import TOLERANCE_US, offset_min

#: Current Time: Date Time (7), day of week, fractions of 1/256 s, adjust reason (Current Time Service 1.1 section 3.1).
LENGTH: Final = 10

#: A clock that is off by more is set: well above the second that it counts in and a read's delay. Less is left alone,
#: because a clock that is put back can show the same time twice.
SET_BEYOND_US: Final = 10_000_000

_SECOND_US: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DeviceClock(NamedTuple):
    """`offset_us` is what to add to the device's times (None: never read, or unset); `set_face_us` what it was set to.

    Faces are local times read as if they were UTC, microseconds since 1970.
    """

    offset_us: int | None = None
    set_face_us: int | None = None

    def offset_for(self, face_us: int | None, received_face_us: int) -> int | None:
        """The offset of a reading with this face, received when the right clock showed `received_face_us`."""
        if self.set_face_us is None or face_us is None:
            return self.offset_us
        since_set = self.set_face_us - TOLERANCE_US <= face_us <= received_face_us + TOLERANCE_US
        return 0 if since_set else self.offset_us


def right_face_us(now_us: int, zone: str | None) -> int:
    """What a right clock in `zone` shows (UTC when it is not known)."""
    return now_us + (0 if zone is None else offset_min(zone, now_us) * 60 * _SECOND_US)


def parse(value: bytes) -> int | None:
    """The face that a Current Time value shows; None for one that is unset, unreal or not of this characteristic."""
    if len(value) != LENGTH:
        return None
    face_us = gatt_time.local_us(value, 0)
    return None if face_us is None else face_us + value[8] * _SECOND_US // 256


def encode(face_us: int) -> bytes:
    """The Current Time value that sets a clock to this face; adjust reason 1, manual update."""
    face = _EPOCH + timedelta(microseconds=face_us)
    fraction = face.microsecond * 256 // _SECOND_US
    return face.year.to_bytes(2, "little") + bytes(
        (face.month, face.day, face.hour, face.minute, face.second, face.isoweekday(), fraction, 1)
    )


def compared(known: DeviceClock, face_us: int | None, right_us: int) -> DeviceClock:
    """The clock as just read: `face_us` while a right one shows `right_us`."""
    if face_us is None:
        return DeviceClock()
    offset_us = right_us - face_us
    if known.set_face_us is not None and abs(offset_us) <= SET_BEYOND_US:
        return known  # still right since we set it; what it remembers from before may come yet
    return DeviceClock(offset_us)


def needs_setting(clock: DeviceClock) -> bool:
    """Whether it is wrong as it runs now."""
    if clock.set_face_us is not None:
        return False
    return clock.offset_us is None or abs(clock.offset_us) > SET_BEYOND_US
