"""`up` and `doctor` with a broker in front: end to end, through kill -9, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.integration.commands import run
from tests.integration.mqtt_harness import Paho, until
from tests.mosquitto import GATEWAY_PASSWORD, Mosquitto, mosquitto
from tests.running import Installation, free_port, installation

pytestmark = pytest.mark.mosquitto

DEVICE = "oximeter-7"
READINGS = f"vitalstream/v1/{DEVICE}/readings"
V5 = 5


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with mosquitto({DEVICE: "pw"}) as running:
        yield running


@pytest.fixture
def site() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture
async def behind(site: Installation, broker: Mosquitto) -> AsyncIterator[Installation]:
    """A running system behind the broker, with one device and its patient."""
    site.settings["VITALSTREAM_MQTT_URL"] = broker.url
    site.json("patient", "add", "p-1")
    site.json("device", "add", DEVICE, "--patient", "p-1")
    await asyncio.to_thread(site.up)
    yield site


def spo2(seq: int) -> str:
    at_ms = time.time_ns() // 1_000_000
    return json.dumps({"metric": "spo2", "value": 95 + seq % 4, "unit": "%", "at": at_ms, "seq": seq})


async def ledger_until(site: Installation, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The ledger once it is as wanted."""
    for _ in range(40):
        counts = await asyncio.to_thread(site.json, "ledger")
        if good(counts):
            return counts
        await asyncio.sleep(0.25)
    raise AssertionError(counts)


async def ready_is(site: Installation, status: int) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(200):
            if (await client.get(f"{site.url}/readyz")).status_code == status:
                return
            await asyncio.sleep(0.1)
    raise AssertionError(f"/readyz never became {status}:\n{site.log()}")


async def test_up_takes_what_devices_tell_the_broker_and_says_when_it_is_away(
    behind: Installation, broker: Mosquitto
) -> None:
    async with Paho(broker.port, V5, DEVICE) as device:
        device.client.reconnect_delay_set(1, 1)
        device.client.subscribe(f"vitalstream/v1/{DEVICE}/ack", 0)
        await until(lambda: len(device.granted) == 1)
        device.publish(READINGS, f"[{spo2(1)},{spo2(2)}]")
        await until(lambda: device.messages == [(f"vitalstream/v1/{DEVICE}/ack", b'{"seq":2}')])
        counts = await ledger_until(behind, lambda counts: bool(counts["stored"] == 2))
        assert counts["balanced"]
        await asyncio.to_thread(broker.stop)
        await ready_is(behind, 503)
        device.publish(READINGS, spo2(3))
        await asyncio.to_thread(broker.start)
        await ready_is(behind, 200)
        await ledger_until(behind, lambda counts: bool(counts["stored"] == 3))
    assert await asyncio.to_thread(behind.stop) == 0
    assert GATEWAY_PASSWORD not in behind.log()
    assert f"MQTT: devices of the broker mqtt://127.0.0.1:{broker.port}" in behind.log()


async def test_a_gateway_killed_while_devices_publish_loses_and_doubles_nothing(
    behind: Installation, broker: Mosquitto
) -> None:
    published = 0
    stop = asyncio.Event()

    async def publish(device: Paho) -> None:
        nonlocal published
        while not stop.is_set():
            device.publish(READINGS, spo2(published))
            published += 1
            await asyncio.sleep(0.005)

    async with Paho(broker.port, V5, DEVICE) as device:
        publishing = asyncio.create_task(publish(device))
        for _ in range(2):
            await asyncio.sleep(1.5)
            await asyncio.to_thread(behind.kill_everything)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(behind.up)
        await asyncio.sleep(0.5)
        stop.set()
        await publishing
        await until(lambda: len(device.acknowledged) == published)
        assert {reason for _, reason in device.acknowledged} == {0}
    counts = await ledger_until(behind, lambda counts: bool(counts["stored"] == published and counts["pending"] == 0))
    assert counts["balanced"] and counts["quarantined"] == 0
    assert counts["stored"] == published > 500


def test_up_says_that_the_broker_refuses_it(site: Installation, broker: Mosquitto) -> None:
    done = site.command("up", VITALSTREAM_MQTT_URL=broker.url.replace(GATEWAY_PASSWORD, "n0t-this"))
    assert done.returncode == 1
    assert "VITALSTREAM_MQTT_URL" in done.stderr and "Not authorized" in done.stderr
    assert "n0t-this" not in done.stderr + done.stdout and "Traceback" not in done.stderr


def test_an_address_that_is_none_is_told_without_its_password(site: Installation) -> None:
    done = run(site, "doctor", VITALSTREAM_MQTT_URL="http://gateway:s3cr3t@broker")
    assert done.returncode == 1
    assert "mqtt://user:password@host:port" in done.stdout
    assert "s3cr3t" not in done.stdout + done.stderr


# ---------------------------------------------------------------- doctor


def findings(site: Installation, broker: Mosquitto, exit_code: int) -> dict[str, dict[str, Any]]:
    done = run(site, "doctor", VITALSTREAM_MQTT_URL=broker.url)
    assert GATEWAY_PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == exit_code, [line for line in found.values() if not line["ok"]]
    return found


def test_doctor_finds_nothing_wrong_with_the_settings_that_we_ship(site: Installation, broker: Mosquitto) -> None:
    found = findings(site, broker, 0)
    checks = ["packets", "features", "strangers", "rights", "topics", "queue"]
    assert [name for name in found if name.startswith("broker")] == ["broker", *(f"broker {check}" for check in checks)]
    assert "MQTT 5" in found["broker"]["detail"]
    assert found["VITALSTREAM_MQTT_URL"]["detail"].startswith("set, hidden")


def test_doctor_fails_on_an_unsafe_one_and_says_what_to_do(site: Installation) -> None:
    with mosquitto({}, max_queued_messages="1000") as broker:
        found = findings(site, broker, 1)
    assert [line["check"] for line in found.values() if not line["ok"]] == ["broker queue"]
    assert "max_queued_messages" in found["broker queue"]["advice"]


def test_doctor_says_that_the_broker_is_away(site: Installation, broker: Mosquitto) -> None:
    broker.stop()
    broker.port = free_port()
    found = findings(site, broker, 1)
    assert "is the broker running" in found["broker"]["advice"]
