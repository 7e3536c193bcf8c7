"""Our MQTT endpoint with real clients: paho (3.1.1 and 5) and bare sockets."""

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
from vitals.identity import shard_of
from vitals.reading import Flag

OWN = "vitalstream/v1/dev/"
READINGS = OWN + "readings"
V311, V5 = 4, 5

both_versions = pytest.mark.parametrize("version", [V311, V5])


@pytest.fixture
async def gate() -> AsyncIterator[Gateway]:
    async with gateway() as running:
        yield running


def rate(seq: int, value: int = 72) -> str:
    return json.dumps({"metric": "heart_rate", "value": value, "unit": "bpm", "seq": seq})


# ---------------------------------------------------------------- acknowledgement


@both_versions
async def test_the_acknowledgement_comes_after_the_journal_and_in_order(gate: Gateway, version: int) -> None:
    gate.journal.gate.clear()
    async with Paho(gate.endpoint.port, version) as device:
        sent = [device.publish(READINGS, rate(number)) for number in range(200)]
        await until(lambda: gate.journal.attempts == 1)
        await asyncio.sleep(0.05)
        assert device.acknowledged == []
        gate.journal.gate.set()
        await until(lambda: len(device.acknowledged) == 200)
        assert device.identifiers == sent
        assert {reason for _, reason in device.acknowledged} == {0}
    assert [reading.sequence for reading in gate.readings] == list(range(200))


@both_versions
async def test_a_journal_that_fails_only_delays(gate: Gateway, version: int) -> None:
    gate.journal.failures = 2
    async with Paho(gate.endpoint.port, version) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: bool(device.acknowledged))
    assert gate.journal.attempts == 3
    assert len(gate.readings) == 1


@both_versions
async def test_the_last_durable_sequence_is_answered_on_the_devices_own_topic(gate: Gateway, version: int) -> None:
    async with Paho(gate.endpoint.port, version) as device:
        device.client.subscribe([(OWN + "ack", 1), (OWN + "cmd", 1), ("vitalstream/v1/other/ack", 1)])
        await until(lambda: len(device.granted) == 3)
        assert device.granted == [0, 0, 0x80 if version == V311 else 0x87]
        device.publish(READINGS, f"[{rate(7)},{rate(41)}]")
        await until(lambda: bool(device.messages))
        assert device.messages == [(OWN + "ack", b'{"seq":41}')]


async def test_quality_0_reaches_the_journal_too(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V311) as device:
        device.publish(READINGS, rate(1), qos=0)
        await until(lambda: len(gate.readings) == 1)


async def test_a_journal_that_hangs_makes_us_stop_reading_and_nothing_is_lost(gate: Gateway) -> None:
    gate.journal.gate.clear()
    padding = b" " * 200_000
    async with bare(gate.endpoint.port) as device:
        device.connect()
        await device.packet()
        for number in range(1, 101):
            device.publish(READINGS, rate(number).encode() + padding, number)
        # 20 MB wait outside: what we hold is bounded, the rest stays in sockets and in the device.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await device.writer.drain()
        held = sum(len(group.receipts) for group in gate.intake._groups)
        assert held <= 1
        assert gate.intake._queued_b < 4 * connection_module.UNACKNOWLEDGED_MAX_B
        gate.journal.gate.set()
        acknowledged = [await device.packet() for _ in range(100)]
    assert acknowledged == [b"\x40\x02" + number.to_bytes(2, "big") for number in range(1, 101)]
    assert [reading.sequence for reading in gate.readings] == list(range(1, 101))


# ---------------------------------------------------------------- payloads


@both_versions
async def test_payloads_nobody_can_read_are_acknowledged_and_kept(gate: Gateway, version: int) -> None:
    messages = {
        "readings": [b"{", b"\xff\x00", rate(1).replace("bpm", "kg").encode(), rate(1).replace("72", "NaN").encode()],
        "gatt/2a37": [b"\x06"],
        "gatt/ffff": [b"\x06\x48"],
        "senml": [b"[]"],
        "fhir": [b"{}"],
        "status": [b"asleep"],
    }
    async with Paho(gate.endpoint.port, version) as device:
        sent = [device.publish(OWN + topic, payload) for topic, all_ in messages.items() for payload in all_]
        await until(lambda: len(device.acknowledged) == len(sent))
        assert {reason for _, reason in device.acknowledged} == {0}
    assert gate.reasons == [
        "malformed-json",
        "malformed-json",
        "unit-mismatch",
        "unrepresentable",
        "truncated",
        "unknown-format",
        "unsupported-topic",
        "unsupported-topic",
        "bad-status",
    ]


async def test_a_gatt_frame_takes_time_and_sequence_from_user_properties(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V5) as device:
        device.publish(OWN + "gatt/2A37", b"\x06\x48", at="2026-01-31T08:30:00+01:00", seq="12")
        await until(lambda: bool(device.acknowledged))
    (reading,) = gate.readings
    assert (reading.metric, reading.values[0].text, reading.sequence) == ("heart_rate", "72", 12)
    assert (reading.measured_us, reading.utc_offset_min) == (1_769_844_600_000_000, 60)


