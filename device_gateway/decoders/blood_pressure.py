"""Blood Pressure Measurement (0x2A35), Blood Pressure Service 1.1 section 3.1.

The user id says whose turn it was on a cuff with several users; it names nobody to us and stays in the raw
bytes.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from device_gateway.decoders import gatt_time
from device_gateway.decoders.model import (
    CLOCK_UNSET,
    NO_FLAGS,
    Decoded,
    check_length,
    first_byte,
    make,
)
from device_gateway.decoders.sfloat import sfloat
from vitals.reading import Flag

_KPA = 0x01
_TIME = 0x02
_PULSE = 0x04
_USER = 0x08
_STATUS = 0x10

_PRESSURES = struct.Struct("<xHHH")
#: Bytes by those flags that announce a field.
_LENGTHS = {
    flags: 7
    + (gatt_time.LENGTH if flags & _TIME else 0)
    + (2 if flags & _PULSE else 0)
    + (1 if flags & _USER else 0)
    + (2 if flags & _STATUS else 0)
    for flags in range(0, 0x20, 2)
}

#: Measurement Status bits 0, 1, 2 and 5; bits 3-4 are a number: 0 and the reserved 3 say nothing, 1 above, 2
#: below range.
_STATUS_FLAGS = (
    (0x01, int(Flag.BODY_MOVEMENT)),
    (0x02, int(Flag.CUFF_LOOSE)),
    (0x04, int(Flag.IRREGULAR_PULSE)),
    (0x20, int(Flag.BAD_POSITION)),
)
_PULSE_RANGE = int(Flag.PULSE_RANGE)


@lru_cache(maxsize=256)  # 6 bits have a meaning
def _status(bits: int) -> int:
    marks = NO_FLAGS
    for bit, flag in _STATUS_FLAGS:
        if bits & bit:
            marks |= flag
    return marks | _PULSE_RANGE if (bits >> 3) & 0x3 in (1, 2) else marks


def decode(frame: bytes) -> Decoded:
    """A `blood_pressure` (systolic, diastolic, mean), mm[Hg] or kPa, then a `pulse_rate_cuff` when sent."""
    flags = frame[0] if frame else first_byte(frame)
    needed = _LENGTHS[flags & 0x1E]
    if len(frame) != needed:
        check_length(frame, needed)
    systolic, diastolic, mean = _PRESSURES.unpack_from(frame)
    local_us, marks, at = None, NO_FLAGS, 7
    if flags & _TIME:
        local_us = gatt_time.local_us(frame, at)
        if local_us is None:
            marks = CLOCK_UNSET
        at += gatt_time.LENGTH
    if flags & _STATUS:  # always the last field
        marks |= _status(frame[needed - 2] | frame[needed - 1] << 8)
    unit = "kPa" if flags & _KPA else "mm[Hg]"
    values = sfloat(systolic), sfloat(diastolic), sfloat(mean)
    pressure = make(("blood_pressure", values, unit, local_us, marks))
    if not flags & _PULSE:
        return (pressure,)
    pulse = sfloat(frame[at] | frame[at + 1] << 8)
    return pressure, make(("pulse_rate_cuff", (pulse,), "/min", local_us, marks))
