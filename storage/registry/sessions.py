"""Sign-ins of browsers: a random secret in a cookie, its SHA-256 here."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from storage.registry.accounts import Actor, actor_from
from storage.registry.devices import new_secret, secret_hash
from storage.sql import sql

#: A shift: nobody works longer on one sign-in, and a forgotten screen signs out by itself.
SESSION_LIFE = timedelta(hours=12)


async def open_session(connection: AsyncConnection[TupleRow], account: int, now: datetime) -> str:
    """Opens a session of an account (its key), removes expired ones, and returns the cookie's secret."""
    secret = new_secret()
    values = {"sha256": secret_hash(secret), "account": account, "now": now, "expires_at": now + SESSION_LIFE}
    async with connection.transaction():
        await connection.execute(sql("delete_expired_sessions"), values)
        await connection.execute(sql("insert_session"), values)
    return secret


async def actor_of_session(connection: AsyncConnection[TupleRow], secret: str, now: datetime) -> Actor | None:
    """Who a session acts as; None when it is unknown, expired, or its account was disabled."""
    cursor = await connection.execute(sql("actor_of_session"), {"sha256": secret_hash(secret), "now": now})
    row = await cursor.fetchone()
    return None if row is None else actor_from(row)


async def close_session(connection: AsyncConnection[TupleRow], secret: str) -> None:
    """Ends a session; an unknown one is ended already."""
    await connection.execute(sql("delete_session"), {"sha256": secret_hash(secret)})
