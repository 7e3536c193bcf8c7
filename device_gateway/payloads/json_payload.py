"""JSON payloads: one object, or an array of `{"metric","value","unit","at"?,"seq"?,"now"?}`. Pure.

Numbers keep the digits sent (36.60). Every element of an array stands for itself: what is wrong with one is
said of that one, with its own bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from device_gateway.payloads.model import NO_SEQUENCE, Parsed, Sent, Unusable, unusable
from device_gateway.payloads.times import instant
from vitals import codes, units
from vitals.errors import DeviceError, UnitMismatch, UnknownMetric, UnknownUnit, Unrepresentable
from vitals.plausible import improbable
from vitals.reading import SIGNIFICANT_DIGITS_MAX, Absent, Value, absent, value_of

#: Elements of one array: the upper bound of a group, so that a message never needs two.
ELEMENTS_MAX: Final = 5_000

_SEQUENCE_MAX: Final = 2**63 - 1
_INTEGER_BOUND: Final = 10**SIGNIFICANT_DIGITS_MAX

_UNKNOWN: Final = absent(Absent.UNKNOWN)
_TRUE: Final = Value(1.0)
_FALSE: Final = Value(0.0)
_LETTERS: Final = {letter: Value(float(place)) for place, letter in enumerate(codes.CONSCIOUSNESS)}

#: Metrics whose value is true or false beside those of shape `boolean`.
_BOOLEAN_STATUS: Final = frozenset({"sensor_contact"})

_NON_FINITE_TEXTS: Final = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})

#: A string, or one of the words that many JSON writers emit for a number that isn't one. A string that never
#: ends matches to the end of the payload, so that the search stays linear.
_WORD_OR_STRING = re.compile(rb'"(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)|(-?\b(?:NaN|Infinity)\b)')


class _Element(msgspec.Struct):
    metric: Any = None
    value: Any = msgspec.UNSET
    unit: Any = None
    at: Any = None
    seq: Any = None
    now: Any = None


_ELEMENT = msgspec.json.Decoder(_Element, float_hook=Decimal)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])

#: All that msgspec raises for bytes that aren't what it was told to expect.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NOT_AN_OBJECT = 'a reading must be an object such as {"metric":"heart_rate","value":72,"unit":"/min"}'


def parse(payload: bytes) -> Parsed:
    """The readings of one payload; never raises. A payload that can't be split is one Unusable."""
    try:
        return _split(payload)
    except _UNREADABLE as error:
        quoted = _quote_non_finite(payload)
        if quoted != payload:
            try:
                return _unquoted(payload, _split(quoted))
            except _UNREADABLE:
                pass  # more is wrong with it than NaN: the first error says what
        if isinstance(error, msgspec.ValidationError):
            return unusable(payload, "malformed-json", f"{_NOT_AN_OBJECT}, or an array of such objects")
        return unusable(
            payload,
            "malformed-json",
            f"the payload is not JSON; correct the device's encoder ({_why(error)})",
        )


def _split(payload: bytes) -> Parsed:
    start = payload.lstrip(b" \t\r\n")[:1]
    if not start:
        return unusable(payload, "empty-payload", "the payload is empty; send a reading or an array of readings")
    if start == b"{":
        return Parsed(payload, [_part(payload, 0, len(payload))])
    return _array(payload)


