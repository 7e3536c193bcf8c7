"""When a gateway's silence becomes an alert, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from storage.registry.gateways import ActiveAlert, Gateway, Signs, blind_us, decide, is_alive

SECOND = 1_000_000
NOW = 1_795_000_000 * SECOND


def gateway(silent_s: int, key: int = 1) -> Gateway:
    return Gateway(key, f"g-{key}", NOW - silent_s * SECOND)


def told(opened_s_ago: int, key: int = 1) -> ActiveAlert:
    return ActiveAlert(UUID(int=key), key, NOW - opened_s_ago * SECOND)


@pytest.mark.parametrize(
    ("silent_s", "signs", "opens"),
    [
        (0, {}, False),
        (120, {}, False),
        (121, {}, True),
        (90_000, {}, True),
        (121, {"streams_us": NOW - 60 * SECOND}, True),
        (121, {"streams_us": NOW - 61 * SECOND}, False),
        (121, {"streams_us": None}, False),
        # The pipeline slept from ten minutes to one minute ago: one minute and ten seconds of silence were seen.
        (610, {"blind": ((NOW - 600 * SECOND, NOW - 60 * SECOND),)}, False),
        (661, {"blind": ((NOW - 600 * SECOND, NOW - 60 * SECOND),)}, True),
        (121, {"blind": ((NOW - 900 * SECOND, NOW - 600 * SECOND),)}, True),
    ],
)
def test_opening(silent_s: int, signs: dict[str, Any], opens: bool) -> None:
    known = gateway(silent_s)
    found = decide(replace(Signs(NOW, NOW, gateways=(known,)), **signs), [])
    assert found == ([known] if opens else [], [])


def test_one_alert_for_one_silence() -> None:
    signs = Signs(NOW, NOW, gateways=(gateway(500), gateway(300, key=2)))
    assert decide(signs, [told(300)]) == ([gateway(300, key=2)], [])
    assert decide(signs, [told(300), told(100, key=2)]) == ([], [])


def test_it_clears_when_the_gateway_is_back() -> None:
    back = Signs(NOW, NOW, gateways=(gateway(5), gateway(500, key=2)))
    alerts = [told(300), told(300, key=2)]
    assert decide(back, alerts) == ([], [alerts[0]])
    # Back and silent again before anybody looked: the old alert ends, the next look opens another.
    again = Signs(NOW, NOW, gateways=(gateway(200),))
    assert decide(again, [told(300)]) == ([], [told(300)])
    assert decide(again, []) == ([gateway(200)], [])


def test_blind_time_is_what_overlaps() -> None:
    stretches = [(10, 20), (30, 40)]
    assert [blind_us(stretches, *span) for span in ((0, 5), (0, 15), (12, 18), (0, 100), (20, 30), (35, 36))] == [
        0, 5, 6, 20, 0, 1,
    ]  # fmt: skip


def test_signs_of_life_age() -> None:
    assert [is_alive(seen, NOW) for seen in (NOW, NOW - 60 * SECOND, NOW - 60 * SECOND - 1, None)] == [
        True, True, False, False,
    ]  # fmt: skip
