"""Roles: what one process can do. Each starts its rooms, says when it serves, and stops them again."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

import structlog

import api
from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from alerts.rules import Rule
from alerts.wording import dwell_text
from api.app import create_app
from api.server import serve as serve_http
from api.services import ApiServices
from device_gateway.broker.address import BrokerAddress
from device_gateway.broker.door import BrokerDoor
from device_gateway.intake import Intake
from device_gateway.mqtt.endpoint import Endpoint
from storage.chart.postgres import PostgresChart
from storage.chart.rules import StoredRule, store_rules
from storage.connection import Pool, connect, describe
from storage.journal.leases import PostgresLeases
from storage.journal.postgres import PostgresJournal
from storage.migrate import engine_of
from storage.registry.directory import PostgresDeviceDirectory
from streams.engines.inline import InlineEngine
from streams.processor import Applied, Processor
from vitals.reading import Flag
from vitalstream import __version__, clock
from vitalstream.heartbeats import beat_for_ever, watch_for_ever
from vitalstream.listening import listen
from vitalstream.settings import Settings

_log = structlog.get_logger("roles")

#: How long the gateway may take to acknowledge what is on its way when it stops.
_GRACE_S = 1.0
#: Applied journal records older than a day go, looked for this often.
_TRIM_EVERY_S = 600.0


@dataclass(slots=True)
class Readiness:
    """Which roles of this process run, and which of those can't reach what they serve."""

    roles: dict[str, bool]
    cut_off: set[str] = field(default_factory=set)

    def serving(self) -> dict[str, bool]:
        """What `/readyz` says."""
        return {name: runs and name not in self.cut_off for name, runs in self.roles.items()}


