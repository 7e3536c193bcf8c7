"""Devices and gateways as staff see them, and a device as whoever holds its box sees it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from api.cadence import SECOND_US
from api.formats import rfc3339
from api.manual import GATEWAY
from storage.registry.fleet import FleetDevice, SeenGateway
from storage.registry.gateways import is_alive
from storage.registry.states import State

Signal = Literal["good", "fair", "far"]
Picture = Literal["cuff", "oximeter", "thermometer", "scale", "strap", "unknown"]

#: dBm. Links of 2.4 GHz wearables hold without loss above the first, and break off below the second.
SIGNAL_GOOD_DBM: Final = -70
SIGNAL_FAR_DBM: Final = -85

_MINUTE_US: Final = 60 * SECOND_US
_DAY_US: Final = 24 * 60 * _MINUTE_US
#: How long a device may rest at a step before somebody should look: a parcel's week, a day to type a code, and one
#: measurement with a second try.
STUCK_AFTER_US: Final[dict[State, int]] = {
    "kitted": 7 * _DAY_US,
    "claim-open": _DAY_US,
    "claimed": 10 * _MINUTE_US,
}

#: By what makers print on their boxes.
_WORDS: Final[dict[Picture, str]] = {
    "cuff": r"blood ?pressure|\bbpm?\b|\bbp[-\d]|cuff|sphygmo|\bua-\d|\bhem-|\bevolv",
    "oximeter": r"oxi|oxy|spo2|\bsat\b|nonin",
    "thermometer": r"therm|temp|\but-\d|\btm-",
    "scale": r"scale|weigh|\buc-\d|body ?comp",
    "strap": r"strap|belt|heart ?rate|\bhrm?\b|\bhr-|\bh(7|9|10)\b|polar",
}


def device_json(device: FleetDevice, at_us: int) -> dict[str, Any]:
    """D of the contract."""
    return {
        "id": device.id,
        "transport": device.transport,
        "maker": device.maker,
        "model": device.model,
        "firmware": device.firmware or None,
        "serial": device.serial,
        "state": device.state,
        "state_since": rfc3339(device.state_us),
        "patient": device.patient,
        "battery_percent": device.battery_percent,
        "last_received_at": rfc3339(device.last_received_us),
        "online": device.online,
        "signal_dbm": device.signal_dbm,
        "signal": signal(device.signal_dbm),
        "gateway": device.gateway,
        "stuck": stuck(device.state, device.state_us, device.code_until_us, at_us),
    }


def gateways_json(gateways: Sequence[SeenGateway], devices: Sequence[FleetDevice]) -> list[dict[str, Any]]:
    """Gateways that gave a sign of life or brought a reading of these devices, each with how many it serves."""
    served = [device.gateway for device in devices]
    return [
        {
            "gateway": each.id,
            "seen_at": rfc3339(each.seen_us),
            "online": is_alive(each.seen_us, each.now_us),
            "devices": served.count(each.id),
        }
        for each in gateways
        if each.id != GATEWAY and (each.seen_us is not None or each.id in served)
    ]


def box_json(id_: str, transport: str, maker: str | None, model: str | None, serial: str | None) -> dict[str, Any]:
    """The device of a claim: enough to compare it with the box, and no more of the serial number than its end."""
    return {
        "id": id_,
        "transport": transport,
        "maker": maker,
        "model": model,
        "serial_end": serial[-4:] if serial else None,
        "picture": picture(maker, model),
    }


def picture(maker: str | None, model: str | None) -> Picture:
    """What kind of thing to draw, by the model's name, else the maker's."""
    for text in (model, maker):
        for kind, words in _WORDS.items():
            if text and re.search(words, text, re.IGNORECASE):
                return kind
    return "unknown"


def signal(dbm: int | None) -> Signal | None:
    """In words."""
    if dbm is None:
        return None
    if dbm < SIGNAL_FAR_DBM:
        return "far"
    return "good" if dbm >= SIGNAL_GOOD_DBM else "fair"


def stuck(state: State, since_us: int, code_until_us: int | None, at_us: int) -> dict[str, Any] | None:
    """The step at which the device rests for too long, and since when; a code that ran out opens nothing any more."""
    limit_us = STUCK_AFTER_US.get(state)
    ran_out = state == "claim-open" and code_until_us is not None and code_until_us <= at_us
    if limit_us is None or (at_us - since_us < limit_us and not ran_out):
        return None
    return {"step": state, "since": rfc3339(since_us)}
