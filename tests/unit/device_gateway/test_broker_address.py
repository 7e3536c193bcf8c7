"""A broker's address: read from a URL, and never shown with its password."""

from __future__ import annotations

import pytest

from device_gateway.broker.address import BrokerAddress, parse_address
from vitals.errors import OperatorError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://gw:pw@broker", BrokerAddress("broker", 1883, False, "gw", "pw")),
        ("mqtts://gw:pw@broker", BrokerAddress("broker", 8883, True, "gw", "pw")),
        ("mqtt://gw:p%40%2Fw@10.0.0.7:2883/", BrokerAddress("10.0.0.7", 2883, False, "gw", "p@/w")),
        ("mqtts://gw:pw@[::1]:1", BrokerAddress("::1", 1, True, "gw", "pw")),
    ],
)
def test_addresses(url: str, address: BrokerAddress) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "broker:1883",
        "http://gw:s3cret@broker",
        "mqtt://gw:s3cret@",
        "mqtt://gw:s3cret@broker:99999",
        "mqtt://gw:s3cret@broker:port",
        "mqtt://gw:s3cret@broker/topic",
        "mqtt://gw:s3cret@broker?tls=1",
        "mqtt://gw@broker",
        "mqtt://:s3cret@broker",
        "mqtt://broker",
        "mqtt://gw:s3cret@[::1",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(OperatorError) as raised:
        parse_address(url)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None and "mqtt://user:password@host:port" in raised.value.message


def test_the_password_is_never_shown() -> None:
    address = parse_address("mqtts://gw:s3cret@broker")
    assert str(address) == "mqtts://broker:8883"
    assert "s3cret" not in repr(address)
    assert str(parse_address("mqtt://gw:pw@[::1]")) == "mqtt://[::1]:1883"
