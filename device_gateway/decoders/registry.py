"""Characteristic UUID to decoder."""

from __future__ import annotations

from functools import lru_cache

from device_gateway.decoders import battery, blood_pressure, heart_rate, oximeter, thermometer, weight
from device_gateway.decoders.model import Decoder
from vitals.errors import DecodeError

_DECODERS: dict[str, Decoder] = {
    "2a19": battery.decode,
    "2a1c": thermometer.decode,
    "2a35": blood_pressure.decode,
    "2a37": heart_rate.decode,
    "2a5e": oximeter.decode_spot,
    "2a5f": oximeter.decode_continuous,
    "2a9d": weight.decode,
}

#: A 16-bit UUID written in full ends in the Bluetooth Base UUID.
_BASE = "00001000800000805f9b34fb"


def short_uuid(text: str) -> str:
    """The 4 hex digits of an assigned UUID in any spelling, else the text in lower case."""
    bare = text.lower().removeprefix("0x").replace("-", "")
    if len(bare) == 32 and bare.endswith(_BASE):
        bare = bare[:8]
    return bare[4:] if len(bare) == 8 and bare.startswith("0000") else bare


@lru_cache(maxsize=256)  # spellings in use; bounded because the text comes from outside
def decoder(uuid: str) -> Decoder:
    """The decoder of `2a37`, `0x2A37` or the full 128-bit form; raises DecodeError `unknown-format`."""
    found = _DECODERS.get(short_uuid(uuid))
    if found is None:
        known = ", ".join(sorted(_DECODERS))
        raise DecodeError(f"there is no decoder for it; send one of the characteristics {known}", code="unknown-format")
    return found
