"""Command records: what they say, and that nonsense is refused instead of believed."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from streams import repair
from streams.commands import CommandRefused, Correction, Reexamine, RegistryChanged, parse
from streams.group import Order
from vitals import wire
from vitals.reading import NONE

NOW_US = 1_793_606_400_000_000
DAY_US = 86_400_000_000


def order(shard: int, offset: int, body: object) -> Order:
    return Order(shard, offset, json.dumps(body).encode())


def test_each_command_is_read() -> None:
    assert parse(b'{"command":"correction","observation":"00000000-0000-0000-0000-000000000007","patient":"p"}') == (
        Correction(UUID(int=7))
    )
    assert parse(b'{"command":"registry-changed","patients":["p"],"devices":["d"],"since_us":5}') == (
        RegistryChanged(("p",), ("d",), 5)
    )
    assert parse(b'{"command":"registry-changed","patients":["p"]}') == RegistryChanged(("p",), (), None)


def test_what_the_processor_writes_for_itself_comes_back() -> None:
    one = Reexamine({"p": 5, "q": -6})
    assert parse(wire.decode(one.encode()).raw) == one


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"7",
        b"{}",
        b'{"command":"fly"}',
        b'{"command":"correction"}',
        b'{"command":"correction","observation":7}',
        b'{"command":"correction","observation":"p-1"}',
        b'{"command":"registry-changed","patients":"p"}',
        b'{"command":"registry-changed","patients":[7]}',
        b'{"command":"registry-changed","patients":["p\\u0000"]}',
        b'{"command":"registry-changed","devices":["d"],"since_us":1e9}',
        b'{"command":"registry-changed","devices":["d"],"since_us":9223372036854775808}',
        b'{"command":"registry-changed","devices":["d"],"since_us":true}',
        b'{"command":"reexamine"}',
        b'{"command":"reexamine","from_us":{"p":null}}',
    ],
)
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(CommandRefused):
        parse(body)


def test_commands_of_a_group_become_one_wish() -> None:
    orders = [
        order(1, 0, {"command": "registry-changed", "patients": ["p"], "devices": ["d"], "since_us": 9}),
        order(1, 1, {"command": "fly"}),
        order(2, 4, {"command": "registry-changed", "patients": ["q"], "devices": ["e"], "since_us": 7}),
        order(2, 5, {"command": "correction", "observation": str(UUID(int=7))}),
        order(2, 6, {"command": "reexamine", "from_us": {"p": NOW_US}}),
        order(2, 7, {"command": "registry-changed", "patients": ["p", "r"], "since_us": NOW_US - 5}),
        order(2, 8, {"command": "registry-changed", "patients": ["s"]}),
        order(2, 9, {"command": "correction", "observation": str(UUID(int=8))}),
    ]
    want = repair.wanted(orders, {(2, 9, 0)}, NOW_US)
    assert (want.devices, want.patients, want.since_us) == ({"d", "e"}, {"p", "q"}, 7)
    assert want.corrected == {UUID(int=7)}  # the poisoned one is passed
    assert want.refused == [(1, 1)]
    assert want.again == {"p": NOW_US - 5, "r": NOW_US - 5, "s": NOW_US - 60 * DAY_US}


def test_a_binding_change_without_a_start_looks_at_everything() -> None:
    orders = [order(1, 0, {"command": "registry-changed", "patients": ["p"], "devices": ["d"]})]
    assert repair.wanted(orders, (), NOW_US).since_us == NONE


def test_no_command_wants_nothing() -> None:
    assert not repair.wanted([], (), NOW_US)
