"""Part of a cast on Bluetooth: the devices of a story as peripherals of a fake BlueZ, in a thread of their own.

Where that can't be (`bus.why_not`), `frame` gives what such a device would have sent, for MQTT `.../gatt/{uuid}`.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from simulators.ble import peripherals
from simulators.ble.bus import why_not
from simulators.ble.clock import Clock
from simulators.ble.peripheral import Peripheral, Values
from simulators.devices import DAY_S, Measurement, out_of_contact
from simulators.encoders import gatt
from simulators.plan import SimulatedDevice
from vitals.errors import InternalError, OperatorError

#: The bus is up within 10 ms; the end waits for the adapter to go.
_START_TIMEOUT_S, _STOP_TIMEOUT_S = 10.0, 10.0
#: Every third device of a cast is on Bluetooth, if there are enough of the right kinds.
_SHARE = 3

_KINDS = frozenset({"strap", "cuff", "thermometer", "scale", "oximeter"})


def playable(plan: SimulatedDevice) -> bool:
    """Whether a device's story can be told over Bluetooth with the same end.

    Not: kinds without a profile here, streams that a patient brings along (a strap has no memory), a way out of reach
    with a memory of its stream, wrong clocks (the gateway sets them right), and devices that were somebody else's.
    """
    device = plan.device
    return (
        device.kind in _KINDS
        and (device.kind != "oximeter" or device.form == "gatt")
        and not device.stream_history
        and device.clock == "right"
        and device.before is None
        and plan.scenario.offline is None
    )


def chosen(plans: Sequence[SimulatedDevice]) -> list[SimulatedDevice]:
    """Which of a cast's devices are on Bluetooth: a third of all, of every kind in turn; always the same."""
    of_kind = Counter[str]()
    turns = []
    for number, plan in enumerate(plans):
        if playable(plan):
            turns.append((of_kind[plan.device.kind], number))
            of_kind[plan.device.kind] += 1
    return [plans[number] for _, number in sorted(turns)[: len(plans) // _SHARE]]


def address(device_id: str) -> str:
    """A device's Bluetooth address, the same each time: a static random one, whose two highest bits are set."""
    digits = bytearray(hashlib.blake2b(device_id.encode(), digest_size=6).digest())
    digits[0] |= 0xC0
    return ":".join(f"{one:02X}" for one in digits)


def _number(values: Measurement, metric: str) -> float:
    return float(values[metric][0])


def values_of(kind: str, measured: Measurement) -> Values:
    """A measurement of a plan as the values that a peripheral takes."""
    if kind == "strap":
        return {"heart_rate": _number(measured, "heart_rate"), "contact": float(not out_of_contact(measured))}
    if kind == "cuff":
        pressure = json.loads(measured["blood_pressure"][0])
        return {**pressure, "pulse": _number(measured, "pulse_rate_cuff")}
    if kind == "thermometer":
        return {"temperature": _number(measured, "body_temp")}
    if kind == "scale":
        return {"weight": _number(measured, "body_weight")}
    return {"spo2": _number(measured, "spo2"), "pulse": _number(measured, "pulse_rate_oximeter")}


def peripheral(plan: SimulatedDevice) -> Peripheral:
    """The device as a peripheral; its clock shows the time of where its patient lives."""
    where, clock = address(plan.id), Clock(zone=ZoneInfo(plan.zone))
    match plan.device.kind:
        case "strap":
            return peripherals.heart_rate_strap(where)
        case "cuff":
            return peripherals.cuff(where, clock=clock, window_s=DAY_S)
        case "thermometer":
            return peripherals.thermometer(where, clock=clock, window_s=DAY_S)
        case "scale":
            return peripherals.scale(where, clock=clock, window_s=DAY_S)
        case _:
            return peripherals.oximeter(where, clock=clock, continuous=True)


def frame(plan: SimulatedDevice, start_s: float, t_s: float) -> tuple[str, bytes]:
    """Characteristic and frame of what a device measures at `t_s` seconds from the start (an instant, UTC seconds)."""
    one = peripheral(plan)
    values, face = values_of(plan.device.kind, plan.measure(t_s)), one.clock.face(start_s + t_s)
    if plan.device.kind == "oximeter" and t_s < 0:
        return gatt.PULSE_OXIMETER_SPOT, gatt.oximeter_spot(values["spo2"], values["pulse"], face)
    return one.encode(values, face)


@dataclass(frozen=True, slots=True)
class Played:
    """At the end: frames that the other side confirmed, and frames still in a device's memory."""

    sent: int
    kept: int


class Stage:
    """The devices on Bluetooth. `folder` (there already) gets the bus' socket; `address` is for whoever listens."""

    def __init__(self, plans: Sequence[SimulatedDevice], folder: Path) -> None:
        self._folder = folder
        self._devices = [(plan, peripheral(plan)) for plan in plans]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="bluetooth", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin: asyncio.Future[float] | None = None
        self._end: asyncio.Event | None = None

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS; holds before the start too."""
        return f"unix:path={self._folder / 'bus'}"

    def start(self) -> None:
        """Puts the adapter on the bus; the devices are there and have measured nothing yet.

        Raises OperatorError where there can be none.
        """
        if reason := why_not():
            raise OperatorError(reason)
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT_S):
            raise InternalError("the simulated Bluetooth adapter did not start; is the bus' folder there and writable?")

    def begin(self, start_s: float) -> None:
        """The story starts at this instant (UTC seconds): memories are filled, live values follow by the clock."""
        assert self._loop is not None and self._begin is not None
        self._loop.call_soon_threadsafe(self._begin.set_result, start_s)

    def stop(self) -> Played:
        """Ends it: links break, the bus goes."""
        assert self._loop is not None and self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_STOP_TIMEOUT_S)
        return Played(sum(one.sent for _, one in self._devices), sum(len(one.memory) for _, one in self._devices))

    async def _run(self) -> None:
        from simulators.ble.bluez import FakeBluez  # there is no dbus-fast where this can't run

        self._loop = asyncio.get_running_loop()
        self._begin, self._end = self._loop.create_future(), asyncio.Event()
        async with FakeBluez((one for _, one in self._devices), folder=self._folder):
            self._ready.set()
            story, end = asyncio.ensure_future(self._play(self._begin)), asyncio.ensure_future(self._end.wait())
            await asyncio.wait({story, end}, return_when=asyncio.FIRST_COMPLETED)
            if not story.cancel():
                story.result()  # it has failed

    async def _play(self, begin: asyncio.Future[float]) -> None:
        start_s = await begin
        for plan, one in self._devices:
            one.remember(frame(plan, start_s, t_s) for t_s in sorted(plan.history(start_s)))
        queue = []
        for number, (plan, _) in enumerate(self._devices):
            times = plan.live()
            queue.append((next(times), number, times))
        heapq.heapify(queue)
        while queue:
            t_s, number, times = queue[0]
            await asyncio.sleep(max(0.0, start_s + t_s - time.time()))
            plan, one = self._devices[number]
            one.take(values_of(plan.device.kind, plan.measure(t_s)), start_s + t_s)
            heapq.heapreplace(queue, (next(times), number, times))
