"""The doors to patient data: `guard` decides who may come in, `access` is a transaction that ends in an audit row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from api.errors import ApiError, as_api_error, forbidden, signed_out
from api.permissions import PUBLIC, roles_for
from api.services import services_of
from storage.faults import database_faults
from storage.registry.accounts import Actor, actor_of_token
from storage.registry.audit import NOBODY, Action, AuditRow, Outcome, record
from storage.registry.sessions import actor_of_session
from storage.scope import Scope

COOKIE = "vs_session"

#: A page of ours adds it; a form or an image on another site can't.
CSRF_HEADER = "X-Requested-With"
CSRF_VALUE = "vitalstream"
_READING_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class Access:
    """One audited request: `connection` is in a transaction. Set `patient` (key) as soon as it is known."""

    connection: Any  # storage's connection; this room passes it on and never looks inside
    actor: Actor
    scope: Scope
    patient: int | None = None


async def guard(request: Request) -> None:
    """Lets nobody in but those whom the table of permissions names; the application runs it before every route."""
    path = request.url.path
    roles = roles_for(request.method, getattr(request.scope.get("route"), "path", ""), path)
    if roles == PUBLIC:
        return
    actor, by_cookie = await _authenticate(request)
    error: ApiError | None = None
    if actor is None:
        error = signed_out()
    elif by_cookie and request.method not in _READING_METHODS and request.headers.get(CSRF_HEADER) != CSRF_VALUE:
        error = ApiError(403, "csrf", f"Send the header {CSRF_HEADER}: {CSRF_VALUE} with a signed-in page's request.")
    elif roles is None or actor.role not in roles:
        error = forbidden()
    if error is not None:
        await audit(request, _action_of(request.method), path, "refused", actor=actor)
        raise error
    request.state.actor = actor


def actor_of(request: Request) -> Actor:
    """Who is asking, on a route that isn't public."""
    actor: Actor = request.state.actor
    return actor


@asynccontextmanager
async def access(request: Request, action: Action, resource: str) -> AsyncIterator[Access]:
    """A transaction for one request on patient data; its audit row commits with it, or alone when it failed.

    `resource`: kind of thing and its id. Raises what the block raises, database errors by our types.
    """
    actor = actor_of(request)
    opened = Access(None, actor, actor.scope)
    try:
        async with database_faults(), services_of(request).pool.connection() as connection, connection.transaction():
            opened.connection = connection
            yield opened
            await record(connection, _row(actor, action, resource, "ok", opened.patient))
    except asyncio.CancelledError:
        raise
    except Exception as error:
        await audit(request, action, resource, as_api_error(error).outcome, patient=opened.patient)
        raise


async def audit(
    request: Request,
    action: Action,
    resource: str,
    outcome: Outcome,
    *,
    actor: Actor | None = None,
    patient: int | None = None,
) -> None:
    """One audit row on its own, for what never got a transaction or lost it."""
    who = actor or getattr(request.state, "actor", None) or NOBODY
    async with database_faults(), services_of(request).pool.connection() as connection:
        await record(connection, _row(who, action, resource, outcome, patient))


async def _authenticate(request: Request) -> tuple[Actor | None, bool]:
    """Who asks, and whether a cookie says so."""
    services = services_of(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    cookie = request.cookies.get(COOKIE)
    if scheme.lower() != "bearer" and not cookie:
        return None, False
    async with database_faults(), services.pool.connection() as connection:
        if scheme.lower() == "bearer":
            return await actor_of_token(connection, token.strip(), services.now()), False
        assert cookie
        return await actor_of_session(connection, cookie, services.now()), True


def _row(actor: Actor, action: Action, resource: str, outcome: Outcome, patient: int | None) -> AuditRow:
    return AuditRow(actor.name, actor.role, actor.organisation, action, resource, outcome, patient)


def _action_of(method: str) -> Action:
    return "read" if method in _READING_METHODS else "write"
