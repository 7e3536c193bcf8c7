"""What a client can find out about a broker: whether it is there, lets the right ones in, and keeps what it must.

Most of it is tried out, because brokers don't tell: only below `vitalstream/doctor/` and on the answers' topic of a
device that does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from device_gateway.broker.address import BrokerAddress
from device_gateway.broker.door import SESSION_EXPIRY_S
from device_gateway.broker.link import PACKET_MAX_B, Link, connect
from device_gateway.mqtt import framing
from device_gateway.mqtt.topics import PREFIX, Topics
from vitals.errors import OperatorError, PartnerError

#: Where a queue is tried out; the gateway's account needs to read and write below it.
DOCTOR_TOPIC: Final = "vitalstream/doctor/"

#: Messages kept for one who is away: well above Mosquitto's default of 1,000, and published within seconds.
_QUEUED: Final = 3_000

#: The tried-out session is forgotten after this, should we not come to it.
_PROBE_EXPIRY_S: Final = 120

#: How long nothing may come before the queue counts as empty; a broker sends a queue without pauses.
_SILENCE_S: Final = 2.0

_SHIPPED: Final = "see deploy/mosquitto/ for settings that are safe"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried; `advice` says what to do and is empty when there is nothing."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


class _Listener:
    """Counts what comes and acknowledges it."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def came(self, link: Link, message: MQTTMessage) -> None:
        """A message came."""
        self.count += 1
        self._more.set()
        if message.qos:
            # Not from here: paho is in the middle of reading.
            asyncio.get_running_loop().call_soon(link.acknowledge, message.mid)

    async def wait_for(self, count: int) -> bool:
        """Whether so many came, before a silence."""
        while self.count < count:
            self._more.clear()
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await self._more.wait()
            except TimeoutError:
                return False
        return True


async def probe(address: BrokerAddress, name: str) -> AsyncIterator[Check]:
    """Tries everything out as `name`, which no other client has; ends early at what makes the rest moot."""
    try:
        async with connect(
            address, name, lambda link, message: None, session_expiry_s=SESSION_EXPIRY_S, receive_maximum=20, clean=True
        ) as link:
            yield _reached(address)
            yield _packets(link.limits)
            yield _features(link.limits)
            yield await _strangers(address, name)
            yield await _foreign(link, name)
        # With a clean start and no expiry, what the first session left goes.
        heard = _Listener()
        async with connect(address, name, heard.came, session_expiry_s=0, receive_maximum=20, clean=True) as link:
            yield await _answers(link, name, heard)
            yield await _queue(address, link, name)
    except (OperatorError, PartnerError) as error:
        yield Check("broker", False, f"{address}: {error.code}", error.message)


def _reached(address: BrokerAddress) -> Check:
    here = address.host in ("localhost", "::1") or address.host.startswith("127.")
    advice = "" if address.tls or here else "readings and passwords cross the network in clear text; use mqtts://"
    return Check("broker", True, f"{address} answers to {address.user} with MQTT 5", advice)


def _packets(limits: dict[str, Any]) -> Check:
    """The broker's limit must let through what we take, and stop what we can't be sent."""
    size_b = limits.get("MaximumPacketSize")
    least = framing.PACKET_MAX_B
    if size_b is None or size_b > PACKET_MAX_B:
        detail = (
            f"the broker takes packets of {'any size' if size_b is None else f'{size_b} bytes'} and acknowledges them"
        )
        return Check(
            "broker packets", False, detail, f"too large ones never reach us: max_packet_size {least}; {_SHIPPED}"
        )
    if size_b < least:
        detail = f"the broker takes packets of {size_b} bytes, devices may send {least}"
        return Check("broker packets", False, detail, f"max_packet_size {least}; {_SHIPPED}")
    return Check("broker packets", True, f"at most {size_b} bytes")


