"""What a transaction on the chart reads before it decides: registry, heads, identities, history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from psycopg import AsyncClientCursor

from storage.chart.alert_rows import alerts_of
from storage.chart.copy_binary import HISTORY
from storage.chart.samples import samples_of
from storage.connection import Connection
from storage.sql import sql
from vitals.events import Deadline, Enrolment, PatientContext, PatientHistory, Period, SpO2Target
from vitals.ports.alerting import HistoryRequest
from vitals.ports.chart import Binding, DeviceRecord, Head, IdentityKey, Known

# Ends of a bigint, which the schema's `us_of` gives for the infinities.
_EVER_US, _FOREVER_US = -(2**63), 2**63 - 1

#: First key of our advisory locks on devices: a number that nobody else uses with two keys, the bytes "devi".
LOCK_CLASS = int.from_bytes(b"devi", "big")


async def devices(connection: Connection, wanted: Collection[str]) -> dict[str, DeviceRecord]:
    """Registered devices by id, bindings in order of time."""
    cursor = await connection.execute(sql("chart_devices"), {"devices": list(wanted)})
    keys: dict[str, int] = {}
    bindings: dict[str, list[Binding]] = {}
    for device, key, patient_key, patient, from_us, to_us, proven in await cursor.fetchall():
        keys[device] = key
        if patient_key is not None:
            bindings.setdefault(device, []).append(Binding(patient_key, patient, from_us, to_us, proven))
    return {device: DeviceRecord(key, device, tuple(bindings.get(device, ()))) for device, key in keys.items()}


async def contexts(connection: Connection, wanted: Collection[int]) -> dict[int, PatientContext]:
    """Context of each known patient, by key."""
    values = {"patients": list(wanted)}
    async with connection.pipeline():
        patients = await connection.execute(sql("chart_patients"), values)
        enrolled = await connection.execute(sql("chart_enrolments"), values)
        targets = await connection.execute(sql("chart_spo2_targets"), values)
        pregnant = await connection.execute(sql("chart_pregnancies"), values)
        unseen = await connection.execute(sql("chart_blind"))
    enrolments: dict[int, list[Enrolment]] = {}
    for patient, programme, since_us, until_us in await enrolled.fetchall():
        enrolment = Enrolment(programme, _bound(since_us), _bound(until_us))
        enrolments.setdefault(patient, []).append(enrolment)
    ranges: dict[int, list[SpO2Target]] = {}
    for patient, low, high, since_us in await targets.fetchall():
        ranges.setdefault(patient, []).append(SpO2Target(low, high, _bound(since_us)))
    pregnancies: dict[int, list[Period]] = {}
    for patient, since_us, until_us in await pregnant.fetchall():
        pregnancies.setdefault(patient, []).append(Period(_bound(since_us), _bound(until_us)))
    blind = tuple([(since_us, until_us) for since_us, until_us in await unseen.fetchall()])
    return {
        key: PatientContext(
            key,
            name,
            tuple(enrolments.get(key, ())),
            tuple(ranges.get(key, ())),
            zone,
            born,
            tuple(pregnancies.get(key, ())),
            blind,
            None if due_us is None else Deadline(due_us, since_us),
        )
        for key, name, zone, born, due_us, since_us in await patients.fetchall()
    }


async def patients(connection: Connection, wanted: Collection[str]) -> dict[str, int]:
    """Keys of logical ids."""
    cursor = await connection.execute(sql("chart_patient_keys"), {"patients": list(wanted)})
    return dict(await cursor.fetchall())


def _bound(us: int) -> int | None:
    return None if us in (_EVER_US, _FOREVER_US) else us


async def gateways(connection: Connection, wanted: Collection[str]) -> dict[str, int]:
    """Keys of gateways, made when new."""
    cursor = await connection.execute(sql("chart_gateways"), {"gateways": list(wanted)})
    known: dict[str, int] = dict(await cursor.fetchall())
    new = set(wanted) - set(known)
    if new:
        cursor = await connection.execute(sql("chart_add_gateways"), {"gateways": list(new)})
        known.update(dict(await cursor.fetchall()))
    return known


async def heads(connection: Connection, series: Collection[tuple[int, int]]) -> dict[tuple[int, int], Head]:
    """The head of each (device, metric) that has a row."""
    values = {"devices": [device for device, _ in series], "metrics": [metric for _, metric in series]}
    cursor = await connection.execute(sql("chart_heads"), values)
    return {(device, metric): Head(time, sequence) for device, metric, time, sequence in await cursor.fetchall()}


async def known(connection: Connection, identities: Collection[IdentityKey]) -> dict[IdentityKey, Known]:
    """Locks the devices, then looks all identities up in one query."""
    columns: list[list[int]] = [list(column) for column in zip(*identities, strict=True)]
    if not columns:
        return {}
    values: dict[str, Any] = dict(zip(("devices", "metrics", "times", "sequences"), columns, strict=True))
    async with connection.pipeline():
        await connection.execute(
            sql("chart_lock_devices"), {"lock_class": LOCK_CLASS, "devices": sorted(set(columns[0]))}
        )
        # Its own statement: what another writer committed while we waited for the lock must be seen.
        cursor = await connection.execute(sql("chart_known"), values)
    result: dict[IdentityKey, Known] = {}
    for device, metric, time, sequence, unit, used, *parts in await cursor.fetchall():
        triples = [(parts[i], parts[i + 1], parts[i + 2]) for i in range(0, 3 * used, 3)]
        result[device, metric, time, sequence] = Known(unit, tuple(triples))
    return result


async def history(
    connection: Connection, requests: Sequence[HistoryRequest], contexts_by_key: Mapping[int, PatientContext]
) -> dict[int, PatientHistory]:
    """Stored stretches, one request a patient."""
    if not requests:
        return {}
    deep = [(r.patient, metric, from_us, r.from_us) for r in requests for metric, from_us in r.deeper]
    values: dict[str, Any] = {
        "patients": [r.patient for r in requests],
        "from_us": [r.from_us for r in requests],
        "to_us": [r.to_us for r in requests],
        "earliest_us": [r.earliest_us for r in requests],
        "deep_patients": [patient for patient, _, _, _ in deep],
        "deep_metrics": [metric for _, metric, _, _ in deep],
        "deep_from_us": [from_us for _, _, from_us, _ in deep],
        "deep_until_us": [until_us for _, _, _, until_us in deep],
    }
    cursor = await connection.execute(sql("chart_alerts"), values)
    alerts = alerts_of(await cursor.fetchall())
    # COPY takes no parameters of the protocol, so this cursor writes the integers into the statement.
    async with AsyncClientCursor(connection) as client, client.copy(sql("chart_history"), values) as copy:
        samples = samples_of(HISTORY.decode(b"".join([bytes(part) async for part in copy])))
    samples = samples[np.argsort(samples["patient"], kind="stable")]
    starts = np.searchsorted(samples["patient"], values["patients"])
    ends = np.searchsorted(samples["patient"], values["patients"], side="right")
    return {
        r.patient: PatientHistory(
            contexts_by_key[r.patient],
            r.from_us,
            r.to_us,
            samples[start:end],
            tuple(alerts.get(r.patient, ())),
            r.deeper,
        )
        for r, start, end in zip(requests, starts, ends, strict=True)
    }
