"""The way in: `run_bluetooth` serves one adapter until told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from bleak.backends.device import BLEDevice

from device_gateway.ble.bounds import Bounds
from device_gateway.ble.faults import BLUETOOTH_FAULTS, code_of
from device_gateway.ble.profiles import KnownDevice
from device_gateway.ble.reports import Deliver, Report, Trouble
from device_gateway.ble.scanner import Scanner
from device_gateway.ble.session import Session, Surroundings
from device_gateway.ble.states import Kind
from device_gateway.ble.watch import BluezWatch

#: Address as BlueZ writes it (upper case, colons) to the device that may connect; None: it is not ours.
Lookup = Callable[[str], KnownDevice | None]

_log = structlog.get_logger(__name__)


def wall_clock_us() -> int:
    """UTC microseconds since 1970."""
    return time.time_ns() // 1000


async def run_bluetooth(
    adapter: str,
    devices: Mapping[str, KnownDevice] | Lookup,
    deliver: Deliver,
    bounds: Bounds,
    stop: asyncio.Event,
    *,
    report: Callable[[Report], None] = lambda _: None,
    now_us: Callable[[], int] = wall_clock_us,
) -> None:
    """Serves the known devices around one adapter until `stop` is set; then links are closed and queues emptied.

    `adapter`: the controller's address, which stays, or its name (hci0). `devices` by identity address in BlueZ's
    spelling; a function is asked at every advertisement and value, so what it says holds at once. `deliver` gets each
    frame once, a device's frames in order. `report` must not block. BlueZ, the adapter and D-Bus may come and go: it
    waits for them and reports it. Only a fault of the program, or of `deliver` or `report`, ends it with an exception.
    """
    lookup = devices.get if isinstance(devices, Mapping) else devices
    await _Gateway(adapter, lookup, deliver, bounds, report, now_us).run(stop)


class _Gateway:
    def __init__(
        self,
        adapter: str,
        lookup: Lookup,
        deliver: Deliver,
        bounds: Bounds,
        report: Callable[[Report], None],
        now_us: Callable[[], int],
    ) -> None:
        self._adapter = adapter
        self._lookup = lookup
        self._bounds = bounds
        self._pass_on = report
        self._watch: BluezWatch | None = None
        self._sessions: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._tasks = asyncio.TaskGroup()
        self._stopping = False
        self._scanner = Scanner(self._on_advertisement, lambda code: self._report(Trouble(None, code)), bounds)
        self._around = Surroundings(
            watch=lambda: self._watch,
            scanner=self._scanner,
            lookup=lookup,
            deliver=deliver,
            report=self._report,
            bounds=bounds,
            now_us=now_us,
        )

    async def run(self, stop: asyncio.Event) -> None:
        async with self._tasks as tasks:
            scanning = tasks.create_task(self._scanner.run())
            watching = tasks.create_task(self._keep_watching())
            await stop.wait()
            self._stopping = True
            for session, _ in self._sessions.values():
                session.post(Kind.STOP)
            running = [task for _, task in self._sessions.values() if not task.done()]
            if running:
                limit_s = self._bounds.disconnect_s + self._bounds.flush_s
                _, stuck = await asyncio.wait(running, timeout=2 * limit_s)
                for task in stuck:
                    task.cancel()
            self._scanner.use(None)
            scanning.cancel()
            watching.cancel()

    def _on_advertisement(self, device: BLEDevice, rssi_dbm: int) -> None:
        address = device.address.upper()
        known = self._lookup(address)
        if known is None or self._stopping:
            return
        session, task = self._sessions.get(address, (None, None))
        if session is not None and session.device_id != known.device_id:
            session.post(Kind.STOP)  # the address belongs to another device of the registry now
        if session is None or (task is not None and task.done()):
            session = Session(address, known, self._around)
            self._sessions[address] = session, self._tasks.create_task(session.run())
        session.heard(device, rssi_dbm)

    async def _keep_watching(self) -> None:
        wait_s = self._bounds.retry_first_s
        while True:
            try:
                async with asyncio.timeout(self._bounds.scan_call_s):
                    watch = BluezWatch(self._adapter, self._on_radio, self._bounds.scan_call_s)
                    await watch.open()
            except BLUETOOTH_FAULTS as fault:
                self._report(Trouble(None, f"dbus-{code_of(fault)}"))
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._bounds.retry_max_s)
                continue
            self._watch = watch
            await watch.run()
            wait_s = self._bounds.retry_first_s
            self._report(Trouble(None, "dbus-lost"))
            await asyncio.sleep(wait_s)

    def _on_radio(self) -> None:
        watch = self._watch
        if watch is None or self._stopping:
            return
        if watch.up is None:
            self._report(Trouble(None, watch.reason))
        self._scanner.use(watch.up)
        for session, _ in self._sessions.values():
            session.post(Kind.RADIO_LOST if watch.up is None else Kind.RADIO_BACK)

    def _report(self, report: Report) -> None:
        if isinstance(report, Trouble):
            _log.warning("bluetooth_trouble", device=report.device_id, code=report.code, lost=report.frames_lost)
        self._pass_on(report)
