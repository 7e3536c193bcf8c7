"""The contract of both MQTT doors: our endpoint, and a broker (a real Mosquitto with the settings that we ship).

What differs by nature, each with a test below:
- whose promise PUBACK is: the endpoint's means that the journal holds the data, a broker's is the broker's;
- a foreign topic at MQTT 3.1.1: the endpoint hangs up, Mosquitto says success and drops the message;
- refusals that happen at the broker are counted there, not in our ledger.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from device_gateway.mqtt.framing import PAYLOAD_MAX_B
from tests.contract.mqtt_doors import DoorSite, door_site
from tests.integration.mqtt_harness import Paho, bare, until

OWN = "vitalstream/v1/dev/"
READINGS = OWN + "readings"
V311, V5 = 4, 5

both_versions = pytest.mark.parametrize("version", [V311, V5])


@pytest.fixture(params=["endpoint", pytest.param("broker", marks=pytest.mark.mosquitto)])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[DoorSite]:
    async with door_site(request.param) as running:
        yield running


def rate(seq: int, value: int = 72) -> str:
    return json.dumps({"metric": "heart_rate", "value": value, "unit": "bpm", "seq": seq})


# ---------------------------------------------------------------- acknowledged means durable


@both_versions
async def test_everything_acknowledged_reaches_the_journal_once_and_in_order(site: DoorSite, version: int) -> None:
    async with Paho(site.port, version) as device:
        sent = [device.publish(READINGS, rate(number)) for number in range(300)]
        await until(lambda: len(device.acknowledged) == 300)
        assert device.identifiers == sent
        assert {reason for _, reason in device.acknowledged} <= {0}
    await until(lambda: len(site.readings) == 300)
    assert site.sequences == list(range(300))


async def test_whose_promise_the_acknowledgement_is(site: DoorSite) -> None:
    site.journal.gate.clear()
    async with Paho(site.port, V5) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: site.journal.attempts == 1)
        await asyncio.sleep(0.2)
        assert len(device.acknowledged) == (0 if site.broker is None else 1)
        site.journal.gate.set()
        await until(lambda: len(device.acknowledged) == 1 and len(site.readings) == 1)


async def test_what_a_gateway_took_and_did_not_make_durable_comes_to_the_next_one(site: DoorSite) -> None:
    async with Paho(site.port, V5) as device:
        for number in range(50):
            device.publish(READINGS, rate(number))
        await until(lambda: len(site.readings) == 50)
        site.journal.gate.clear()
        attempts = site.journal.attempts
        for number in range(50, 150):
            device.publish(READINGS, rate(number))
        await until(lambda: site.journal.attempts > attempts)
        await site.end()
        site.journal.gate.set()
        await site.start()
        await until(lambda: len(site.readings) >= 150)
    assert site.sequences == list(range(150)), "in order, and nothing that was acknowledged came again"


@both_versions
async def test_what_is_sent_while_no_gateway_is_there_arrives(site: DoorSite, version: int) -> None:
    async with Paho(site.port, version) as device:
        await site.end(grace_s=1.0)
        for number in range(1_500):
            device.publish(READINGS, rate(number))
        await site.start()
        await until(lambda: len(set(site.sequences)) == 1_500)
    assert sorted(set(site.sequences)) == list(range(1_500))


@both_versions
async def test_a_journal_that_fails_only_delays(site: DoorSite, version: int) -> None:
    site.journal.failures = 2
    async with Paho(site.port, version) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: len(site.readings) == 1)
    assert site.journal.attempts == 3


async def test_a_registry_that_is_away_only_delays(site: DoorSite) -> None:
    async with Paho(site.port, V5) as device:
        device.publish(READINGS, rate(1))
        await until(lambda: len(site.readings) == 1)
        await asyncio.sleep(1.1)  # past the age at which an answer of the registry is asked again
        site.directory.away = True
        device.publish(READINGS, rate(2))
        await asyncio.sleep(0.2)
        assert len(site.readings) == 1
        site.directory.away = False
        await until(lambda: len(site.readings) == 2)


@both_versions
async def test_the_last_durable_sequence_is_said_on_the_devices_own_topic(site: DoorSite, version: int) -> None:
    async with Paho(site.port, version) as device:
        device.client.subscribe([(OWN + "ack", 0), (OWN + "cmd", 0)])
        await until(lambda: len(device.granted) == 2)
        device.publish(READINGS, f"[{rate(7)},{rate(41)}]")
        await until(lambda: bool(device.messages))
        assert device.messages == [(OWN + "ack", b'{"seq":41}')]
        assert site.sequences == [7, 41]


async def test_quality_0_reaches_the_journal_too(site: DoorSite) -> None:
    async with Paho(site.port, V5) as device:
        device.publish(READINGS, rate(1), qos=0)
        await until(lambda: len(site.readings) == 1)


# ---------------------------------------------------------------- payloads


@both_versions
async def test_an_array_becomes_its_readings(site: DoorSite, version: int) -> None:
    pressure = '{"metric":"blood_pressure","value":{"systolic":128,"diastolic":79},"unit":"mm[Hg]","seq":9}'
    async with Paho(site.port, version) as device:
        device.publish(READINGS, f"[{rate(7)},{rate(8, 36)},{pressure}]")
        await until(lambda: len(site.readings) == 3)
    assert [(one.metric, one.values[0].text) for one in site.readings] == [
        ("heart_rate", "72"),
        ("heart_rate", "36"),
        ("blood_pressure", "128"),
    ]


async def test_a_gatt_frame_takes_time_and_sequence_from_user_properties(site: DoorSite) -> None:
    async with Paho(site.port, V5) as device:
        device.publish(OWN + "gatt/2A37", b"\x06\x48", at="2026-01-31T08:30:00+01:00", seq="12")
        await until(lambda: len(site.readings) == 1)
    (reading,) = site.readings
    assert (reading.device, reading.metric, reading.values[0].text, reading.sequence) == ("dev", "heart_rate", "72", 12)
    assert (reading.measured_us, reading.utc_offset_min) == (1_769_844_600_000_000, 60)


@both_versions
async def test_payloads_nobody_can_read_are_acknowledged_and_kept(site: DoorSite, version: int) -> None:
    messages = {
        "readings": [b"{", b"\xff\x00", rate(1).replace("bpm", "kg").encode(), rate(1).replace("72", "NaN").encode()],
        "gatt/2a37": [b"\x06"],
        "gatt/ffff": [b"\x06\x48"],
        "senml": [b"[]"],
        "senml-cbor": [b"\x80"],
        "fhir": [b"{}"],
        "raw": [b"?"],
        "status": [b"asleep"],
    }
    async with Paho(site.port, version) as device:
        sent = [device.publish(OWN + topic, payload) for topic, all_ in messages.items() for payload in all_]
        await until(lambda: len(device.acknowledged) == len(sent))
        assert {reason for _, reason in device.acknowledged} == {0}
        await until(lambda: len(site.reasons) == len(sent))
    assert site.reasons == [
        "malformed-json",
        "malformed-json",
        "unit-mismatch",
        "unrepresentable",
        "truncated",
        "unknown-format",
        "unsupported-topic",
        "unsupported-topic",
        "unsupported-topic",
        "unsupported-topic",
        "bad-status",
    ]


@both_versions
async def test_the_largest_payload_gets_in_and_one_byte_over_a_packet_ends_the_connection(
    site: DoorSite, version: int
) -> None:
    async with Paho(site.port, version) as device:
        largest = device.publish(READINGS, rate(1).ljust(PAYLOAD_MAX_B))
        await until(lambda: device.acknowledged == [(largest, 0)] and len(site.readings) == 1)
        device.publish(READINGS, b"x" * (PAYLOAD_MAX_B + 16 * 1024))
        await until(lambda: bool(device.disconnected))
        device.client.disconnect()
        assert device.acknowledged == [(largest, 0)]
        if site.broker is None:  # a broker counts its refusals itself
            await until(lambda: bool(site.directory.refusals))
            assert site.directory.refusals[0][:2] == ("dev", "payload-too-large")
        elif version == V5:
            assert device.disconnected[0] == 0x95
    assert site.sequences == [1] and site.reasons == []


# ---------------------------------------------------------------- who may


async def test_other_topics_are_refused_and_mqtt_5_stays_connected(site: DoorSite) -> None:
    async with Paho(site.port, V5) as device:
        first = device.publish(READINGS, rate(1))
        foreign = [
            device.publish(topic, rate(2))
            for topic in ("vitalstream/v1/other/readings", OWN + "ack", OWN + "cmd", "vitalstream/v1/devel/readings")
        ]
        last = device.publish(READINGS, rate(3))
        await until(lambda: len(device.acknowledged) == 6)
        assert device.acknowledged == [(first, 0), *((mid, 0x87) for mid in foreign), (last, 0)]
        assert device.disconnected == []
    await until(lambda: len(site.readings) == 2)
    assert site.sequences == [1, 3]
    refused = [reason for _, reason, _ in site.directory.refusals]
    assert refused == (["foreign-topic"] * 4 if site.broker is None else [])  # a broker counts its refusals itself


async def test_another_devices_topic_at_3_1_1_where_no_refusal_can_be_said(site: DoorSite) -> None:
    async with Paho(site.port, V311) as device:
        device.publish("vitalstream/v1/other/readings", rate(2))
        if site.broker is None:
            await until(lambda: bool(device.disconnected))
            device.client.disconnect()
        else:
            await until(lambda: [reason for _, reason in device.acknowledged] == [0])
        assert site.readings == []


@both_versions
@pytest.mark.parametrize(("device", "password"), [("dev", "wrong"), ("nobody", "pw")])
async def test_wrong_credentials_are_refused(site: DoorSite, version: int, device: str, password: str) -> None:
    async with Paho(site.port, version, device, password) as client:
        assert client.connected[0] == 0x87


async def test_a_device_hears_no_other_devices_answers(site: DoorSite) -> None:
    async with Paho(site.port, V5, "other", client_id="curious") as curious, Paho(site.port, V5) as device:
        curious.client.subscribe([(OWN + "ack", 0), (READINGS, 0), ("vitalstream/v1/#", 0)])
        await until(lambda: len(curious.granted) == 3)
        device.client.subscribe(OWN + "ack", 0)
        await until(lambda: len(device.granted) == 1)
        device.publish(READINGS, rate(5))
        await until(lambda: bool(device.messages))
        await asyncio.sleep(0.1)
        assert curious.messages == []


# ---------------------------------------------------------------- presence


@both_versions
async def test_status_and_will_tell_who_is_online(site: DoorSite, version: int) -> None:
    async with bare(site.port, version) as device:
        device.connect(will=(OWN + "status", b"offline"))
        await device.packet()
        device.publish(OWN + "status", b"online", 1)
        await device.packet()
        await until(lambda: site.directory.online("dev") is True)
        device.publish(OWN + "status", b"offline", 2)
        await device.packet()
        await until(lambda: site.directory.online("dev") is False)
        device.publish(OWN + "status", b"online", 3)
        await device.packet()
        await until(lambda: site.directory.online("dev") is True)
    await until(lambda: site.directory.online("dev") is False)
    assert site.reasons == []
