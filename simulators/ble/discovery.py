"""Who scans, and what they are told: one session for each D-Bus client, none of which outlives the adapter's power."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from dbus_fast import Message, Variant

from simulators.ble import calls
from simulators.ble.link import Link, Timing
from simulators.ble.objects import ADAPTER, ADAPTER_PATH
from simulators.encoders.gatt import long_uuid


class Discovery:
    """StartDiscovery and StopDiscovery; `errors` is what the first starts answer."""

    def __init__(
        self, links: Mapping[str, Link], timing: Timing, errors: tuple[str, ...], post: Callable[[Message], None]
    ) -> None:
        self._links = links
        self._timing = timing
        self._errors = list(errors)
        self._post = post
        self._filters: dict[str, tuple[str, ...]] = {}
        self._clients: dict[str, tuple[str, ...]] = {}
        self._reports: asyncio.Task[None] | None = None
        self._hearing = False

    @property
    def active(self) -> bool:
        """Whether anybody scans."""
        return bool(self._clients)

    def set_filter(self, client: str, uuids: tuple[str, ...]) -> None:
        """Services of which a device must advertise one for this client's next scan; none: every device."""
        self._filters[client] = uuids

    def start(self, client: str) -> None:
        """One session a client; a second one is in progress."""
        if client in self._clients:
            raise calls.busy()
        if self._errors:
            error = self._errors.pop(0)
            raise calls.busy() if error == "InProgress" else calls.failed(error)
        if self._clients:
            self._end_reports()
        else:
            self._post(calls.changed(ADAPTER_PATH, ADAPTER, {"Discovering": Variant("b", True)}))
        self._clients[client] = self._filters.get(client, ())
        self._reports = asyncio.get_running_loop().create_task(self._report_all())

    def stop(self, client: str) -> None:
        """Ends a client's session."""
        if client not in self._clients:
            raise calls.failed("No discovery started")
        del self._clients[client]
        if not self._clients:
            self._end()

    def forget_client(self, client: str) -> None:
        """A D-Bus client has left the bus."""
        self._filters.pop(client, None)
        if client in self._clients:
            self.stop(client)

    def reset(self) -> None:
        """The adapter is off or bluetoothd is gone: sessions and filters are forgotten."""
        self._filters.clear()
        if self._clients:
            self._clients.clear()
            self._end()

    def on_awake(self, link: Link) -> None:
        """A device began to advertise."""
        if self._hearing:
            self._report(link)

    def _end_reports(self) -> None:
        if self._reports is not None:
            self._reports.cancel()
        self._hearing = False

    def _end(self) -> None:
        self._end_reports()
        for link in self._links.values():
            link.forget_rssi()
        self._post(calls.changed(ADAPTER_PATH, ADAPTER, {"Discovering": Variant("b", False)}))

    async def _report_all(self) -> None:
        await asyncio.sleep(self._timing.first_report_s)
        self._hearing = True
        while True:
            for link in self._links.values():
                self._report(link)
            await asyncio.sleep(self._timing.advertise_s)

    def _report(self, link: Link) -> None:
        if not link.peripheral.advertises():
            return
        advertised = {long_uuid(uuid) for uuid in link.peripheral.advertised}
        if any(not wanted or advertised & set(wanted) for wanted in self._clients.values()):
            link.report()
