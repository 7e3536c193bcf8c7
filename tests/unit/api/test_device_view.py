"""Devices and claims in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.cadence import SECOND_US
from api.claim_view import claim_json, trouble_code
from api.device_view import gateways_json, picture, signal, stuck
from storage.registry.claims import Claim, Signs
from storage.registry.fleet import FleetDevice, SeenGateway
from storage.registry.gateways import Gateway
from storage.registry.gateways import Signs as SignsOfLife

NOW_US = 1_800_000_000_000_000
MINUTE_US = 60 * SECOND_US
QUIET = Signs(was_refused=False, time_unknown=False, refused_us=None, signal_dbm=None, gateway=None)
ALIVE = SignsOfLife(NOW_US, NOW_US, gateways=(Gateway(1, "g-1", NOW_US), Gateway(2, "g-2", NOW_US - 2 * MINUTE_US)))
CLAIM = Claim(
    key=1,
    device_key=2,
    device="d-1",
    transport="ble",
    maker=None,
    model=None,
    serial="123",
    state="claimed",
    reserved=False,
    patient_key=3,
    patient="p-1",
    binding=4,
    since_us=NOW_US - 20 * MINUTE_US,
    claimed_us=NOW_US - 5 * MINUTE_US,
    proven_us=None,
    cancelled_us=None,
    reading=None,
)


@pytest.mark.parametrize(
    ("maker", "model", "kind"),
    [
        ("A&D", "UA-651BLE", "cuff"),
        ("OMRON", "HEM-7142T2", "cuff"),
        ("Acme", "Blood Pressure Monitor 3", "cuff"),
        ("Nonin", "3230", "oximeter"),
        ("Masimo", "MightySat Rx SpO2", "oximeter"),
        ("A&D", "UT-201BLE", "thermometer"),
        ("Withings", "Body Scale", "scale"),
        ("A&D", "UC-352BLE", "scale"),
        ("Polar", "H10", "strap"),
        ("Garmin", "HRM-Dual", "strap"),
        ("Acme", "X1", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_pictures_by_what_is_on_the_box(maker: str | None, model: str | None, kind: str) -> None:
    assert picture(maker, model) == kind


@pytest.mark.parametrize(
    ("dbm", "word"), [(-40, "good"), (-70, "good"), (-71, "fair"), (-85, "fair"), (-86, "far"), (None, None)]
)
def test_signal_in_words(dbm: int | None, word: str | None) -> None:
    assert signal(dbm) == word


def test_stuck_at_a_step() -> None:
    assert stuck("claimed", NOW_US - 9 * MINUTE_US, None, NOW_US) is None
    assert stuck("claimed", NOW_US - 10 * MINUTE_US, None, NOW_US) == {
        "step": "claimed",
        "since": "2027-01-15T07:50:00.000Z",
    }
    assert stuck("claim-open", NOW_US - MINUTE_US, NOW_US + 1, NOW_US) is None
    assert stuck("claim-open", NOW_US - MINUTE_US, NOW_US, NOW_US) is not None
    assert stuck("proven", 0, None, NOW_US) is None


def test_gateways_count_their_devices_and_hand_entry_is_none() -> None:
    device = FleetDevice(1, "d", "ble", None, None, None, None, "made", 0, *[None] * 7, gateway="g-2")  # type: ignore[misc]
    seen = [
        SeenGateway(1, "g-1", NOW_US, NOW_US),
        SeenGateway(2, "g-2", None, NOW_US),
        SeenGateway(3, "g-3", None, NOW_US),
        SeenGateway(4, "manual-entry", NOW_US, NOW_US),
    ]
    listed = gateways_json(seen, [device, replace(device, gateway=None)])
    assert [(each["gateway"], each["online"], each["devices"]) for each in listed] == [
        ("g-1", True, 0),
        ("g-2", False, 1),
    ]


def test_trouble_names_what_can_be_cured_first() -> None:
    everything = Signs(was_refused=True, time_unknown=True, refused_us=None, signal_dbm=-99, gateway=2)
    order = []
    for change in (
        {},
        {"was_refused": False},
        {"gateway": 1},
        {"time_unknown": False},
        {"signal_dbm": -60},
    ):
        everything = replace(everything, **change)
        order.append(trouble_code(everything, ALIVE))
    assert order == ["device-refused", "gateway-silent", "time-unknown", "too-far", "nothing-came"]
    assert trouble_code(QUIET, replace(ALIVE, gateways=())) == "gateway-silent"
    assert trouble_code(QUIET, ALIVE) == "nothing-came"


def test_an_answer_starts_the_wait_again() -> None:
    shown = claim_json(CLAIM, [], QUIET, ALIVE, NOW_US)
    assert (shown["waiting_s"], shown["trouble"]["code"]) == (300, "nothing-came")
    assert (shown["device"]["serial_end"], shown["device"]["picture"]) == ("123", "unknown")
    answered = claim_json(CLAIM, [], replace(QUIET, refused_us=NOW_US - MINUTE_US), ALIVE, NOW_US)
    assert (answered["waiting_s"], answered["trouble"]) == (60, None)
    ended = claim_json(replace(CLAIM, cancelled_us=NOW_US), [], QUIET, ALIVE, NOW_US)
    assert (ended["state"], ended["waiting_s"], ended["trouble"]) == ("cancelled", 0, None)
