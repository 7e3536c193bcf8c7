"""What `doctor` tries out at a broker, on Mosquittos with one thing wrong each."""

from __future__ import annotations

import pytest

from device_gateway.broker.address import parse_address
from device_gateway.broker.probe import Check, probe
from tests.mosquitto import Mosquitto, mosquitto

pytestmark = pytest.mark.mosquitto

CHECKS = ["broker", *(f"broker {name}" for name in ("packets", "features", "strangers", "rights", "topics", "queue"))]


async def wrong_at(broker: Mosquitto) -> list[Check]:
    """The checks that fail; all were made."""
    found = [check async for check in probe(parse_address(broker.url), "vitalstream-doctor-1")]
    assert [check.name for check in found] == CHECKS
    return [check for check in found if not check.ok]


async def test_nothing_is_wrong_with_the_settings_that_we_ship_and_nothing_is_left_behind() -> None:
    with mosquitto({}) as broker:
        assert await wrong_at(broker) == []
        assert await wrong_at(broker) == [], "a second time, beside what the first one left"


@pytest.mark.parametrize(
    ("setting", "value", "name", "said"),
    [
        ("max_queued_messages", "1000", "broker queue", "kept 1000"),
        ("max_queued_messages", "", "broker queue", "kept 1000"),
        ("max_queued_bytes", "5000", "broker queue", "of 3000 messages"),
        ("max_packet_size", "", "broker packets", "any size"),
        ("max_packet_size", "100000", "broker packets", "100000 bytes"),
        ("allow_anonymous", "true", "broker strangers", "anybody"),
        ("acl_file", "", "broker rights", "may publish as any device"),
    ],
)
async def test_an_unsafe_setting_is_found(setting: str, value: str, name: str, said: str) -> None:
    with mosquitto({}, **{setting: value}) as broker:
        (check,) = await wrong_at(broker)
    assert check.name == name
    assert said in check.detail
    assert "deploy/mosquitto/" in check.advice


@pytest.mark.parametrize(
    ("line", "name", "said"),
    [
        ("topic read vitalstream/v1/#", "broker topics", "does not reach our account"),
        ("topic write vitalstream/v1/+/ack", "broker topics", "may not answer devices"),
        ("topic readwrite vitalstream/doctor/#", "broker queue", "could not be tried out"),
    ],
)
async def test_a_right_that_is_missing_is_found(line: str, name: str, said: str) -> None:
    with mosquitto({}) as broker:
        broker.stop()
        access = broker.home / "acl"
        assert line in access.read_text()
        access.write_text(access.read_text().replace(line, ""))
        broker.start()
        (check,) = await wrong_at(broker)
    assert check.name == name
    assert said in check.detail


@pytest.mark.parametrize(
    ("old", "new", "said"), [("s3cret", "wrong", "user, password"), (":", "s:", "can't be reached")]
)
async def test_what_makes_the_rest_moot_is_all_that_is_said(old: str, new: str, said: str) -> None:
    with mosquitto({}) as broker:
        address = parse_address(broker.url.replace(old, new, 1))
        (check,) = [check async for check in probe(address, "vitalstream-doctor-1")]
    assert not check.ok
    assert said in check.advice
    assert "wrong" not in check.advice