@dataclass(slots=True)
class Context:
    """What every role is handed. `dsn` is known once the database is; the sockets are bound from the start."""

    settings: Settings
    dsn: str
    readiness: Readiness
    simulated: bool
    http_socket: socket.socket | None = None
    mqtt_socket: socket.socket | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the sockets: of roles that never started, too."""
        for listener in (self.http_socket, self.mqtt_socket):
            if listener is not None:
                listener.close()

    @property
    def loopback(self) -> str:
        """An address at which this machine reaches itself, whatever it listens on."""
        bind = self.settings.bind
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)

    @property
    def url(self) -> str:
        """Where the page is."""
        assert self.http_socket is not None
        host = f"[{self.loopback}]" if ":" in self.loopback else self.loopback
        return f"http://{host}:{self.http_socket.getsockname()[1]}"

    @property
    def broker(self) -> BrokerAddress | None:
        """The broker to subscribe to instead of our endpoint; simulated devices never go near one."""
        return None if self.simulated else self.settings.mqtt_broker

    @property
    def mqtt_port(self) -> int:
        """Port of our MQTT endpoint."""
        assert self.mqtt_socket is not None
        return int(self.mqtt_socket.getsockname()[1])

    @property
    def owner(self) -> uuid.UUID:
        """Who owns shards: for the embedded database always the same, since only one process can have it open."""
        if self.settings.database_url:
            return uuid.uuid4()
        return uuid.uuid5(uuid.NAMESPACE_URL, self.settings.postgres_dir.resolve().as_uri())

    async def start_lines(self) -> list[str]:
        """What `up` says at its start: where it serves and on which database."""
        async with await connect(self.dsn, application_name="vitalstream start") as connection:
            engine = await engine_of(connection)
        kind = "TimescaleDB hypertables" if engine == "timescaledb" else "PostgreSQL with native partitions"
        where = describe(self.dsn) if self.settings.database_url else f"embedded, in {self.settings.postgres_dir}"
        lines = [f"database: {kind} ({where})"]
        if self.http_socket is not None:
            lines.append(f"page and API: {self.url}")
        if self.mqtt_socket is not None:
            lines.append(f"MQTT: {self.settings.bind}:{self.mqtt_port}")
        elif self.broker is not None and "gateway" in self.readiness.roles:
            lines.append(f"MQTT: devices of the broker {self.broker}")
        return lines


@dataclass(frozen=True, slots=True)
class Role:
    """One role: `run(context, ready, stop)` sets `ready` when it serves and ends soon after `stop` is set."""

    name: str
    run: Callable[[Context, asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]


def stored_rule(rule: Rule) -> StoredRule:
    """A rule as pages read it."""
    limits = {"raise": rule.raise_limit, "clear": rule.clear_limit}
    definition = {name: {"op": limit.op, "value": limit.value} for name, limit in limits.items() if limit is not None}
    return StoredRule(
        id=rule.id,
        version=rule.version,
        programme=rule.programme,
        kind=rule.kind,
        title=rule.title,
        metric=rule.metric,
        unit=rule.unit,
        priority=rule.priority,
        source=rule.source,
        definition=definition
        | ({"for": dwell_text(rule.for_us)} if rule.for_us else {})
        | ({"spo2_target": rule.spo2_target} if rule.spo2_target else {}),
    )


def _tell(applied: Applied) -> None:
    if applied.quarantined or applied.alerts:
        _log.info("applied", readings=applied.readings, quarantined=applied.quarantined, alerts=len(applied.alerts))


async def _stream(context: Context, ready: asyncio.Event, stop: asyncio.Event) -> None:
    rules = shipped_rules()
    async with await connect(context.dsn, application_name="vitalstream rules") as connection:
        await store_rules(connection, [stored_rule(rule) for rule in rules])
    async with (
        PostgresJournal(context.dsn) as journal,
        PostgresLeases(context.dsn, context.owner) as leases,
        PostgresChart(context.dsn, __version__) as chart,
    ):
        processor = Processor(
            chart,
            OnlineEngine(rules),
            context.settings.lateness_s * 1_000_000,
            Flag.TEST_DATA if context.simulated else Flag(0),
        )
        engine = InlineEngine(journal, leases, processor, clock.now_us, _tell)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(engine.run(stop))
            beside = [tasks.create_task(_trim(journal)), tasks.create_task(watch_for_ever(context.dsn))]
            await _first(engine.ready, stop)
            ready.set()
            await stop.wait()
            for task in beside:
                task.cancel()


async def _trim(journal: PostgresJournal) -> None:
    while True:
        await asyncio.sleep(_TRIM_EVERY_S)
        await journal.trim()


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _gateway(context: Context, ready: asyncio.Event, stop: asyncio.Event) -> None:
    async with (
        PostgresJournal(context.dsn) as journal,
        Pool(context.dsn, application_name="vitalstream gateway") as pool,
    ):
        name = socket.gethostname()
        intake = Intake(journal, name, clock.now_us)
        directory = PostgresDeviceDirectory(pool)
        working = [asyncio.create_task(intake.run())]
        door: Endpoint | BrokerDoor
        if context.broker is not None:
            # With the embedded database there is one gateway, whatever its machine or container is called today.
            known_as = name if context.settings.database_url else "gateway"
            door = BrokerDoor(context.broker, known_as, intake, directory, clock.now_us)
            beating = asyncio.create_task(_beat_while_connected(context, door, name))
        else:
            assert context.mqtt_socket is not None
            door = Endpoint(intake, directory, clock.now_us, listener=context.mqtt_socket)
            beating = asyncio.create_task(beat_for_ever(context.dsn, name))
        try:
            if (watched := await door.start()) is not None:
                working.append(watched)
            ready.set()
            await _first_task(stop, *working)
        finally:
            await door.stop(_GRACE_S)
            for task in (*working, beating):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _beat_while_connected(context: Context, door: BrokerDoor, name: str) -> NoReturn:
    """A gateway whose broker is away hears no device: it must look as silent as it is, to people and to `/readyz`."""
    while True:
        context.readiness.cut_off.add("gateway")
        await door.connected.wait()
        context.readiness.cut_off.discard("gateway")
        beating = asyncio.create_task(beat_for_ever(context.dsn, name))
        try:
            await door.disconnected.wait()
        finally:
            beating.cancel()


async def _first_task(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Waits for `stop`; raises what a task raises that ends before."""
    waiter = asyncio.create_task(stop.wait())
    await asyncio.wait((waiter, *tasks), return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    for task in tasks:
        if task.done():
            task.result()


async def _api(context: Context, ready: asyncio.Event, stop: asyncio.Event) -> None:
    assert context.http_socket is not None
    async with Pool(context.dsn, application_name="vitalstream api") as pool:
        services = ApiServices(
            pool=pool,
            now=clock.now,
            simulated=context.simulated,
            ready=context.readiness.serving,
            static=Path(api.__file__).parent / "static",
            mqtt_url=str(broker) if (broker := context.settings.mqtt_broker) else None,
            mqtt_port=context.mqtt_port if context.mqtt_socket is not None else context.settings.mqtt_port,
        )
        await serve_http(create_app(services), context.http_socket, stop=stop, started=ready)


#: In order of starting; stopped the other way round: first what lets data in.
ALL: Sequence[Role] = (Role("stream", _stream), Role("api", _api), Role("gateway", _gateway))


def open_context(
    settings: Settings, dsn: str, roles: Sequence[Role], *, free_ports: bool = False, simulated: bool = False
) -> Context:
    """Binds the ports that these roles listen on. With `free_ports` a taken default port is replaced by a free one.

    Raises PortInUse.
    """
    names = {role.name for role in roles}
    context = Context(settings, dsn, Readiness(dict.fromkeys(names, False)), simulated)
    if "api" in names:
        free = free_ports and not settings.http_port_set
        context.http_socket = listen(settings.bind, settings.http_port, "VITALSTREAM_HTTP_PORT", else_free=free)
    if "gateway" in names and context.broker is None:
        free = free_ports and not settings.mqtt_port_set
        context.mqtt_socket = listen(settings.bind, settings.mqtt_port, "VITALSTREAM_MQTT_PORT", else_free=free)
    return context
