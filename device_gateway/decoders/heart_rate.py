"""Heart Rate Measurement (0x2A37), Heart Rate Service 1.0 section 3.1.

Energy expended and RR intervals have no row in the code table; they stay in the raw bytes.
"""

from __future__ import annotations

from functools import lru_cache

from device_gateway.decoders.model import Decoded, DecodedReading, check_length, first_byte
from device_gateway.decoders.sfloat import scaled
from vitals.errors import DecodeError
from vitals.reading import Flag

_UINT16 = 0x01
_CONTACT = 0x06  # bits 1 and 2
_NOT_DETECTED = 0x04  # contact is supported and the sensor has none
_ENERGY = 0x08
_RR_INTERVALS = 0x10

_NO_CONTACT = int(Flag.NO_CONTACT)


def decode(frame: bytes) -> Decoded:
    """One `heart_rate`, /min; no time of its own."""
    flags = frame[0] if frame else first_byte(frame)
    needed = 2 + (flags & _UINT16) + (2 if flags & _ENERGY else 0)
    if flags & _RR_INTERVALS:
        intervals = len(frame) - needed
        if intervals < 2 or intervals % 2:
            raise DecodeError(
                f"the frame announces RR intervals of 2 bytes and has {max(intervals, 0)} bytes for them; "
                "send the whole characteristic value",
                code="truncated",
            )
    elif len(frame) != needed:
        check_length(frame, needed)
    rate = frame[1] | frame[2] << 8 if flags & _UINT16 else frame[1]
    return _reading(rate, flags & _CONTACT == _NOT_DETECTED)


@lru_cache(maxsize=1024)  # the rates of a ward, with and without contact
def _reading(rate: int, no_contact: bool) -> Decoded:
    return (DecodedReading("heart_rate", (scaled(rate, 1, 0),), "/min", None, _NO_CONTACT if no_contact else 0),)
