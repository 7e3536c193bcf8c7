"""FHIR R4 as text: pure rendering from stored columns, no model classes on the way.

`observation` is the hot path (pre-built templates with few holes), the other resources are rare and small.
"""
