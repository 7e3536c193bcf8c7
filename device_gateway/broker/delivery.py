"""What one connection to a broker owes: acknowledgements in the order the messages came, each once it is durable."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from device_gateway.broker.link import Link
from device_gateway.intake import Origin
from device_gateway.mqtt.packets import Reason
from device_gateway.mqtt.session import Receipt
from vitals.reading import NONE


class Owed(Receipt):
    """A receipt that knows its device: one connection carries the messages of all."""

    __slots__ = ("device",)

    def __init__(self, packet_id: int, size_b: int, device: str) -> None:
        super().__init__(packet_id, size_b)
        self.device = device


class Message(NamedTuple):
    """What came, before anything is known of its device; `at` and `seq` are its user properties."""

    delivery: Delivery
    topic: str
    payload: bytes
    at: str | None
    seq: str | None
    receipt: Owed


class Delivery:
    """The messages of one link that are not settled yet.

    `settled(bytes)` is told what needs no more room; `tell(device, seq)` the highest durable sequence of a message.
    """

    def __init__(
        self, link: Link, origin: Origin, settled: Callable[[int], None], tell: Callable[[str, int], None]
    ) -> None:
        self.link = link
        self.origin = origin
        self._owed: deque[Owed] = deque()
        self._told_settled = settled
        self._tell = tell

    @property
    def over(self) -> bool:
        """Whether the connection is gone: what it brought and we did not acknowledge, the broker brings again."""
        return self.link.lost.done()

    def owe(self, receipt: Owed) -> None:
        """A message came."""
        self._owed.append(receipt)

    def durable(self, receipts: list[Owed]) -> None:
        """The journal holds these messages (the intake's call)."""
        highest: dict[str, int] = {}
        for receipt in receipts:
            receipt.reason = Reason.SUCCESS
            if receipt.sequence != NONE:
                highest[receipt.device] = max(highest.get(receipt.device, NONE), receipt.sequence)
        self._settle()
        for device, sequence in highest.items():
            self._tell(device, sequence)

    def settle_now(self, receipt: Owed) -> None:
        """A message that needs no journal; its acknowledgement still waits for those before it."""
        receipt.reason = Reason.SUCCESS
        self._settle()

    def _settle(self) -> None:
        owed, freed_b = self._owed, 0
        while owed and owed[0].reason is not None:
            receipt = owed.popleft()
            freed_b += receipt.size_b
            if receipt.packet_id:
                self.link.acknowledge(receipt.packet_id)
        if freed_b:
            self._told_settled(freed_b)
