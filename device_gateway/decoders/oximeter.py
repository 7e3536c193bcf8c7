"""PLX Spot-Check (0x2A5E) and PLX Continuous (0x2A5F) Measurement, Pulse Oximeter Service 1.0.1 sections 3.1
and 3.2.

The fast and slow averages of a continuous frame are other filters of the same signal; only "normal" is a
reading.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from device_gateway.decoders import gatt_time
from device_gateway.decoders.model import (
    CLOCK_UNSET,
    NO_FLAGS,
    Decoded,
    DecodedReading,
    check_length,
    first_byte,
    make,
)
from device_gateway.decoders.sfloat import sfloat
from vitals.reading import Flag

_SPOT_TIME = 0x01
_SPOT_STATUS = 0x02
_SPOT_SENSOR = 0x04
_SPOT_AMPLITUDE = 0x08
_SPOT_CLOCK_UNSET = 0x10

_FAST = 0x01
_SLOW = 0x02
_STATUS = 0x04
_SENSOR = 0x08
_AMPLITUDE = 0x10

_SPOT_TAIL = _SPOT_STATUS | _SPOT_SENSOR | _SPOT_AMPLITUDE
_TAIL = _STATUS | _SENSOR | _AMPLITUDE

_PAIR = struct.Struct("<xHH")

#: Bytes by those flags that announce a field: time, status, sensor status and amplitude; averages instead of the time.
_SPOT_LENGTHS = [
    5 + bool(flags & 1) * gatt_time.LENGTH + bool(flags & 2) * 2 + bool(flags & 4) * 3 + bool(flags & 8) * 2
    for flags in range(0x10)
]
_LENGTHS = [
    5 + bool(flags & 1) * 4 + bool(flags & 2) * 4 + bool(flags & 4) * 2 + bool(flags & 8) * 3 + bool(flags & 16) * 2
    for flags in range(0x20)
]

#: Measurement Status: what each group of bits says about the values.
_STATUS_FLAGS = (
    (1 << 5, int(Flag.MEASUREMENT_ONGOING)),
    (1 << 6, int(Flag.EARLY_ESTIMATE)),
    (1 << 10 | 1 << 11, int(Flag.TEST_DATA)),  # demonstration, testing
    (
        1 << 12 | 1 << 13 | 1 << 14 | 1 << 15,
        int(Flag.QUESTIONABLE),
    ),  # calibrating, unavailable, questionable, invalid
)
#: Device and Sensor Status, 24 bits.
_SENSOR_FLAGS = (
    (1 << 1 | 1 << 12 | 1 << 14, int(Flag.DEVICE_ALARM)),  # equipment or sensor malfunction, unknown sensor
    # irregular processing, inadequate, poor or erratic signal, no pulse in it, questionable pulse,
    # interference
    (1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10, int(Flag.QUESTIONABLE)),
    (1 << 5, int(Flag.LOW_PERFUSION)),
    (1 << 11 | 1 << 13 | 1 << 15, int(Flag.NO_CONTACT)),  # unconnected to the user, displaced, disconnected
)


@lru_cache(maxsize=1024)  # of 2^40, the combinations that sensors send
def _marks(measurement: int, sensor: int) -> int:
    marks = NO_FLAGS
    for bits, table in ((measurement, _STATUS_FLAGS), (sensor, _SENSOR_FLAGS)):
        for mask, flag in table:
            if bits & mask:
                marks |= flag
    return marks


def _tail(frame: bytes, at: int, status: int, sensor: int, amplitude: int) -> tuple[int, int | None]:
    """(flags, bits of the pulse amplitude index) of the three optional fields that both frames end with."""
    measurement_bits = sensor_bits = 0
    if status:
        measurement_bits = frame[at] | frame[at + 1] << 8
        at += 2
    if sensor:
        sensor_bits = frame[at] | frame[at + 1] << 8 | frame[at + 2] << 16
        at += 3
    return _marks(measurement_bits, sensor_bits), frame[at] | frame[at + 1] << 8 if amplitude else None


def decode_spot(frame: bytes) -> Decoded:
    """`spo2`, `pulse_rate_oximeter` and, when sent, `perfusion_index` (pulse amplitude index, %)."""
    flags = frame[0] if frame else first_byte(frame)
    needed = _SPOT_LENGTHS[flags & 0x0F]
    if len(frame) != needed:
        check_length(frame, needed)
    local_us, marks, index, at = None, NO_FLAGS, None, 5
    if flags & _SPOT_TIME:
        local_us = gatt_time.local_us(frame, 5)
        at += gatt_time.LENGTH
    if flags & _SPOT_TAIL:
        marks, index = _tail(frame, at, flags & _SPOT_STATUS, flags & _SPOT_SENSOR, flags & _SPOT_AMPLITUDE)
    if flags & _SPOT_CLOCK_UNSET or (flags & _SPOT_TIME and local_us is None):
        marks |= CLOCK_UNSET
    spo2, pulse = _PAIR.unpack_from(frame)
    pair = (
        make(("spo2", (sfloat(spo2),), "%", local_us, marks)),
        make(("pulse_rate_oximeter", (sfloat(pulse),), "/min", local_us, marks)),
    )
    return pair if index is None else (*pair, make(("perfusion_index", (sfloat(index),), "%", local_us, marks)))


def decode_continuous(frame: bytes) -> Decoded:
    """`spo2`, `pulse_rate_oximeter` (normal average) and, when sent, `perfusion_index`; without a time."""
    flags = frame[0] if frame else first_byte(frame)
    needed = _LENGTHS[flags & 0x1F]
    if len(frame) != needed:
        check_length(frame, needed)
    spo2, pulse = _PAIR.unpack_from(frame)
    if not flags & _TAIL:
        return _timeless(spo2, pulse, NO_FLAGS)
    at = 5 + (4 if flags & _FAST else 0) + (4 if flags & _SLOW else 0)
    marks, index = _tail(frame, at, flags & _STATUS, flags & _SENSOR, flags & _AMPLITUDE)
    pair = _timeless(spo2, pulse, marks)
    return pair if index is None else (*pair, make(("perfusion_index", (sfloat(index),), "%", None, marks)))


@lru_cache(maxsize=4096)  # a second after the other a monitor sends much the same
def _timeless(spo2: int, pulse: int, marks: int) -> Decoded:
    return (
        DecodedReading("spo2", (sfloat(spo2),), "%", None, marks),
        DecodedReading("pulse_rate_oximeter", (sfloat(pulse),), "/min", None, marks),
    )
