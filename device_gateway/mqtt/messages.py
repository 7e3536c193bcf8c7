"""A message on a device's topic to readings. Pure."""

from __future__ import annotations

from device_gateway.mqtt.session import Take
from device_gateway.mqtt.topics import Kind
from device_gateway.payloads import gatt_payload, json_payload
from device_gateway.payloads.model import Parsed, unusable


def parse_message(take: Take) -> Parsed:
    """The readings of one message; what has no reader yet is kept whole, to be replayed once it has."""
    kind, detail = take.route
    if kind is Kind.READINGS:
        return json_payload.parse(take.payload)
    if kind is Kind.GATT:
        return gatt_payload.parse(detail, take.payload, take.at, take.seq)
    if kind is Kind.STATUS:
        return unusable(take.payload, "bad-status", "the status must be online or offline")
    return unusable(
        take.payload,
        "unsupported-topic",
        f"topic {detail!r} has no reader in this version; publish to readings or gatt/{{uuid}}",
    )
