"""Simulated patients: the same by seed, whole stories, and devices that say what their story needs.

Which alerts the stories cause is tested where rooms meet: `tests/unit/vitalstream/test_story_alerts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.pack import shipped_rules
from alerts.rules import Rule, sees
from device_gateway.payloads import json_payload
from device_gateway.payloads.model import Sent
from simulators.devices import AHEAD_S, DAY_S, HISTORY_DAYS
from simulators.mqtt_device import Taken, elements
from simulators.physiology import body
from simulators.plan import HISTORY_READINGS_MAX, Binding, SimulatedDevice, SimulatedPatient, patients
from simulators.scenarios import NAMES, STORIES, WHOLE, parts
from vitals import codes, units
from vitals.events import SAMPLE, Samples
from vitals.reading import Flag
from vitals.samples import convert_values

SEEDS = (1, 2, 77)
START_S = 1_795_343_000.0  # 2026-11-22 10:23:20 UTC
HOUR_S = 3600
DEMO_S = 60
SPOT_READINGS_A_DAY = 20


def live(plan: SimulatedDevice, seconds: float) -> Iterator[float]:
    return takewhile(lambda t_s: t_s <= seconds, plan.live())


def sent(plan: SimulatedDevice, t_s: float) -> list[Sent]:
    """One measurement as the gateway understands it."""
    text = ",".join(elements(Taken(round((START_S + t_s) * 1000), 1, plan.measure(t_s))))
    parts = json_payload.parse(f"[{text}]".encode()).parts
    assert all(isinstance(part, Sent) for part in parts), parts
    return [part for part in parts if isinstance(part, Sent)]


def samples(patient: int, plans: list[tuple[SimulatedDevice, list[float]]]) -> Samples:
    """Everything these devices measure at these times."""
    rows: list[tuple[Any, ...]] = []
    for device, (plan, times) in enumerate(plans):
        for t_s in times:
            at_us = round((START_S + t_s) * 1_000_000)
            for part in sent(plan, t_s):
                metric = codes.metric(part.metric)
                for place, value in enumerate(part.values):
                    if value.absent or metric.shape == "device-status":
                        continue
                    component = place + 1 if len(part.values) > 1 else 0
                    unit = units.unit(part.unit).number
                    identity = f"{patient}{device}{part.metric}{t_s}".encode().rjust(16)[-16:]
                    row = (patient, device, metric.number, component, 1, unit, int(part.flags), at_us, at_us, 1)
                    rows.append((*row, 0.0, value.number, identity))
    made = np.array(rows, dtype=SAMPLE)
    convert_values(made)
    return made


def limits_near(rules: list[Rule], told: Samples) -> Iterator[str]:
    """Readings that satisfy any rule's raise limit, whatever its dwell."""
    for rule in rules:
        # Other kinds compare something else than the value with their limit.
        if rule.raise_limit is None or rule.kind not in ("threshold", "sustained"):
            continue
        for (metric, component), (factor, offset) in sees(rule.metric, rule.unit).items():
            mine = told[(told["metric"] == metric) & (told["component"] == component)]
            breaches = rule.raise_limit.mask(np.round(mine["value"] * factor + offset, 9))
            yield from (f"{rule.id}: {value}" for value in mine["value"][breaches].tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_well_patients_stay_clear_of_every_limit_for_six_hours(seed: int) -> None:
    rules = list(shipped_rules())
    seen = 0
    for key, patient in enumerate(patients(20, seed)):
        if patient.scenario.name != "well":
            continue
        # One measurement in 30 s of the fast ones is enough: bodies change over minutes.
        times = [(plan, list(live(plan, 6 * HOUR_S))) for plan in patient.devices]
        plans = [(plan, at[:: max(1, round(30 / plan.device.period_s))]) for plan, at in times]
        told = samples(key, plans)
        seen += len(told)
        assert not (told["flags"] & int(Flag.IMPROBABLE)).any()
        programmes = {"general", "technical", *patient.scenario.programmes}
        held = [rule for rule in rules if rule.programme in programmes and rule.spo2_target != "required"]
        assert list(limits_near(held, told)) == []
    assert seen > 10_000


def test_a_breach_would_be_noticed() -> None:
    told = samples(1, [(plan, [0.0]) for plan in patients(3)[2].devices])
    assert any(line.startswith("temp-fever") for line in limits_near(list(shipped_rules()), told))


@pytest.mark.parametrize("seed", SEEDS)
def test_history_is_bounded(seed: int) -> None:
    for patient in patients(20, seed):
        readings = 0
        for plan in patient.devices:
            times = plan.history(START_S)
            assert times == sorted(times)
            assert all(-HISTORY_DAYS * 24 * HOUR_S <= t_s < 0 for t_s in times)
            readings += sum(len(plan.measure(t_s)) for t_s in times)
        assert 0 < readings <= HISTORY_READINGS_MAX
        spots = [t_s for plan in patient.devices for t_s in plan.history(START_S) if t_s < -HOUR_S]
        by_day = np.unique(np.floor((START_S + np.array(spots)) / (24 * HOUR_S)), return_counts=True)[1]
        assert by_day.max() <= SPOT_READINGS_A_DAY


def told_by(patient: SimulatedPatient) -> str:
    devices = [
        [plan.id, [[t_s, plan.measure(t_s)] for t_s in [*plan.history(START_S), *live(plan, DEMO_S)]]]
        for plan in patient.devices
    ]
    return json.dumps([patient.id, patient.name, patient.sex, patient.born, patient.zone, devices])


def test_the_same_seed_tells_the_same_and_another_does_not() -> None:
    first, again, other = ([told_by(patient) for patient in patients(8, seed)] for seed in (5, 5, 6))
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))


