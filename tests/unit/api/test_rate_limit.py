"""Slowing down wrong sign-ins."""

from __future__ import annotations

from api import rate_limit
from api.rate_limit import FORGET_S, FREE_TRIES, WAIT_MAX_S, TryLimiter


def test_five_tries_are_free_then_each_waits_longer() -> None:
    limiter, waits = TryLimiter(), []
    for _ in range(FREE_TRIES + 9):
        waits.append(limiter.wait_s("key", 100.0))
        limiter.failed("key", 100.0)
    assert waits[:FREE_TRIES] == [0.0] * FREE_TRIES
    assert waits[FREE_TRIES : FREE_TRIES + 3] == [5.0, 10.0, 20.0]
    assert waits[-1] == WAIT_MAX_S
    assert limiter.wait_s("other", 100.0) == 0.0
    assert limiter.wait_s("key", 100.0 + WAIT_MAX_S) == 0.0


def test_a_right_try_takes_back_itself_and_nothing_else() -> None:
    limiter = TryLimiter()
    for at_s in range(FREE_TRIES):
        limiter.failed("a", float(at_s))
        limiter.failed("a", at_s + 0.5)
        limiter.forgiven("a")
    assert limiter.wait_s("a", FREE_TRIES - 1.0) == 5.0
    after_s = FREE_TRIES + 5.0
    assert limiter.wait_s("a", after_s) == 0.0
    limiter.failed("a", after_s)
    limiter.forgiven("a")
    assert limiter.wait_s("a", after_s) == 0.0, "who was right may go on at once"
    limiter.forgiven("nobody")
    assert len(limiter) == 1


def test_a_success_and_an_hour_forget() -> None:
    limiter = TryLimiter()
    for _ in range(FREE_TRIES):
        limiter.failed("a", 0.0)
        limiter.failed("b", 0.0)
    limiter.succeeded("a")
    assert limiter.wait_s("a", 0.0) == 0.0
    assert limiter.wait_s("b", 0.0) > 0.0
    limiter.failed("b", FORGET_S)
    assert limiter.wait_s("b", FORGET_S) == 0.0


def test_it_stays_small() -> None:
    limiter = TryLimiter()
    for i in range(rate_limit.ENTRIES_MAX + 10):
        limiter.failed(str(i), 0.0)
    assert len(limiter) == rate_limit.ENTRIES_MAX
