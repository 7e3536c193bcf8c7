"""Payloads to readings: JSON and raw GATT frames. Pure; a bad reading never spoils its siblings."""