def _features(limits: dict[str, Any]) -> Check:
    """What MQTT 5 leaves to a broker: absent properties mean that all is there."""
    missing = [
        words
        for key, least, words in (
            ("SharedSubscriptionAvailable", 1, "shared subscriptions"),
            ("WildcardSubscriptionAvailable", 1, "wildcards"),
            ("MaximumQoS", 1, "QoS 1"),
            ("SessionExpiryInterval", SESSION_EXPIRY_S, f"sessions of {SESSION_EXPIRY_S} s"),
        )
        if limits.get(key, least) < least
    ]
    if missing:
        return Check("broker features", False, f"the broker lacks {', '.join(missing)}", "allow them at the broker")
    return Check("broker features", True, "shared subscriptions, QoS 1, sessions that outlive a week")


async def _strangers(address: BrokerAddress, name: str) -> Check:
    try:
        async with connect(
            address,
            f"{name}-nobody",
            lambda link, message: None,
            session_expiry_s=0,
            receive_maximum=1,
            clean=True,
            credentials=False,
        ):
            pass
    except (OperatorError, PartnerError):
        return Check("broker strangers", True, "nobody gets in without user and password")
    return Check(
        "broker strangers",
        False,
        "anybody gets in without user and password",
        f"allow_anonymous false and a password_file; {_SHIPPED}",
    )


async def _foreign(link: Link, name: str) -> Check:
    """A topic of a device's that no door listens on: what comes of it is the broker's answer and nothing else."""
    reason = await link.publish(f"{PREFIX}{name}/doctor", b"")
    if reason >= 0x80:
        return Check("broker rights", True, f"publishing as somebody else is refused ({reason:#x})")
    return Check(
        "broker rights",
        False,
        "our account may publish as any device; without an access list every device may, too",
        f"an acl_file that lets each device write below {PREFIX}%u/ only and the gateway not at all; {_SHIPPED}",
    )


async def _answers(link: Link, name: str, heard: _Listener) -> Check:
    """Brokers grant subscriptions and then withhold messages: only a message that comes is a proof."""
    topic = Topics(name).ack
    await link.subscribe([(topic, SubscribeOptions(qos=1))])
    if await link.publish(topic, b'{"seq":0}') >= 0x80:
        return Check(
            "broker topics",
            False,
            "our account may not answer devices",
            f"let it write {PREFIX}+/ack and {PREFIX}+/cmd; {_SHIPPED}",
        )
    if not await heard.wait_for(1):
        return Check(
            "broker topics",
            False,
            f"what is published below {PREFIX} does not reach our account",
            f"let it read {PREFIX}#; {_SHIPPED}",
        )
    return Check("broker topics", True, "devices are heard and answered")


async def _queue(address: BrokerAddress, link: Link, name: str) -> Check:
    """Whether more than a default queue is kept for one who is away."""
    topic, away = f"{DOCTOR_TOPIC}{name}", f"{name}-away"
    kept = _Listener()
    back = partial(connect, address, away, kept.came, receive_maximum=1_000)
    async with back(session_expiry_s=_PROBE_EXPIRY_S, clean=True) as leaving:
        await leaving.subscribe([(topic, SubscribeOptions(qos=1))])
    refused = [reason for reason in await link.publish_all(topic, b"kept?", _QUEUED) if reason >= 0x80]
    if refused:
        return Check(
            "broker queue",
            False,
            f"could not be tried out: publishing on {DOCTOR_TOPIC} is refused ({refused[0]:#x})",
            f"let our account read and write {DOCTOR_TOPIC}#; {_SHIPPED}",
        )
    async with back(session_expiry_s=_PROBE_EXPIRY_S):
        all_came = await kept.wait_for(_QUEUED)
    async with back(session_expiry_s=0, clean=True):
        pass  # the session and what is left of its queue go
    if not all_came:
        return Check(
            "broker queue",
            False,
            f"of {_QUEUED} messages acknowledged while one was away the broker kept {kept.count}",
            f"raise max_queued_messages and max_queued_bytes; {_SHIPPED}",
        )
    return Check(
        "broker queue",
        True,
        f"{_QUEUED} messages were kept for one who was away; whether they survive a restart no client can see",
        "check `persistence true` and a short `autosave_interval` at the broker",
    )
