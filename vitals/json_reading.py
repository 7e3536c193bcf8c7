"""Parts of a reading as JSON gives them: unit, value, time. Pure; what a refusal says tells what to do.

For readings that come one by one, from a command line or a person; the gateway's parser reads arrays in bulk.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vitals import units
from vitals.codes import CONSCIOUSNESS, PRESSURE_PARTS, Metric
from vitals.errors import DecodeError, DeviceError, NaiveTime, UnitMismatch, UnknownUnit, Unrepresentable
from vitals.reading import Absent, Value, absent, value_of
from vitals.units import Unit

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d{0,9})?([Zz]|[+-]\d\d:[0-5]\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 2262-04-11, where nanoseconds since 1970 end; the chart holds them in a bigint.
_EPOCH_MS_MAX: Final = 2**63 // 1_000_000
_OFFSET_MIN_MAX: Final = 14 * 60  # UTC+14, the easternmost zone and FHIR's limit


def decoded(text: bytes) -> Any:
    """JSON with its numbers as decimals, every digit kept. Raises DecodeError `malformed-json` or Unrepresentable."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError):
        raise DecodeError("this is no JSON; correct whatever wrote it", code="malformed-json") from None


def _refuse_constant(_: str) -> Any:
    raise Unrepresentable("NaN and Infinity are no JSON numbers; send null for a value that is lost")


def unit_of(metric: Metric, sent: Any) -> Unit:
    """The unit; a metric without dimension needs none said. Raises UnknownUnit or UnitMismatch."""
    if not isinstance(sent, str) and (sent is not None or metric.units != ("1",)):
        raise UnknownUnit(f"{metric.key} has no unit; send one of {', '.join(metric.units)}")
    unit = units.unit(sent or "1")
    if unit.code not in metric.units:
        raise UnitMismatch(f"{metric.key} can't be measured in {unit.code}; send one of {', '.join(metric.units)}")
    return unit


def time_of(value: Any) -> tuple[int, int]:
    """UTC nanoseconds and local offset in minutes. Raises NaiveTime or DeviceError `bad-time`."""
    if isinstance(value, Decimal):
        if not 0 <= value <= _EPOCH_MS_MAX:
            raise _bad_time("at as a number must be milliseconds since 1970")
        return int(value * 1_000_000), 0
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _bad_time("at must be a time such as 2026-11-22T11:42:00+01:00, or milliseconds since 1970")
    day, clock, fraction, zone = match.groups()
    if zone is None:
        raise NaiveTime("at has no zone; add Z or an offset such as +01:00")
    try:
        local = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        raise _bad_time("at names a day or an hour that does not exist") from None
    offset_min = 0 if zone in "Zz" else int(zone[:3]) * 60 + int(zone[0] + zone[4:])
    if abs(offset_min) > _OFFSET_MIN_MAX:
        raise _bad_time("at has an offset beyond 14 hours")
    seconds = (local - _EPOCH) // timedelta(seconds=1) - offset_min * 60
    if abs(seconds) > _EPOCH_MS_MAX // 1000:
        raise _bad_time("at lies outside the years 1678 to 2262")
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0")), offset_min


def _bad_time(message: str) -> DeviceError:
    return DeviceError(message, code="bad-time")


def values_of(metric: Metric, value: Any) -> tuple[Value, ...]:
    """The values as sent, null as a lost one. Raises DeviceError `bad-value` or Unrepresentable."""
    if metric.shape == "blood_pressure":
        if not isinstance(value, dict) or not {"systolic", "diastolic"} <= value.keys():
            raise _bad_value("an object with systolic, diastolic and perhaps mean")
        return tuple(_number(value.get(part)) for part in PRESSURE_PARTS)
    if value is None:
        return (absent(Absent.UNKNOWN),)
    if metric.shape == "boolean":
        if not isinstance(value, bool):
            raise _bad_value("true or false")
        return (Value(float(value)),)
    if metric.shape == "coded":
        if not isinstance(value, str) or len(value) != 1 or value not in CONSCIOUSNESS:
            raise _bad_value(f"one letter of {', '.join(CONSCIOUSNESS)}")
        return (Value(float(CONSCIOUSNESS.index(value))),)
    return (_number(value),)


def _number(value: Any) -> Value:
    """One number as sent; null is a value that the device lost."""
    if value is None:
        return absent(Absent.UNKNOWN)
    if not isinstance(value, Decimal):
        raise _bad_value("a number, sent without quotes")
    return value_of(value)


def _bad_value(wanted: str) -> DeviceError:
    return DeviceError(f"the value must be {wanted}", code="bad-value")
