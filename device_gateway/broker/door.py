"""The broker's door: subscribes as one of a group of gateways, takes messages to the intake, acknowledges last."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, NoReturn

import structlog
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from device_gateway.broker.address import BrokerAddress
from device_gateway.broker.delivery import Delivery, Message, Owed
from device_gateway.broker.link import Link, connect
from device_gateway.intake import Intake, Origin
from device_gateway.mqtt.framing import PAYLOAD_MAX_B, SAMPLE_B
from device_gateway.mqtt.messages import parse_message
from device_gateway.mqtt.presence import Presence
from device_gateway.mqtt.session import STATUS_WORDS, Take
from device_gateway.mqtt.topics import PREFIX, Kind, Topics, owner
from device_gateway.payloads.model import unusable
from vitals.errors import OperatorError, PartnerError
from vitals.ports.devices import DeviceAccount, DeviceDirectory

#: Gateways that share one group each get a part of the messages.
GROUP: Final = f"$share/vitalstream/{PREFIX}+/"

#: What devices publish on. `ack` and `cmd` are left out: they are ours to speak on and would come back to us.
_DEVICE_TOPICS: Final = ("readings", "gatt/+", "senml", "senml-cbor", "fhir", "raw")

#: How long a broker keeps what comes while this gateway is away: as long as a late reading may open an alert.
SESSION_EXPIRY_S: Final = 7 * 86_400

#: Messages the broker may have sent and we not acknowledged: at 50 ms a group 80,000 a second, more than paho reads.
RECEIVE_MAXIMUM: Final = 4_096

#: What may be held that is not durable, with what a message costs beside its payload (0.4 kB here, and what paho makes
#: of it for a moment): a full receive maximum of ordinary messages fits, 60 of the largest do.
_HELD_MAX_B: Final = 16 * 1024 * 1024
_MESSAGE_B: Final = 1_000

#: Messages of which the devices are looked up together.
_BATCH: Final = 500

#: Waits between attempts: soon again after a restart of the broker, no hammering of one that is down.
_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 15.0
#: A connection that lasted this long was good; the next attempt comes soon again.
_GOOD_S: Final = 30.0

#: Between attempts while the registry can't be asked.
_REGISTRY_RETRY_S: Final = 1.0

#: Sequences published in one go before the broker must have taken them.
_SAID_MAX: Final = 200

#: How often the end of what is under way is looked for at a stop.
_LOOK_S: Final = 0.01

#: How long presence may take to be told at the end.
_CLOSE_S: Final = 1.0

_log = structlog.get_logger(__name__)


def client_id(gateway: str) -> str:
    """Our client id: the same after a restart, so that the broker gives back the session, and one for each gateway."""
    return f"vitalstream-{gateway}"


def filters() -> list[tuple[str, SubscribeOptions]]:
    """What a gateway subscribes to.

    Who is online is for every gateway and not shared, because retained messages don't come to shared subscriptions;
    they come once a session (retain handling 1), not with every connection.
    """
    shared = [(GROUP + topic, SubscribeOptions(qos=1)) for topic in _DEVICE_TOPICS]
    retained = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    return [*shared, (f"{PREFIX}+/status", retained)]


class BrokerDoor:
    """Devices' messages from a broker into the intake.

    `gateway` names this gateway among those of the broker and must stay the same: what a broker keeps for a name that
    does not come back, nobody gets, and Mosquitto goes on giving it its share. `now_us` is the wall clock in UTC
    microseconds. The caller runs the intake and outlives the door with it. `connected` is set while the broker's
    messages reach us.
    """

    def __init__(
        self,
        address: BrokerAddress,
        gateway: str,
        intake: Intake,
        directory: DeviceDirectory,
        now_us: Callable[[], int],
    ) -> None:
        self._address = address
        self._client_id = client_id(gateway)
        self._intake = intake
        self._directory = directory
        self._now_us = now_us
        self._presence = Presence(directory)
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._held_b = 0
        self._delivery: Delivery | None = None
        self._to_say: dict[str, int] = {}
        self._to_say_changed = asyncio.Event()
        self._had_session = False
        self._stopping = False
        self._running: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()
        self.disconnected.set()

    async def start(self) -> asyncio.Task[None]:
        """Begins; the task runs until `stop`, and raises what ends the door before that.

        A broker that is away is tried again; one that refuses us at the first attempt is an OperatorError.
        """
        loop = asyncio.get_running_loop()
        first: asyncio.Future[None] = loop.create_future()
        running = self._running = loop.create_task(self._run(first))
        await asyncio.wait((first, running), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        return running

    async def _run(self, first: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        work: tuple[Coroutine[Any, Any, None], ...] = (
            self._keep_connected(first),
            self._take_messages(),
            self._say_sequences(),
            self._presence.run(),
        )
        tasks = [loop.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self, grace_s: float) -> None:
        """Stops reading, acknowledges what becomes durable within `grace_s`, then says goodbye to the broker."""
        self._stopping = True
        if self._delivery is not None:
            self._delivery.link.pause()
        try:
            async with asyncio.timeout(grace_s):
                while self._held_b or self._to_say:  # noqa: ASYNC110 - of two things, and only at the end
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            if self._held_b:
                _log.warning("mqtt_stopped_with_unacknowledged_messages", grace_s=grace_s)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._presence.flush()
        except TimeoutError:
            _log.warning("presence_not_told_at_stop")

    # ------------------------------------------------------------ the connection

    async def _keep_connected(self, first: asyncio.Future[None]) -> NoReturn:
        loop = asyncio.get_running_loop()
        wait_s = _RETRY_FIRST_S
        while True:
            began_s = loop.time()
            try:
                await self._serve(first)
            except PartnerError as error:
                _log.warning("broker_away", code=error.code, error=error.message, retry_in_s=wait_s)
            except OperatorError as error:
                if not first.done():
                    raise
                # It was right before: somebody is changing something, and may change it back. Coming back late, two
                # processes of one name don't throw each other out all the time.
                wait_s = _RETRY_MAX_S
                _log.error("broker_refuses", code=error.code, error=error.message, retry_in_s=wait_s)
            if not first.done():
                first.set_result(None)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _RETRY_MAX_S) if loop.time() - began_s < _GOOD_S else _RETRY_FIRST_S

    async def _serve(self, first: asyncio.Future[None]) -> None:
        """One connection from its beginning to its end."""
        made = connect(
            self._address,
            self._client_id,
            self._came,
            session_expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
        )
        async with made as link:
            try:
                self._welcome(link)
                refused = [reason for reason in await link.subscribe(filters()) if reason >= 0x80]
                if refused:
                    raise OperatorError(
                        f"the broker refuses our subscriptions (reason {refused[0]:#x}): its access list must let "
                        f"{self._address.user} read {PREFIX}#, and it must have shared subscriptions",
                        code="broker-refused",
                    )
                _log.info("broker_connected", broker=str(self._address), session=link.session_present)
                self.connected.set()
                self.disconnected.clear()
                if not first.done():
                    first.set_result(None)
                why = await asyncio.shield(link.lost)
            finally:
                self.connected.clear()
                self.disconnected.set()
                self._delivery = None
        if "taken over" in why:
            raise OperatorError(
                f"another process connected to the broker as {self._client_id}: gateways of one broker need names "
                "(host names) of their own",
                code="gateway-twice",
            )
        raise PartnerError(f"the connection to {self._address} was lost ({why})", code="broker-away")

    def _welcome(self, link: Link) -> None:
        if self._had_session and not link.session_present:
            _log.error("broker_forgot_us", broker=str(self._address), lost="what it held for this gateway, if anything")
        self._had_session = True

    # ------------------------------------------------------------ messages in

    def _came(self, link: Link, message: MQTTMessage) -> None:
        """In the event loop, while paho reads: nothing but taking note."""
        payload = bytes(message.payload)
        user = getattr(message.properties, "UserProperty", None)
        named = dict(user) if user else {}
        delivery = self._delivery
        if delivery is None or delivery.link is not link:
            # Our numbering of readings without identity begins anew with each connection, and is this gateway's own.
            number = zlib.crc32(self._client_id.encode()) % 1000
            delivery = self._delivery = Delivery(link, Origin(self._now_us() * 1000 + number), self._freed, self._tell)
        receipt = Owed(message.mid if message.qos else 0, len(payload) + _MESSAGE_B, owner(message.topic))
        delivery.owe(receipt)
        self._held_b += receipt.size_b
        self._inbox.append(Message(delivery, message.topic, payload, named.get("at"), named.get("seq"), receipt))
        self._arrived.set()
        if self._held_b > _HELD_MAX_B and not link.paused:
            link.pause()

    def _freed(self, size_b: int) -> None:
        self._held_b -= size_b
        if self._held_b > _HELD_MAX_B // 2 or self._stopping or self._delivery is None:
            return
        if self._delivery.link.paused:
            self._delivery.link.resume()

    async def _take_messages(self) -> NoReturn:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                batch = [self._inbox.popleft() for _ in range(min(_BATCH, len(self._inbox)))]
                accounts = await self._accounts({message.receipt.device for message in batch} - {""})
                for message in batch:
                    while self._intake.full:
                        free = asyncio.Event()
                        self._intake.when_free(free.set)
                        await free.wait()
                    await self._take(message, accounts.get(message.receipt.device))

    async def _accounts(self, devices: Iterable[str]) -> dict[str, DeviceAccount | None]:
        """What the registry knows of these devices, at most a second old; asked until it answers."""
        names = list(devices)
        while True:
            try:
                return dict(zip(names, await asyncio.gather(*map(self._directory.account, names)), strict=True))
            except PartnerError as error:
                _log.warning("registry_unreachable", code=error.code, error=error.message)
                await asyncio.sleep(_REGISTRY_RETRY_S)

    async def _take(self, message: Message, account: DeviceAccount | None) -> None:
        delivery, receipt = message.delivery, message.receipt
        if delivery.over and receipt.packet_id:
            delivery.settle_now(receipt)  # the broker brings it again
        elif not receipt.device:
            await self._refuse(message, "foreign-topic")
        elif len(message.payload) > PAYLOAD_MAX_B:
            await self._refuse(message, "payload-too-large")
        else:
            self._submit(message, account)

    def _submit(self, message: Message, account: DeviceAccount | None) -> None:
        delivery, receipt = message.delivery, message.receipt
        device = receipt.device
        route = Topics(device).route(message.topic)
        if account is None:
            # The broker let it in, so it must not vanish; nor may it reach a patient.
            account = DeviceAccount(device, device, None)
            text = "no such device is registered, or it was revoked; `vitalstream device add` registers it"
            parsed = unusable(message.payload, "device-not-registered", text)
        elif route.kind is Kind.STATUS and (online := STATUS_WORDS.get(message.payload.strip().lower())) is not None:
            self._presence.note(device, online, self._now_us())
            delivery.settle_now(receipt)
            return
        else:
            parsed = parse_message(Take(route, message.payload, message.at, message.seq, receipt))
        receipt.sequence = self._intake.submit(account, delivery.origin, parsed, delivery, receipt)

    async def _refuse(self, message: Message, reason: str) -> None:
        device = message.receipt.device or None
        _log.warning("mqtt_message_refused", device=device, reason=reason)
        try:
            await self._directory.refused(device, reason, message.payload[:SAMPLE_B])
        except PartnerError as error:
            _log.warning("refusal_not_counted", device=device, reason=reason, code=error.code, error=error.message)
        message.delivery.settle_now(message.receipt)

    # ------------------------------------------------------------ last durable sequences out

    def _tell(self, device: str, sequence: int) -> None:
        self._to_say[device] = sequence
        self._to_say_changed.set()

    async def _say_sequences(self) -> NoReturn:
        """The newest of each device, as fast as the broker takes them; bounded by the number of devices."""
        while True:
            await self._to_say_changed.wait()
            self._to_say_changed.clear()
            while self._to_say and self._delivery is not None and not self._delivery.over:
                link = self._delivery.link
                for _ in range(min(_SAID_MAX, len(self._to_say))):
                    if not link.writable:
                        break
                    device, sequence = self._to_say.popitem()
                    link.say(Topics(device).ack, b'{"seq":%d}' % sequence)
                await asyncio.sleep(0 if link.writable else 0.05)
            self._to_say.clear()  # nobody to tell it to; after a reconnect the next one says it
