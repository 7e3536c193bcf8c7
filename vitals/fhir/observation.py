"""Observation: one text template per (metric, unit, simulated or not), split where it differs from row to row.

A reading without marks costs one dictionary look-up and one formatted string; everything else (marks, absent values,
converted units, hand-entered values, the Personal Health Device form) takes the longer way through `_assemble`.

How our own facts are written:

- quality marks (`vitals.reading.Flag`): one extension `urn:vitalstream:flag` each (`valueCode` is the mark's name), one
  note for people, HL7's measurement-status interpretation where it has the word; TEST_DATA is `meta.security` HTEST;
- a unit that the profile refuses (kPa, m): the value converted, and the sent one in extension
  `urn:vitalstream:value-as-sent`;
- the time: `effectiveDateTime` with the measurement's local offset, `issued` when the gateway received it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from math import floor, log10
from typing import Any, Final, NamedTuple

from vitals import codes, units
from vitals.codes import CONSCIOUSNESS, Metric
from vitals.errors import InternalError
from vitals.fhir import codings
from vitals.fhir.times import fhir_instant
from vitals.reading import Absent, Flag, Source

FLAG_EXTENSION: Final = "urn:vitalstream:flag"
AS_SENT_EXTENSION: Final = "urn:vitalstream:value-as-sent"
GATEWAY_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
MEASUREMENT_STATUS: Final = "http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status"
_PHD_PROFILE: Final = "http://hl7.org/fhir/uv/phd/StructureDefinition/"
_BMI_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/bmi"

#: The measurement-status words of the Personal Health Device guide that our marks have a counterpart for.
_STATUS_OF_FLAG: Final = {
    Flag.QUESTIONABLE: "questionable",
    Flag.EARLY_ESTIMATE: "early-indication",
    Flag.DEVICE_ALARM: "in-alarm",
}
_SOURCE_NOTE: Final = {Source.MANUAL: "Entered by hand.", Source.IMPORTED: "Imported from another system."}
_ACVPU_TEXT: Final = ("Alert", "New confusion", "Responds to voice", "Responds to pain", "Unresponsive")
_OXYGEN: Final = (("air", "Room air"), ("oxygen", "Supplemental oxygen"))
_TEST: Final = int(Flag.TEST_DATA)


class ObservationRow(NamedTuple):
    """The stored columns of one Observation in the order in which queries select them.

    Times are UTC microseconds since 1970; `metric` and `unit` numbers of their tables; `absent_*` of
    `vitals.reading.Absent`. Ids hold only letters, digits, dots and dashes (the registry sees to that).
    """

    id: str
    patient: str
    device: str
    metric: int
    unit: int
    source: int
    flags: int
    measured_us: int
    utc_offset_min: int
    received_us: int
    status: int
    version: int
    updated_us: int
    value_1: float
    decimals_1: int
    absent_1: int
    value_2: float
    decimals_2: int
    absent_2: int
    value_3: float
    decimals_3: int
    absent_3: int


#: Stands for a hole while a template is built; JSON text never holds it.
_HOLE: Final = "\x00"
#: Pieces of a template with one value; a blood pressure has one more.
_ONE_VALUE: Final = 11
#: A mean that the device never sends.
_NO_MEAN: Final = int(Absent.UNKNOWN)

#: (number, decimals, absent reason)
_Value = tuple[float, int, int]


def render_observation(row: ObservationRow) -> bytes:
    """The Observation as JSON. Raises InternalError for a row that no Observation can be made of."""
    (
        id_, patient, device, metric, unit, source, flags, measured_us, offset, received_us, status, version,
        updated_us, value_1, decimals_1, absent_1, value_2, decimals_2, absent_2, _, _, absent_3,
    ) = row  # fmt: skip
    pieces = None if flags & ~_TEST or source or absent_1 else _quick_pieces(metric, unit, flags & _TEST)
    if pieces is None or (len(pieces) > _ONE_VALUE and (absent_2 or absent_3 != _NO_MEAN)):
        return _assemble(row, phd=False, gateway="", stored=True).encode()
    p = pieces
    head = (
        f"{p[0]}{id_}{p[1]}{version}{p[2]}{fhir_instant(updated_us)}{p[3]}{id_}{p[4]}{codings.STATUSES[status]}{p[5]}"
        f"{patient}{p[6]}{fhir_instant(measured_us, offset)}{p[7]}{fhir_instant(received_us)}{p[8]}{device}{p[9]}"
        f"{'%.*f' % (decimals_1, value_1)}{p[10]}"  # noqa: UP031 - the quickest way to a number's text
    )
    if len(p) == _ONE_VALUE:
        return head.encode()
    return f"{head}{value_2:.{decimals_2}f}{p[11]}".encode()


def render_phd_observation(row: ObservationRow, gateway: str) -> bytes:
    """The same in the form of HL7's Personal Health Device guide: MDC code first, category `phd`, the gateway's
    Device (`gateway` is its id), status preliminary for an early estimate. A metric without MDC code keeps the
    plain form.
    """
    return _assemble(row, phd=True, gateway=gateway, stored=True).encode()


def render_unstored(row: ObservationRow, *, phd: bool = False, gateway: str = "") -> bytes:
    """For readings that no pipeline received: without `issued`, `versionId` and `lastUpdated`, which nobody knows."""
    return _assemble(row, phd=phd, gateway=gateway, stored=False).encode()


@cache  # bounded by the tables: metrics x units x 2
def _quick_pieces(metric_number: int, unit_number: int, test: int) -> tuple[str, ...] | None:
    """The constant text around the holes of a reading without marks, or None where there is no such form.

    Holes: id, version, updated, id, status, patient, effective, issued, device, then each value.
    """
    metric = _charted(metric_number)
    unit = units.by_number(unit_number).code
    if metric.shape not in ("quantity", "blood_pressure") or _profile_unit(metric, unit) != unit:
        return None
    head = _HOLE.join(_head_pieces(metric_number, Form(test=bool(test))))
    quantity = _HOLE.join(_quantity_pieces(metric_number, unit))
    if metric.shape == "quantity":
        return tuple(f'{head},"valueQuantity":{quantity}}}'.split(_HOLE))
    parts = (
        f'{{"code":{_component_code(metric_number, place, False)},"valueQuantity":{quantity}}}' for place in (0, 1)
    )
    return tuple(f'{head},"component":[{",".join(parts)}]}}'.split(_HOLE))


@dataclass(frozen=True, slots=True)
class Form:
    """What the constant part of an Observation depends on besides the metric."""

    test: bool = False
    phd: bool = False
    stored: bool = True
    profile: str | None = None  # instead of the metric's own


@cache  # bounded by the code table x 2^3 and the one other profile
def _head_pieces(metric_number: int, form: Form) -> tuple[str, ...]:
    """The constant text around the holes up to `device`, the object still open. Holes: see `_quick_pieces`; unstored
    forms have no version, updated and issued.
    """
    metric = _charted(metric_number)
    meta: list[str] = [f'"versionId":"{_HOLE}","lastUpdated":"{_HOLE}"'] if form.stored else []
    profiles = [p for p in (form.profile or metric.profile, _phd_profile(metric) if form.phd else "") if p]
    if profiles:
        meta.append(f'"profile":{_json(profiles)}')
    if form.test:
        security = [{"system": codings.ACT_REASON, "code": "HTEST", "display": "test health data"}]
        meta.append(f'"security":{_json(security)}')
    categories = [
        {
            "system": codings.CATEGORY,
            "code": metric.category,
            "display": codings.CATEGORY_DISPLAY[metric.category],
        }
    ]
    if form.phd:
        categories.append({"system": codings.PHD_CATEGORY, "code": "phd", "display": "PHD generated Observation"})
    code = _concept(codings.metric_codings(metric, phd=form.phd), metric.label)
    head = "".join(
        (
            f'{{"resourceType":"Observation","id":"{_HOLE}"',
            f',"meta":{{{",".join(meta)}}}' if meta else "",
            f',"identifier":[{{"system":"{codings.LOCAL_IDENTITY}","value":"{_HOLE}"}}],"status":"{_HOLE}"',
            f',"category":{_json([_concept([category]) for category in categories])}',
            f',"code":{_json(code)},"subject":{{"reference":"Patient/{_HOLE}"}},"effectiveDateTime":"{_HOLE}"',
            f',"issued":"{_HOLE}"' if form.stored else "",
            f',"device":{{"reference":"Device/{_HOLE}"}}',
        )
    )
    return tuple(head.split(_HOLE))


def _assemble(row: ObservationRow, *, phd: bool, gateway: str, stored: bool) -> str:
    """Any Observation, piece by piece."""
    metric = _charted(row.metric)
    phd = phd and bool(metric.mdc)
    # The BMI profile wants a value; without one only the general profile can be claimed.
    general = codings.VITAL_SIGNS_PROFILE if metric.profile == _BMI_PROFILE and row.absent_1 else None
    form = Form(bool(row.flags & _TEST), phd, stored, general)
    status = codings.STATUSES[row.status]
    if phd and status == "final" and row.flags & Flag.EARLY_ESTIMATE:
        status = "preliminary"
    effective = fhir_instant(row.measured_us, row.utc_offset_min)
    if stored:
        holes: tuple[str, ...] = (
            row.id, str(row.version), fhir_instant(row.updated_us), row.id, status, row.patient, effective,
            fhir_instant(row.received_us), row.device,
        )  # fmt: skip
    else:
        holes = (row.id, row.id, status, row.patient, effective, row.device)
    extensions = _flag_extensions(row.flags)
    if phd:
        reference = {"url": GATEWAY_EXTENSION, "valueReference": {"reference": f"Device/{gateway}"}}
        extensions = ",".join(filter(None, (_json(reference), extensions)))
    return "".join(
        (
            _filled(_head_pieces(row.metric, form), holes),
            _value(metric, row, phd=phd),
            _interpretation_and_note(row.flags, row.source),
            f',"extension":[{extensions}]}}' if extensions else "}",
        )
    )


def _value(metric: Metric, row: ObservationRow, *, phd: bool) -> str:
    """The value, or the reason why there is none, as members that follow the head."""
    first = (row.value_1, row.decimals_1, row.absent_1)
    unit = units.by_number(row.unit).code
    if metric.shape == "blood_pressure":
        second = (row.value_2, row.decimals_2, row.absent_2)
        third = (row.value_3, row.decimals_3, row.absent_3)
        parts = [
            f'{{"code":{_component_code(row.metric, place, phd)}{_measured(metric, value, unit)}}}'
            # The mean is optional: UNKNOWN says that the device never sends one.
            for place, value in enumerate((first, second) if row.absent_3 == _NO_MEAN else (first, second, third))
        ]
        return f',"component":[{",".join(parts)}]'
    if metric.shape == "quantity" or row.absent_1:
        return _measured(metric, first, unit)
    return f',"valueCodeableConcept":{_json(_coded(metric, row.value_1))}'


def _measured(metric: Metric, value: _Value, unit: str) -> str:
    number, decimals, reason = value
    if reason:
        coding = {"system": codings.DATA_ABSENT_REASON, "code": Absent(reason).code}
        return f',"dataAbsentReason":{_json(_concept([coding]))}'
    text = f"{number:.{decimals}f}"
    allowed = _profile_unit(metric, unit)
    if allowed == unit:
        return f',"valueQuantity":{text.join(_quantity_pieces(metric.number, unit))}'
    sent = text.join(_quantity_pieces(metric.number, unit))
    shown = _converted(text, unit, allowed).join(_quantity_pieces(metric.number, allowed))
    extension = f'"extension":[{{"url":"{AS_SENT_EXTENSION}","valueQuantity":{sent}}}]'
    return f',"valueQuantity":{{{extension},{shown[1:]}'


def _converted(text: str, unit: str, target: str) -> str:
    """Exact conversion at the resolution of the sent number: 16.93 kPa is 127.0 mm[Hg], 1.76 m is 176 cm."""
    factor, offset = units.scale(unit, target)
    sent = Decimal(text)
    exponent = sent.as_tuple().exponent
    assert isinstance(exponent, int)
    decimals = max(0, -exponent - round(log10(factor)))
    exact = (Fraction(sent) * factor + offset) * 10**decimals
    rounded = floor(abs(exact) + Fraction(1, 2))  # half away from zero
    return str(Decimal(-rounded if exact < 0 else rounded).scaleb(-decimals))


def _coded(metric: Metric, number: float) -> dict[str, Any]:
    """Value of `consciousness` (position in ACVPU) or `oxygen_in_use` (0, 1). Raises InternalError."""
    index = int(number)
    if metric.shape == "coded" and 0 <= index < len(CONSCIOUSNESS):
        text = _ACVPU_TEXT[index]
        coding = {"system": codings.LOCAL_CONSCIOUSNESS, "code": CONSCIOUSNESS[index], "display": text}
        return _concept([coding], text)
    if metric.shape == "boolean" and 0 <= index < len(_OXYGEN):
        code, text = _OXYGEN[index]
        return _concept([{"system": codings.LOCAL_OXYGEN, "code": code, "display": text}], text)
    raise InternalError(f"the stored value of {metric.key} is {number}, which means nothing: correct that row")


@lru_cache(maxsize=1024)  # combinations that occur are few; 2^22 could
def _flag_extensions(flags: int) -> str:
    names = Flag(flags & ~_TEST).names
    return ",".join(f'{{"url":"{FLAG_EXTENSION}","valueCode":"{name}"}}' for name in names)


@lru_cache(maxsize=1024)
def _interpretation_and_note(flags: int, source: int) -> str:
    marks = Flag(flags & ~_TEST)
    members = ""
    words = [word for flag, word in _STATUS_OF_FLAG.items() if flag in marks]
    if words:
        concepts = [_concept([{"system": MEASUREMENT_STATUS, "code": word}]) for word in words]
        members = f',"interpretation":{_json(concepts)}'
    notes = [_SOURCE_NOTE[Source(source)]] if source else []
    if marks:
        notes.append(f"Quality marks: {', '.join(marks.names)}.")
    return members + (f',"note":{_json([{"text": text} for text in notes])}' if notes else "")


def _charted(number: int) -> Metric:
    metric = codes.by_number().get(number)
    if metric is None or not codings.charted(metric):
        raise InternalError(f"metric number {number} has no Observation; upgrade the program that reads this chart")
    return metric


def _profile_unit(metric: Metric, unit: str) -> str:
    """The unit to write: the sent one where the metric's profile allows it, else the metric's own."""
    allowed = codings.PROFILE_UNITS.get(metric.profile)
    return metric.ucum if allowed is not None and unit not in allowed else unit


def _phd_profile(metric: Metric) -> str:
    kind = "PhdCompoundNumericObservation" if metric.shape == "blood_pressure" else "PhdNumericObservation"
    return _PHD_PROFILE + kind


def _concept(coding: list[dict[str, Any]], text: str | None = None) -> dict[str, Any]:
    return {"coding": coding} if text is None else {"coding": coding, "text": text}


@cache  # bounded by the code and unit tables
def _quantity_pieces(metric_number: int, unit: str) -> tuple[str, str]:
    """A Quantity around its number, which goes in as text: a float would not keep 36.60."""
    text = codings.unit_text(_charted(metric_number), unit)
    rest = _json({"unit": text, "system": codings.UCUM, "code": unit})
    return '{"value":', f",{rest[1:]}"


@cache  # three parts in two forms
def _component_code(metric_number: int, place: int, phd: bool) -> str:
    return _json(_concept(codings.component_codings(_charted(metric_number).components[place], phd=phd)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _filled(pieces: tuple[str, ...], holes: tuple[str, ...]) -> str:
    return "".join(piece + hole for piece, hole in zip(pieces, (*holes, ""), strict=True))
