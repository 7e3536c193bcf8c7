"""What a device gets to hear when it does something wrong, on a running `up`, and what becomes of its bytes."""

from __future__ import annotations

import json
import queue
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.running import Installation, installation
from tests.system_tools import find_program

PATIENCE_S = 10.0
GOOD = '{"metric":"spo2","value":97,"unit":"%"}'
NOT_AUTHORIZED, PACKET_TOO_LARGE = 0x87, 0x95
TEN_MB = 10 * 1024 * 1024

#: What is wrong, payload, the reason that quarantine must name. Topic `readings`.
BAD_JSON = [
    ("malformed JSON", b'{"metric":"spo2","value":97,', "malformed-json"),
    ("no JSON at all", b"hello", "malformed-json"),
    ("unknown metric", b'{"metric":"mood","value":3,"unit":"1"}', "unknown-metric"),
    ("wrong unit", b'{"metric":"spo2","value":97,"unit":"kg"}', "unit-mismatch"),
    ("unknown unit", b'{"metric":"spo2","value":97,"unit":"furlong"}', "unknown-unit"),
    ("NaN", b'{"metric":"heart_rate","value":NaN,"unit":"bpm"}', "unrepresentable"),
    ("1e308", b'{"metric":"heart_rate","value":1e308,"unit":"bpm"}', "unrepresentable"),
    ("time without zone", b'{"metric":"spo2","value":96,"unit":"%","at":"2026-11-22T10:42:00"}', "naive-time"),
]
#: A blood pressure frame (0x2A35) that says systolic, diastolic and mean follow, and ends after the first.
TRUNCATED = bytes.fromhex("007800")


@dataclass
class Device:
    """A paho client; `heard` are (message id, reason code) of PUBACKs, `ended` reason codes of lost connections."""

    client: mqtt.Client
    connected: queue.Queue[int] = field(default_factory=queue.Queue)
    heard: queue.Queue[tuple[int, int]] = field(default_factory=queue.Queue)
    ended: queue.Queue[int] = field(default_factory=queue.Queue)

    def send(self, topic: str, payload: bytes | str, **user_properties: str) -> int:
        """Publishes with QoS 1 and returns the PUBACK's reason code."""
        properties = None
        if user_properties:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list(user_properties.items())
        sent = self.client.publish(topic, payload, 1, properties=properties).mid
        number, reason = self.heard.get(timeout=PATIENCE_S)
        assert number == sent
        return reason


