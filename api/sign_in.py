"""Sign-in, sign-out, who am I."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.access import COOKIE, access, actor_of, audit
from api.errors import ApiError, slow_down
from api.formats import json_bytes, now_us, rfc3339
from api.rate_limit import TryLimiter
from api.services import services_of
from storage.faults import database_faults
from storage.registry.accounts import PASSWORD_CHARS_MAX, Account, Actor, check_password
from storage.registry.audit import AuditRow, record
from storage.registry.sessions import SESSION_LIFE, close_session, open_session

router = APIRouter(tags=["sign-in"])

#: argon2 takes 64 MiB and some 50 ms of a core each: two at a time, and a short queue.
HASHING_MAX = 2
HASHING_QUEUE_MAX = 20


class SignIn(BaseModel):
    """What a person types."""

    user: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=PASSWORD_CHARS_MAX, repr=False)]


class SignInDesk:
    """State of one process's sign-ins: the limiter and the places for hashing."""

    def __init__(self) -> None:
        self.limiter = TryLimiter()
        self.places = asyncio.Semaphore(HASHING_MAX)
        self.waiting = 0


@router.post("/api/sign-in")
async def sign_in(request: Request, body: SignIn) -> Response:
    """Checks name and password, opens a session and sets its cookie. 401 wrong-credentials, 429 slow-down."""
    services = services_of(request)
    desk: SignInDesk = request.app.state.sign_in_desk
    key = f"{body.user.casefold()}\n{request.client.host if request.client else ''}"
    now_s = services.now().timestamp()
    if (wait_s := desk.limiter.wait_s(key, now_s)) > 0:
        await audit(request, "sign-in", "Session", "refused")
        raise slow_down(wait_s)
    if desk.waiting >= HASHING_QUEUE_MAX:
        raise slow_down(1.0)
    # Counted before the check, so that tries sent side by side count too.
    desk.limiter.failed(key, now_s)
    account = await _check(request, desk, body)
    if account is None:
        await audit(request, "sign-in", "Session", "refused")
        raise ApiError(401, "wrong-credentials", "User or password is wrong. Check both and try again.")
    desk.limiter.succeeded(key)
    async with database_faults(), services.pool.connection() as connection, connection.transaction():
        secret = await open_session(connection, account.key, services.now())
        who = account.actor
        await record(connection, AuditRow(who.name, who.role, who.organisation, "sign-in", "Session", "ok"))
    response = _me(request, account.actor)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=services.secure_cookie,
    )
    return response


@router.post("/api/sign-out", status_code=204)
async def sign_out(request: Request) -> Response:
    """Ends the session of the cookie; a token stays valid."""
    async with access(request, "sign-out", "Session") as opened:
        if cookie := request.cookies.get(COOKIE):
            await close_session(opened.connection, cookie)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.get("/api/me")
async def me(request: Request) -> Response:
    """Who is signed in."""
    return _me(request, actor_of(request))


def _me(request: Request, actor: Actor) -> Response:
    services = services_of(request)
    body: dict[str, Any] = {
        "user": actor.name,
        "role": actor.role,
        "patient": actor.patient,
        "simulated": services.simulated,
        "server_time": rfc3339(now_us(services.now())),
    }
    return Response(json_bytes(body), media_type="application/json")


async def _check(request: Request, desk: SignInDesk, body: SignIn) -> Account | None:
    desk.waiting += 1
    try:
        async with desk.places, database_faults(), services_of(request).pool.connection() as connection:
            return await check_password(connection, body.user, body.password)
    finally:
        desk.waiting -= 1
