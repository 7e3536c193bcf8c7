"""Simulated devices: what each kind reads off a body, how often, in which form, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulators.physiology import Body

#: One measurement: {metric: (value as JSON text, unit)}. `sensor_contact` false beside a value marks that value.
Measurement = dict[str, tuple[str, str]]

#: Days that a device's memory reaches back.
HISTORY_DAYS = 6
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

#: How far ahead of the true time a wrong clock is: days, as after a date typed in wrongly.
AHEAD_S = 3 * DAY_S

Clock = Literal["right", "ahead", "unset"]


@dataclass(frozen=True, slots=True)
class Before:
    """A device that was the patient's before this one in the list until `until_s`, and is its own patient's since
    `since_s`.

    `corrected_s`: when the registry hears of that (seconds from the start); None: it knew from the beginning.
    """

    until_s: float
    since_s: float
    corrected_s: float | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a patient.

    `period_s` is the live cadence and `first_s` when it first measures live; `history_hours` the hours of the day (UTC)
    at which it measured on the last `history_days`, `not_today` leaves out the patient's local day of the start;
    `stream_history`: it also streamed for 15 min before the start; `form` is how it publishes, `json` or `gatt`;
    `clock` what its clock is like since the start.
    """

    kind: str
    period_s: float
    first_s: float = 1.0
    history_hours: tuple[int, ...] = ()
    stream_history: bool = False
    form: Literal["json", "gatt"] = "json"
    history_days: float = HISTORY_DAYS
    not_today: bool = False
    clock: Clock = "right"
    before: Before | None = None


CUFF = Device("cuff", 30.0, 4.0, history_hours=(7, 11, 15, 19))
THERMOMETER = Device("thermometer", 30.0, 6.0, history_hours=(7, 13, 20))
SCALE = Device("scale", 3600.0, 8.0, history_hours=(6,))
OXIMETER = Device("oximeter", 2.0, history_hours=(6, 8, 10, 12, 14, 16, 18, 20))
STRAP = Device("strap", 2.0, form="gatt")
PLX = Device("oximeter", 2.0, history_hours=(7, 9, 11, 13, 15, 17, 19, 21), form="gatt")


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
    if kind == "meter":
        return {"glucose_capillary_mass": (str(body.glucose_at(t_s)), "mg/dL")}
    if kind == "patch":
        return {"resp_rate": (str(body.resp_rate_at(t_s)), "/min"), "battery": ("87", "%")}
    if kind == "tablet":
        # What a person looks for and enters at the bedside.
        return {"consciousness": ('"A"', "1"), "oxygen_in_use": ("false", "1")}
    raise ValueError(f"no simulated device of kind {kind!r}")


def pressure(systolic: int, diastolic: int) -> str:
    """A blood pressure as the JSON value of the MQTT contract."""
    return f'{{"systolic":{systolic},"diastolic":{diastolic}}}'


def out_of_contact(values: Measurement) -> bool:
    """Whether the sensor says of these values that it did not touch the patient."""
    return values.get("sensor_contact", ("true", "1"))[0] == "false"