@contextmanager
def device(site: Installation, name: str, password: str, protocol: int = mqtt.MQTTv5) -> Iterator[Device]:
    """A device whose connection was answered (`connected` says how)."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=protocol, reconnect_on_failure=False)  # type: ignore[arg-type]
    client.username_pw_set(name, password)
    made = Device(client)
    client.on_connect = lambda c, u, flags, reason, p: made.connected.put(reason.value)
    client.on_publish = lambda c, u, mid, reason, p: made.heard.put((mid, reason.value))
    client.on_disconnect = lambda c, u, flags, reason, p: made.ended.put(reason.value)
    client.connect("127.0.0.1", site.mqtt_port)
    client.loop_start()
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass(frozen=True)
class Site:
    """A running `up` with devices `mine` (patient p-1) and `other` (p-2)."""

    running: Installation
    passwords: dict[str, str]

    def mine(self, protocol: int = mqtt.MQTTv5) -> Any:
        """`mine`, connected."""
        return device(self.running, "mine", self.passwords["mine"], protocol)

    def ledger(self) -> dict[str, Any]:
        """The ledger, once nothing is pending."""
        deadline = time.monotonic() + PATIENCE_S
        while (counts := self.running.json("ledger"))["pending"]:
            assert time.monotonic() < deadline, counts
        return counts

    def quarantined(self) -> list[dict[str, Any]]:
        """`quarantine list`, newest first."""
        done = self.running.command("quarantine", "list")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def mosquitto_pub(self, topic: str, version: str, *, password: str | None = None) -> tuple[int, str]:
        """Exit code and everything said by Debian's client, publishing a good reading as `mine`."""
        path = find_program("mosquitto_pub")
        assert path is not None
        access = ["-h", "127.0.0.1", "-p", str(self.running.mqtt_port), "-u", "mine"]
        access += ["-P", password or self.passwords["mine"], "-V", version]
        done = subprocess.run(
            [path, *access, "-t", topic, "-q", "1", "-m", GOOD],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with installation() as running:
        running.up()
        passwords = {}
        for patient, name in (("p-1", "mine"), ("p-2", "other")):
            running.json("patient", "add", patient)
            passwords[name] = running.json("device", "add", name, "--patient", patient)["password"]
        yield Site(running, passwords)


@pytest.fixture(scope="module")
def kept(site: Site) -> list[dict[str, Any]]:
    """What quarantine lists after every kind of bad payload was published, and acknowledged as taken."""
    with site.mine() as mine:
        assert mine.connected.get(timeout=PATIENCE_S) == 0
        for _, payload, _ in BAD_JSON:
            assert mine.send("vitalstream/v1/mine/readings", payload) == 0
        assert mine.send("vitalstream/v1/mine/gatt/2a35", TRUNCATED, seq="1") == 0
        assert mine.send("vitalstream/v1/mine/gatt/ffff", b"\x01\x02") == 0
    counts = site.ledger()
    assert counts["quarantined"] >= len(BAD_JSON) + 2
    return site.quarantined()


@pytest.mark.parametrize(("payload", "reason"), [pytest.param(*rest, id=name) for name, *rest in BAD_JSON])
def test_bad_json_is_acknowledged_and_kept_with_its_reason(
    kept: list[dict[str, Any]], payload: bytes, reason: str
) -> None:
    (row,) = [row for row in kept if row["preview"] == payload.decode()]
    assert row["reason"] == reason
    assert row["device"] == "mine"
    assert row["raw_length"] == len(payload)
    assert len(row["message"]) > 20, "says what to do"


def test_a_truncated_frame_is_kept_as_it_came(kept: list[dict[str, Any]]) -> None:
    (row,) = [row for row in kept if row["preview"] == TRUNCATED.hex()]
    assert row["reason"] == "truncated"
    assert "2a35" in row["message"]


def test_an_unknown_characteristic_is_kept(kept: list[dict[str, Any]]) -> None:
    (row,) = [row for row in kept if row["preview"] == "0102"]
    assert "ffff" in row["message"]


def test_one_bad_element_spoils_only_itself(site: Site) -> None:
    before = site.ledger()
    # In the past and apart, so that each is a measurement of its own.
    array = [{"metric": "resp_rate", "value": 14 + n, "unit": "/min", "seq": 100 + n} for n in range(4)]
    array[2]["unit"] = "kg"
    with site.mine() as mine:
        assert mine.send("vitalstream/v1/mine/readings", json.dumps(array)) == 0
    after = site.ledger()
    assert after["balanced"]
    assert after["stored"] - before["stored"] == 3
    assert after["quarantined"] - before["quarantined"] == 1
    assert json.loads(site.quarantined()[0]["preview"]) == array[2]


def test_another_devices_topic_mqtt5_is_refused_by_its_acknowledgement(site: Site) -> None:
    before = site.ledger()
    with site.mine() as mine:
        assert mine.send("vitalstream/v1/other/readings", GOOD) == NOT_AUTHORIZED
        assert mine.send("vitalstream/v1/mine/readings", GOOD) == 0, "the connection goes on"
    after = site.ledger()
    assert after["balanced"]
    assert after["received"] - before["received"] == 1
    assert after["refused"] - before["refused"] == 1


def test_another_devices_topic_mqtt311_ends_the_connection(site: Site) -> None:
    before = site.ledger()
    with site.mine(mqtt.MQTTv311) as mine:
        assert mine.connected.get(timeout=PATIENCE_S) == 0
        mine.client.publish("vitalstream/v1/other/readings", GOOD, 1)
        mine.ended.get(timeout=PATIENCE_S)
        assert mine.heard.empty(), "never acknowledged"
    after = site.ledger()
    assert after["received"] == before["received"]
    assert after["refused"] - before["refused"] == 1


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", ["5", "311"])
def test_mosquitto_pub_sees_that_it_was_refused(site: Site, version: str) -> None:
    assert site.mosquitto_pub("vitalstream/v1/mine/readings", version) == (0, "")
    code, said = site.mosquitto_pub("vitalstream/v1/other/readings", version)
    assert "not authorized" in said.lower() if version == "5" else code != 0


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", ["5", "311"])
def test_mosquitto_pub_with_a_wrong_password(site: Site, version: str) -> None:
    code, said = site.mosquitto_pub("vitalstream/v1/mine/readings", version, password="wrong")
    assert code != 0
    assert "not authori" in said.lower()


@pytest.mark.parametrize("name", ["mine", "nobody"])
def test_a_wrong_password_and_an_unknown_device_hear_the_same(site: Site, name: str) -> None:
    with device(site.running, name, "wrong") as stranger:
        assert stranger.connected.get(timeout=PATIENCE_S) == NOT_AUTHORIZED


def test_the_other_devices_password_opens_nothing(site: Site) -> None:
    with device(site.running, "mine", site.passwords["other"]) as stranger:
        assert stranger.connected.get(timeout=PATIENCE_S) == NOT_AUTHORIZED


@pytest.mark.parametrize("protocol", [mqtt.MQTTv5, mqtt.MQTTv311], ids=["5", "311"])
def test_ten_megabytes_are_refused_and_counted(site: Site, protocol: int) -> None:
    before = site.ledger()
    payload = b'{"metric":"spo2","value":97,"unit":"%","seq":1,"note":"' + b"x" * TEN_MB + b'"}'
    with site.mine(protocol) as mine:
        assert mine.connected.get(timeout=PATIENCE_S) == 0
        mine.client.publish("vitalstream/v1/mine/readings", payload, 1)
        reason = mine.ended.get(timeout=PATIENCE_S)
        assert mine.heard.empty(), "never acknowledged"
        if protocol == mqtt.MQTTv5:
            assert reason == PACKET_TOO_LARGE
    after = site.ledger()
    assert after["balanced"]
    assert after["received"] == before["received"]
    assert after["refused"] - before["refused"] == 1


def test_after_all_of_it_the_ledger_balances(site: Site, kept: list[dict[str, Any]]) -> None:
    with site.mine() as mine:
        assert mine.send("vitalstream/v1/mine/readings", GOOD) == 0
    counts = site.ledger()
    assert counts["balanced"]
    assert counts["quarantined"] == len(site.quarantined()) > len(BAD_JSON)
    assert site.running.process is not None and site.running.process.poll() is None
