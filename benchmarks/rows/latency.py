"""`latency-p50` and `latency-p99`: milliseconds from a device's publish to the alert at a live subscriber.

Less is better here, in figures and ratios. Ours: a whole `vitalstream up` in its own process; 150 devices publish 50
quiet readings a second and 30 that cross a limit, and an HTTP client follows `/api/live`. In between lie the durable
journal, the rules, the committed chart and the feed. Peer: the same messages in the same rhythm from one paho client
through Mosquitto to another, which stores and decides nothing. Limit: one durable commit that tells somebody (INSERT
and NOTIFY in PostgreSQL), from the statement to the listener; an alert needs two, the journal's and the chart's.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import httpx
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.harness import Row
from benchmarks.mqtt_load import CONNACK, connect_packet, publish_packet
from benchmarks.site import DISK, database, mosquitto, register, running_system
from storage.connection import connect
from storage.embedded.server import attach_or_start
from storage.registry.accounts import add_token

#: Each patient is quiet and then crosses a limit, once a run: 5 s at this rhythm.
PATIENTS = 150
ALERTS_HZ = 30
QUIET_HZ = 50

#: Breaths a minute: the shipped rule `rr-high` raises from 25 on and clears at 23.
_QUIET, _HIGH = 16, 26
_RULE = "rr-high"

#: After the last publish of a run the last alert is there by then, or the run has failed.
_PATIENCE_S = 20.0

#: A run: the milliseconds of each alert.
_Runs = Callable[[], AbstractContextManager[Callable[[], list[float]]]]


def rows() -> list[Row]:
    """The rows `latency-p50` and `latency-p99`."""
    return [
        Row(
            name=f"latency-p{percent}",
            unit="ms",
            ours=partial(_percentile, _ours, percent),
            peer=partial(_percentile, _peer, percent),
            peer_name="paho to paho through Mosquitto",
            limit=partial(_percentile, _limit, percent),
            limit_name="one durable commit with NOTIFY",
            fsync_in=DISK,
        )
        for percent in (50, 99)
    ]


@contextmanager
def _percentile(runs: _Runs, percent: int) -> Iterator[Callable[[], float]]:
    with runs() as run:
        yield lambda: nearest_rank(run(), percent)


def nearest_rank(figures: list[float], percent: int) -> float:
    """The smallest figure that at least so many percent of all do not exceed."""
    return sorted(figures)[math.ceil(len(figures) * percent / 100) - 1]


def rhythm() -> list[tuple[float, int, int]]:
    """(due in seconds, patient, breaths a minute): each patient's quiet reading comes before the high one."""
    quiet = [(n / QUIET_HZ, n % PATIENTS, _QUIET) for n in range(PATIENTS * QUIET_HZ // ALERTS_HZ)]
    return sorted(quiet + [(n / ALERTS_HZ, n, _HIGH) for n in range(PATIENTS)])


class _Arrivals:
    """What is on its way, and how long it took."""

    def __init__(self) -> None:
        self._sent_s: dict[str, float] = {}
        self._took_ms: list[float] = []
        self._complete = threading.Event()

    def came(self, patient: str) -> None:
        """What was published of this patient has arrived."""
        sent_s = self._sent_s.pop(patient, None)
        if sent_s is not None:
            self._took_ms.append((time.perf_counter() - sent_s) * 1000)
            if len(self._took_ms) == PATIENTS:
                self._complete.set()

    def run(self, publish: Callable[[int, bytes], object]) -> list[float]:
        """Publishes one run with `publish(patient, payload)` and waits for all that must arrive."""
        self._took_ms.clear()
        self._complete.clear()
        began_s = time.perf_counter()
        for number, (due_s, patient, breaths) in enumerate(rhythm()):
            time.sleep(max(0.0, began_s + due_s - time.perf_counter()))
            at_ms = time.time_ns() // 1_000_000
            payload = b'{"metric":"resp_rate","value":%d,"unit":"/min","at":%d,"seq":%d}' % (breaths, at_ms, number)
            if breaths == _HIGH:
                self._sent_s[f"p{patient}"] = time.perf_counter()
            publish(patient, payload)
        if not self._complete.wait(_PATIENCE_S):
            raise TimeoutError(f"{len(self._took_ms)} of {PATIENTS} alerts came within {_PATIENCE_S:.0f} s")
        return list(self._took_ms)


# ------------------------------------------------------------ ours


@contextmanager
def _ours() -> Iterator[Callable[[], list[float]]]:
    with running_system() as system:
        with attach_or_start(system.data_dir / "postgres", wait_s=0) as dsn:
            devices = asyncio.run(register(dsn, PATIENTS))
            token = asyncio.run(_token(dsn))
        arrivals, ready = _Arrivals(), threading.Event()
        # It ends with the system; a daemon, so that a failed run doesn't wait for it.
        threading.Thread(target=_follow, args=(system.url, token, arrivals, ready), daemon=True).start()
        if not ready.wait(_PATIENCE_S):
            raise TimeoutError("the live feed sent no snapshot")
        with ExitStack() as stack:
            sockets = [stack.enter_context(_signed_in(system.mqtt_port, *device)) for device in devices]

            def publish(patient: int, payload: bytes) -> None:
                # Acknowledgements stay in the socket's buffer: a few bytes a run.
                sockets[patient].sendall(publish_packet(devices[patient][0], 1, payload))

            yield lambda: arrivals.run(publish)


async def _token(dsn: str) -> str:
    async with await connect(dsn, application_name="benchmark") as connection:
        return await add_token(connection, "clinician", datetime.now(UTC), days=1)


def _follow(url: str, token: str, arrivals: _Arrivals, ready: threading.Event) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    event = ""
    with suppress(httpx.TransportError), httpx.stream("GET", f"{url}/api/live", headers=headers, timeout=None) as feed:
        for line in feed.raise_for_status().iter_lines():
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and event == "snapshot":
                ready.set()
            elif line.startswith("data:") and event == "alert":
                alert = json.loads(line[5:])
                if alert["rule"] == _RULE and alert["condition"] == "active":
                    arrivals.came(alert["patient"])


@contextmanager
def _signed_in(port: int, device: str, password: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.sendall(connect_packet(device, password))
        if made.recv(len(CONNACK)) != CONNACK:
            raise ConnectionError(f"the endpoint refuses {device}")
        yield made


# ------------------------------------------------------------ the others


@contextmanager
def _peer() -> Iterator[Callable[[], list[float]]]:
    arrivals = _Arrivals()

    def on_message(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        if json.loads(message.payload)["value"] == _HIGH:
            arrivals.came("p" + message.topic.split("/")[2].removeprefix("device-"))

    with mosquitto() as port, _paho(port) as publisher, _paho(port) as subscriber:
        subscribed = threading.Event()
        subscriber.on_message = on_message
        subscriber.on_subscribe = lambda *_: subscribed.set()
        subscriber.subscribe("vitalstream/v1/+/readings", qos=1)
        if not subscribed.wait(_PATIENCE_S):
            raise TimeoutError("Mosquitto did not answer the subscription")
        yield lambda: arrivals.run(
            lambda patient, payload: publisher.publish(f"vitalstream/v1/device-{patient}/readings", payload, qos=1)
        )


@contextmanager
def _paho(port: int) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_socket_open = _without_delay
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _without_delay(client: mqtt.Client, userdata: object, made: object) -> None:
    assert isinstance(made, socket.socket)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def _limit() -> Iterator[Callable[[], list[float]]]:
    with (
        database() as dsn,
        psycopg.connect(dsn, autocommit=True) as writer,
        psycopg.connect(dsn, autocommit=True) as listener,
    ):
        writer.execute("CREATE TABLE benchmark (alert integer)")
        listener.execute("LISTEN benchmark")

        def once(number: int) -> float:
            began_s = time.perf_counter()
            writer.execute(
                "WITH kept AS (INSERT INTO benchmark VALUES (%s)) SELECT pg_notify('benchmark', '')", [number]
            )
            if not list(listener.notifies(timeout=_PATIENCE_S, stop_after=1)):
                raise TimeoutError("PostgreSQL did not notify")
            return (time.perf_counter() - began_s) * 1000

        yield lambda: [once(number) for number in range(PATIENTS)]
