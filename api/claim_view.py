"""A claim as the page that waits for it sees it: what came, what to ask, and in plain words why nothing came. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from api.cadence import SECOND_US
from api.device_view import box_json, signal
from api.formats import rfc3339
from api.reading_view import value_text
from storage.registry.candidates import Measurement, Waiting, measurements
from storage.registry.claims import Claim, Signs
from storage.registry.gateways import Signs as SignsOfLife
from storage.registry.gateways import is_alive
from vitals import codes

#: What fits a phone's page; what is older nobody remembers.
CANDIDATES_MAX: Final = 5

#: Putting a cuff on and measuring takes a minute and a half.
QUIET_MAX_S: Final = 120

_TROUBLE: Final = {
    "device-refused": "The device uses an old password, so we can't let it in. Enter the new user name and password "
    "in the device's settings. If they are lost, cancel and ask your care team for a new code.",
    "gateway-silent": "The gateway that listens for your device gives no sign of life. Check that it has power and "
    "network, wait a minute, then measure again.",
    "time-unknown": "A reading came, but its time can't be trusted. Set the date and time on the device, then measure "
    "again.",
    "too-far": "The device is too far from the gateway. Bring them into the same room, then measure again.",
    "nothing-came": "Nothing came yet. Check the battery, that the device is near the gateway, and that its Bluetooth "
    "or network is on; then measure again.",
}


def claim_json(
    claim: Claim,
    waiting: Sequence[Waiting],
    signs: Signs,
    life: SignsOfLife,
    at_us: int,
    credentials: dict[str, str] | None = None,
) -> dict[str, Any]:
    """C of the contract. Beside it `confirmed`, the id of the Observation that proved the claim, and of each candidate
    `confirmable`, false while nobody can tell whose it is.
    """
    state = "proven" if claim.proven_us is not None else "claimed" if claim.cancelled_us is None else "cancelled"
    found = measurements(waiting) if state == "claimed" else []
    received_us = [row.reading.received_us for each in found for row in each.rows]
    # News of any kind starts the wait again: the claim, an answer, a reading.
    quiet_since_us = max([claim.claimed_us, signs.refused_us or 0, *received_us])
    waiting_s = max(0, at_us - quiet_since_us) // SECOND_US if state == "claimed" else 0
    trouble = trouble_code(signs, life) if waiting_s >= QUIET_MAX_S and not found else None
    return {
        "device": box_json(claim.device, claim.transport, claim.maker, claim.model, claim.serial),
        "state": state,
        "since": rfc3339(claim.proven_us or claim.cancelled_us or claim.claimed_us),
        "credentials": credentials,
        "candidates": _candidates(found),
        "confirmed": None if claim.reading is None else str(claim.reading),
        "waiting_s": waiting_s,
        "trouble": None if trouble is None else {"code": trouble, "text": _TROUBLE[trouble]},
    }


def trouble_code(signs: Signs, life: SignsOfLife) -> str:
    """The first that holds, from what the person can cure at once to what may be anything."""
    alive = {each.key for each in life.gateways if is_alive(each.seen_us, life.now_us)}
    if signs.was_refused:
        return "device-refused"
    if not alive or (signs.gateway is not None and signs.gateway not in alive):
        return "gateway-silent"
    if signs.time_unknown:
        return "time-unknown"
    return "too-far" if signal(signs.signal_dbm) == "far" else "nothing-came"


def _candidates(found: Sequence[Measurement]) -> list[dict[str, Any]]:
    listed = []
    for each in reversed(found):
        if (row := each.shown) is None:
            continue
        metric = codes.metric(row.reading.metric)
        listed.append(
            {
                "reading": str(row.id),
                "label": metric.label,
                "text": value_text(metric, row.reading.values),
                "unit": row.reading.unit,
                "measured_at": rfc3339(row.reading.measured_us),
                "received_at": rfc3339(row.reading.received_us),
                "confirmable": each.confirmable,
            }
        )
    return listed[:CANDIDATES_MAX]
