"""Readings as JSON lines to Observations: what `vitalstream fhir` does with its input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vitals import codes
from vitals.codes import Metric
from vitals.errors import DecodeError, DeviceError, UnknownMetric
from vitals.fhir.codings import charted
from vitals.fhir.observation import ObservationRow, render_unstored
from vitals.identity import identity, observation_id
from vitals.json_reading import decoded, time_of, unit_of, values_of
from vitals.reading import NONE, Absent

#: Who stands in the Personal Health Device form's gateway extension when the caller names nobody.
GATEWAY_DEFAULT: Final = "vitalstream"

#: One reading takes about 150 bytes; beyond this a line is something else.
LINE_BYTES_MAX: Final = 64 * 1024

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_SEQUENCE_MAX = 2**63 - 1  # the chart's bigint


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
    unit = unit_of(metric, body.get("unit"))
    time_ns, offset_min = time_of(body.get("at"))
    named = identity(device, metric.key, time_ns, _sequence(body.get("seq")))
    triples = [(v.number, v.decimals, int(v.absent)) for v in values_of(metric, body.get("value"))]
    unused = (0.0, 0, int(Absent.UNKNOWN))
    first, second, third = (*triples, unused, unused)[:3]
    return ObservationRow(
        str(observation_id(named, patient)), patient, device, metric.number, unit.number, 0, 0, time_ns // 1000,
        offset_min, 0, 0, 1, 0, *first, *second, *third,
    )  # fmt: skip


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise DecodeError(f"the line has {len(line)} bytes; a reading has at most {LINE_BYTES_MAX}")
    body = decoded(line)
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


def _sequence(value: Any) -> int:
    if value is None:
        return NONE
    if not isinstance(value, Decimal) or value != value.to_integral_value() or not 0 <= value <= _SEQUENCE_MAX:
        raise DeviceError("seq must be a whole number from 0 on", code="bad-sequence")
    return int(value)
