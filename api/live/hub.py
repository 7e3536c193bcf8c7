"""One hub a process: follows the chart while anybody watches and fans out, encoded once for each scope."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from api.formats import json_bytes, now_us, rfc3339
from api.live.picture import Picture, alert_data
from api.live.watcher import Watcher, event
from api.states import by_patient, load_states, load_watch, states_of
from storage.chart.alerts import AlertRecord, alerts_by_id, open_alerts
from storage.chart.feed import POLL_S, Batch, Follower, alerts_since, feed_identity
from storage.chart.worklist import patients
from storage.connection import Pool
from storage.faults import database_faults
from storage.scope import Scope
from vitals.errors import PartnerError, VitalstreamError

log = structlog.get_logger(__name__)

#: Vitals at most four times a second: faster than anybody reads, slow enough to encode once for many readings.
VITALS_EVERY_S = 0.25
#: Between two looks at the chart: bounds the queries under load, adds little to an alert's way.
LOOK_EVERY_S = 0.01
BEAT_EVERY_S = 5.0
#: New patients, changed names and signs of life come from no feed; they are looked for this often.
REGISTRY_EVERY_S = 10.0
#: Some hundred browsers an organisation; each holds little, but not nothing.
WATCHERS_MAX = 500
#: A transaction id has 64 bits.
CURSOR_DIGITS_MAX = 19


class LiveBusy(PartnerError):
    """Too many open streams."""

    code = "live-busy"


class Hub:
    """`now` is the clock of what people see; waiting uses the event loop's own."""

    def __init__(self, pool: Pool, now: Callable[[], datetime], simulated: bool) -> None:
        self._pool = pool
        self._now = now
        self._simulated = simulated
        self._watchers: set[Watcher] = set()
        self._pictures: dict[int, Picture] = {}
        self._task: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        # A picture is loaded between two looks: a row that commits in between is in the next one.
        self._looking = asyncio.Lock()
        self._closed = False
        self._identity = ""
        self._cursor = 0
        self._looked_us = 0

    @property
    def following(self) -> bool:
        """Whether the chart is being followed: while anybody watches, and a moment longer."""
        return self._task is not None

    @asynccontextmanager
    async def watching(self, scope: Scope) -> AsyncIterator[Watcher]:
        """A watcher of the scope, whose picture is loaded. Raises PartnerError when the chart can't be followed now."""
        if self._closed or len(self._watchers) >= WATCHERS_MAX:
            raise LiveBusy("No more live streams now. Try again in some seconds.")
        watcher = Watcher(scope, self._catch_up)
        # Registered before the snapshot is made: what changes meanwhile waits, nothing is missed.
        self._watchers.add(watcher)
        try:
            await self._follow()
            await self._ensure_picture(scope.organisation)
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def opening(self, scope: Scope, last_event_id: str | None) -> bytes:
        """What a stream starts with: the snapshot; for a returning browser then the alerts it missed, or `resync`."""
        picture = self._pictures.get(scope.organisation)
        if picture is None:
            return b""  # the feed ended this moment, and the stream with it
        place = f"{self._identity}-{self._cursor}"
        snapshot = picture.snapshot(scope, now_us(self._now()))
        if last_event_id is None:
            return event("snapshot", snapshot, place)
        missed = await self._missed(scope, last_event_id)
        if missed is None:
            return event("snapshot", snapshot, place) + event("resync", b"{}")
        # The snapshot moves no place: who loses the line before the alerts gets them next time.
        return event("snapshot", snapshot) + missed

    async def _missed(self, scope: Scope, last_event_id: str) -> bytes | None:
        identity, _, cursor = last_event_id.partition("-")
        if identity != self._identity or not cursor.isdecimal() or len(cursor) > CURSOR_DIGITS_MAX:
            return None
        async with database_faults(), self._pool.connection() as connection:
            found = await alerts_since(connection, scope, int(cursor))
        if found is None:
            return None
        alerts, reached = found
        chunks = [event("alert", alert_data(alert)) for alert in alerts[:-1]]
        chunks += [event("alert", alert_data(alert), f"{self._identity}-{reached}") for alert in alerts[-1:]]
        return b"".join(chunks)

    async def close(self) -> None:
        """Ends all streams and stops following; the hub stays closed."""
        self._closed = True
        self._end_streams()
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        """Starts following, or waits until somebody else's start has come through."""
        if self._task is None:
            self._started = asyncio.Event()
            self._task = asyncio.create_task(self._run())
        started = asyncio.ensure_future(self._started.wait())
        try:
            await asyncio.wait([started, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if not self._started.is_set():
            raise LiveBusy("The live feed can't start: the database doesn't answer. Try again in some seconds.")

    async def _ensure_picture(self, organisation: int) -> None:
        async with self._looking:
            if organisation in self._pictures:
                return
            async with database_faults(), self._pool.connection() as connection:
                states = await load_states(connection, Scope(organisation))
                watch = await load_watch(connection, Scope(organisation))
            picture = Picture(organisation, self._simulated, watch)
            picture.put(states)
            picture.render(now_us(self._now()))  # the snapshot tells it all
            self._pictures[organisation] = picture

    async def _run(self) -> None:
        try:
            async with self._pool.connection() as connection:
                follower = Follower(connection)
                try:
                    await self._follow_on(connection, follower)
                finally:
                    await follower.stop()
        except VitalstreamError as error:
            log.warning("live feed stopped", error=type(error).__name__, code=error.code)
        except Exception as error:  # noqa: BLE001 - top of a worker; the next watcher starts it again
            log.error("live feed failed", error=type(error).__name__)
        finally:
            if self._task is asyncio.current_task():
                self._let_go()

    def _let_go(self) -> None:
        """Browsers come back by themselves and load what they missed."""
        self._end_streams()
        self._pictures = {}
        self._task = None

    async def _follow_on(self, connection: Any, follower: Follower) -> None:
        loop = asyncio.get_running_loop()
        async with database_faults():
            await follower.start()
            self._identity = await feed_identity(connection)
        self._cursor = follower.cursor
        self._started.set()
        told = beaten = registry = loop.time()
        while self._watchers:
            due_s = min(POLL_S, beaten + BEAT_EVERY_S - loop.time())
            if self._has_news():
                due_s = min(due_s, told + VITALS_EVERY_S - loop.time())
            async with database_faults():
                if due_s > 0:
                    await follower.wait(due_s)
                async with self._looking:
                    await self._take(connection, await follower.look())
                    if loop.time() >= registry + REGISTRY_EVERY_S:
                        registry = loop.time()
                        await self._read_registry(connection)
            self._looked_us = now_us(self._now())
            if loop.time() >= beaten + BEAT_EVERY_S:
                beaten = loop.time()
                self._beat()
            if self._has_news() and loop.time() >= told + VITALS_EVERY_S:
                told = loop.time()
                self._tell_vitals()
            await asyncio.sleep(LOOK_EVERY_S)
        # Nobody watches. No pause between this and the look at the watchers: who comes next starts a new run.
        self._let_go()

    async def _take(self, connection: Any, batch: Batch) -> None:
        if batch.resync:
            for organisation, picture in self._pictures.items():
                picture.replace_all(await load_states(connection, Scope(organisation)))
            for watcher in self._watchers:
                watcher.put_resync()
        for picture in list(self._pictures.values()):
            new = {reading.patient for reading in batch.readings if reading.patient not in picture}
            if new:
                picture.put(await load_states(connection, picture.scope, new))
            unclear = picture.take_readings(batch.readings)
            if unclear:
                picture.put(await load_states(connection, picture.scope, unclear))
            if batch.alerts:
                await self._take_alerts(connection, picture, batch.alerts, batch.cursor)
        self._cursor = batch.cursor

    async def _take_alerts(self, connection: Any, picture: Picture, ids: list[UUID], cursor: int) -> None:
        found = await alerts_by_id(connection, picture.scope, ids)
        if any(alert.gateway is not None for alert in found.values()):
            picture.take_watch(await load_watch(connection, picture.scope))
        concerned = {alert.patient_key for alert in found.values() if alert.patient_key is not None}
        if missing := [key for key in concerned if key not in picture]:
            picture.put(await load_states(connection, picture.scope, missing))
        picture.take_alerts(concerned, by_patient(await open_alerts(connection, picture.scope, concerned)))
        ordered = [found[alert] for alert in ids if alert in found]
        encoded = {alert.id: alert_data(alert) for alert in ordered}
        for watcher in self._of(picture):
            mine = [alert for alert in ordered if picture.covers(watcher.scope, alert)]
            self._tell_alerts(watcher, mine, encoded, f"{self._identity}-{cursor}")

    @staticmethod
    def _tell_alerts(watcher: Watcher, alerts: list[AlertRecord], encoded: dict[UUID, bytes], event_id: str) -> None:
        for alert in alerts:
            # Only the last one moves the browser's place: who loses the line in between gets all of them again.
            watcher.put_alert(event("alert", encoded[alert.id], event_id if alert is alerts[-1] else None))

    async def _read_registry(self, connection: Any) -> None:
        for picture in list(self._pictures.values()):
            picture.take_watch(await load_watch(connection, picture.scope))
            new = picture.take_patients(await patients(connection, picture.scope))
            if new:
                picture.put(await states_of(connection, picture.scope, new, [patient.key for patient in new]))

    def _has_news(self) -> bool:
        return any(picture.has_news() for picture in self._pictures.values())

    def _tell_vitals(self) -> None:
        at_us = now_us(self._now())
        for picture in self._pictures.values():
            changed, points, dropped = picture.render(at_us)
            made: dict[Scope, bytes | None] = {}
            for watcher in self._of(picture):
                scope = watcher.scope
                if scope not in made:
                    made[scope] = picture.vitals(scope, changed, points, dropped, at_us)
                if (data := made[scope]) is not None:
                    watcher.put_vitals(event("vitals", data), picture.members(scope) & changed)

    def _catch_up(self, scope: Scope, behind: frozenset[int]) -> bytes | None:
        picture = self._pictures.get(scope.organisation)
        data = None if picture is None else picture.vitals(scope, behind, (), True, now_us(self._now()))
        return None if data is None else event("vitals", data)

    def _beat(self) -> None:
        at_us = now_us(self._now())
        for picture in self._pictures.values():
            picture.let_time_pass(at_us)
        lag_s = max(0, at_us - self._looked_us) / 1_000_000
        chunk = event("hb", json_bytes({"server_time": rfc3339(at_us), "lag_s": round(lag_s, 3)}))
        for watcher in self._watchers:
            watcher.put_beat(chunk)

    def _of(self, picture: Picture) -> Iterable[Watcher]:
        return [watcher for watcher in self._watchers if watcher.scope.organisation == picture.scope.organisation]

    def _end_streams(self) -> None:
        for watcher in self._watchers:
            watcher.close()
