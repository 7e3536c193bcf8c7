"""Frames of the measurement characteristics that simulated devices send, over Bluetooth or MQTT `.../gatt/{uuid}`.

From the GATT Specification Supplement. A value of None is one that the device could not measure: the format's NaN.
"""

from __future__ import annotations

import struct
from datetime import datetime

BATTERY_LEVEL = "2a19"
TEMPERATURE = "2a1c"
CURRENT_TIME = "2a2b"
BLOOD_PRESSURE = "2a35"
HEART_RATE = "2a37"
PULSE_OXIMETER_SPOT = "2a5e"
PULSE_OXIMETER_CONTINUOUS = "2a5f"
WEIGHT = "2a9d"

_SFLOAT_NAN = 0x07FF
_FLOAT_NAN = 0x007FFFFF
_WEIGHT_UNSUCCESSFUL = 0xFFFF
#: Resolution of a weight in kilograms.
_WEIGHT_STEP_KG = 0.005


def long_uuid(uuid: str) -> str:
    """Four hex digits with the Bluetooth Base UUID."""
    return f"0000{uuid}-0000-1000-8000-00805f9b34fb"


def _sfloat(value: float | None) -> int:
    """16 bits with exponent 0: whole numbers from -2045 to 2045."""
    return _SFLOAT_NAN if value is None else round(value) & 0x0FFF


def _float(value: float | None) -> int:
    """32 bits with exponent -1: one decimal."""
    return _FLOAT_NAN if value is None else 0xFF << 24 | round(value * 10) & 0x00FFFFFF


def _date_time(face: datetime | None) -> bytes:
    """Date Time: year, month and day 0 are "not known", which is what a clock shows that was never set."""
    if face is None:
        return bytes(7)
    return struct.pack("<HBBBBB", face.year, face.month, face.day, face.hour, face.minute, face.second)


def heart_rate(beats_per_min: int, *, contact: bool = True) -> bytes:
    """Heart Rate Measurement: 8-bit value, sensor contact supported (bit 2) and detected (bit 1) or not."""
    return struct.pack("<BB", 0b0000_0110 if contact else 0b0000_0100, beats_per_min)


def oximeter_continuous(spo2_percent: float | None, pulse_per_min: float | None) -> bytes:
    """PLX Continuous Measurement without optional fields; SFLOATs with exponent 0."""
    return struct.pack("<BHH", 0, _sfloat(spo2_percent), _sfloat(pulse_per_min))


def oximeter_spot(spo2_percent: float | None, pulse_per_min: float | None, face: datetime | None) -> bytes:
    """PLX Spot-Check Measurement with a time (bit 0); bit 4 says that the clock is not set."""
    flags = 0x01 if face else 0x11
    return struct.pack("<BHH", flags, _sfloat(spo2_percent), _sfloat(pulse_per_min)) + _date_time(face)


def blood_pressure(
    systolic_mmhg: float | None, diastolic_mmhg: float | None, pulse_per_min: float | None, face: datetime | None
) -> bytes:
    """Blood Pressure Measurement in mmHg with time (bit 1) and pulse (bit 2); the mean is a third of the way up."""
    mean = None
    if systolic_mmhg is not None and diastolic_mmhg is not None:
        mean = diastolic_mmhg + (systolic_mmhg - diastolic_mmhg) / 3
    values = struct.pack("<BHHH", 0x06, _sfloat(systolic_mmhg), _sfloat(diastolic_mmhg), _sfloat(mean))
    return values + _date_time(face) + struct.pack("<H", _sfloat(pulse_per_min))


def temperature(celsius: float | None, face: datetime | None) -> bytes:
    """Temperature Measurement in degrees Celsius with a time (bit 1) and without a type."""
    return struct.pack("<BI", 0x02, _float(celsius)) + _date_time(face)


def weight(kilograms: float | None, face: datetime | None) -> bytes:
    """Weight Measurement in kilograms with a time (bit 1)."""
    steps = _WEIGHT_UNSUCCESSFUL if kilograms is None else round(kilograms / _WEIGHT_STEP_KG)
    return struct.pack("<BH", 0x02, steps) + _date_time(face)


def current_time(face: datetime | None) -> bytes:
    """Current Time: Date Time, day of the week (1 is Monday), 1/256 s, reason of the last adjustment (none)."""
    if face is None:
        return bytes(10)
    return _date_time(face) + bytes((face.isoweekday(), face.microsecond * 256 // 1_000_000, 0))


def read_current_time(frame: bytes) -> datetime:
    """The face in a Current Time that somebody writes; ValueError when it is none."""
    if len(frame) != 10:
        raise ValueError("a Current Time has 10 bytes")
    year, month, day, hours, minutes, seconds = struct.unpack_from("<HBBBBB", frame)
    return datetime(year, month, day, hours, minutes, seconds, frame[8] * 1_000_000 // 256)  # noqa: DTZ001 - a face
