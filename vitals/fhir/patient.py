"""Patient: logical id, identifiers with their assigning system, name, sex, birth date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from vitals.fhir.codings import ACT_REASON

#: `meta.security` of everything that simulated people produced.
TEST_META = {"security": [{"system": ACT_REASON, "code": "HTEST", "display": "test health data"}]}


@dataclass(frozen=True, slots=True)
class PatientRow:
    """`identifiers` are (system, value) pairs; `sex` one of male, female, other, unknown, or None."""

    id: str
    name: str | None
    born: date | None
    sex: str | None
    identifiers: Sequence[tuple[str, str]] = ()
    test_data: bool = False


def render_patient(row: PatientRow) -> bytes:
    """The resource as JSON; what isn't known is left out."""
    resource: dict[str, Any] = {"resourceType": "Patient", "id": row.id}
    if row.test_data:
        resource["meta"] = TEST_META
    if row.identifiers:
        resource["identifier"] = [{"system": system, "value": value} for system, value in row.identifiers]
    if row.name:
        resource["name"] = [{"text": row.name}]
    if row.sex:
        resource["gender"] = row.sex
    if row.born:
        resource["birthDate"] = row.born.isoformat()
    return orjson.dumps(resource)
