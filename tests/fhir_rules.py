"""Rules of the R4 vital-signs profiles that a JSON schema can't say, and a row to render.

Source: FHIR 4.0.1, observation-vitalsigns.html and the profiles that it names; bindings as
HL7's validator reads them.
"""

from __future__ import annotations

from typing import Any

from vitals import codes, units
from vitals.fhir.observation import ObservationRow
from vitals.reading import Absent

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
_BASE = "http://hl7.org/fhir/StructureDefinition/"
#: Fixed code and allowed UCUM codes of each profile.
PROFILES = {
    _BASE + "heartrate": ("8867-4", {"/min"}),
    _BASE + "resprate": ("9279-1", {"/min"}),
    _BASE + "oxygensat": ("2708-6", {"%"}),
    _BASE + "bodytemp": ("8310-5", {"Cel", "[degF]"}),
    _BASE + "bodyweight": ("29463-7", {"kg", "[lb_av]", "g"}),
    _BASE + "bodyheight": ("8302-2", {"cm", "[in_i]"}),
    _BASE + "headcircum": ("9843-4", {"cm", "[in_i]"}),
    _BASE + "bmi": ("39156-5", {"kg/m2"}),
    _BASE + "bp": ("85354-9", {"mm[Hg]"}),
    _BASE + "vitalsigns": (None, None),
}
#: Required binding of every component's value under the vital-signs profile.
COMPONENT_UNITS = {"%", "cm", "[in_i]", "kg", "g", "[lb_av]", "Cel", "[degF]", "mm[Hg]", "/min", "kg/m2", "m2"}
ID = "3f2a9c54-77d0-4b1e-8a65-0c1d2e3f4a5b"

PRESENT = int(Absent.PRESENT)
UNUSED = (0.0, 0, int(Absent.UNKNOWN))


def row(
    metric: str = "heart_rate",
    *values: tuple[float, int, int],
    unit: str | None = None,
    **fields: Any,
) -> ObservationRow:
    """A stored row: each value is (number, decimals, absent reason); measured at 2026-11-22 11:42:00.123 +01:00."""
    described = codes.metric(metric)
    first, second, third = (*(values or ((72.0, 0, PRESENT),)), UNUSED, UNUSED)[:3]
    made = ObservationRow(
        ID,
        "p-001",
        "d-1",
        described.number,
        units.unit(unit or described.ucum).number,
        0,
        0,
        1_795_344_120_123_000,
        60,
        1_795_344_120_456_789,
        0,
        1,
        1_795_344_121_250_000,
        *first,
        *second,
        *third,
    )
    return made._replace(**fields)


def check_vital_signs(resource: dict[str, Any]) -> None:
    """Fails unless the Observation keeps the rules of the profiles that it claims."""
    codings = resource["code"]["coding"]
    categories = [c["coding"][0]["code"] for c in resource["category"]]
    assert resource["status"] in ("registered", "preliminary", "final", "amended", "entered-in-error")
    assert resource["subject"]["reference"].startswith("Patient/")
    assert "T" in resource["effectiveDateTime"]
    has_value = any(key.startswith("value") for key in resource)
    assert has_value + ("dataAbsentReason" in resource) + ("component" in resource) == 1
    if "valueQuantity" in resource:
        check_quantity(resource["valueQuantity"])
    for profile in resource.get("meta", {}).get("profile", []):
        if profile not in PROFILES:
            continue
        assert categories[0] == "vital-signs"
        code, allowed = PROFILES[profile]
        if code is not None:
            assert {"system": LOINC, "code": code} in [{k: c[k] for k in ("system", "code")} for c in codings]
        if allowed is not None and "valueQuantity" in resource:
            assert resource["valueQuantity"]["code"] in allowed
        if profile.endswith("/bmi"):
            assert "valueQuantity" in resource
        if profile.endswith("/bp"):
            _check_pressure(resource)


def _check_pressure(resource: dict[str, Any]) -> None:
    found = [part["code"]["coding"] for part in resource["component"]]
    loincs = [c["code"] for codings in found for c in codings if c["system"] == LOINC]
    assert loincs.count("8480-6") == loincs.count("8462-4") == 1
    assert loincs.count("8478-0") <= 1
    for part in resource["component"]:
        assert ("valueQuantity" in part) != ("dataAbsentReason" in part)
        if "valueQuantity" in part:
            check_quantity(part["valueQuantity"])
            assert part["valueQuantity"]["code"] in COMPONENT_UNITS


def check_quantity(quantity: dict[str, Any]) -> None:
    """Value, human unit, system and code are all there."""
    assert quantity["system"] == UCUM
    assert quantity["unit"]
    assert quantity["code"]
    assert isinstance(quantity["value"], int | float)
