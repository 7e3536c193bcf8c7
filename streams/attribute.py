"""The right patient: a reading goes to the patient its device was bound to when it was measured. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from streams.group import Columns, Ints, Mask
from vitals import codes
from vitals.identity import shard_of
from vitals.ports.chart import DeviceRecord
from vitals.reading import SINCE_EVER

_STATUS_METRICS = np.array([m.number for m in codes.table().values() if m.shape == "device-status"])

#: Reasons for quarantine, with what to do about each.
UNKNOWN_DEVICE = (
    "unknown-device",
    "the device is not registered; register it with `vitalstream device add`, then replay",
)
NO_BINDING = (
    "no-binding",
    "no patient was bound to the device when this was measured; correct the binding, then replay",
)
UNPROVEN = (
    "unproven",
    "whoever claimed the device has not confirmed a reading of it yet; it is charted when that happens",
)
TIME_UNCERTAIN = (
    "time-uncertain",
    "the device's clock was wrong and this may have been measured outside the patient's binding; a person must decide",
)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Row by row. `device` and `patient` are storage's keys (0: unknown, none), `shard` is where the row belongs.

    `settled` marks rows of devices that have had exactly one binding ever: only those may take the fast path of dedupe.
    `status` marks device status, which needs no patient and stays where it arrived while nobody is bound. `reasons`
    holds (code, message) of rows that nobody owns.
    """

    device: Ints
    patient: Ints
    shard: Ints
    settled: Mask
    status: Mask
    patients: Mapping[int, str]
    reasons: Mapping[int, tuple[str, str]]


def attribute(
    columns: Columns, names: tuple[str, ...], shard: Ints, good: Mask, devices: Mapping[str, DeviceRecord]
) -> Attribution:
    """Finds device and patient of every `good` row.

    A row is attributed only if every instant in [earliest_us, latest_us] lies inside one binding; where
    nothing is known of its time, if the device never had another binding and was bound at receipt. What lies inside a
    binding that is not proven yet stays nobody's.
    """
    count = len(columns)
    device = np.zeros(count, np.int64)
    patient = np.zeros(count, np.int64)
    target = shard.copy()
    settled = np.zeros(count, np.bool_)
    status = good & np.isin(columns["metric"], _STATUS_METRICS)
    patients: dict[int, str] = {}
    reasons: dict[int, tuple[str, str]] = {}
    earliest_us, latest_us, measured_us = (columns[name] for name in ("earliest_us", "latest_us", "measured_us"))
    for index, rows in _by_device(columns["device"], good):
        known = devices.get(names[index])
        if known is None:
            reasons.update(dict.fromkeys(rows.tolist(), UNKNOWN_DEVICE))
            continue
        device[rows] = known.key
        first, last, measured = earliest_us[rows], latest_us[rows], measured_us[rows]
        if len(known.bindings) == 1:
            # Of a time that was replaced nothing is known but that it lies before receipt: it is one patient's if no
            # other ever had the device. A wrong clock alone must not quarantine.
            first = np.where(first == SINCE_EVER, last, first)
        inside, unproven = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
        for binding in known.bindings:
            within = (first >= binding.from_us) & (last < binding.to_us)
            inside |= (measured >= binding.from_us) & (measured < binding.to_us)
            if not binding.proven:
                unproven |= within
                continue
            mine = rows[within]
            patient[mine] = binding.patient_key
            patients[binding.patient_key] = binding.patient
            target[mine] = shard_of(binding.patient)
        settled[rows] = len(known.bindings) == 1
        lost = ~status[rows] & (patient[rows] == 0)
        why = np.where(unproven, 2, inside)[lost]
        for row, reason in zip(rows[lost].tolist(), why.tolist(), strict=True):
            reasons[row] = (NO_BINDING, TIME_UNCERTAIN, UNPROVEN)[reason]
    # Device status of one device can arrive in two shards (before and after it is bound), so it is always looked up.
    settled &= (target == shard) & (patient != 0) & ~status
    return Attribution(device, patient, target, settled, status, patients, reasons)


def placeable(columns: Columns, names: tuple[str, ...], reason: str, devices: Mapping[str, DeviceRecord]) -> bool:
    """Whether attribution of one row that was kept for `reason` says something else by now."""
    owned = attribute(columns, names, np.zeros(1, np.int64), np.ones(1, np.bool_), devices)
    return 0 not in owned.reasons or owned.reasons[0][0] != reason


def _by_device(indices: Ints, good: Mask) -> Iterator[tuple[int, Ints]]:
    """Each device's index and its good rows in order: one sort, so that many devices cost no more than few."""
    rows = np.flatnonzero(good)
    rows = rows[np.argsort(indices[rows], kind="stable")]
    sorted_indices = indices[rows]
    starts = np.flatnonzero(np.append(True, sorted_indices[1:] != sorted_indices[:-1])) if len(rows) else rows
    for start, end in pairwise([*starts.tolist(), len(rows)]):
        yield int(sorted_indices[start]), rows[start:end]
