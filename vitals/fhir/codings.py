"""Codes of a metric as FHIR codings, and the way back from a searched code to our metrics.

Local systems, used where no standard code was confirmed:

- `urn:vitalstream:metric`: key of the code table (`consciousness`, `oxygen_in_use`), only for metrics without LOINC;
- `urn:vitalstream:consciousness` (A, C, V, P, U) and `urn:vitalstream:oxygen` (air, oxygen): their values.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from vitals import codes
from vitals.codes import Component, Metric

LOINC: Final = "http://loinc.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
UCUM: Final = "http://unitsofmeasure.org"
LOCAL_METRIC: Final = "urn:vitalstream:metric"
LOCAL_CONSCIOUSNESS: Final = "urn:vitalstream:consciousness"
LOCAL_OXYGEN: Final = "urn:vitalstream:oxygen"
#: Identifier of an Observation: 128 bits of a hash over identity and patient, so it names nobody.
LOCAL_IDENTITY: Final = "urn:vitalstream:identity"
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
DATA_ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
STATUS: Final = "http://hl7.org/fhir/observation-status"
#: Personal Health Device guide; its own example pages still show the older code `phd-observation`.
PHD_CATEGORY: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories"

#: Positions are the stored numbers (column `status`).
STATUSES: Final = ("final", "amended", "entered-in-error")

#: Displays as HL7's observation-category code system writes them.
CATEGORY_DISPLAY: Final = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "exam": "Exam",
    "procedure": "Procedure",
    "activity": "Activity",
}

#: The one base profile behind all vital signs (R4 4.0.1, vitalsigns.html).
VITAL_SIGNS_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
_R4: Final = "http://hl7.org/fhir/StructureDefinition/"
#: UCUM codes that a vital-signs profile lets through; anything else is converted to the metric's first unit.
PROFILE_UNITS: Final = {
    _R4 + "bp": {"mm[Hg]"},
    VITAL_SIGNS_PROFILE: {"mm[Hg]"},  # the table's only user is mean pressure on its own
    _R4 + "bodytemp": {"Cel", "[degF]"},
    _R4 + "bodyweight": {"kg", "[lb_av]", "g"},
    _R4 + "bodyheight": {"cm", "[in_i]"},
    _R4 + "headcircum": {"cm", "[in_i]"},
}

#: What people read beside the UCUM code, where it is not the metric's first unit.
_UNIT_TEXT: Final = {"mm[Hg]": "mmHg", "[degF]": "F", "[lb_av]": "lb", "[in_i]": "in"}

Coding = dict[str, Any]


def unit_text(metric: Metric, ucum: str) -> str:
    """The human unit; the profiles demand it beside the code."""
    return metric.unit_text if ucum == metric.ucum else _UNIT_TEXT.get(ucum, ucum)


def charted(metric: Metric) -> bool:
    """Whether a reading of this metric becomes an Observation (device status and derived values don't)."""
    return metric.shape in ("quantity", "blood_pressure", "boolean", "coded")


def metric_codings(metric: Metric, *, phd: bool = False) -> list[Coding]:
    """Codings of `Observation.code`: generic profile code, specific codes, MDC; with `phd` the MDC code leads."""
    found: list[Coding] = []
    if metric.loinc:
        found.append({"system": LOINC, "code": metric.loinc, "display": metric.loinc_display})
    found += [{"system": LOINC, "code": code, "display": display} for code, display in metric.extra_loinc]
    if metric.mdc:
        mdc = {"system": MDC, "code": metric.mdc, "display": metric.mdc_ref}
        found.insert(0 if phd else len(found), mdc)
    return found or [{"system": LOCAL_METRIC, "code": metric.key, "display": metric.label}]


def component_codings(component: Component, *, phd: bool = False) -> list[Coding]:
    """Codings of one part of a blood pressure."""
    loinc = {"system": LOINC, "code": component.loinc, "display": component.display}
    mdc = {"system": MDC, "code": component.mdc}
    return [mdc, loinc] if phd else [loinc, mdc]


@cache
def _by_code() -> dict[tuple[str, str], frozenset[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for metric in codes.table().values():
        if charted(metric):
            for coding in metric_codings(metric):
                found.setdefault((coding["system"], coding["code"]), set()).add(metric.number)
    return {coding: frozenset(numbers) for coding, numbers in found.items()}


def _matches(coding: tuple[str, str], system: str | None, code: str | None) -> bool:
    return (system is None or coding[0] == system) and (code is None or coding[1] == code)


def metrics_with_code(system: str | None, code: str | None) -> frozenset[int]:
    """Numbers of the metrics whose Observations carry such a coding in `code` (None: any).

    `system=""` asks for codings without a system (`|code`); we write none, so nothing matches.
    """
    return frozenset().union(*(n for coding, n in _by_code().items() if _matches(coding, system, code)))


def metrics_in_category(system: str | None, code: str | None) -> frozenset[int]:
    """Numbers of the metrics in a category (None: any system or code)."""
    return frozenset(
        metric.number
        for metric in codes.table().values()
        if charted(metric) and _matches((CATEGORY, metric.category), system, code)
    )


def statuses_with_code(system: str | None, code: str | None) -> frozenset[int]:
    """Stored numbers of the statuses that a token means."""
    return frozenset(i for i, status in enumerate(STATUSES) if _matches((STATUS, status), system, code))
