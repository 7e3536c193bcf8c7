"""Frames of the measurement characteristics that simulated devices send over MQTT `.../gatt/{uuid}`."""

from __future__ import annotations

import struct

HEART_RATE = "2a37"
PULSE_OXIMETER_CONTINUOUS = "2a5f"


def heart_rate(beats_per_min: int, *, contact: bool = True) -> bytes:
    """Heart Rate Measurement: 8-bit value, sensor contact supported (bit 2) and detected (bit 1) or not."""
    return struct.pack("<BB", 0b0000_0110 if contact else 0b0000_0100, beats_per_min)


def oximeter_continuous(spo2_percent: int, pulse_per_min: int) -> bytes:
    """PLX Continuous Measurement without optional fields; SFLOATs with exponent 0."""
    return struct.pack("<BHH", 0, spo2_percent & 0x0FFF, pulse_per_min & 0x0FFF)
