"""The search parameters of each resource, declared once: for requests and for the CapabilityStatement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from api.fhir.request import Parameter
from storage.chart.fhir_queries import DeviceSearch, ObservationSearch, PatientSearch
from vitals import codes
from vitals.fhir import codings
from vitals.fhir.search import intersection, times, token, unescaped, values_of

#: No restriction by metric: everything that is charted.
ALL_OBSERVATIONS: Final = ObservationSearch(
    frozenset(metric.number for metric in codes.table().values() if codings.charted(metric))
)


def _narrowed(chosen: frozenset[Any] | None, more: frozenset[Any]) -> frozenset[Any]:
    return more if chosen is None else chosen & more


def _references(text: str, kind: str) -> frozenset[str]:
    """Logical ids of `id`, `Patient/id` and absolute addresses that end so."""
    found = set()
    for value in values_of(text):
        path = unescaped(value).split("/")
        if len(path) == 1 or path[-2] == kind:
            found.add(path[-1])
    return frozenset(found)


def _uuids(text: str) -> frozenset[UUID]:
    """Ids among the values; what is no id of ours matches nothing."""
    return frozenset(filter(None, (uuid_of(unescaped(value)) for value in values_of(text))))


def uuid_of(text: str) -> UUID | None:
    """The id when it is written as we write it, else None."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def _by_token(meaning: Callable[[str | None, str | None], frozenset[Any]], text: str) -> frozenset[Any]:
    return frozenset().union(*(meaning(*token(value)) for value in values_of(text)))


def _code(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, metrics=search.metrics & _by_token(codings.metrics_with_code, text))


def _category(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, metrics=search.metrics & _by_token(codings.metrics_in_category, text))


def _status(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, statuses=_narrowed(search.statuses, _by_token(codings.statuses_with_code, text)))


def _patient(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, patients=_narrowed(search.patients, _references(text, "Patient")))


def _device(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, devices=_narrowed(search.devices, _references(text, "Device")))


def _id(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    return replace(search, ids=_narrowed(search.ids, _uuids(text)))


def _identifier(search: ObservationSearch, text: str, _: int) -> ObservationSearch:
    def meaning(system: str | None, value: str | None) -> frozenset[UUID]:
        named = uuid_of(value or "")
        return frozenset() if named is None or system not in (None, codings.LOCAL_IDENTITY) else frozenset({named})

    return replace(search, ids=_narrowed(search.ids, _by_token(meaning, text)))


def _date(search: ObservationSearch, text: str, now_us: int) -> ObservationSearch:
    return replace(search, measured=intersection((search.measured, times("date", text, now_us))))


def _last_updated(search: ObservationSearch, text: str, now_us: int) -> ObservationSearch:
    return replace(search, updated=intersection((search.updated, times("_lastUpdated", text, now_us))))


def _patient_id(search: PatientSearch, text: str, _: int) -> PatientSearch:
    return replace(search, ids=_narrowed(search.ids, frozenset(map(unescaped, values_of(text)))))


def _patient_identifier(search: PatientSearch, text: str, _: int) -> PatientSearch:
    return replace(search, identifiers=(*search.identifiers, [token(value) for value in values_of(text)]))


def _patient_name(search: PatientSearch, text: str, _: int) -> PatientSearch:
    return replace(search, names=(*search.names, [unescaped(value) for value in values_of(text)]))


def _birthdate(search: PatientSearch, text: str, now_us: int) -> PatientSearch:
    return replace(search, born=intersection((search.born, times("birthdate", text, now_us))))


def _device_id(search: DeviceSearch, text: str, _: int) -> DeviceSearch:
    return replace(search, ids=_narrowed(search.ids, frozenset(map(unescaped, values_of(text)))))


def _device_patient(search: DeviceSearch, text: str, _: int) -> DeviceSearch:
    return replace(search, patients=_narrowed(search.patients, _references(text, "Patient")))


_DATE_FORM = "prefixes eq ne gt lt ge le sa eb ap; partial dates and times without zone are UTC"

OBSERVATION: Final = {
    parameter.name: parameter
    for parameter in (
        Parameter("_id", "token", "logical id", _id),
        Parameter("_lastUpdated", "date", f"when this version was stored; {_DATE_FORM}", _last_updated),
        Parameter("category", "token", "such as vital-signs", _category),
        Parameter("code", "token", "any coding of Observation.code: LOINC or MDC; not of components", _code),
        Parameter("date", "date", f"when it was measured; {_DATE_FORM}", _date),
        Parameter("device", "reference", "the measuring device", _device, "Device"),
        Parameter("identifier", "token", f"system {codings.LOCAL_IDENTITY}", _identifier),
        Parameter("patient", "reference", "whose Observation it is", _patient, "Patient"),
        Parameter("status", "token", "final, amended or entered-in-error", _status),
        Parameter("subject", "reference", "the same as patient", _patient, "Patient"),
    )
}
PATIENT: Final = {
    parameter.name: parameter
    for parameter in (
        Parameter("_id", "token", "logical id", _patient_id),
        Parameter("birthdate", "date", _DATE_FORM, _birthdate),
        Parameter("identifier", "token", "such as a medical record number, system|value", _patient_identifier),
        Parameter("name", "string", "start of any word of the name, in any case", _patient_name),
    )
}
DEVICE: Final = {
    parameter.name: parameter
    for parameter in (
        Parameter("_id", "token", "logical id", _device_id),
        Parameter("patient", "reference", "the patient that it is bound to now", _device_patient, "Patient"),
    )
}
