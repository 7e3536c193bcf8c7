"""Device: what measured; its patient is the one it is bound to now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from vitals.fhir.patient import TEST_META


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """`patient` is the logical id of the patient bound now, None when nobody is or the reader may not know."""

    id: str
    maker: str | None = None
    model: str | None = None
    firmware: str | None = None
    active: bool = True
    patient: str | None = None
    test_data: bool = False


def render_device(row: DeviceRow) -> bytes:
    """The resource as JSON; what isn't known is left out."""
    resource: dict[str, Any] = {"resourceType": "Device", "id": row.id}
    if row.test_data:
        resource["meta"] = TEST_META
    resource["status"] = "active" if row.active else "inactive"
    if row.maker:
        resource["manufacturer"] = row.maker
    if row.model:
        resource["modelNumber"] = row.model
    if row.firmware:
        resource["version"] = [{"type": {"text": "firmware"}, "value": row.firmware}]
    if row.patient:
        resource["patient"] = {"reference": f"Patient/{row.patient}"}
    return orjson.dumps(resource)
