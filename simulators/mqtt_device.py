"""One simulated device: an ordinary paho client that publishes with QoS 1 and resends what was not acknowledged."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.devices import Measurement, out_of_contact
from simulators.encoders import gatt
from simulators.plan import ARRAY_MAX

_KEEPALIVE_S = 30
#: paho reconnects by itself between these bounds.
_RECONNECT_MIN_S, _RECONNECT_MAX_S = 1, 5
#: Acknowledged messages that a device sends once more after an outage, as real ones do that lost the acknowledgement.
RESENT_AFTER_OUTAGE = 3


@dataclass(slots=True)
class Taken:
    """One measurement in the device's memory: `at_ms` UTC milliseconds, `seq` its counter."""

    at_ms: int
    seq: int
    values: Measurement


def elements(taken: Taken) -> list[str]:
    """The JSON objects of one measurement; a value's text stays as the device shows it (36.60)."""
    return [
        f'{{"metric":"{metric}","value":{value},"unit":"{unit}","at":{taken.at_ms},"seq":{taken.seq}}}'
        for metric, (value, unit) in taken.values.items()
    ]


def frame(values: Measurement) -> tuple[str, bytes]:
    """Characteristic and frame of a measurement that a GATT device would send."""
    if "heart_rate" in values:
        return gatt.HEART_RATE, gatt.heart_rate(int(values["heart_rate"][0]), contact=not out_of_contact(values))
    return gatt.PULSE_OXIMETER_CONTINUOUS, gatt.oximeter_continuous(
        int(values["spo2"][0]), int(values["pulse_rate_oximeter"][0])
    )


@dataclass(slots=True)
class Counts:
    """What a device published and what was acknowledged, in readings."""

    published: int = 0
    acknowledged: int = 0
    refused: int = 0
    pending: dict[int, int] = field(default_factory=dict)


class MqttDevice:
    """Publishes as one device.

    paho calls back with its own locks held, so its thread only leaves answers in a queue; the thread that publishes
    counts them.
    """

    def __init__(self, device: str, password: str, form: str) -> None:
        self.device = device
        self._form = form
        self._topic = f"vitalstream/v1/{device}"
        self._sequence = 0
        self._answers: deque[tuple[int, bool]] = deque()
        self.counts = Counts()
        self.connected = threading.Event()
        self._sent: list[tuple[str, bytes, Properties | None, int]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(device, password)
        self._client.will_set(f"{self._topic}/status", "offline", qos=1)
        self._client.reconnect_delay_set(_RECONNECT_MIN_S, _RECONNECT_MAX_S)
        self._client.max_queued_messages_set(10_000)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = lambda *_: self.connected.clear()

    def _on_connect(
        self, client: mqtt.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if not reason.is_failure:
            client.publish(f"{self._topic}/status", "online", qos=1)
            self.connected.set()

    def _on_publish(self, client: object, userdata: object, mid: int, reason: ReasonCode, properties: object) -> None:
        self._answers.append((mid, reason.is_failure))

    def _settle(self) -> None:
        """Counts the answers that have come; only the publishing thread calls it."""
        while self._answers:
            mid, failed = self._answers.popleft()
            readings = self.counts.pending.pop(mid, 0)
            if failed:
                self.counts.refused += readings
            else:
                self.counts.acknowledged += readings

    def connect(self, host: str, port: int) -> None:
        """Connects in the background and keeps trying."""
        self._client.connect_async(host, port, keepalive=_KEEPALIVE_S)
        self._client.loop_start()

    def reconnect(self) -> None:
        """Comes back after `drop`."""
        self._client.reconnect()
        self._client.loop_start()

    def renew(self, password: str) -> None:
        """Signs in with a new password, as after a claim; what is unacknowledged is sent again."""
        self.drop()
        self._client.username_pw_set(self.device, password)
        self.reconnect()

    def drop(self) -> None:
        """Goes out of reach."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, at_ms: int, values: Measurement) -> Taken:
        """Puts one measurement into the device's memory."""
        self._sequence += 1
        return Taken(at_ms, self._sequence, values)

    def publish(self, memory: list[Taken]) -> None:
        """Publishes measurements: one JSON object, arrays of up to ARRAY_MAX, or one GATT frame a message."""
        if self._form == "gatt":
            for taken in memory:
                uuid, payload = frame(taken.values)
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                properties.UserProperty = [("at", str(taken.at_ms)), ("seq", str(taken.seq))]
                # A frame says by a bit of the value whether there was contact; that is no reading of its own.
                self._send(
                    f"{self._topic}/gatt/{uuid}", payload, properties, len(taken.values.keys() - {"sensor_contact"})
                )
            return
        self.publish_elements([text for taken in memory for text in elements(taken)])

    def publish_elements(self, texts: list[str]) -> None:
        """Publishes JSON objects of readings: one alone, more as arrays of up to ARRAY_MAX."""
        for first in range(0, len(texts), ARRAY_MAX):
            part = texts[first : first + ARRAY_MAX]
            text = part[0] if len(part) == 1 else f"[{','.join(part)}]"
            self._send(f"{self._topic}/readings", text.encode(), None, len(part))

    def resend(self) -> None:
        """Sends the last messages once more: duplicates that must not become second Observations."""
        for message in self._sent[-RESENT_AFTER_OUTAGE:]:
            self._send(*message, again=True)

    def _send(
        self, topic: str, payload: bytes, properties: Properties | None, readings: int, *, again: bool = False
    ) -> None:
        info = self._client.publish(topic, payload, qos=1, properties=properties)
        if info.rc in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            self.counts.pending[info.mid] = readings
        self.counts.published += readings
        self._settle()
        if not again:
            self._sent = [*self._sent[-RESENT_AFTER_OUTAGE:], (topic, payload, properties, readings)]

    def waiting(self) -> int:
        """How many messages are not answered yet."""
        self._settle()
        return len(self.counts.pending)

    def idle(self) -> bool:
        """Whether everything published is answered."""
        return not self.waiting()


def report(devices: list[MqttDevice]) -> str:
    """Counts over all devices as one JSON object."""
    total = {
        name: sum(getattr(device.counts, name) for device in devices)
        for name in ("published", "acknowledged", "refused")
    }
    return json.dumps(total)
