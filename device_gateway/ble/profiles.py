"""Which characteristics are read, subscribed to and set, by their 16-bit assigned numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Measurements of heart rate (180D), blood pressure (1810), pulse oximeter (1822), thermometer (1809), weight (181D).
MEASUREMENTS: Final = ("2a37", "2a35", "2a5e", "2a5f", "2a1c", "2a9d")

#: Of these, the ones that come every second or so for as long as the sensor is worn.
STREAMS: Final = frozenset({"2a37", "2a5f"})

#: Battery Level (180F) and Current Time (1805).
BATTERY: Final = "2a19"
CURRENT_TIME: Final = "2a2b"

#: Device Information (180A).
MODEL: Final = "2a24"
SERIAL: Final = "2a25"
FIRMWARE: Final = "2a26"

#: Longest string that Device Information may hold: an attribute has at most 512 bytes, a name plate far fewer.
TEXT_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that may connect: its id in the registry, and the IANA zone that its clock shows.

    `zone` is the one of the patient bound to it, None while nobody is: then its clock is read but not set.
    """

    device_id: str
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device says about itself; None where it says nothing. `rssi_dbm` is its last advertisement's."""

    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    rssi_dbm: int | None = None


def text(value: bytes) -> str | None:
    """A Device Information string; some devices pad it with zeros or blanks, and not all of them speak UTF-8."""
    shown = "".join(sign for sign in value.decode("utf-8", "replace") if sign.isprintable())
    return shown.strip()[:TEXT_MAX] or None
