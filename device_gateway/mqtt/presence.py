"""Tells the registry which devices are online: the newest state of each device, retried until it is told."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from vitals.errors import PartnerError
from vitals.ports.devices import DeviceDirectory

#: Between attempts while the registry is away; presence is watched at the scale of minutes.
_RETRY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Presence:
    """Bounded by the number of devices: a newer state replaces one that was not told yet."""

    def __init__(self, directory: DeviceDirectory) -> None:
        self._directory = directory
        self._untold: dict[str, tuple[bool, int]] = {}
        self._changed = asyncio.Event()

    def note(self, device: str, online: bool, at_us: int) -> None:
        """The device is online or offline since `at_us`."""
        self._untold[device] = (online, at_us)
        self._changed.set()

    async def run(self) -> None:
        """Tells until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.flush()

    async def flush(self) -> None:
        """Tells what is untold now; what the registry does not take stays for the next time."""
        while self._untold:
            device, (online, at_us) = next(iter(self._untold.items()))
            del self._untold[device]
            try:
                await self._directory.presence(device, online, at_us)
            except PartnerError as error:
                self._untold.setdefault(device, (online, at_us))
                _log.warning("presence_not_told", code=error.code, error=error.message)
                await asyncio.sleep(_RETRY_S)
