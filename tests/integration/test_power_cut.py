"""Acknowledged means durable: SIGKILL of `up` and its PostgreSQL while devices publish; nothing lost, nothing twice."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.running import Installation, installation

DEVICES = 4
CUTS = 3
BETWEEN_CUTS_S = 1.5
PUBLISH_EVERY_S = 0.01
ANSWERED_S = 30.0


@dataclass
class Publisher:
    """A paho device: publishes numbered readings and lets paho resend what was not acknowledged."""

    device: str
    client: mqtt.Client
    acknowledged: set[int] = field(default_factory=set)
    pending: dict[int, int] = field(default_factory=dict)
    # paho calls back with its own locks held, so the callback only leaves a note.
    answers: deque[tuple[int, bool]] = field(default_factory=deque)
    sent: int = 0

    def publish(self) -> None:
        at_ms = time.time_ns() // 1_000_000
        body = f'{{"metric":"spo2","value":{95 + self.sent % 4},"unit":"%","at":{at_ms},"seq":{self.sent}}}'
        info = self.client.publish(f"vitalstream/v1/{self.device}/readings", body, qos=1)
        self.pending[info.mid] = self.sent
        self.sent += 1

    def unanswered(self) -> bool:
        """Whether anything is; counts the answers that have come. Never called beside `publish`."""
        while self.answers:
            mid, refused = self.answers.popleft()
            assert not refused
            self.acknowledged.add(self.pending.pop(mid))
        return bool(self.pending)


def publisher(running: Installation, device: str, password: str) -> Publisher:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=mqtt.MQTTv311, clean_session=False)
    client.username_pw_set(device, password)
    client.reconnect_delay_set(1, 1)
    client.max_queued_messages_set(0)
    made = Publisher(device, client)
    client.on_publish = lambda _client, _userdata, mid, reason, _properties: made.answers.append(
        (mid, reason.is_failure)
    )
    client.connect("127.0.0.1", running.mqtt_port, keepalive=10)
    client.loop_start()
    return made


def charted_sequences(running: Installation, patient: str) -> list[tuple[str, int]]:
    """(device, sequence) of every Observation of a patient, read from the chart itself."""
    import asyncio

    from storage.connection import connect
    from storage.embedded.server import attach_or_start

    async def read(dsn: str) -> list[tuple[str, int]]:
        async with await connect(dsn, application_name="test") as connection:
            cursor = await connection.execute(
                "SELECT d.id, o.sequence FROM observation o JOIN device d ON d.key = o.device "
                "JOIN patient p ON p.key = o.patient WHERE p.id = %s",
                [patient],
            )
            return [(device, sequence) for device, sequence in await cursor.fetchall()]

    with attach_or_start(running.data_dir / "postgres", 10.0) as dsn:
        return asyncio.run(read(dsn))


@pytest.fixture
def installed() -> Iterator[Installation]:
    with installation() as made:
        yield made


def test_three_power_cuts_lose_and_double_nothing(installed: Installation) -> None:
    installed.json("patient", "add", "p-1")
    devices = [installed.json("device", "add", f"oximeter-{n}", "--patient", "p-1") for n in range(DEVICES)]
    installed.up()
    publishers = [publisher(installed, one["device_id"], one["password"]) for one in devices]
    stop = threading.Event()

    def publish() -> None:
        while not stop.wait(PUBLISH_EVERY_S):
            for one in publishers:
                one.publish()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(CUTS):
            time.sleep(BETWEEN_CUTS_S)
            installed.kill_everything()
            installed.up()
        time.sleep(BETWEEN_CUTS_S)
    finally:
        stop.set()
        thread.join()
    deadline = time.monotonic() + ANSWERED_S
    while time.monotonic() < deadline and sum(one.unanswered() for one in publishers):
        time.sleep(0.05)
    for one in publishers:
        one.client.disconnect()
        one.client.loop_stop()

    sent = {(one.device, number) for one in publishers for number in range(one.sent)}
    acknowledged = {(one.device, number) for one in publishers for number in one.acknowledged}
    assert acknowledged == sent, f"{len(sent - acknowledged)} never acknowledged"
    ledger = drained(installed)
    charted = charted_sequences(installed, "p-1")
    assert len(charted) == len(set(charted)), "a reading is charted twice"
    assert set(charted) == acknowledged
    assert ledger["balanced"]
    assert ledger["stored"] == len(charted)
    assert httpx.get(f"{installed.url}/readyz").status_code == 200


def drained(installed: Installation) -> dict[str, int]:
    """The ledger once nothing is pending."""
    for _ in range(100):
        ledger = installed.json("ledger")
        if ledger["pending"] == 0:
            return ledger
        time.sleep(0.1)
    raise AssertionError(f"still pending: {ledger}")
