"""CapabilityStatement, generated from the same declarations that the router checks requests against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter; `kind` is FHIR's search parameter type (token, date, reference, string)."""

    name: str
    kind: str
    documentation: str


@dataclass(frozen=True, slots=True)
class ResourceCapability:
    """What can be asked of one resource type; `versioned` says whether reads carry a version."""

    type: str
    parameters: Sequence[SearchParameter]
    profiles: Sequence[str] = ()
    versioned: bool = False


def capability_statement(resources: Sequence[ResourceCapability], *, base: str, version: str, date: str) -> bytes:
    """The statement as JSON. `base` is the FHIR root's URL, `version` the program's, `date` an ISO date."""
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "vitalstream", "version": version},
        "implementation": {"description": "vitalstream FHIR R4 interface: read and search", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "description": "Bearer token or signed-in session; what an account may see is its "
                    "organisation's, and a patient's own for the role patient."
                },
                "resource": [_resource(resource) for resource in resources],
            }
        ],
    }
    return orjson.dumps(statement)


def _resource(resource: ResourceCapability) -> dict[str, Any]:
    described: dict[str, Any] = {"type": resource.type}
    if resource.profiles:
        described["supportedProfile"] = list(resource.profiles)
    described["interaction"] = [{"code": "read"}, {"code": "search-type"}]
    described["versioning"] = "versioned" if resource.versioned else "no-version"
    described["readHistory"] = False
    described["updateCreate"] = False
    described["conditionalRead"] = "not-match" if resource.versioned else "not-supported"
    described["searchParam"] = [
        {"name": p.name, "type": p.kind, "documentation": p.documentation} for p in resource.parameters
    ]
    return described
