"""The table of device states, act by act."""

from __future__ import annotations

from typing import get_args

import pytest

from storage.registry.states import STATES, TABLE, Act, State, after
from vitals.errors import OperatorError

#: Rows: states; columns: what each act leads to, or why it is refused.
EXPECTED: dict[State, dict[Act, str]] = {
    "made": {"kit": "kitted", "open": "claim-open", "return": "!not-given-out"},
    "kitted": {"kit": "kitted", "open": "claim-open", "return": "returned"},
    "claim-open": {"kit": "kitted", "open": "claim-open", "claim": "claimed", "return": "returned"},
    "claimed": {
        "kit": "!already-claimed",
        "open": "!already-claimed",
        "confirm": "proven",
        "cancel": "made",
        "return": "returned",
    },
    "proven": {"kit": "!already-claimed", "open": "!already-claimed", "return": "returned"},
    "returned": {"kit": "kitted", "open": "claim-open", "return": "!already-returned"},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("act", get_args(Act))
def test_every_act_in_every_state(state: State, act: Act) -> None:
    wanted = "proven" if act == "bind" else EXPECTED[state].get(act, "!claim-ended")
    if wanted.startswith("!"):
        with pytest.raises(OperatorError) as caught:
            after(state, act)
        assert f"!{caught.value.code}" == wanted
        assert caught.value.message.endswith(".")
    else:
        assert after(state, act) == wanted


def test_a_cancelled_claim_of_a_kit_leaves_it_in_the_kit() -> None:
    assert after("claimed", "cancel", reserved=True) == "kitted"
    assert after("claimed", "confirm", reserved=True) == "proven"


def test_every_state_can_be_reached_and_left() -> None:
    assert {*TABLE.values(), "made"} == set(STATES) == {state for state, _ in TABLE}
