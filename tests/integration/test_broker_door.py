"""The broker's door where our endpoint has no twin: sessions, groups of gateways, back pressure, retained status."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_gateway.broker import door as door_module
from device_gateway.broker.address import parse_address
from device_gateway.broker.door import RECEIVE_MAXIMUM, BrokerDoor
from device_gateway.mqtt.framing import PAYLOAD_MAX_B
from tests.contract.mqtt_doors import DEVICES, DoorSite, door_site
from tests.integration.mqtt_harness import Paho, until
from tests.mosquitto import Mosquitto, mosquitto
from vitals.errors import OperatorError

pytestmark = pytest.mark.mosquitto

OWN = "vitalstream/v1/dev/"
READINGS = OWN + "readings"
V5 = 5


def rate(seq: int, value: int = 72) -> str:
    return json.dumps({"metric": "heart_rate", "value": value, "unit": "bpm", "seq": seq})


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with mosquitto(DEVICES) as running:
        yield running


@pytest.fixture
async def site() -> AsyncIterator[DoorSite]:
    async with door_site("broker") as running:
        yield running


@asynccontextmanager
async def gateway(broker: Mosquitto, name: str = "gw") -> AsyncIterator[DoorSite]:
    site = DoorSite(broker.port, broker, name)
    site.directory.add("dev", "pw", "p1", "Europe/Berlin")
    try:
        await site.start()
        yield site
    finally:
        await site.end()


def door_of(site: DoorSite) -> BrokerDoor:
    assert isinstance(site.door, BrokerDoor)
    return site.door


# ---------------------------------------------------------------- restarts of the broker


async def test_a_broker_that_stops_and_starts_loses_nothing_and_the_gateway_comes_back(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "_RETRY_MAX_S", 0.5)
    async with gateway(broker) as site, Paho(broker.port, V5) as device:
        device.client.reconnect_delay_set(1, 1)
        sent = [device.publish(READINGS, rate(number)) for number in range(500)]
        site.journal.gate.clear()  # the broker goes while it waits for acknowledgements
        await until(lambda: site.journal.attempts > 0)
        await asyncio.to_thread(broker.stop)
        await until(lambda: door_of(site).disconnected.is_set())
        sent += [device.publish(READINGS, rate(number)) for number in range(500, 1_000)]
        site.journal.gate.set()
        await asyncio.to_thread(broker.start)
        await until(lambda: door_of(site).connected.is_set())
        await until(lambda: len(device.acknowledged) >= len(sent))
        await until(lambda: len(set(site.sequences)) == 1_000)
        assert {reason for _, reason in device.acknowledged} == {0}


async def test_a_broker_that_is_killed_keeps_what_its_last_save_held(broker: Mosquitto) -> None:
    async with gateway(broker):
        pass  # now it has a session at the broker
    async with Paho(broker.port, V5) as device:
        for number in range(200):
            device.publish(READINGS, rate(number))
        await until(lambda: len(device.acknowledged) == 200)
    await asyncio.sleep(2.5)  # more than twice the shipped autosave_interval
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    async with gateway(broker) as site:
        await until(lambda: len(site.readings) >= 200)
        assert site.sequences == list(range(200))


async def test_a_gateway_whose_broker_is_away_at_start_waits_for_it(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "_RETRY_MAX_S", 0.2)
    await asyncio.to_thread(broker.stop)
    async with gateway(broker) as site:
        assert not door_of(site).connected.is_set()
        await asyncio.to_thread(broker.start)
        await until(lambda: door_of(site).connected.is_set())
        async with Paho(broker.port, V5) as device:
            device.publish(READINGS, rate(1))
            await until(lambda: site.sequences == [1])


@pytest.mark.parametrize("change", [("s3cret", "wrong"), ("gateway", "nobody")])
async def test_a_broker_that_refuses_us_is_an_operators_matter(broker: Mosquitto, change: tuple[str, str]) -> None:
    site = DoorSite(broker.port, broker)
    door = BrokerDoor(parse_address(broker.url.replace(*change)), "gw", None, site.directory, lambda: 0)  # type: ignore[arg-type]
    with pytest.raises(OperatorError) as raised:
        await door.start()
    assert "VITALSTREAM_MQTT_URL" in raised.value.message
    assert change[1] not in raised.value.message
    await door.stop(0)


# ---------------------------------------------------------------- several gateways


async def test_gateways_of_a_group_share_the_messages(broker: Mosquitto) -> None:
    async with gateway(broker, "one") as one, gateway(broker, "two") as two, Paho(broker.port, V5) as device:
        for number in range(400):
            device.publish(READINGS, rate(number))
        await until(lambda: len(one.readings) + len(two.readings) >= 400)
        assert one.readings and two.readings
        assert sorted(one.sequences + two.sequences) == list(range(400))


async def test_of_two_gateways_with_one_name_the_older_stands_back(broker: Mosquitto) -> None:
    async with gateway(broker) as older, gateway(broker) as newer:
        await until(lambda: door_of(older).disconnected.is_set())
        await asyncio.sleep(door_module._RETRY_FIRST_S * 3)
        assert door_of(newer).connected.is_set(), "they don't throw each other out"
        async with Paho(broker.port, V5) as device:
            device.publish(READINGS, rate(1))
            await until(lambda: newer.sequences == [1])
        assert older.sequences == []


# ---------------------------------------------------------------- bounds


async def test_a_journal_that_hangs_bounds_what_is_under_way(site: DoorSite) -> None:
    site.journal.gate.clear()
    async with Paho(site.port, V5) as device:
        for number in range(RECEIVE_MAXIMUM + 1_000):
            device.publish(READINGS, rate(number))
        await until(lambda: len(device.acknowledged) == RECEIVE_MAXIMUM + 1_000)
        assert site.door is not None and door_of(site)._delivery is not None
        await until(lambda: len(door_of(site)._delivery._owed) == RECEIVE_MAXIMUM)  # type: ignore[union-attr]
        await asyncio.sleep(0.2)
        assert len(door_of(site)._delivery._owed) == RECEIVE_MAXIMUM  # type: ignore[union-attr]
        site.journal.gate.set()
        await until(lambda: len(site.readings) == RECEIVE_MAXIMUM + 1_000)
    assert site.sequences == list(range(RECEIVE_MAXIMUM + 1_000))


async def test_large_messages_make_us_stop_reading(site: DoorSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "_HELD_MAX_B", 1_000_000)
    site.journal.gate.clear()
    async with Paho(site.port, V5) as device:
        for number in range(60):
            device.publish(READINGS, rate(number).ljust(200_000))
        await until(lambda: len(device.acknowledged) == 60)
        await until(lambda: door_of(site)._held_b > 1_000_000)
        await asyncio.sleep(0.2)
        assert door_of(site)._held_b < 1_500_000
        site.journal.gate.set()
        await until(lambda: len(site.readings) == 60)
    assert site.sequences == list(range(60))
    assert door_of(site)._held_b == 0


async def test_what_the_broker_should_have_stopped_is_counted_as_refused() -> None:
    with mosquitto(DEVICES, max_packet_size="") as broker:
        async with gateway(broker) as site, Paho(broker.port, V5) as device:
            device.publish(READINGS, b"x" * (PAYLOAD_MAX_B + 1))
            device.publish(READINGS, rate(1))
            await until(lambda: site.sequences == [1])
            assert site.directory.refusals == [("dev", "payload-too-large", b"x" * 4096)]
            assert site.reasons == []


# ---------------------------------------------------------------- devices that the broker knows and we don't


async def test_a_device_that_is_not_registered_reaches_quarantine_and_no_patient(site: DoorSite) -> None:
    async with Paho(site.port, V5, "other") as device:
        site.directory.revoke("other")
        device.publish("vitalstream/v1/other/readings", rate(1))
        device.publish("vitalstream/v1/other/status", "online")
        await until(lambda: len(site.reasons) == 2)
    assert site.reasons == ["device-not-registered"] * 2
    assert site.readings == []
    assert site.directory.online("other") is None


# ---------------------------------------------------------------- presence


async def test_a_retained_status_comes_once_a_session(broker: Mosquitto) -> None:
    async with Paho(broker.port, V5) as device:
        device.client.publish(OWN + "status", "online", 1, retain=True)
        await until(lambda: len(device.acknowledged) == 1)
        async with gateway(broker) as first:
            await until(lambda: first.directory.online("dev") is True)
        async with gateway(broker) as again:
            device.publish(READINGS, rate(1))
            await until(lambda: again.sequences == [1])
            assert again.directory.presences == [], "nothing changed since"


# ---------------------------------------------------------------- TLS


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this test and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl found to make a certificate with: apt-get install openssl")
    chain, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([openssl, *asked.split(), *named], check=True, capture_output=True, timeout=30)
    return chain, key


async def test_tls(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = certificate
    with mosquitto(DEVICES) as broker:
        secure = Mosquitto(broker.home, secure=True)
        with (broker.home / "mosquitto.conf").open("a") as settings:
            settings.write(f"\nlistener {secure.port} 127.0.0.1\ncertfile {chain}\nkeyfile {key}\n")
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        with pytest.raises(OperatorError) as raised:
            async with gateway(secure):
                pass
        assert "SSL_CERT_FILE" in raised.value.message
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        async with gateway(secure) as site, Paho(broker.port, V5) as device:
            for number in range(300):
                device.publish(READINGS, rate(number).ljust(20_000))
            await until(lambda: len(site.readings) == 300)
            assert site.sequences == list(range(300))
