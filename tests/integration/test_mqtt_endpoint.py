"""Our MQTT endpoint with real clients (paho, bare sockets): acknowledgement, payloads, who may publish what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from device_gateway.mqtt import connection as connection_module
from device_gateway.mqtt.framing import PAYLOAD_MAX_B
from tests.integration.mqtt_harness import Gateway, Paho, bare, gateway, until
from vitals.identity import shard_of

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


@both_versions
@pytest.mark.parametrize("size_b", [PAYLOAD_MAX_B + 1, 10_000_000])
async def test_a_payload_too_large_ends_the_connection_and_is_counted(gate: Gateway, version: int, size_b: int) -> None:
    async with Paho(gate.endpoint.port, version) as device:
        largest = device.publish(READINGS, rate(1).ljust(PAYLOAD_MAX_B))
        await until(lambda: device.acknowledged == [(largest, 0)])
        device.publish(READINGS, b"x" * size_b)
        await until(lambda: bool(device.disconnected))
        device.client.disconnect()
        assert device.disconnected[0] == (0x95 if version == V5 else 0x80)
        assert device.acknowledged == [(largest, 0)]
    await until(lambda: bool(gate.directory.refusals))
    assert gate.directory.refusals[0] == ("dev", "payload-too-large", b"x" * 4096)
    assert [reading.sequence for reading in gate.readings] == [1]


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


async def test_a_new_password_holds_for_open_connections_too(gate: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ACCOUNT_AGE_MAX_S", 0.05)
    async with Paho(gate.endpoint.port, V5) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: len(device.acknowledged) == 1)
        gate.directory.rotate("dev", "the next one")
        await asyncio.sleep(0.1)
        device.publish(READINGS, rate(2))
        await until(lambda: bool(device.disconnected))
        assert device.disconnected[0] == 0x87
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
