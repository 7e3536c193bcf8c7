"""What the gateway asks the registry: who is this device, whose is it now."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from storage.connection import Pool
from storage.faults import database_faults
from storage.sql import sql
from storage.text import storable
from vitals.errors import InternalError, VitalstreamError
from vitals.ports.devices import DeviceAccount

# The port's promise: a claim or a revocation holds within a second.
FRESH_S = 1.0

# About 300 bytes each; a gateway with more devices at once asks the registry more often, nothing else.
ACCOUNTS_MAX = 10_000

SAMPLE_BYTES_MAX = 4096
SAMPLES_MAX = 1_000
DEVICE_CHARACTERS_MAX = 64  # of a registered id; what a stranger calls itself is cut there

# A device with a stale password tries every few seconds; one note tells as much as all of them.
NOTE_REFUSED_EVERY_S = 10.0
NOTES_MAX = 100  # under way at once; more tell nothing new

# Compared with when nobody has the given name, so that a stranger learns nothing from the time it takes.
_NOBODY_SHA256 = bytes(32)


#: What is stored of a device: the hash of its password and its account; nothing of one that is unknown or revoked.
_Entry = tuple[bytes | None, DeviceAccount | None]


class PostgresDeviceDirectory:
    """DeviceDirectory on the registry's tables. `clock` gives monotonic seconds."""

    def __init__(self, pool: Pool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._asked: dict[str, asyncio.Future[_Entry]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._accounts: OrderedDict[str, tuple[float, DeviceAccount | None]] = OrderedDict()
        self._noted: OrderedDict[str, float] = OrderedDict()
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, device: str, password: str) -> DeviceAccount | None:
        """The account when the credentials hold now, else None. Raises PartnerError when that's unknown."""
        stored, account = await self._look_up(device)
        given = hashlib.sha256(password.encode("utf-8", "replace")).digest()
        same = hmac.compare_digest(given, stored or _NOBODY_SHA256)
        if stored is not None and not same:
            self._note_refused(device)
        return account if same and stored is not None else None

    async def account(self, device: str) -> DeviceAccount | None:
        """The account of a known, not revoked device, at most one second old. Raises PartnerError."""
        now = self._clock()
        read_at, account = self._accounts.get(device, (-FRESH_S, None))
        if device in self._accounts and now - read_at < FRESH_S:
            return account
        _, account = await self._look_up(device)
        # The time before the look-up: the answer may be as old as that.
        self._accounts[device] = now, account
        self._accounts.move_to_end(device)
        if len(self._accounts) > ACCOUNTS_MAX:
            self._accounts.popitem(last=False)
        return account

    async def refused(self, device: str | None, reason: str, sample: bytes) -> None:
        """Counts what was refused before acknowledgement; the newest 1,000 keep their first 4 kB.

        Raises PartnerError.
        """
        values = {
            "device": None if device is None else storable(device)[:DEVICE_CHARACTERS_MAX],
            "reason": reason,
            "sample": sample[:SAMPLE_BYTES_MAX],
            "samples_max": SAMPLES_MAX,
        }
        await self._execute("directory_refused", values)

    async def presence(self, device: str, online: bool, at_us: int) -> None:
        """Notes that a device went online or offline; an older note never replaces a newer one.

        Raises PartnerError.
        """
        await self._execute("directory_presence", {"device": storable(device), "online": online, "at_us": at_us})

    async def signal(self, device: str, gateway: str, dbm: int, at_us: int) -> None:
        """Notes how loud (dBm) a gateway hears a device; an older note never replaces a newer one.

        Raises PartnerError.
        """
        values = {"device": storable(device), "gateway": storable(gateway), "dbm": dbm, "at_us": at_us}
        await self._execute("note_signal", values)

    def _note_refused(self, device: str) -> None:
        """In the background, so that the answer takes as long as a stranger's: whoever claimed the device is told."""
        now = self._clock()
        if len(self._notes) >= NOTES_MAX or now - self._noted.get(device, -NOTE_REFUSED_EVERY_S) < NOTE_REFUSED_EVERY_S:
            return
        self._noted[device] = now
        self._noted.move_to_end(device)
        if len(self._noted) > ACCOUNTS_MAX:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write_refused(device))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_refused(self, device: str) -> None:
        # What isn't noted now is noted at the next try.
        with contextlib.suppress(VitalstreamError):
            await self._execute("note_refused", {"device": storable(device)})

    async def _look_up(self, device: str) -> _Entry:
        """Everybody who asks while a query is under way shares the next one: a ward of devices costs one connection."""
        answer = self._asked.get(device)
        if answer is None:
            answer = self._asked[device] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._answer())
        # Shielded, because whoever goes away must not take the answer from the others.
        return await asyncio.shield(answer)

    async def _answer(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    found = await self._query(list(asked))
                except VitalstreamError as error:
                    for answer in asked.values():
                        answer.set_exception(error)
                except BaseException:
                    # Nobody must wait for ever for an answer that will not come.
                    for answer in asked.values():
                        answer.set_exception(InternalError("the look-up of devices ended; see the log"))
                    raise
                else:
                    for device, answer in asked.items():
                        answer.set_result(found.get(device, (None, None)))
        finally:
            self._asking = None

    async def _query(self, devices: list[str]) -> dict[str, _Entry]:
        names = {storable(device): device for device in devices}
        async with database_faults(), self._pool.connection() as connection:
            cursor = await connection.execute(sql("directory_devices"), {"devices": list(names)})
            rows = await cursor.fetchall()
        return {
            names[stored]: (
                bytes(password_sha256),
                DeviceAccount(stored, patient or stored, zone, bytes(password_sha256)),
            )
            for stored, password_sha256, patient, zone in rows
        }

    async def _execute(self, query: str, values: dict[str, Any]) -> None:
        async with database_faults(), self._pool.connection() as connection:
            await connection.execute(sql(query), values)
