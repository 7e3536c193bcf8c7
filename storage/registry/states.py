"""The states of a device between staff's shelf and a patient, as one table. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from vitals.errors import OperatorError

State = Literal["made", "kitted", "claim-open", "claimed", "proven", "returned"]
STATES: Final[tuple[State, ...]] = get_args(State)

#: What people do with a device: `bind` is staff's binding without a claim, which is proven at once.
Act = Literal["kit", "open", "claim", "confirm", "cancel", "return", "bind"]

_FREE: Final = ("made", "kitted", "claim-open", "returned")

#: Which state an act leads to; what isn't here is refused.
TABLE: Final[dict[tuple[State, Act], State]] = {
    **{(state, "kit"): "kitted" for state in _FREE},
    **{(state, "open"): "claim-open" for state in _FREE},
    ("claim-open", "claim"): "claimed",
    ("claimed", "confirm"): "proven",
    ("claimed", "cancel"): "made",
    **{(state, "return"): "returned" for state in ("kitted", "claim-open", "claimed", "proven")},
    **{(state, "bind"): "proven" for state in STATES},
}

_TAKEN = ("already-claimed", "Somebody has this device. Take it back first.")
_REFUSALS: Final[dict[tuple[State, Act], tuple[str, str]]] = {
    ("claimed", "kit"): _TAKEN,
    ("proven", "kit"): _TAKEN,
    ("claimed", "open"): _TAKEN,
    ("proven", "open"): _TAKEN,
    ("made", "return"): ("not-given-out", "Nobody has this device: there is nothing to take back."),
    ("returned", "return"): ("already-returned", "This device was taken back already."),
}


def claim_ended() -> OperatorError:
    """What is refused of a claim that is over."""
    return OperatorError("This claim has ended. Ask your care team for a new code.", code="claim-ended")


def after(state: State, act: Act, *, reserved: bool = False) -> State:
    """The state after an act. A cancelled claim of a device that is `reserved` for a patient leaves it in the kit.

    Raises OperatorError: `already-claimed`, `already-returned`, `not-given-out`, `claim-ended`.
    """
    found = TABLE.get((state, act))
    if found is None:
        if (state, act) not in _REFUSALS:
            raise claim_ended()
        code, message = _REFUSALS[state, act]
        raise OperatorError(message, code=code)
    return "kitted" if act == "cancel" and reserved else found
