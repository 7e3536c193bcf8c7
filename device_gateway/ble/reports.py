"""What the Bluetooth side tells its caller: frames to deliver, and what becomes of devices. Never a value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from device_gateway.ble.profiles import DeviceFacts


class Frame(NamedTuple):
    """One characteristic value, delivered once, as the topic `gatt/{uuid}` would bring it.

    `clock_offset_us`: what to add to the device's own time (0 after it was set); None when its clock was not read.
    """

    device_id: str
    uuid: str
    value: bytes
    received_us: int
    clock_offset_us: int | None


#: Takes a frame over; it may wait (backpressure), and raises PartnerError to be asked again later.
Deliver = Callable[[Frame], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Described:
    """Device information was read, or an advertisement heard."""

    device_id: str
    facts: DeviceFacts


@dataclass(frozen=True, slots=True)
class Moved:
    """A session entered another phase (a word of states.Phase)."""

    device_id: str
    phase: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed: a stable kebab-case code. `device_id` is None when it concerns the whole radio."""

    device_id: str | None
    code: str
    #: How many frames were lost by it; 0 for everything that is only tried again.
    frames_lost: int = 0


Report = Described | Moved | Trouble