async def test_ten_megabytes_are_refused_with_a_reason_and_mqtt_5_stays_connected(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V5) as device:
        refused = device.publish(READINGS, b"x" * 10_000_000)
        largest = device.publish(READINGS, rate(1).ljust(PAYLOAD_MAX_B))
        beyond = device.publish(READINGS, rate(2).ljust(PAYLOAD_MAX_B + 1))
        await until(lambda: len(device.acknowledged) == 3)
        assert device.acknowledged == [(refused, 0x95), (largest, 0), (beyond, 0x95)]
        assert device.disconnected == []
    await until(lambda: len(gate.directory.refusals) == 2)
    assert gate.directory.refusals[0] == ("dev", "payload-too-large", b"x" * 4096)
    assert [reading.sequence for reading in gate.readings] == [1]


async def test_ten_megabytes_end_a_3_1_1_connection(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V311) as device:
        device.publish(READINGS, b"x" * 10_000_000)
        await until(lambda: bool(device.disconnected))
        assert device.acknowledged == []
        device.client.disconnect()
    await until(lambda: bool(gate.directory.refusals))
    assert gate.directory.refusals[0] == ("dev", "payload-too-large", b"x" * 4096)


async def test_a_packet_too_large_even_to_skip_ends_the_connection(gate: Gateway) -> None:
    async with bare(gate.endpoint.port) as device:
        device.connect()
        await device.packet()
        device.writer.write(bytes.fromhex("32 ff ff ff 7f"))
        answer = await device.packet()
        assert answer is not None
        assert (answer[0], answer[2]) == (0xE0, 0x95)
        assert await device.packet() is None


# ---------------------------------------------------------------- who may


@both_versions
@pytest.mark.parametrize(("device", "password"), [("dev", "wrong"), ("nobody", "pw")])
async def test_unknown_devices_and_wrong_passwords_are_not_authorized(
    gate: Gateway, version: int, device: str, password: str
) -> None:
    async with Paho(gate.endpoint.port, version, device, password) as client:
        assert client.connected[0] == 0x87  # paho gives 3.1.1's code 5 the name and number of MQTT 5


async def test_another_devices_topic_is_refused_and_mqtt_5_stays_connected(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V5) as device:
        first = device.publish(READINGS, rate(1))
        foreign = device.publish("vitalstream/v1/other/readings", rate(2))
        last = device.publish(READINGS, rate(3))
        await until(lambda: len(device.acknowledged) == 3)
        assert device.acknowledged == [(first, 0), (foreign, 0x87), (last, 0)]
        assert device.disconnected == []
    assert [reading.sequence for reading in gate.readings] == [1, 3]
    assert gate.directory.refusals == [("dev", "foreign-topic", rate(2).encode())]


async def test_another_devices_topic_ends_a_3_1_1_connection(gate: Gateway) -> None:
    async with Paho(gate.endpoint.port, V311) as device:
        device.publish("vitalstream/v1/other/readings", rate(2))
        await until(lambda: bool(device.disconnected))
        assert device.acknowledged == []
        device.client.disconnect()
    assert gate.readings == []
    await until(lambda: bool(gate.directory.refusals))
    assert gate.directory.refusals[0] == ("dev", "foreign-topic", rate(2).encode())


@both_versions
async def test_a_revocation_holds_from_the_next_message_on(
    gate: Gateway, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "ACCOUNT_AGE_MAX_S", 0.05)
    async with Paho(gate.endpoint.port, version) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: len(device.acknowledged) == 1)
        gate.directory.revoke("dev")
        await asyncio.sleep(0.1)
        device.publish(READINGS, rate(2))
        await until(lambda: bool(device.disconnected))
        if version == V5:
            assert device.disconnected[0] == 0x87
        await until(lambda: 0x87 in device.connected)  # paho comes back and is told
    assert [reading.sequence for reading in gate.readings] == [1]


async def test_a_new_claim_holds_from_the_next_message_on(gate: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ACCOUNT_AGE_MAX_S", 0.05)
    async with Paho(gate.endpoint.port, V5) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: len(device.acknowledged) == 1)
        gate.directory.bind("dev", "p9", "Asia/Tokyo")
        await asyncio.sleep(0.1)
        device.publish(READINGS, rate(2))
        await until(lambda: len(device.acknowledged) == 2)
    assert [next(iter(group)) for group in gate.journal.groups] == [shard_of("p1"), shard_of("p9")]
    assert gate.readings[1].utc_offset_min == 540


async def test_a_registry_that_is_away_delays_messages_and_refuses_connections(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "ACCOUNT_AGE_MAX_S", 0.05)
    monkeypatch.setattr(connection_module, "_REGISTRY_RETRY_S", 0.05)
    async with Paho(gate.endpoint.port, V5) as device:
        gate.directory.away = True
        await asyncio.sleep(0.1)
        device.publish(READINGS, rate(1))
        async with Paho(gate.endpoint.port, V5, "other", client_id="late") as late:
            assert late.connected[0] == 0x88
        assert device.acknowledged == []
        gate.directory.away = False
        await until(lambda: device.acknowledged != [])
    assert device.disconnected == [0]


# ---------------------------------------------------------------- connections


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


async def test_tls(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl found to make a certificate with: apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
        timeout=30,
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    async with gateway(tls=server) as gate, Paho(gate.endpoint.port, V5, tls=client) as device:
        device.publish(READINGS, rate(1).ljust(200_000))
        await until(lambda: bool(device.acknowledged))
        assert len(gate.readings) == 1
