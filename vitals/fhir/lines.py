"""Readings as JSON lines to Observations: what `vitalstream fhir` does with its input."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vitals import codes, units
from vitals.codes import CONSCIOUSNESS, PRESSURE_PARTS, Metric
from vitals.errors import (
    DecodeError,
    DeviceError,
    NaiveTime,
    UnitMismatch,
    UnknownMetric,
    UnknownUnit,
    Unrepresentable,
)
from vitals.fhir.codings import charted
from vitals.fhir.observation import ObservationRow, render_unstored
from vitals.identity import identity, observation_id
from vitals.reading import NONE, Absent, Value, absent, value_of
from vitals.units import Unit

#: Who stands in the Personal Health Device form's gateway extension when the caller names nobody.
GATEWAY_DEFAULT: Final = "vitalstream"

#: One reading takes about 150 bytes; beyond this a line is something else.
LINE_BYTES_MAX: Final = 64 * 1024

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d{0,9})?([Zz]|[+-]\d\d:[0-5]\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEQUENCE_MAX = 2**63 - 1  # the chart's bigint
# 2262-04-11, where nanoseconds since 1970 end; the chart holds them in a bigint.
_EPOCH_MS_MAX = 2**63 // 1_000_000
_OFFSET_MIN_MAX = 14 * 60  # UTC+14, the easternmost zone and FHIR's limit


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that is no reading; `line` counts from 1, `message` says what to do and holds no values."""

    line: int
    code: str
    message: str


def observation_lines(
    lines: Iterable[bytes], *, phd: bool = False, gateway: str = GATEWAY_DEFAULT
) -> Iterator[bytes | LineError]:
    """One Observation (JSON without line end) or one LineError for each line that isn't blank, in order.

    A line is `{"patient","device","metric","value","unit","at","seq"?}`: `at` RFC 3339 with zone or epoch ms. Ids are
    those that the pipeline gives the same reading.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield render_unstored(reading_row(line), phd=phd, gateway=gateway)
        except DeviceError as error:
            yield LineError(number, error.code, error.message)


def reading_row(line: bytes) -> ObservationRow:
    """One line as a row to render; what only the pipeline knows is 0. Raises DeviceError."""
    body = _object(line)
    patient, device = _id(body, "patient"), _id(body, "device")
    metric = _metric(body.get("metric"))
    unit = _unit(metric, body.get("unit"))
    time_ns, offset_min = _at(body.get("at"))
    named = identity(device, metric.key, time_ns, _sequence(body.get("seq")))
    triples = [(v.number, v.decimals, int(v.absent)) for v in _values(metric, body.get("value"))]
    unused = (0.0, 0, int(Absent.UNKNOWN))
    first, second, third = (*triples, unused, unused)[:3]
    return ObservationRow(
        str(observation_id(named, patient)), patient, device, metric.number, unit.number, 0, 0, time_ns // 1000,
        offset_min, 0, 0, 1, 0, *first, *second, *third,
    )  # fmt: skip


def _refuse_constant(_: str) -> Any:
    raise Unrepresentable("NaN and Infinity are no JSON numbers; send null for a value that is lost")


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise DecodeError(f"the line has {len(line)} bytes; a reading has at most {LINE_BYTES_MAX}")
    try:
        body = json.loads(line, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError):
        raise DecodeError("the line is no JSON; send one object a line", code="malformed-json") from None
    if not isinstance(body, dict):
        raise DecodeError("the line is no JSON object; send one object a line")
    return body


def _id(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise DecodeError(f"{name} must be an id of 1 to 64 letters, digits, dots and dashes")
    return value


def _metric(key: Any) -> Metric:
    if not isinstance(key, str):
        raise DecodeError("metric must be a key of the code table, such as heart_rate")
    metric = codes.metric(key)
    if not charted(metric):
        raise UnknownMetric(f"{metric.key} is not charted as an Observation; leave it out")
    return metric


def _unit(metric: Metric, sent: Any) -> Unit:
    # A metric without dimension (consciousness, oxygen in use) needs no unit.
    if not isinstance(sent, str) and (sent is not None or metric.units != ("1",)):
        raise UnknownUnit(f"{metric.key} has no unit; send one of {', '.join(metric.units)}")
    unit = units.unit(sent or "1")
    if unit.code not in metric.units:
        raise UnitMismatch(f"{metric.key} can't be measured in {unit.code}; send one of {', '.join(metric.units)}")
    return unit


def _sequence(value: Any) -> int:
    if value is None:
        return NONE
    if not isinstance(value, Decimal) or value != value.to_integral_value() or not 0 <= value <= _SEQUENCE_MAX:
        raise DeviceError("seq must be a whole number from 0 on", code="bad-sequence")
    return int(value)


def _at(value: Any) -> tuple[int, int]:
    """UTC nanoseconds and local offset in minutes."""
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


def _values(metric: Metric, value: Any) -> tuple[Value, ...]:
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
