"""Our MQTT endpoint with Debian's command line clients."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.mqtt_harness import Gateway, gateway, until
from tests.system_tools import find_program

pytestmark = pytest.mark.mosquitto

READING = json.dumps({"metric": "spo2", "value": 97.5, "unit": "%", "seq": 3})


async def run(program: str, gate: Gateway, topic: str, version: str, *more: str) -> tuple[int, str]:
    """Exit code and everything said."""
    path = find_program(program)
    assert path is not None
    access = ["-h", "127.0.0.1", "-p", str(gate.endpoint.port), "-u", "dev", "-P", "pw", "-V", version, "-t", topic]
    process = await asyncio.create_subprocess_exec(
        path, *access, *more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize("version", ["311", "5"])
async def test_a_reading_gets_in(version: str) -> None:
    async with gateway() as gate:
        code, said = await run("mosquitto_pub", gate, "vitalstream/v1/dev/readings", version, "-q", "1", "-m", READING)
        assert (code, said) == (0, "")
        (reading,) = gate.readings
        assert (reading.metric, reading.values[0].text) == ("spo2", "97.5")


@pytest.mark.parametrize("version", ["311", "5"])
async def test_another_devices_topic_is_a_refusal_that_can_be_seen(version: str) -> None:
    async with gateway() as gate:
        code, said = await run(
            "mosquitto_pub", gate, "vitalstream/v1/other/readings", version, "-q", "1", "-m", READING
        )
        assert "Not authorized" in said if version == "5" else code != 0
        assert gate.readings == []
        await until(lambda: len(gate.directory.refusals) >= 1)


async def test_another_connection_of_the_device_hears_the_last_durable_sequence() -> None:
    async with gateway() as gate:
        listening = asyncio.create_task(
            run("mosquitto_sub", gate, "vitalstream/v1/dev/ack", "5", "-C", "1", "-W", "15")
        )
        # The client's exit code is the proof; publishing again covers the moment before it has subscribed.
        seq = 0
        while not listening.done() and seq < 100:
            seq += 1
            reading = json.dumps({"metric": "spo2", "value": 97.5, "unit": "%", "seq": seq})
            await run("mosquitto_pub", gate, "vitalstream/v1/dev/readings", "311", "-q", "1", "-m", reading)
        code, said = await listening
        assert code == 0
        assert 0 < json.loads(said)["seq"] <= seq
