"""Whose silence it is: the patient's, the device's, the gateway's or the pipeline's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from api.cadence import state_of
from storage.registry.gateways import Gateway, Signs, blind_us, is_alive

Cause = Literal["patient", "device", "gateway", "pipeline"]


def cause_of(
    signs: Signs, now_us: int, *, newest: Sequence[tuple[int, int]], gateway: int | None, is_offline: bool
) -> Cause:
    """The first that holds, from where the data ends up to where it begins.

    - pipeline: the stream engine is silent, or a value would still be fresh had the pipeline not been blind meanwhile;
    - gateway: the one that the newest reading of a device came through gave signs of life and stopped;
    - device: all of the patient's devices of which we know are offline.

    `newest`: measured time (UTC us) and age limit (s) of the patient's newest values; `gateway` a key.
    """
    if not is_alive(signs.streams_us, now_us):
        return "pipeline"
    for measured_us, limit_s in newest:
        seen_age_us = now_us - measured_us - blind_us(signs.blind, measured_us, now_us)
        if state_of(seen_age_us, limit_s) == "fresh":
            return "pipeline"
    if any(each.key == gateway for each in silent_gateways(signs, now_us)):
        return "gateway"
    return "device" if is_offline else "patient"


def silent_gateways(signs: Signs, now_us: int) -> list[Gateway]:
    """Gateways that gave signs of life and give none now."""
    return [gateway for gateway in signs.gateways if not is_alive(gateway.seen_us, now_us)]
