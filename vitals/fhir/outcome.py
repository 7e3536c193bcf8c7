"""OperationOutcome: what every error of the FHIR interface says."""

from __future__ import annotations

from typing import Any

import orjson


def operation_outcome(code: str, diagnostics: str, *, expression: str | None = None) -> bytes:
    """One error as JSON. `code` is of HL7's issue-type system; `expression` names the parameter at fault.

    `diagnostics` says what to do and holds no PHI.
    """
    issue: dict[str, Any] = {"severity": "error", "code": code, "diagnostics": diagnostics}
    if expression is not None:
        issue["expression"] = [expression]
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
