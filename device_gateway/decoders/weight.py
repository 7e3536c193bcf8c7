"""Weight Measurement (0x2A9D), Weight Scale Service 1.0.1 section 3.2, and its resolutions in the GATT
supplement.

The user id names nobody to us and stays in the raw bytes.
"""

from __future__ import annotations

import struct

from device_gateway.decoders import gatt_time
from device_gateway.decoders.model import (
    CLOCK_UNSET,
    NO_FLAGS,
    Decoded,
    check_length,
    first_byte,
    make,
)
from device_gateway.decoders.sfloat import scaled
from vitals.reading import Absent, absent

_IMPERIAL = 0x01
_TIME = 0x02
_USER = 0x04
_BMI_HEIGHT = 0x08

#: Bytes by those flags that announce a field.
_LENGTHS = {
    flags: 3
    + (gatt_time.LENGTH if flags & _TIME else 0)
    + (1 if flags & _USER else 0)
    + (4 if flags & _BMI_HEIGHT else 0)
    for flags in range(0, 0x10, 2)
}

_WEIGHT = struct.Struct("<xH")
_PAIR = struct.Struct("<HH")

#: "Measurement Unsuccessful".
_UNSUCCESSFUL = 0xFFFF
_FAILED = absent(Absent.ERROR)


def decode(frame: bytes) -> Decoded:
    """`body_weight` (kg or [lb_av]) and, when sent, `bmi` and `body_height` (m or [in_i])."""
    flags = frame[0] if frame else first_byte(frame)
    needed = _LENGTHS[flags & 0x0E]
    if len(frame) != needed:
        check_length(frame, needed)
    local_us, marks = None, NO_FLAGS
    if flags & _TIME:
        local_us = gatt_time.local_us(frame, 3)
        if local_us is None:
            marks = CLOCK_UNSET
    imperial = flags & _IMPERIAL
    raw = _WEIGHT.unpack_from(frame)[0]
    value = scaled(raw, 1, 2) if imperial else scaled(raw, 5, 3)
    if raw == _UNSUCCESSFUL:
        value = _FAILED
    weight = make(("body_weight", (value,), "[lb_av]" if imperial else "kg", local_us, marks))
    if not flags & _BMI_HEIGHT:
        return (weight,)
    bmi, height = _PAIR.unpack_from(frame, needed - 4)
    tall = scaled(height, 1, 1) if imperial else scaled(height, 1, 3)
    return (
        weight,
        make(("bmi", (scaled(bmi, 1, 1),), "kg/m2", local_us, marks)),
        make(("body_height", (tall,), "[in_i]" if imperial else "m", local_us, marks)),
    )
