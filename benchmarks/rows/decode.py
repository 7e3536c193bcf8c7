"""`decode`: microseconds for one GATT frame of the common profiles, bytes to readings.

Ours: the registry's decoders (exact lengths, flags, device time, special values, decimals kept). Peer: how it is
usually done, a function for each profile that unpacks with `struct`, reads SFLOAT with a power of ten and makes a dict;
it checks no lengths, knows no special values and loses the decimals. Limit: unpacking the fields alone, with formats
made before.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from benchmarks.harness import Row
from device_gateway.decoders.registry import decoder

#: So many of each profile: a round lasts tens of milliseconds.
FRAMES = 10_000

_DATE_TIME = struct.Struct("<HBBBBB")
_DATE_TIME_SIZE = 7


def rows() -> list[Row]:
    """The row `decode`."""
    return [
        Row(
            name="decode",
            unit="us/frame",
            ours=_ours,
            peer=_peer,
            peer_name="struct + dict",
            limit=_limit,
            limit_name="struct.unpack alone",
        )
    ]


def _frames() -> list[tuple[str, str, list[bytes]]]:
    """(characteristic, its fields for struct, frames); values and times differ from frame to frame as in a ward.

    A strap and a continuous oximeter as they send each second; a cuff with time and pulse, a thermometer with time and
    site, a scale (to 100 g) with time, a spot oximeter with time.
    """
    numbers = range(FRAMES)
    times = [_time(number) for number in numbers]
    return [
        ("2a37", "<BB", [bytes((0x06, 50 + number % 70)) for number in numbers]),
        ("2a5f", "<BHH", [struct.pack("<BHH", 0, 90 + number % 10, 50 + number % 70) for number in numbers]),
        (
            "2a35",
            "<BHHHHBBBBBH",
            [
                struct.pack("<BHHH", 0x06, 100 + number % 80, 60 + number % 40, 75 + number % 50)
                + times[number]
                + struct.pack("<H", 50 + number % 70)
                for number in numbers
            ],
        ),
        (
            "2a1c",
            "<BIHBBBBBB",
            [struct.pack("<BI", 0x06, 0xFF000000 | 355 + number % 50) + times[number] + b"\x06" for number in numbers],
        ),
        (
            "2a9d",
            "<BHHBBBBB",
            [struct.pack("<BH", 0x02, 10_000 + number % 500 * 20) + times[number] for number in numbers],
        ),
        (
            "2a5e",
            "<BHHHBBBBB",
            [struct.pack("<BHH", 0x01, 90 + number % 10, 50 + number % 70) + times[number] for number in numbers],
        ),
    ]


def _time(number: int) -> bytes:
    return _DATE_TIME.pack(2026, 11, 1 + number % 28, number % 24, number % 60, number * 7 % 60)


def _timed(work: list[tuple[Callable[[bytes], object], list[bytes]]]) -> float:
    count = sum(len(frames) for _, frames in work)
    began_s = time.perf_counter()
    for decode, frames in work:
        for frame in frames:
            decode(frame)
    return (time.perf_counter() - began_s) / count * 1e6


@contextmanager
def _ours() -> Iterator[Callable[[], float]]:
    work: list[tuple[Callable[[bytes], object], list[bytes]]] = [
        (decoder(uuid), frames) for uuid, _, frames in _frames()
    ]
    yield lambda: _timed(work)


@contextmanager
def _limit() -> Iterator[Callable[[], float]]:
    work: list[tuple[Callable[[bytes], object], list[bytes]]] = [
        (struct.Struct(fields).unpack, frames) for _, fields, frames in _frames()
    ]
    yield lambda: _timed(work)


@contextmanager
def _peer() -> Iterator[Callable[[], float]]:
    usual: dict[str, Callable[[bytes], object]] = {
        "2a37": _usual_heart_rate,
        "2a5f": _usual_oximeter,
        "2a35": _usual_pressure,
        "2a1c": _usual_temperature,
        "2a9d": _usual_weight,
        "2a5e": _usual_spot,
    }
    work = [(usual[uuid], frames) for uuid, _, frames in _frames()]
    yield lambda: _timed(work)


def _usual_sfloat(bits: int) -> float:
    mantissa, exponent = bits & 0x0FFF, bits >> 12
    if mantissa >= 0x0800:
        mantissa -= 0x1000
    if exponent >= 0x8:
        exponent -= 0x10
    return mantissa * 10.0**exponent


def _usual_float(bits: int) -> float:
    mantissa, exponent = bits & 0x00FFFFFF, bits >> 24
    if mantissa >= 0x00800000:
        mantissa -= 0x01000000
    if exponent >= 0x80:
        exponent -= 0x100
    return mantissa * 10.0**exponent


def _usual_time(frame: bytes, at: int) -> datetime:
    return datetime(*struct.unpack_from("<HBBBBB", frame, at))  # noqa: DTZ001 - the device's clock has no zone


def _usual_heart_rate(frame: bytes) -> dict[str, Any]:
    flags = frame[0]
    rate = struct.unpack_from("<H", frame, 1)[0] if flags & 0x01 else frame[1]
    return {"heart_rate": rate, "contact": bool(flags & 0x02)}


def _usual_oximeter(frame: bytes) -> dict[str, Any]:
    spo2, pulse = struct.unpack_from("<HH", frame, 1)
    return {"spo2": _usual_sfloat(spo2), "pulse": _usual_sfloat(pulse)}


def _usual_spot(frame: bytes) -> dict[str, Any]:
    found = _usual_oximeter(frame)
    if frame[0] & 0x01:
        found["at"] = _usual_time(frame, 5)
    return found


def _usual_pressure(frame: bytes) -> dict[str, Any]:
    flags, systolic, diastolic, mean = struct.unpack_from("<BHHH", frame, 0)
    found: dict[str, Any] = {
        "systolic": _usual_sfloat(systolic),
        "diastolic": _usual_sfloat(diastolic),
        "mean": _usual_sfloat(mean),
        "unit": "kPa" if flags & 0x01 else "mmHg",
    }
    at = 7
    if flags & 0x02:
        found["at"] = _usual_time(frame, at)
        at += _DATE_TIME_SIZE
    if flags & 0x04:
        found["pulse"] = _usual_sfloat(struct.unpack_from("<H", frame, at)[0])
    return found


def _usual_temperature(frame: bytes) -> dict[str, Any]:
    flags, bits = struct.unpack_from("<BI", frame, 0)
    found: dict[str, Any] = {"temperature": _usual_float(bits), "unit": "F" if flags & 0x01 else "C"}
    if flags & 0x02:
        found["at"] = _usual_time(frame, 5)
    if flags & 0x04:
        found["type"] = frame[-1]
    return found


def _usual_weight(frame: bytes) -> dict[str, Any]:
    flags, raw = struct.unpack_from("<BH", frame, 0)
    imperial = flags & 0x01
    found: dict[str, Any] = {"weight": raw * (0.01 if imperial else 0.005), "unit": "lb" if imperial else "kg"}
    if flags & 0x02:
        found["at"] = _usual_time(frame, 3)
    return found
