"""One scan an adapter, always on, paused while a device is connected to: radios do one of the two well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from device_gateway.ble.bounds import Bounds
from device_gateway.ble.faults import BLUETOOTH_FAULTS, code_of

#: Takes every advertisement: what bleak connects to, and its strength.
Heard = Callable[[BLEDevice, int], None]


class Scanner:
    """`trouble` gets a code when scanning fails or is silent; it is tried again for as long as the adapter is up."""

    def __init__(self, heard: Heard, trouble: Callable[[str], None], bounds: Bounds) -> None:
        self._heard = heard
        self._trouble = trouble
        self._bounds = bounds
        self._adapter: str | None = None
        self._scan: BleakScanner | None = None
        self._turn = asyncio.Lock()
        self._asking = 0
        self._paused_since_s: float | None = None
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._heard_s = 0.0
        self._silent = False
        self._retry_s = bounds.retry_first_s

    def use(self, adapter: str | None) -> None:
        """Scan with this adapter (hci0) from now on; None: not at all."""
        self._adapter = adapter
        self._retry_s = self._bounds.retry_first_s
        self._changed.set()

    async def acquire(self) -> None:
        """Waits for the radio, first come first served, and returns with the scan paused; `release` gives it back."""
        self._asking += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self._asking -= 1
            self._resume_if_free()
            raise
        self._asking -= 1
        try:
            await self._pause()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """The radio is free again; the scan goes on once nobody waits for it."""
        self._turn.release()
        self._resume_if_free()

    async def run(self) -> None:
        """Keeps the scan as it should be until cancelled, and leaves none running."""
        try:
            while True:
                self._changed.clear()
                wait_s = await self._settle()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
        finally:
            await self._stop()

    async def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        since_s = self._paused_since_s
        if since_s is not None and loop.time() - since_s > self._bounds.scan_pause_max_s:
            # Devices that nobody connects to yet must be heard too.
            self._resume()
            await asyncio.sleep(self._bounds.scan_share_s)
        if self._paused_since_s is None:
            self._paused_since_s = loop.time()
            self._changed.set()
        # Where stopping hangs, connecting is tried all the same: BlueZ pauses discovery itself, if less reliably.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.scan_call_s):
                await self._stopped.wait()

    def _resume_if_free(self) -> None:
        if not self._asking and not self._turn.locked():
            self._resume()

    def _resume(self) -> None:
        self._paused_since_s = None
        self._changed.set()

    async def _settle(self) -> float | None:
        """One step towards what is wanted; for how long things may then stay as they are."""
        if self._adapter is None or self._paused_since_s is not None:
            await self._stop()
            return None
        now_s = asyncio.get_running_loop().time()
        if self._scan is None:
            return await self._start(self._adapter)
        left_s = self._heard_s + self._bounds.scan_silence_s - now_s
        if left_s > 0:
            return left_s
        if not self._silent:
            # Once a silence: where all devices are connected nobody advertises, and that is as it should be.
            self._trouble("scan-silent")
        self._silent = True
        await self._stop()
        return await self._start(self._adapter)

    async def _start(self, adapter: str) -> float:
        scan = BleakScanner(self._on_advertisement, bluez={"adapter": adapter})
        self._stopped.clear()
        try:
            async with asyncio.timeout(self._bounds.scan_call_s):
                await scan.start()
        except BLUETOOTH_FAULTS as fault:
            self._stopped.set()
            self._trouble(f"scan-{code_of(fault)}")
            wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, self._bounds.retry_max_s)
            return wait_s
        self._scan = scan
        self._retry_s = self._bounds.retry_first_s
        self._heard_s = asyncio.get_running_loop().time()
        return self._bounds.scan_silence_s

    async def _stop(self) -> None:
        scan, self._scan = self._scan, None
        if scan is not None:
            try:
                async with asyncio.timeout(self._bounds.scan_call_s):
                    await scan.stop()
            except BLUETOOTH_FAULTS as fault:
                # Mostly BlueZ or the adapter went away, and the scan with it; bleak has forgotten it in any case.
                if self._adapter is not None:
                    self._trouble(f"scan-stop-{code_of(fault)}")
        self._stopped.set()

    def _on_advertisement(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        self._silent = False
        self._heard(device, advertisement.rssi)
