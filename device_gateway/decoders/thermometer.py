"""Temperature Measurement (0x2A1C), Health Thermometer Service 1.0 section 3.1.

Intermediate Temperature (0x2A1E) has the same layout but is for display while a measurement runs: it is not
a reading and has no decoder.
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
from device_gateway.decoders.sfloat import float32

_FAHRENHEIT = 0x01
_TIME = 0x02
_TYPE = 0x04

#: Bytes by those flags that announce a field.
_LENGTHS = {0: 5, _TIME: 5 + gatt_time.LENGTH, _TYPE: 6, _TIME | _TYPE: 6 + gatt_time.LENGTH}

_TEMPERATURE = struct.Struct("<xI")

#: Temperature Type (0x2A1D) to metric; finger, gut and toe have no row of their own and "body" is the
#: general one.
_SITES = {
    1: "body_temp_axilla",
    3: "body_temp_ear",
    6: "body_temp_oral",
    7: "body_temp_rectal",
    9: "body_temp_ear",  # tympanum
}


def decode(frame: bytes) -> Decoded:
    """One body temperature, Cel or [degF], under the metric of its site (`body_temp` when not said)."""
    flags = frame[0] if frame else first_byte(frame)
    needed = _LENGTHS[flags & 0x06]
    if len(frame) != needed:
        check_length(frame, needed)
    local_us, marks = None, NO_FLAGS
    if flags & _TIME:
        local_us = gatt_time.local_us(frame, 5)
        if local_us is None:
            marks = CLOCK_UNSET
    metric = _SITES.get(frame[needed - 1], "body_temp") if flags & _TYPE else "body_temp"
    unit = "[degF]" if flags & _FAHRENHEIT else "Cel"
    return (make((metric, (float32(_TEMPERATURE.unpack_from(frame)[0]),), unit, local_us, marks)),)
