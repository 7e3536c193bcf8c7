"""The shared words of the house: pure, imports nothing of ours.

Reading, code table, units, identity, journal records, events, errors, FHIR rendering and the ports between rooms.
"""
