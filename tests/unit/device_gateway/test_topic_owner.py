"""Whose topic it is, when one connection brings the messages of all devices."""

from __future__ import annotations

import pytest

from device_gateway.mqtt.topics import DEVICE_ID_MAX, owner


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("vitalstream/v1/dev/readings", "dev"),
        ("vitalstream/v1/dev/gatt/2a37", "dev"),
        (f"vitalstream/v1/{'d' * DEVICE_ID_MAX}/status", "d" * DEVICE_ID_MAX),
        (f"vitalstream/v1/{'d' * (DEVICE_ID_MAX + 1)}/status", ""),
        ("vitalstream/v1//readings", ""),
        ("vitalstream/v1/dev", ""),
        ("vitalstream/v2/dev/readings", ""),
        ("other/v1/dev/readings/and/more", ""),
        ("", ""),
    ],
)
def test_owner(topic: str, device: str) -> None:
    assert owner(topic) == device
