"""Battery Level (0x2A19), Battery Service 1.0: one byte, percent."""

from __future__ import annotations

from device_gateway.decoders.model import NO_FLAGS, Decoded, check_length, first_byte, make
from device_gateway.decoders.sfloat import scaled


def decode(frame: bytes) -> Decoded:
    """One `battery`, %; the reserved values above 100 are kept as sent (and flagged as improbable later)."""
    level = first_byte(frame)
    if len(frame) != 1:
        check_length(frame, 1)
    return (make(("battery", (scaled(level, 1, 0),), "%", None, NO_FLAGS)),)
