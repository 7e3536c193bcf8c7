"""Our MQTT endpoint with real clients (paho, bare sockets): how connections come, go and break; start and stop."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_gateway.mqtt import connection as connection_module
from device_gateway.mqtt.endpoint import Endpoint
from device_gateway.mqtt.framing import PAYLOAD_MAX_B
from tests.integration.mqtt_harness import Gateway, Paho, bare, gateway, until
from vitals.errors import OperatorError

OWN = "vitalstream/v1/dev/"
READINGS = OWN + "readings"
V311, V5 = 4, 5

both_versions = pytest.mark.parametrize("version", [V311, V5])


@pytest.fixture
async def gate() -> AsyncIterator[Gateway]:
    async with gateway() as running:
        yield running


def rate(seq: int) -> str:
    return json.dumps({"metric": "heart_rate", "value": 72, "unit": "bpm", "seq": seq})


@both_versions
async def test_a_newer_connection_takes_over(gate: Gateway, version: int) -> None:
    async with bare(gate.endpoint.port, version) as older, bare(gate.endpoint.port, version) as newer:
        older.connect()
        assert await older.packet() is not None
        newer.connect()
        assert await newer.packet() is not None
        if version == V5:
            goodbye = await older.packet()
            assert goodbye is not None
            assert (goodbye[0], goodbye[2]) == (0xE0, 0x8E)
        assert await older.packet() is None
        newer.publish(READINGS, rate(1).encode(), 1)
        assert await newer.packet() == b"\x40\x02\x00\x01"
        await until(lambda: gate.directory.online("dev") is True)
        assert (("dev", False) in [(name, online) for name, online, _ in gate.directory.presences]) is False


async def test_other_client_ids_of_a_device_stay(gate: Gateway) -> None:
    async with bare(gate.endpoint.port) as one:
        one.connect(client_id="one")
        await one.packet()
        async with bare(gate.endpoint.port) as two:
            two.connect(client_id="two")
            await two.packet()
        one.writer.write(b"\xc0\x00")
        assert await one.packet() == b"\xd0\x00"
        assert gate.directory.online("dev") is True
    await until(lambda: gate.directory.online("dev") is False)


async def test_a_silent_device_is_disconnected_after_one_and_a_half_keep_alives(gate: Gateway) -> None:
    async with bare(gate.endpoint.port) as device:
        device.connect(keep_alive_s=1)
        await device.packet()
        await asyncio.sleep(1.0)
        device.writer.write(b"\xc0\x00")
        assert await device.packet() == b"\xd0\x00"
        started = asyncio.get_running_loop().time()
        goodbye = await device.packet()
        silent_s = asyncio.get_running_loop().time() - started
        assert goodbye is not None
        assert (goodbye[0], goodbye[2]) == (0xE0, 0x8D)
        assert 1.3 < silent_s < 4
    await until(lambda: gate.directory.online("dev") is False)


@both_versions
async def test_the_will_of_a_lost_device_is_taken_as_if_it_had_published_it(gate: Gateway, version: int) -> None:
    async with bare(gate.endpoint.port, version) as device:
        device.connect(will=(READINGS, rate(99).encode()))
        assert await device.packet() is not None
        device.writer.transport.abort()
    await until(lambda: [reading.sequence for reading in gate.readings] == [99])
    await until(lambda: gate.directory.online("dev") is False)


async def test_status_messages_and_connections_tell_presence(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V5) as device:
        await until(lambda: gate.directory.online("dev") is True)
        device.publish(OWN + "status", "offline")
        await until(lambda: gate.directory.online("dev") is False)
        device.publish(OWN + "status", "online")
        await until(lambda: gate.directory.online("dev") is True)
    await until(lambda: gate.directory.online("dev") is False)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("36 05 0003 612f62", 0x81),  # QoS 3
        ("34 08 0003 612f62 0001 00", 0x9B),  # QoS 2
        ("30 09 0003 612f62 03 23 0001", 0x94),  # topic alias
        ("f0 00", 0x8C),  # AUTH
        ("10 0d 0004 4d515454 05 02 003c 00 0000", 0x82),  # a second CONNECT
        ("40 02 0001", 0x82),
    ],
)
async def test_a_broken_packet_ends_its_connection_and_no_other(gate: Gateway, broken: str, reason: int) -> None:
    async with bare(gate.endpoint.port) as good, bare(gate.endpoint.port) as bad:
        good.connect(device="other")
        await good.packet()
        bad.connect()
        await bad.packet()
        bad.writer.write(bytes.fromhex(broken))
        goodbye = await bad.packet()
        assert goodbye is not None
        assert (goodbye[0], goodbye[2]) == (0xE0, reason)
        assert await bad.packet() is None
        good.writer.write(b"\xc0\x00")
        assert await good.packet() == b"\xd0\x00"


@pytest.mark.parametrize("first", ["c000", "474554202f20485454502f312e310d0a", "ffffffffffff", "10ffff7f"])
async def test_what_is_no_connect_is_hung_up_on(gate: Gateway, first: str) -> None:
    async with bare(gate.endpoint.port) as device:
        device.writer.write(bytes.fromhex(first))
        assert await device.packet() is None


async def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.05)
    async with gateway() as gate, bare(gate.endpoint.port) as device:
        assert await device.packet() is None


async def test_connections_are_bounded() -> None:
    async with gateway(connections_max=1) as gate, bare(gate.endpoint.port) as first:
        first.connect()
        assert await first.packet() is not None
        async with bare(gate.endpoint.port) as second:
            second.connect()
            assert await second.packet() is None


async def test_bytes_that_come_one_by_one_make_the_same_message(gate: Gateway) -> None:
    async with bare(gate.endpoint.port, V311) as device:
        device.connect()
        await device.packet()
        whole = b"\x32\x5f\x00\x1bvitalstream/v1/dev/readings\x00\x05" + rate(1).encode().ljust(64)
        for at in range(len(whole)):
            device.writer.write(whole[at : at + 1])
            await device.writer.drain()
        assert await device.packet() == b"\x40\x02\x00\x05"


# ---------------------------------------------------------------- start and stop


async def test_stopping_acknowledges_what_becomes_durable_and_says_goodbye() -> None:
    async with gateway() as gate, bare(gate.endpoint.port) as device:
        device.connect()
        await device.packet()
        gate.journal.gate.clear()
        device.publish(READINGS, rate(1).encode(), 1)
        await until(lambda: gate.journal.attempts == 1)
        stopping = asyncio.create_task(gate.endpoint.stop(grace_s=5))
        await asyncio.sleep(0.02)
        gate.journal.gate.set()
        assert await device.packet() == b"\x40\x02\x00\x01"
        goodbye = await device.packet()
        assert goodbye is not None
        assert (goodbye[0], goodbye[2]) == (0xE0, 0x8B)
        await stopping
        assert gate.directory.online("dev") is False


async def test_stopping_does_not_wait_for_a_journal_that_hangs() -> None:
    async with gateway() as gate, bare(gate.endpoint.port, V311) as device:
        device.connect()
        await device.packet()
        gate.journal.gate.clear()
        device.publish(READINGS, rate(1).encode(), 1)
        await until(lambda: gate.journal.attempts == 1)
        async with asyncio.timeout(3):
            await gate.endpoint.stop(grace_s=0.1)
        assert await device.packet() is None  # never acknowledged: the device sends it again


async def test_a_port_in_use_is_named_with_what_to_do(gate: Gateway) -> None:
    second = Endpoint(gate.intake, gate.directory, lambda: 0, host="127.0.0.1", port=gate.endpoint.port)
    with pytest.raises(OperatorError, match="VITALSTREAM_MQTT_PORT") as caught:
        await second.start()
    assert caught.value.code == "port-in-use"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for this test and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl found to make a certificate with: apt-get install openssl")
    chain, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([openssl, *asked.split(), *named], check=True, capture_output=True, timeout=30)
    return chain, key


async def test_tls(certificate: tuple[Path, Path]) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*certificate)
    client = ssl.create_default_context(cafile=str(certificate[0]))
    async with gateway(tls=server) as gate, Paho(gate.endpoint.port, V5, tls=client) as device:
        device.publish(READINGS, rate(1).ljust(200_000))
        await until(lambda: bool(device.acknowledged))
        assert len(gate.readings) == 1
        device.publish("vitalstream/v1/dev/readings", b"x" * (PAYLOAD_MAX_B + 1))
        await until(lambda: bool(device.disconnected))
        device.client.disconnect()
