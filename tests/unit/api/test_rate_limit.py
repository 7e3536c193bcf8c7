"""Slowing down wrong sign-ins."""

from __future__ import annotations

from api import rate_limit
from api.rate_limit import FORGET_S, FREE_TRIES, WAIT_MAX_S, SignInLimiter


def test_five_tries_are_free_then_each_waits_longer() -> None:
    limiter, waits = SignInLimiter(), []
    for _ in range(FREE_TRIES + 9):
        waits.append(limiter.wait_s("key", 100.0))
        limiter.failed("key", 100.0)
    assert waits[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert waits[FREE_TRIES : FREE_TRIES + 3] == [5.0, 10.0, 20.0]
    assert waits[-1] == WAIT_MAX_S
    assert limiter.wait_s("other", 100.0) == 0.0
    assert limiter.wait_s("key", 100.0 + WAIT_MAX_S) == 0.0


def test_a_success_and_an_hour_forget() -> None:
    limiter = SignInLimiter()
    for _ in range(FREE_TRIES):
        limiter.failed("a", 0.0)
        limiter.failed("b", 0.0)
    limiter.succeeded("a")
    assert limiter.wait_s("a", 0.0) == 0.0
    assert limiter.wait_s("b", 0.0) > 0.0
    limiter.failed("b", FORGET_S)
    assert limiter.wait_s("b", FORGET_S) == 0.0


def test_it_stays_small() -> None:
    limiter = SignInLimiter()
    for i in range(rate_limit.ENTRIES_MAX + 10):
        limiter.failed(str(i), 0.0)
    assert len(limiter) == rate_limit.ENTRIES_MAX
