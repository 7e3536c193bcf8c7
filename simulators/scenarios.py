"""Stories of simulated patients, and the alerts that each must and must not cause.

Times are seconds from the start of the live part; negative ones are the history that devices remember.
`expected` is typed here from the clinical rules, never computed by our engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.physiology import Body

#: One measurement: {metric: (value as JSON text, unit)}.
Measurement = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a patient.

    `period_s` is the live cadence and `first_s` when it first measures live; `history_hours` the hours of the day (UTC)
    at which it measured on earlier days; `stream_history` whether it also streamed for 15 min before the start;
    `form` how it publishes: `json` or `gatt`.
    """

    kind: str
    period_s: float
    first_s: float = 1.0
    history_hours: tuple[int, ...] = ()
    stream_history: bool = False
    form: str = "json"


CUFF = Device("cuff", 30.0, 4.0, history_hours=(7, 11, 15, 19))
THERMOMETER = Device("thermometer", 30.0, 6.0, history_hours=(7, 13, 20))
SCALE = Device("scale", 3600.0, 8.0, history_hours=(6,))
OXIMETER = Device("oximeter", 2.0, history_hours=(6, 8, 10, 12, 14, 16, 18, 20))
STRAP = Device("strap", 2.0, form="gatt")
PLX = Device("oximeter", 2.0, history_hours=(7, 9, 11, 13, 15, 17, 19, 21), form="gatt")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. `offline` is the window in which its devices measure but can't reach us."""

    name: str
    programmes: tuple[str, ...]
    devices: tuple[Device, ...]
    expected: tuple[str, ...] = ()
    copd: bool = False
    spo2_target: tuple[int, int] | None = None
    offline: tuple[float, float] | None = None
    overrides: Mapping[str, tuple[tuple[float, Measurement], ...]] = field(default_factory=dict)


def measure(kind: str, body: Body, t_s: float) -> Measurement:
    """What a device of this kind reads off a body at `t_s`."""
    if kind == "oximeter":
        return {
            "spo2": (str(body.spo2_at(t_s)), "%"),
            "pulse_rate_oximeter": (str(body.heart_rate_at(t_s)), "bpm"),
        }
    if kind == "strap":
        return {"heart_rate": (str(body.heart_rate_at(t_s)), "/min")}
    if kind == "cuff":
        systolic, diastolic = body.pressure_at(t_s)
        return {
            "blood_pressure": (pressure(systolic, diastolic), "mmHg"),
            "pulse_rate_cuff": (str(body.heart_rate_at(t_s)), "bpm"),
        }
    if kind == "thermometer":
        return {"body_temp": (f"{body.temperature_at(t_s):.1f}", "C")}
    if kind == "scale":
        return {"body_weight": (f"{body.weight_at(t_s):.2f}", "kg")}
    if kind == "patch":
        return {"resp_rate": (str(body.resp_rate_at(t_s)), "/min"), "battery": ("87", "%")}
    raise ValueError(f"no simulated device of kind {kind!r}")


def pressure(systolic: int, diastolic: int) -> str:
    """A blood pressure as the JSON value of the MQTT contract."""
    return f'{{"systolic":{systolic},"diastolic":{diastolic}}}'


def at(scenario: Scenario, device: Device, body: Body, t_s: float) -> Measurement:
    """What this device of the story measures at `t_s`: the body, with the newest override that has begun."""
    result = measure(device.kind, body, t_s)
    for begins_s, change in scenario.overrides.get(device.kind, ()):
        if t_s >= begins_s:
            result |= change
    return result


COPD_DESATURATION = Scenario(
    name="copd-desaturation",
    programmes=("copd",),
    # 290 s of low readings are in the oximeter's memory: the 5 min dwell ends 10 s into the live part.
    devices=(
        Device("oximeter", 1.0, history_hours=(6, 8, 10, 12, 14, 16, 18, 20), stream_history=True),
        THERMOMETER,
        Device("patch", 15.0, 3.0),
    ),
    expected=("spo2-copd",),
    copd=True,
    spo2_target=(88, 92),
    overrides={"oximeter": ((-290.0, {"spo2": ("86", "%")}), (-120.0, {"spo2": ("85", "%")}))},
)
HYPERTENSIVE_CRISIS = Scenario(
    name="hypertensive-crisis",
    programmes=("hypertension",),
    devices=(Device("cuff", 15.0, 9.0, history_hours=(7, 11, 15, 19)), SCALE),
    expected=("bp-severe-systolic",),
    overrides={"cuff": ((0.0, {"blood_pressure": (pressure(194, 112), "mmHg")}),)},
)
FEVER = Scenario(
    name="fever",
    programmes=("virtual-ward",),
    devices=(Device("thermometer", 10.0, 7.0, history_hours=(7, 13, 20)), STRAP, CUFF),
    expected=("temp-fever", "temp-high"),
    overrides={"thermometer": ((0.0, {"body_temp": ("38.4", "C")}), (20.0, {"body_temp": ("39.3", "C")}))},
)
GATEWAY_OUTAGE = Scenario(
    name="gateway-outage",
    programmes=("heart-failure",),
    devices=(OXIMETER, SCALE),
    offline=(12.0, 32.0),
)
WELL = (
    Scenario("well", ("hypertension",), (CUFF, STRAP)),
    Scenario("well", ("heart-failure",), (SCALE, OXIMETER)),
    Scenario("well", ("virtual-ward",), (PLX, THERMOMETER, Device("patch", 20.0, 2.0))),
    Scenario("well", ("copd",), (PLX, SCALE)),
    Scenario("well", ("heart-failure", "hypertension"), (CUFF, SCALE, STRAP)),
)

#: Patients get these first, in this order; all others are well.
STORIES = (COPD_DESATURATION, HYPERTENSIVE_CRISIS, FEVER, GATEWAY_OUTAGE)
