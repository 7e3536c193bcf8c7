"""Blood Pressure Measurement (0x2A35), Blood Pressure Service 1.1 section 3.1.

The user id says whose turn it was on a cuff with several users; it names nobody to us and stays in the raw
bytes.
"""

from __future__ import annotations

import struct

from device_gateway.decoders import gatt_time
from device_gateway.decoders.model import (
    CLOCK_UNSET,
    NO_FLAGS,
    Decoded,
    DecodedReading,
    check_length,
    first_byte,
)
from device_gateway.decoders.sfloat import sfloat
from vitals.reading import Flag

_KPA = 0x01
_TIME = 0x02
_PULSE = 0x04
_USER = 0x08
_STATUS = 0x10

_PRESSURES = struct.Struct("<xHHH")
_U16 = struct.Struct("<H")

#: Measurement Status bits 0, 1, 2 and 5; bits 3-4 are a number: 0 and the reserved 3 say nothing, 1 above, 2
#: below range.
_STATUS_FLAGS = (
    (0x01, int(Flag.BODY_MOVEMENT)),
    (0x02, int(Flag.CUFF_LOOSE)),
    (0x04, int(Flag.IRREGULAR_PULSE)),
    (0x20, int(Flag.BAD_POSITION)),
)
_PULSE_RANGE = int(Flag.PULSE_RANGE)


def _status(bits: int) -> int:
    marks = NO_FLAGS
    for bit, flag in _STATUS_FLAGS:
        if bits & bit:
            marks |= flag
    return marks | _PULSE_RANGE if (bits >> 3) & 0x3 in (1, 2) else marks


def decode(frame: bytes) -> Decoded:
    """A `blood_pressure` (systolic, diastolic, mean), mm[Hg] or kPa, then a `pulse_rate_cuff` when sent."""
    flags = first_byte(frame)
    needed = 7
    if flags & 0x1E:
        needed += (
            (gatt_time.LENGTH if flags & _TIME else 0)
            + (2 if flags & _PULSE else 0)
            + (1 if flags & _USER else 0)
            + (2 if flags & _STATUS else 0)
        )
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
        marks |= _status(_U16.unpack_from(frame, needed - 2)[0])
    unit = "kPa" if flags & _KPA else "mm[Hg]"
    pressure = DecodedReading(
        "blood_pressure", (sfloat(systolic), sfloat(diastolic), sfloat(mean)), unit, local_us, marks
    )
    if not flags & _PULSE:
        return (pressure,)
    pulse = sfloat(_U16.unpack_from(frame, at)[0])
    return pressure, DecodedReading("pulse_rate_cuff", (pulse,), "/min", local_us, marks)