def test_more_patients_leave_the_first_ones_as_they_were() -> None:
    assert [told_by(patient) for patient in patients(40)[:5]] == [told_by(patient) for patient in patients(5)]


def test_ids_are_unique_and_names_plausible() -> None:
    everybody = patients(200)
    devices = [plan.id for patient in everybody for plan in patient.devices]
    assert len({patient.id for patient in everybody}) == 200
    assert len(set(devices)) == len(devices)
    assert len({patient.name for patient in everybody[:20]}) == 20
    assert all(patient.sex in ("female", "male") for patient in everybody)


def test_two_bodies_differ_and_one_moves() -> None:
    one, two = body(1), body(2)
    assert (one.heart_rate, one.systolic) != (two.heart_rate, two.systolic)
    assert len({one.heart_rate_at(t_s) for t_s in range(0, 600, 10)}) > 3


# ---------------------------------------------------------------- stories


def named(count: int, **options: Any) -> list[str]:
    return [patient.scenario.name for patient in patients(count, **options)]


def device_of(device: str) -> SimulatedDevice:
    (found,) = (plan for patient in patients(20) for plan in patient.devices if plan.id == device)
    return found


def test_the_first_stories_stay_where_they_are() -> None:
    first = ["copd-desaturation", "hypertensive-crisis", "fever", "gateway-outage"]
    assert named(4) == first
    assert named(20)[: len(STORIES)] == [story.name for story in STORIES]
    assert named(20)[len(STORIES) :] == ["well"] * (20 - len(STORIES))
    assert len(NAMES) == len(WHOLE) + 1


def test_a_story_about_two_comes_whole_or_not_at_all() -> None:
    for count in range(1, 20):
        for name in ("returned-cuff", "binding-corrected"):
            assert named(count).count(name) in (0, 2)
    assert len(patients(10)) == 10


def test_one_story_can_be_told_again_and_again() -> None:
    assert named(3, story="fever") == ["fever"] * 3
    assert named(5, story="returned-cuff") == ["returned-cuff"] * 4
    assert named(1, story="returned-cuff") == []
    assert named(2, story="well") == ["well"] * 2
    assert len(parts("binding-corrected")) == 2
    tagged = patients(2, story="returned-cuff", tag="x")
    assert [patient.id for patient in tagged] == ["p-x-001", "p-x-002"]
    assert tagged[1].devices[0].bindings()[0].patient == "p-x-001"


def test_a_returned_cuff_measured_its_first_owner_s_body() -> None:
    cuff = device_of("cuff-011")
    assert cuff.bindings() == (Binding("p-010", -7 * DAY_S, -2 * DAY_S), Binding("p-011", -DAY_S))
    assert cuff.bindings(corrected=False) == cuff.bindings()
    assert (cuff.owner(-3 * DAY_S), cuff.owner(-1.5 * DAY_S), cuff.owner(0.0)) == ("p-010", None, "p-011")
    first = device_of("cuff-010")
    assert cuff.measure(-5 * DAY_S) == first.measure(-5 * DAY_S)
    assert cuff.measure(10.0) != first.measure(10.0)
    for start_s in range(int(START_S), int(START_S) + 86_400, 1_800):
        times = cuff.history(start_s)
        assert not [t_s for t_s in times if cuff.owner(t_s) is None]
        severe = [t_s for t_s in times if "191" in cuff.measure(t_s)["blood_pressure"][0]]
        assert severe and max(severe) < -2 * DAY_S < max(times), "a crisis, and it passed before the cuff went back"


def test_a_binding_is_corrected_during_its_story() -> None:
    thermometer = device_of("thermometer-013")
    assert thermometer.bindings(corrected=False) == (Binding("p-012", -7 * DAY_S),)
    assert thermometer.correction is not None
    assert (thermometer.correction.patient, thermometer.correction.at_s) == ("p-013", 25.0)
    assert thermometer.owner(0.0) == "p-013"
    assert not thermometer.on_time


def test_wrong_clocks_are_wrong_since_the_start() -> None:
    ahead, unset, right = (device_of(f"{kind}-009") for kind in ("thermometer", "cuff", "strap"))
    assert ahead.clock_ms(START_S, -60.0) == unset.clock_ms(START_S, -60.0) == (START_S - 60) * 1000
    assert ahead.clock_ms(START_S, 8.0) == (START_S + 8 + AHEAD_S) * 1000
    assert unset.clock_ms(START_S, 8.0) == 8_000
    assert right.clock_ms(START_S, 8.0) == (START_S + 8) * 1000
    assert (ahead.on_time, unset.on_time, right.on_time) == (False, False, True)


def test_the_weight_of_the_story_is_the_first_of_its_local_day() -> None:
    scale = device_of("scale-006")
    zone = ZoneInfo(scale.zone)
    for start_s in range(int(START_S), int(START_S) + 86_400, 1_200):
        days = [datetime.fromtimestamp(start_s + t_s, zone).date() for t_s in scale.history(start_s)]
        assert len(days) >= 4
        assert datetime.fromtimestamp(start_s + 8, zone).date() not in days
        assert -scale.history(start_s)[-1] < 2 * DAY_S, "no weight is missing"
