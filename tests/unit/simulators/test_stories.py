"""Simulated patients: the same by seed, and exactly the alerts that their stories promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import numpy as np
import pytest

from alerts.oracle import history
from alerts.pack import shipped_rules
from alerts.rules import Rule, sees
from device_gateway.payloads import json_payload
from device_gateway.payloads.model import Sent
from simulators.mqtt_device import Taken, elements
from simulators.physiology import body
from simulators.plan import HISTORY_DAYS, HISTORY_READINGS_MAX, SimulatedDevice, SimulatedPatient, patients
from simulators.scenarios import STORIES
from vitals import codes, units
from vitals.events import SAMPLE, Enrolment, PatientContext, Samples, SpO2Target
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


def context(key: int, patient: SimulatedPatient) -> PatientContext:
    scenario = patient.scenario
    programmes = ("general", "technical", *scenario.programmes)
    targets = () if scenario.spo2_target is None else (SpO2Target(*scenario.spo2_target),)
    return PatientContext(key, patient.id, tuple(map(Enrolment, programmes)), targets)


def demo_samples(key: int, patient: SimulatedPatient) -> Samples:
    plans = [(plan, [*plan.history(START_S), *live(plan, DEMO_S)]) for plan in patient.devices]
    return samples(key, plans)


@pytest.mark.parametrize("seed", SEEDS)
def test_stories_raise_exactly_what_they_promise(seed: int) -> None:
    everybody = dict(enumerate(patients(20, seed), start=1))
    contexts = {key: context(key, patient) for key, patient in everybody.items()}
    told = np.concatenate([demo_samples(key, patient) for key, patient in everybody.items()])
    raised = sorted((everybody[alert.patient].id, alert.rule) for alert in history(shipped_rules(), contexts, told))
    assert raised == sorted((patient.id, rule) for patient in everybody.values() for rule in patient.expected)
    assert len(raised) >= 4


@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in STORIES])
def test_a_story_s_first_alerts_come_in_time(scenario: Any) -> None:
    (number, patient) = next((n, p) for n, p in enumerate(patients(20), 1) if p.scenario is scenario)
    found = history(shipped_rules(), {number: context(number, patient)}, demo_samples(number, patient))
    completed = [(alert.priority, alert.readings[-1].measured_us / 1e6 - START_S) for alert in found]
    assert all(0 < seconds <= 50 for _, seconds in completed)
    assert all(seconds <= 15 for priority, seconds in completed if priority == "high")


def limits_near(rules: list[Rule], told: Samples) -> Iterator[str]:
    """Readings that satisfy any rule's raise limit, whatever its dwell."""
    for rule in rules:
        if rule.raise_limit is None:
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
