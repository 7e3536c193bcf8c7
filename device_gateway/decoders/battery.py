"""Battery Level (0x2A19), Battery Service 1.0: one byte, percent."""

from __future__ import annotations

from device_gateway.decoders.model import NO_FLAGS, Decoded, DecodedReading, check_length, first_byte
from device_gateway.decoders.sfloat import scaled


def decode(frame: bytes) -> Decoded:
    """One `battery`, %; the reserved values above 100 are kept as sent (and flagged as improbable later)."""
    level = first_byte(frame)
    check_length(frame, 1)
    return (DecodedReading("battery", (scaled(level, 1, 0),), "%", None, NO_FLAGS),)
