"""Stories of simulated patients, and the alerts that each must and must not cause.

Times are seconds from the start of the live part; negative ones are the history that devices remember.
`expected` is typed here from the clinical rules, never computed by our engine. A story about two patients is two parts
of one name, one after the other; a device with `before` was the first one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from simulators.devices import (
    CUFF,
    DAY_S,
    HOUR_S,
    OXIMETER,
    PLX,
    SCALE,
    STRAP,
    THERMOMETER,
    Before,
    Device,
    Measurement,
    measure,
    pressure,
)
from simulators.physiology import Body


@dataclass(frozen=True, slots=True)
class Scenario:
    """One patient's part of a story. `offline` is the window in which its devices measure but can't reach us.

    `overrides`, by kind of device: from a time on, what differs from the body; the newest that has begun holds.
    """

    name: str
    programmes: tuple[str, ...]
    devices: tuple[Device, ...]
    expected: tuple[str, ...] = ()
    copd: bool = False
    spo2_target: tuple[int, int] | None = None
    offline: tuple[float, float] | None = None
    overrides: Mapping[str, tuple[tuple[float, Measurement], ...]] = field(default_factory=dict)


def at(scenario: Scenario, device: Device, body: Body, t_s: float) -> Measurement:
    """What this device of the story measures at `t_s`: the body, with the newest override that has begun."""
    begun = [change for begins_s, change in scenario.overrides.get(device.kind, ()) if t_s >= begins_s]
    return measure(device.kind, body, t_s) | (begun[-1] if begun else {})


COPD_DESATURATION = Scenario(
    name="copd-desaturation",
    programmes=("copd",),
    # 290 s of low readings are in the oximeter's memory: the 5 min dwell ends 10 s into the live part.
    devices=(replace(OXIMETER, period_s=1.0, stream_history=True), THERMOMETER, Device("patch", 15.0, 3.0)),
    expected=("spo2-copd",),
    copd=True,
    spo2_target=(88, 92),
    overrides={"oximeter": ((-290.0, {"spo2": ("86", "%")}), (-120.0, {"spo2": ("85", "%")}))},
)
HYPERTENSIVE_CRISIS = Scenario(
    name="hypertensive-crisis",
    programmes=("hypertension",),
    devices=(replace(CUFF, period_s=15.0, first_s=9.0), SCALE),
    expected=("bp-severe-systolic",),
    overrides={"cuff": ((0.0, {"blood_pressure": (pressure(194, 112), "mmHg")}),)},
)
FEVER = Scenario(
    name="fever",
    programmes=("virtual-ward",),
    # 39.3 is 2 points of NEWS2; with what this body can have besides (2) the score stays below 5.
    devices=(replace(THERMOMETER, period_s=10.0, first_s=7.0), STRAP, CUFF),
    expected=("temp-fever", "temp-high"),
    overrides={"thermometer": ((0.0, {"body_temp": ("38.4", "C")}), (20.0, {"body_temp": ("39.3", "C")}))},
)
GATEWAY_OUTAGE = Scenario(
    name="gateway-outage",
    programmes=("heart-failure",),
    devices=(OXIMETER, SCALE, replace(CUFF, period_s=6.0, first_s=14.0)),
    # A pressure below 80 came and went while nothing could be sent: both rules open as already over. SpO2 was low for
    # 14 s: delivered at once, that is still no minute, so `spo2-low-general` must not open.
    expected=("bp-low", "hf-systolic-low"),
    offline=(12.0, 32.0),
    overrides={
        "cuff": ((13.0, {"blood_pressure": (pressure(74, 46), "mmHg")}), (19.0, {})),
        "oximeter": ((14.0, {"spo2": ("85", "%")}), (28.0, {})),
    },
)
SEPSIS_ONSET = Scenario(
    name="sepsis-onset",
    programmes=("virtual-ward",),
    devices=(
        replace(OXIMETER, period_s=2.0),
        Device("patch", 10.0, 3.0),
        replace(CUFF, period_s=10.0),
        replace(THERMOMETER, period_s=10.0),
        STRAP,
        Device("tablet", 30.0, 2.0, history_hours=(8, 20)),
    ),
    # First 4 points (breathing 2, pulse 1, temperature 1), then 8 (breathing 2, saturation 2, pressure 2, pulse 1,
    # temperature 1): no value alone is far off, the score is.
    expected=("news2-high", "news2-medium", "temp-fever"),
    overrides={
        "oximeter": (
            (10.0, {"spo2": ("96", "%"), "pulse_rate_oximeter": ("99", "bpm")}),
            (22.0, {"spo2": ("93", "%"), "pulse_rate_oximeter": ("108", "bpm")}),
        ),
        "patch": ((10.0, {"resp_rate": ("22", "/min")}), (22.0, {"resp_rate": ("24", "/min")})),
        "cuff": (
            (10.0, {"blood_pressure": (pressure(112, 68), "mmHg"), "pulse_rate_cuff": ("99", "bpm")}),
            (22.0, {"blood_pressure": (pressure(96, 55), "mmHg"), "pulse_rate_cuff": ("108", "bpm")}),
        ),
        "thermometer": ((10.0, {"body_temp": ("38.3", "C")}), (22.0, {"body_temp": ("38.9", "C")})),
        "strap": ((10.0, {"heart_rate": ("99", "/min")}), (22.0, {"heart_rate": ("108", "/min")})),
    },
)
HEART_FAILURE_WEIGHT_GAIN = Scenario(
    name="heart-failure-weight-gain",
    programmes=("heart-failure",),
    # The live weight must be the first of its local day: the second one of a day counts for no rule.
    devices=(replace(SCALE, not_today=True), OXIMETER),
    # 1.70 kg above the day before (1.36 and more), 2.40 kg above the week's lowest (2.27 and more); the steps before
    # stay below both.
    expected=("hf-weight-24h", "hf-weight-7d"),
    overrides={
        "scale": (
            (-30 * DAY_S, {"body_weight": ("80.20", "kg")}),
            (-60 * HOUR_S, {"body_weight": ("80.90", "kg")}),
            (0.0, {"body_weight": ("82.60", "kg")}),
        )
    },
)
HYPOGLYCAEMIA = Scenario(
    name="hypoglycaemia",
    programmes=("diabetes",),
    devices=(Device("meter", 30.0, 11.0, history_hours=(6, 11, 17, 21)), CUFF),
    expected=("glucose-l2-hypo",),
    overrides={"meter": ((0.0, {"glucose_capillary_mass": ("47", "mg/dL")}),)},
)
SENSOR_OFF = Scenario(
    name="sensor-off",
    programmes=("hypertension",),
    devices=(replace(STRAP, stream_history=True), CUFF),
    # The strap came loose 290 s before the start and shows 34 /min: the loose strap is the alert, not a slow heart.
    expected=("sensor-off",),
    overrides={"strap": ((-290.0, {"heart_rate": ("34", "/min"), "sensor_contact": ("false", "1")}),)},
)
WRONG_CLOCK = Scenario(
    name="wrong-clock",
    programmes=("hypertension",),
    # New batteries at the start: one clock is days ahead since, the other begins in 1970. What they measure is fine.
    devices=(replace(THERMOMETER, clock="ahead"), replace(CUFF, clock="unset"), STRAP),
    expected=("device-clock",),
)
_RETURNED = Before(until_s=-2 * DAY_S, since_s=-1 * DAY_S)
RETURNED_CUFF = (
    # The first patient has had another cuff for two days; the one that went back still holds a crisis of three days
    # ago (over 180, and normal again before it went back), which comes to light now.
    Scenario(
        name="returned-cuff",
        programmes=("hypertension",),
        devices=(replace(CUFF, history_days=2.0), SCALE),
        expected=("bp-severe-systolic",),
    ),
    Scenario(
        name="returned-cuff",
        programmes=("hypertension",),
        devices=(replace(CUFF, before=_RETURNED), STRAP),
        overrides={
            "cuff": (
                (-3.8 * DAY_S, {"blood_pressure": (pressure(191, 109), "mmHg")}),
                (-3.2 * DAY_S, {}),
            )
        },
    ),
)
BINDING_CORRECTED = (
    # The thermometer went to the second patient 20 min before the start; the registry hears of it only at 25 s. Until
    # then its fever is the first one's: that alert must be taken back.
    Scenario(name="binding-corrected", programmes=("hypertension",), devices=(CUFF, STRAP)),
    Scenario(
        name="binding-corrected",
        programmes=("heart-failure",),
        devices=(
            replace(THERMOMETER, period_s=10.0, before=Before(until_s=-1200.0, since_s=-1200.0, corrected_s=25.0)),
            OXIMETER,
            SCALE,
        ),
        expected=("temp-fever", "temp-high"),
        overrides={"thermometer": ((0.0, {"body_temp": ("39.4", "C")}),)},
    ),
)
WELL = (
    Scenario("well", ("hypertension",), (CUFF, STRAP)),
    Scenario("well", ("heart-failure",), (SCALE, OXIMETER)),
    Scenario("well", ("virtual-ward",), (PLX, THERMOMETER, Device("patch", 20.0, 2.0))),
    Scenario("well", ("copd",), (PLX, SCALE)),
    Scenario("well", ("heart-failure", "hypertension"), (CUFF, SCALE, STRAP)),
)

#: Patients get these first, in this order; all others are well.
STORIES = (
    COPD_DESATURATION,
    HYPERTENSIVE_CRISIS,
    FEVER,
    GATEWAY_OUTAGE,
    SEPSIS_ONSET,
    HEART_FAILURE_WEIGHT_GAIN,
    HYPOGLYCAEMIA,
    SENSOR_OFF,
    WRONG_CLOCK,
    *RETURNED_CUFF,
    *BINDING_CORRECTED,
)


def parts(name: str) -> tuple[Scenario, ...]:
    """The parts of one story, a patient each; the first of the well ones for `well`."""
    return tuple(scenario for scenario in STORIES if scenario.name == name) or WELL[:1]


#: The stories whole: their parts belong together.
WHOLE = tuple(tuple(together) for _, together in groupby(STORIES, key=lambda scenario: scenario.name))
NAMES = (*dict.fromkeys(scenario.name for scenario in STORIES), "well")
