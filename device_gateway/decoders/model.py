"""What every decoder returns, and how it reads bytes: exact lengths, no other error than DecodeError."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from vitals.errors import DecodeError
from vitals.reading import Flag, Value

#: Values of the plain IntFlag: arithmetic on these is several times faster than on the enum.
NO_FLAGS: Final = 0


class DecodedReading(NamedTuple):
    """One reading of a frame, before device, patient and receive time are known.

    - `values`: one, or for a blood pressure three (systolic, diastolic, mean); `unit`: UCUM code as sent.
    - `local_us`: face of the device's zoneless clock read as if it were UTC, microseconds since 1970; None
    when the   frame has no time or an unset one (then `flags` has CLOCK_UNSET).
    - `flags`: bits of vitals.reading.Flag.
    """

    metric: str
    values: tuple[Value, ...]
    unit: str
    local_us: int | None
    flags: int


#: A DecodedReading from the tuple of its fields, in order: a third of the time that calling the class takes.
make: Callable[[tuple[str, tuple[Value, ...], str, int | None, int]], DecodedReading] = partial(
    tuple.__new__, DecodedReading
)

Decoded = tuple[DecodedReading, ...]
Decoder = Callable[[bytes], Decoded]

CLOCK_UNSET: Final = int(Flag.CLOCK_UNSET)


def check_length(frame: bytes, needed: int) -> None:
    """The frame must have exactly the length that its own flags ask for."""
    found = len(frame)
    if found < needed:
        raise DecodeError(
            f"the frame ends after {found} bytes, its flags ask for {needed}; send the whole value",
            code="truncated",
        )
    if found > needed:
        raise DecodeError(
            f"the frame has {found} bytes, its flags account for {needed}; send one value a frame",
            code="trailing-bytes",
        )


def first_byte(frame: bytes) -> int:
    """The flags field that every measurement starts with."""
    if not frame:
        raise DecodeError("the frame is empty; send the whole characteristic value", code="truncated")
    return frame[0]
