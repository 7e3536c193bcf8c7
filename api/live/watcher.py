"""One browser's stream: alerts wait in a bounded list and are never dropped, vitals are one slot, latest wins."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from storage.scope import Scope

#: Alerts that may wait for a slow reader. One more closes the stream: the browser comes back with Last-Event-ID and
#: gets them from the database.
ALERTS_WAITING_MAX = 256


def event(name: str, data: bytes, event_id: str | None = None) -> bytes:
    """One server-sent event; `data` is JSON without line breaks."""
    identity = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name.encode(), data)


class Watcher:
    """Filled by the hub, emptied by one stream. `catch_up` renders the vitals of patients that a slow reader missed."""

    def __init__(self, scope: Scope, catch_up: Callable[[Scope, frozenset[int]], bytes | None]) -> None:
        self.scope = scope
        self._catch_up = catch_up
        self._alerts: deque[bytes] = deque()
        self._vitals: bytes | None = None
        self._vitals_of: frozenset[int] = frozenset()
        self._behind: frozenset[int] = frozenset()
        self._beat: bytes | None = None
        self._resync = False
        self._closed = False
        self._wake = asyncio.Event()

    def put_alert(self, chunk: bytes) -> None:
        """A whole `alert` event."""
        if len(self._alerts) >= ALERTS_WAITING_MAX:
            self.close()
            return
        self._alerts.append(chunk)
        self._wake.set()

    def put_vitals(self, chunk: bytes, patients: frozenset[int]) -> None:
        """A whole `vitals` event and whom it is about; one that wasn't fetched yet is merged with it."""
        if self._vitals is None and not self._behind:
            self._vitals, self._vitals_of = chunk, patients
        else:
            self._behind |= self._vitals_of | patients
            self._vitals, self._vitals_of = None, frozenset()
        self._wake.set()

    def put_beat(self, chunk: bytes) -> None:
        """A whole `hb` event; the latest counts."""
        self._beat = chunk
        self._wake.set()

    def put_resync(self) -> None:
        """Everything must be loaded again; what waits is void, alerts excepted."""
        self._resync = True
        self._vitals, self._vitals_of, self._behind = None, frozenset(), frozenset()
        self._wake.set()

    def close(self) -> None:
        """Ends the stream after what the reader has fetched already."""
        self._closed = True
        self._wake.set()

    async def take(self) -> bytes | None:
        """Waits for something to send; None when the stream is over."""
        await self._wake.wait()
        self._wake.clear()
        if self._closed:
            return None
        chunks = list(self._alerts)
        self._alerts.clear()
        if self._resync:
            chunks.append(event("resync", b"{}"))
            self._resync = False
        if self._behind:
            late = self._catch_up(self.scope, self._behind)
            chunks.extend(() if late is None else (late,))
        elif self._vitals is not None:
            chunks.append(self._vitals)
        self._vitals, self._vitals_of, self._behind = None, frozenset(), frozenset()
        if self._beat is not None:
            chunks.append(self._beat)
            self._beat = None
        return b"".join(chunks)
