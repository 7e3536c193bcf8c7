"""Signs of life of gateways and of the pipeline, and the one alert of a gateway that gives none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from storage.scope import Scope
from storage.sql import sql
from vitals.identity import alert_id

#: A gateway beats this often: with the limits below some beats may be lost on the way.
BEAT_EVERY_S = 10.0
#: Without a sign of life for longer, the stream engine (a beat every 15 s) or a gateway counts as silent.
SILENT_AFTER_US = 60_000_000
#: A gateway that is restarted or updated is back within this time; one alert more would only teach to ignore it.
ALERT_AFTER_US = 120_000_000

#: Blind stretches further back explain no silence that a page tells: values are at most two days fresh.
_BLIND_DAYS = 4

RULE = "gateway-silent"
_VERSION = 1
_TITLE = "Gateway silent"
_LIMITS = {
    "metric": "gateway",
    "raise": "no sign of life for 2 min",
    "clear": "a sign of life",
    "for": "2m",
    "unit": "",
    "source": "twelve heartbeats missed in a row",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that gave a sign of life, the last one at `seen_us` (UTC microseconds, the database's clock)."""

    key: int
    id: str
    seen_us: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells whose silence it is. Times are UTC microseconds by the database's clock.

    `streams_us`: when the stream engine was last seen, None for never. `blind`: stretches in which the pipeline saw
    nothing, in order. `gateways`: those that ever gave a sign of life. `offline`: keys of the patients of whose devices
    we know that all are offline.
    """

    now_us: int
    streams_us: int | None
    blind: tuple[tuple[int, int], ...] = ()
    gateways: tuple[Gateway, ...] = ()
    offline: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that says that a gateway (its key) is silent."""

    id: UUID
    gateway: int
    opened_us: int


def is_alive(seen_us: int | None, now_us: int) -> bool:
    """Whether the last sign of life is young enough."""
    return seen_us is not None and now_us - seen_us <= SILENT_AFTER_US


def blind_us(blind: Sequence[tuple[int, int]], from_us: int, to_us: int) -> int:
    """How much of a stretch the pipeline could not see."""
    return sum(max(0, min(until_us, to_us) - max(since_us, from_us)) for since_us, until_us in blind)


def decide(signs: Signs, active: Sequence[ActiveAlert]) -> tuple[list[Gateway], list[ActiveAlert]]:
    """Gateways to open an alert about, and alerts to clear. Nothing while the pipeline itself is silent.

    Time in which the pipeline was blind doesn't count: nobody could have seen the beats. Pure.
    """
    if not is_alive(signs.streams_us, signs.now_us):
        return [], []
    told = {alert.gateway: alert for alert in active}
    silent = [
        gateway
        for gateway in signs.gateways
        if gateway.key not in told
        and signs.now_us - gateway.seen_us - blind_us(signs.blind, gateway.seen_us, signs.now_us) > ALERT_AFTER_US
    ]
    back = [
        told[gateway.key]
        for gateway in signs.gateways
        if gateway.key in told and gateway.seen_us > told[gateway.key].opened_us
    ]
    return silent, back


async def beat(connection: AsyncConnection[TupleRow], gateway: str) -> None:
    """Notes that the gateway lives."""
    await connection.execute(sql("gateway_beat"), {"id": gateway})


async def signs_of_life(connection: AsyncConnection[TupleRow], scope: Scope | None = None) -> Signs:
    """Who gave signs of life; `offline` only with a scope, for the patients of its organisation."""
    cursor = await connection.execute(sql("signs_of_life"), {"days": _BLIND_DAYS})
    row = await cursor.fetchone()
    assert row is not None
    now_us, streams_us, blind, gateways = row
    offline: list[TupleRow] = []
    if scope is not None:
        cursor = await connection.execute(sql("patients_offline"), scope.parameters)
        offline = await cursor.fetchall()
    return Signs(
        now_us,
        streams_us,
        tuple((since_us, until_us) for since_us, until_us in blind),
        tuple(Gateway(*gateway) for gateway in gateways),
        frozenset(patient for (patient,) in offline),
    )


async def watch_gateways(connection: AsyncConnection[TupleRow], engine_version: str) -> int:
    """Opens and clears the alerts of gateways and returns how many changed. Processes side by side take turns."""
    async with connection.transaction():
        cursor = await connection.execute(sql("gateway_watch_lock"))
        if not (await cursor.fetchone() or (False,))[0]:
            return 0
        # Statements of their own: what another watcher committed before we got the lock must be seen.
        signs = await signs_of_life(connection)
        cursor = await connection.execute(sql("active_gateway_alerts"), {"rule": RULE})
        silent, back = decide(signs, [ActiveAlert(*row) for row in await cursor.fetchall()])
        for gateway in silent:
            await connection.execute(sql("open_gateway_alert"), _columns(gateway, signs.now_us, engine_version))
        for alert in back:
            await connection.execute(sql("clear_gateway_alert"), {"id": alert.id, "at_us": signs.now_us})
        if silent or back:
            await connection.execute(sql("notify_chart"))
    return len(silent) + len(back)


def _columns(gateway: Gateway, now_us: int, engine_version: str) -> dict[str, object]:
    since = datetime.fromtimestamp(gateway.seen_us // 1_000_000, UTC)
    return {
        # One silence, one id: two watchers could not open two. No patient's id holds a slash.
        "id": alert_id(f"gateway/{gateway.id}", RULE, UUID(int=gateway.seen_us), 0),
        "gateway": gateway.key,
        "rule": RULE,
        "version": _VERSION,
        "title": _TITLE,
        "at_us": now_us,
        "limits": Jsonb(_LIMITS),
        "explanation": f"Gateway {gateway.id} has given no sign of life since {since:%Y-%m-%d %H:%M:%S} UTC. "
        "Readings of the patients behind it don't arrive; check its power and network.",
        "engine_version": engine_version,
    }
