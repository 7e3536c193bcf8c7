"""For each rule kind a world in which its rules open, clear, merge and retract often. A new kind needs a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from alerts.rules import Limit, Rule
from tests.disorder.histories import FLAGS, Scene
from vitals import codes
from vitals.events import Enrolment, PatientContext, Period, SpO2Target
from vitals.reading import Flag

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: 2026-10-23T22:00:00Z, midnight in Berlin; a day later begins the night in which an hour comes twice.
START_US = 1_792_792_800_000_000


def rule(identity: str, kind: str, metric: str, raised: Limit | None = None, **more: Any) -> Rule:
    """A rule in the metric's own unit, cleared one unit back, unless told otherwise."""
    row = codes.table().get(metric.partition(".")[0])
    given: dict[str, Any] = {
        "programme": "general",
        "title": identity,
        "unit": row.units[0] if row else "1",
        "priority": "high",
        "source": "test",
        "raise_limit": raised,
        "clear_limit": more.pop("cleared", raised.mirrored() if raised else None),
    }
    return Rule(id=identity, version=1, kind=kind, metric=metric, **(given | more))


def _moved(one: Rule) -> Rule:
    """The next version of a rule: limits one unit higher, a dwell a third longer."""
    up = [None if limit is None else Limit(limit.op, limit.value + 1) for limit in (one.raise_limit, one.clear_limit)]
    return replace(
        one, version=one.version + 1, raise_limit=up[0], clear_limit=up[1], for_us=one.for_us + one.for_us // 3
    )


def _scene(step_us: int, rules: tuple[Rule, ...], values: Mapping[str, tuple[float, ...]], **more: Any) -> Scene:
    """A scene that takes its time in units of `step_us`: enrolments and targets come and go, blindness falls in."""

    def at(steps: int) -> int:
        return START_US + steps * step_us

    dark = ((at(7), at(9)), (at(21), at(26)))
    well = PatientContext(1, "well", zone="Europe/Berlin", born=date(1950, 5, 1), blind=dark)
    ill = PatientContext(
        2,
        "ill",
        enrolments=(Enrolment("copd", at(5), at(16)), Enrolment("copd", at(20), at(24)), Enrolment("heart-failure")),
        spo2_targets=(SpO2Target(88, 92, at(8)), SpO2Target(94, 98, at(22))),
        zone="America/New_York",
        blind=dark,
    )
    ill_later = replace(
        ill,
        enrolments=(Enrolment("copd", at(2), at(12)), Enrolment("copd", at(18)), Enrolment("heart-failure", at(3))),
        spo2_targets=(SpO2Target(88, 92, at(4)),),
        blind=(*dark, (at(28), at(40))),
    )
    well_later = replace(
        well, zone="Asia/Kolkata", pregnancies=(Period(at(6), at(15)),), blind=ill_later.blind, born=None
    )
    given: dict[str, Any] = {
        "changed": (*(_moved(one) for one in rules[:-1]), rules[-1]),
        "contexts": {1: well, 2: ill},
        "later": {1: well_later, 2: ill_later},
        "start_us": START_US,
        "steps_us": (step_us, step_us, step_us, 0, 2 * step_us, 3 * step_us),
        "ticks_us": (0, step_us, 5 * step_us, 20 * step_us),
        "flags": FLAGS,
    }
    return Scene(rules=rules, values=values, **(given | more))


SPO2 = (86.0, 88.0, 90.0, 90.0, 91.0, 95.0)
PULSES = (80.0, 110.0, 111.0, 111.0, 130.0, 131.0)
_HELD: dict[str, Any] = {"for_us": 3 * SECOND, "max_gap_us": 2 * SECOND}
_NO_CONTACT, _AHEAD, _OFFSET = int(Flag.NO_CONTACT), int(Flag.CLOCK_AHEAD), int(Flag.CLOCK_OFFSET)

