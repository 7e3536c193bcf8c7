"""What a payload turns into: readings as sent, and parts that can't become one, each with its bytes."""

from __future__ import annotations

from typing import NamedTuple

from device_gateway.timestamps import Face, Instant
from vitals.reading import NONE, Value


class Sent(NamedTuple):
    """One reading as sent: everything but device, receipt and repaired time.

    `flags` are bits of vitals.reading.Flag; `start` and `length` its bytes in `Parsed.raw`.
    """

    metric: str
    values: tuple[Value, ...]
    unit: str
    time: Instant | Face | None
    device_now_us: int | None
    sequence: int
    flags: int
    start: int
    length: int


class Unusable(NamedTuple):
    """A part that can't become a reading: a stable reason, and for people what to do. Never a value."""

    reason: str
    message: str
    start: int
    length: int


class Parsed(NamedTuple):
    """A payload's parts in the order sent; `raw` is what is kept of it."""

    raw: bytes
    parts: list[Sent | Unusable]


#: A sequence that was not sent.
NO_SEQUENCE = NONE


def unusable(payload: bytes, reason: str, message: str) -> Parsed:
    """A payload that can't be split: it counts as one."""
    return Parsed(payload, [Unusable(reason, message, 0, len(payload))])
