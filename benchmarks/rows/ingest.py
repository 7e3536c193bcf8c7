"""`ingest`: how many single-reading messages (QoS 1, JSON, 40 connections) a second are taken in.

Ours: endpoint, decoding, identity and the durable journal (PostgreSQL with fsync), to the last PUBACK, each of which
says that the reading is on disk. Peer: a bare paho subscriber behind Mosquitto, to the last message that it gets; it
decodes nothing and nothing is kept, while the broker acknowledges before anybody has the message. Limit: packets found
and acknowledged at once by the least asyncio server there can be. The load is the same, in a process of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.harness import Row
from benchmarks.site import DISK, database, helper, mosquitto, register

CONNECTIONS = 40
#: Messages of a connection in a run: 40,000 together take ours and the peer a second or two.
MESSAGES = 1_000
#: The limit is over so soon that it needs more to be timed.
MESSAGES_LIMIT = 5_000


def rows() -> list[Row]:
    """The row `ingest`."""
    return [
        Row(
            name="ingest",
            unit="messages/s",
            ours=_ours,
            peer=_peer,
            peer_name="paho subscriber on Mosquitto",
            limit=_limit,
            limit_name="MQTT framing alone",
            fsync_in=DISK,
        )
    ]


@contextmanager
def _ours() -> Iterator[Callable[[], float]]:
    with database() as dsn:
        devices = asyncio.run(register(dsn, CONNECTIONS))
        with helper("benchmarks.gateway", {"dsn": dsn}) as gateway:
            port = int(gateway.answer())
            yield lambda: _rate(port, devices, MESSAGES)


@contextmanager
def _peer() -> Iterator[Callable[[], float]]:
    with mosquitto() as port, helper("benchmarks.paho_subscriber", {"port": port}) as subscriber:
        subscriber.expect("ready")

        def run() -> float:
            subscriber.tell(str(CONNECTIONS * MESSAGES))
            subscriber.expect("ready")
            # The broker acknowledges ahead of its subscriber: the run is over when both have come through.
            return _rate(port, _STRANGERS, MESSAGES, until=lambda: subscriber.expect("got"))

        yield run


@contextmanager
def _limit() -> Iterator[Callable[[], float]]:
    with helper("benchmarks.framing_server", {}) as server:
        port = int(server.answer())
        yield lambda: _rate(port, _STRANGERS, MESSAGES_LIMIT)


#: For servers that ask nobody who he is.
_STRANGERS = [(f"device-{number}", "any") for number in range(CONNECTIONS)]


def _rate(port: int, devices: list[tuple[str, str]], messages: int, until: Callable[[], None] = lambda: None) -> float:
    """Messages a second from the first publish to the last PUBACK, and on until `until` returns."""
    with helper("benchmarks.mqtt_load", {"port": port, "messages": messages, "devices": devices}) as load:
        load.expect("ready")
        began_s = time.perf_counter()
        load.tell("go")
        load.expect("done")
        until()
        return len(devices) * messages / (time.perf_counter() - began_s)
