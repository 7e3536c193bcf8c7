"""What GATT frames mean to us, as the JSON lines of `vitalstream decode`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from device_gateway.decoders.model import DecodedReading
from device_gateway.decoders.registry import decoder
from vitals.codes import PRESSURE_PARTS
from vitals.errors import DecodeError
from vitals.plausible import improbable
from vitals.reading import Flag, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decode_lines(uuid: str, frames: Iterable[str]) -> Iterator[dict[str, Any]]:
    """One object a frame of hex digits (spaces, colons, dashes and a leading 0x are fine), in order; never
    raises.

    `{"ok": true, "readings": [{"metric", "value", "unit", "measured_at", "flags", "absent_reason"}]}` with
    decimal strings and the device's local time, or `{"ok": false, "error": {"code", "message"}}`.
    """
    for frame in frames:
        try:
            decoded = decoder(uuid)(_bytes(frame))
        except DecodeError as error:
            yield {"ok": False, "error": {"code": error.code, "message": error.message}}
        else:
            yield {"ok": True, "readings": [_reading(reading) for reading in decoded]}


def _bytes(text: str) -> bytes:
    digits = text.strip().removeprefix("0x").removeprefix("0X").replace(":", "").replace("-", "")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise DecodeError(
            "the frame is not hexadecimal; write two digits a byte, such as 0648", code="bad-hex"
        ) from None


def _reading(reading: DecodedReading) -> dict[str, Any]:
    local_us = reading.local_us
    flags = Flag(reading.flags | improbable(reading.metric, reading.values, reading.unit))
    return {
        "metric": reading.metric,
        "value": _value(reading.values),
        "unit": reading.unit,
        "measured_at": None if local_us is None else _face(local_us),
        "flags": flags.names,
        "absent_reason": _absent_reason(reading.values),
    }


def _face(local_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=local_us)).strftime("%Y-%m-%dT%H:%M:%S")


def _value(values: tuple[Value, ...]) -> str | dict[str, str | None] | None:
    if len(values) == 1:
        return values[0].text
    return {part: value.text for part, value in zip(PRESSURE_PARTS, values, strict=True)}


def _absent_reason(values: tuple[Value, ...]) -> str | None:
    """Why the value is missing; of a blood pressure the systolic or diastolic (the mean is optional)."""
    return next((value.absent.code for value in values[:2] if value.absent), None)
