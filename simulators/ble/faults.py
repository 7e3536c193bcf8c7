"""What goes wrong and when: scripts for one peripheral and for the adapter. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Faults:
    """A peripheral's script; the default is a device with which nothing goes wrong.

    `connect_errors`: what the first calls of Connect answer, one each: `InProgress`, or the text of a failure such as
    `br-connection-canceled` or `le-connection-abort-by-local` (that link comes up and goes down at once).
    `unresolved`: on so many first links the services are never resolved.
    `busy`: so many first reads, writes and StartNotify are answered `InProgress`.
    `drop_after`: the device drops its first, second, ... link after so many values (0: as soon as it is up).
    `early`: what is in memory is sent as soon as the link is up, before anybody can have subscribed.
    `hasty`: what is in memory comes before the answer to StartNotify, not after it.
    `not_a_number`, `truncated`: which measurements, counted from 1, hold no number or lose their last byte.
    `silent`: windows (from, until) in seconds since the start without advertisements.
    `other_clients`: so many other programs hold a registration on every characteristic: each value comes so many times
    more.
    """

    connect_errors: tuple[str, ...] = ()
    unresolved: int = 0
    busy: int = 0
    drop_after: tuple[int, ...] = ()
    early: bool = False
    hasty: bool = False
    not_a_number: frozenset[int] = frozenset()
    truncated: frozenset[int] = frozenset()
    silent: tuple[tuple[float, float], ...] = ()
    other_clients: int = 0


AdapterEvent = Literal["power-off", "power-on", "vanish", "return"]


@dataclass(frozen=True, slots=True)
class AdapterFaults:
    """The adapter's script.

    `discovery_errors`: what the first calls of StartDiscovery answer, as in `connect_errors`. `events`: (seconds since
    the start, what happens); `vanish` is bluetoothd killed, `return` its new start.
    """

    discovery_errors: tuple[str, ...] = ()
    events: tuple[tuple[float, AdapterEvent], ...] = ()


NONE = Faults()
NO_ADAPTER_FAULTS = AdapterFaults()
