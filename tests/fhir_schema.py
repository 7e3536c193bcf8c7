"""HL7's own JSON schema of FHIR R4, for the resource types that we write."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft6Validator

SCHEMA = Path(__file__).parent / "data" / "fhir" / "r4.schema.json"


@cache
def _validator(kind: str) -> Draft6Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft6Validator({**schema, "$ref": f"#/definitions/{kind}"})


def check_schema(resource: dict[str, Any]) -> None:
    """Fails with what is wrong with a resource; its type must be one of the file's."""
    found = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in _validator(resource["resourceType"]).iter_errors(resource)
    ]
    assert found == []