SCENES: dict[str, Scene] = {
    "threshold": _scene(
        SECOND,
        (
            rule("low", "threshold", "spo2", Limit("<", 88)),
            rule("low-copd", "threshold", "spo2", Limit("<", 89), programme="copd", spo2_target="required"),
            rule("low-others", "threshold", "spo2", Limit("<=", 89), spo2_target="excluded"),
            rule("fast", "threshold", "heart_rate", Limit(">=", 111), cleared=Limit("<", 110), unless="copd"),
        ),
        {"spo2": SPO2, "heart_rate": PULSES, "pulse_rate_oximeter": PULSES},
    ),
    "sustained": _scene(
        SECOND,
        (
            rule("low-held", "sustained", "spo2", Limit("<=", 90), **_HELD),
            rule("low-copd", "sustained", "spo2", Limit("<", 89), programme="copd", spo2_target="required", **_HELD),
            rule("low-spot", "sustained", "spo2", Limit("<=", 89), spot=True, **_HELD),
            rule("fast-held", "sustained", "heart_rate", Limit(">=", 111), cleared=Limit("<", 111), **_HELD),
        ),
        {"spo2": SPO2, "heart_rate": PULSES, "pulse_rate_oximeter": PULSES},
    ),
    "delta": _scene(
        8 * HOUR,
        (
            rule(
                "gain-day",
                "delta",
                "body_weight",
                Limit(">", 1.36),
                cleared=Limit("<=", 0.9),
                window_us=3 * DAY,
                min_gap_us=12 * HOUR,
                against="nearest",
            ),
            rule(
                "gain-week",
                "delta",
                "body_weight",
                Limit(">", 2),
                cleared=Limit("<=", 1.5),
                window_us=7 * DAY,
                against="minimum",
                programme="heart-failure",
            ),
            rule(
                "loss",
                "delta",
                "body_weight",
                Limit("<", -4),
                cleared=Limit(">=", -2),
                unit="[lb_av]",
                window_us=3 * DAY,
                against="maximum",
            ),
        ),
        {"body_weight": (80.0, 80.4, 81.36, 81.37, 82.0, 82.01, 83.4, 78.1)},
        # Around midnight and the hour that comes twice.
        steps_us=(8 * HOUR, 24 * HOUR, 25 * HOUR, 0, 1 * HOUR, 30 * MINUTE, 12 * HOUR),
        ticks_us=(0, HOUR, DAY, 4 * DAY),
    ),
    "absence": _scene(
        HOUR,
        (
            rule("no-weight", "absence", "body_weight", every_us=8 * HOUR, for_us=9 * HOUR),
            rule("no-copd", "absence", "spo2", every_us=2 * HOUR, for_us=3 * HOUR, programme="copd"),
            rule("nothing", "absence", "any", every_us=HOUR, for_us=HOUR + 30 * MINUTE),
        ),
        {"body_weight": (80.0, 81.0), "spo2": (95.0, 96.0)},
        steps_us=(HOUR, HOUR, 30 * MINUTE, 90 * MINUTE, 0, 3 * HOUR, 10 * HOUR),
        ticks_us=(0, HOUR, 90 * MINUTE, 12 * HOUR),
    ),
    "score": _scene(
        30 * MINUTE,
        (
            rule("news2-5", "score", "news2", Limit(">=", 5), cleared=Limit("<=", 4), single_three=True),
            rule("news2-7", "score", "news2", Limit(">=", 7), cleared=Limit("<=", 5), programme="copd"),
        ),
        {
            "resp_rate": (16.0, 21.0, 25.0),
            "spo2": (96.0, 92.0, 90.0),
            "oxygen_in_use": (0.0, 1.0),
            "oxygen_flow": (0.0, 2.0),
            "blood_pressure.systolic": (120.0, 105.0, 95.0, 90.0),
            "heart_rate": (80.0, 95.0, 111.0, 131.0),
            "consciousness": (0.0, 1.0),
            "body_temp": (37.0, 38.5, 39.1, 35.0),
        },
        # Streams (up to 120 s apart) count for an hour, spot readings for twelve.
        steps_us=(MINUTE, 2 * MINUTE, 5 * MINUTE, 30 * MINUTE, 0, 59 * MINUTE, 61 * MINUTE, 11 * HOUR, SECOND),
        ticks_us=(0, HOUR, 12 * HOUR, DAY),
    ),
    "improbable": _scene(
        SECOND,
        (
            rule("odd", "improbable", "spo2", programme="copd"),
            rule("odd-pulse", "improbable", "heart_rate", programme="technical"),
        ),
        {"spo2": SPO2, "heart_rate": PULSES},
    ),
    "clock": _scene(
        SECOND,
        (
            rule("clock", "clock", "any", programme="technical"),
            rule("clock-copd", "clock", "spo2", programme="copd"),
        ),
        {"spo2": SPO2, "heart_rate": PULSES, "sensor_contact": (1.0, 0.0)},
        flags=(0, 0, 0, 0, _AHEAD, _AHEAD, _OFFSET, _AHEAD | _NO_CONTACT, *FLAGS),
    ),
    "contact": _scene(
        SECOND,
        (
            rule("off", "contact", "any", programme="technical", **_HELD),
            rule("off-copd", "contact", "spo2", programme="copd", for_us=5 * SECOND, max_gap_us=4 * SECOND),
        ),
        {"spo2": SPO2, "sensor_contact": (1.0, 0.0, 0.0), "heart_rate": PULSES},
        flags=(0, 0, _NO_CONTACT, _NO_CONTACT, _NO_CONTACT, *FLAGS),
    ),
}
