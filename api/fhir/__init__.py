"""FHIR R4: read and search of Observation, Patient and Device, and the statement of what can be asked."""
