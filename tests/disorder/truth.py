"""What the chart must hold of a plan and which alerts must stand, worked out apart from the pipeline's own rooms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from alerts import oracle
from alerts.oracle import AlertKey, key_of
from alerts.rules import Rule
from tests.disorder.plan import LATENESS_US, Measured, Plan
from vitals import codes, units
from vitals.events import SAMPLE, Enrolment, PatientContext, Samples, SpO2Target
from vitals.identity import identity, observation_id
from vitals.reading import Absent, Flag


def planned_contexts(plan: Plan, keys: Mapping[str, int]) -> dict[int, PatientContext]:
    """What was registered of the patients, by storage's key."""
    found = {}
    for patient in plan.patients:
        programmes, target = plan.programme(patient)
        found[keys[patient]] = PatientContext(
            keys[patient],
            patient,
            tuple(Enrolment(programme) for programme in programmes),
            () if target is None else (SpO2Target(*target),),
            zone=plan.zone(patient),
        )
    return found


def planned_samples(
    readings: Iterable[Measured],
    patient_of: Mapping[str, str],
    keys: Mapping[str, int],
    device_keys: Mapping[str, int],
    received_us: int,
) -> Samples:
    """Readings of devices whose times follow from the plan as samples, received about then."""
    rows = []
    for one in readings:
        reading = one.reading(received_us)
        metric = codes.metric(one.metric)
        flags = int(reading.flags)
        if received_us - reading.measured_us > LATENESS_US:
            flags |= int(Flag.TOO_LATE)
        if one.metric == "sensor_contact" and one.value == "false":
            flags |= int(Flag.NO_CONTACT)
        patient = patient_of[one.device]
        name = observation_id(identity(one.device, one.metric, reading.device_time_ns, one.sequence), patient).bytes
        for place, value in enumerate(reading.values):
            if value.absent is not Absent.PRESENT:
                continue
            rows.append(
                (
                    keys[patient],
                    device_keys[one.device],
                    metric.number,
                    place + 1 if len(reading.values) > 1 else 0,
                    value.decimals,
                    units.unit(one.unit).number,
                    flags,
                    reading.measured_us,
                    received_us,
                    one.sequence,
                    units.convert(value.number, one.unit, metric.units[0]),
                    value.number,
                    name,
                )
            )
    return np.array(rows, dtype=SAMPLE)


def true_alerts(
    rules: tuple[Rule, ...], contexts: dict[int, PatientContext], samples: Samples, until_us: int
) -> set[AlertKey]:
    """The oracle's history as it is compared."""
    return {key_of(alert) for alert in oracle.history(rules, contexts, samples, until_us)}