def _why(error: Exception) -> str:
    """The parser's words, which name a place and never a value."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8, or nested too deeply"


def _quote_non_finite(payload: bytes) -> bytes:
    """Bare NaN and Infinity as strings: so the payload splits, and only the reading that has one suffers."""
    if b"NaN" not in payload and b"Infinity" not in payload:
        return payload
    return _WORD_OR_STRING.sub(lambda m: b'"' + m[1] + b'"' if m[1] else m[0], payload)


def _unquoted(payload: bytes, parsed: Parsed) -> Parsed:
    """The same parts with their places in the payload as it was sent."""
    words = [match.span() for match in _WORD_OR_STRING.finditer(payload) if match[1]]
    # Each word brought two quotes: one that lies before its first byte, one behind its last.
    added = [start + 2 * i for i, (start, _) in enumerate(words)] + [
        end + 2 * i + 1 for i, (_, end) in enumerate(words)
    ]
    added.sort()

    def sent(place: int) -> int:
        return place - bisect_left(added, place)

    parts = [
        part._replace(start=sent(part.start), length=sent(part.start + part.length) - sent(part.start))
        for part in parsed.parts
    ]
    return Parsed(payload, parts)


def _array(payload: bytes) -> Parsed:
    elements = _ARRAY.decode(payload)
    if not elements:
        return unusable(payload, "empty-payload", "the array is empty; send a reading or an array of readings")
    if len(elements) > ELEMENTS_MAX:
        return unusable(
            payload,
            "payload-too-many",
            f"the array has {len(elements)} readings; send at most {ELEMENTS_MAX} in a message",
        )
    parts: list[Sent | Unusable] = []
    at = 0
    for element in elements:
        text = bytes(element)
        at = payload.index(text, at)
        try:
            parts.append(_part(text, at, len(text)))
        except _UNREADABLE:
            parts.append(Unusable("malformed-json", _NOT_AN_OBJECT, at, len(text)))
        at += len(text)
    return Parsed(payload, parts)


def _part(text: bytes, start: int, length: int) -> Sent | Unusable:
    """One element; raises only what msgspec raises for something that is no JSON object."""
    element = _ELEMENT.decode(text)
    try:
        metric, unit, shape = _measure(element.metric, element.unit)
        values = _VALUES[shape](element.value)
        sequence = element.seq
        if sequence is None:
            sequence = NO_SEQUENCE
        elif type(sequence) is not int or not 0 <= sequence <= _SEQUENCE_MAX:
            raise DeviceError("seq must be a whole number from 0 on; count the device's readings", code="bad-sequence")
        time = instant(element.at)
        now = None if element.now is None else instant(element.now)
    except DeviceError as error:
        return Unusable(error.code, error.message, start, length)
    device_now_us = None if now is None else now.utc_ns // 1000
    flags = improbable(metric, values, unit)
    return Sent(metric, values, unit, time, device_now_us, sequence, flags, start, length)


class _Measure(NamedTuple):
    metric: str
    unit: str
    shape: str


def _measure(metric: Any, unit: Any) -> _Measure:
    """The metric, its UCUM unit and how its value is read; raises what is wrong with them."""
    if type(metric) is not str:
        raise UnknownMetric("the reading has no metric; send a key of the code table, such as heart_rate")
    if unit is not None and type(unit) is not str:
        raise UnknownUnit("the unit must be a text; send a UCUM code such as mm[Hg]")
    return _resolve(metric, unit)


@lru_cache(maxsize=512)  # metrics times units in use; failures are not kept, so a hostile sender can't fill it
def _resolve(metric: str, unit: str | None) -> _Measure:
    row = codes.metric(metric)
    if not row.ingestible:
        raise UnknownMetric(f"metric {metric} is calculated from others; send the readings that it comes from")
    boolean = row.shape == "boolean" or metric in _BOOLEAN_STATUS
    shape = "boolean" if boolean else "quantity" if row.shape == "device-status" else row.shape
    if unit is None and row.units != ("1",):
        raise UnknownUnit(f"{metric} has no unit; send one of {', '.join(row.units)}")
    code = units.unit(unit or "1").code
    if code not in row.units:
        raise UnitMismatch(f"{metric} can't be measured in {code!r}; send one of {', '.join(row.units)}")
    return _Measure(metric, code, shape)


def _number(sent: Any) -> Value:
    """One number as sent; null is a value that the device lost."""
    if type(sent) is int:
        if -_INTEGER_BOUND < sent < _INTEGER_BOUND:
            return Value(float(sent))
        return value_of(Decimal(sent))
    if type(sent) is Decimal:
        return value_of(sent)
    if sent is None:
        return _UNKNOWN
    if type(sent) is str and sent.strip().lower() in _NON_FINITE_TEXTS:
        raise Unrepresentable("the value is not a finite number; leave the reading out, or send null for a lost value")
    raise DeviceError("the value must be a number; send it without quotes", code="bad-value")


def _quantity(sent: Any) -> tuple[Value, ...]:
    return (_number(sent),)


def _pressure(sent: Any) -> tuple[Value, ...]:
    if type(sent) is not dict or "systolic" not in sent or "diastolic" not in sent:
        raise DeviceError(
            'the value must be {"systolic":128,"diastolic":79,"mean":95}, mean optional, a lost part null',
            code="bad-value",
        )
    return _number(sent["systolic"]), _number(sent["diastolic"]), _number(sent.get("mean"))


def _boolean(sent: Any) -> tuple[Value, ...]:
    if sent is True:
        return (_TRUE,)
    if sent is False:
        return (_FALSE,)
    if sent is None:
        return (_UNKNOWN,)
    raise DeviceError("the value must be true or false", code="bad-value")


def _coded(sent: Any) -> tuple[Value, ...]:
    if sent is None:
        return (_UNKNOWN,)
    if type(sent) is str and sent in _LETTERS:
        return (_LETTERS[sent],)
    raise DeviceError(f"the value must be one letter of {', '.join(codes.CONSCIOUSNESS)}", code="bad-value")


_VALUES: Final = {"quantity": _quantity, "blood_pressure": _pressure, "boolean": _boolean, "coded": _coded}
