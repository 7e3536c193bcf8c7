"""A bare paho subscriber in a process of its own: counts messages and does nothing with them.

A job with `port` comes first on stdin and is answered with `ready`. Then each line is a number of messages to wait for,
counted from then on and answered with `ready` and, when they are there, `got`. Ends when standard input does.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

_TOPIC = "vitalstream/v1/+/readings"
_LIMIT_S = 120.0


class _Counter:
    def __init__(self) -> None:
        self._left = 0
        self.subscribed = threading.Event()
        self.complete = threading.Event()

    def expect(self, messages: int) -> None:
        self.complete.clear()
        self._left = messages

    def on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        self._left -= 1
        if not self._left:
            self.complete.set()

    def on_subscribe(self, *_: Any) -> None:
        self.subscribed.set()


def _wait(event: threading.Event) -> None:
    if not event.wait(_LIMIT_S):
        sys.exit(f"nothing more came within {_LIMIT_S:.0f} s")


def _main() -> None:
    counter = _Counter()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = counter.on_message
    client.on_subscribe = counter.on_subscribe
    client.connect("127.0.0.1", json.loads(sys.stdin.readline())["port"])
    client.loop_start()
    client.subscribe(_TOPIC, qos=1)
    _wait(counter.subscribed)
    print("ready", flush=True)
    for line in sys.stdin:
        counter.expect(int(line))
        print("ready", flush=True)
        _wait(counter.complete)
        print("got", flush=True)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    _main()
