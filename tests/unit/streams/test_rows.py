"""Rows of the chart: ids as identity says, values as sent, samples in the rules' unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from streams import rows
from streams.group import lay_out
from vitals import wire
from vitals.identity import identity, observation_id
from vitals.ports.journal import JournalRecord
from vitals.reading import Absent, Flag, Reading, Value, absent, value_of


def charted(*readings: Reading) -> np.ndarray[Any, np.dtype[np.void]]:
    builder = wire.RecordBuilder("g")
    for one in readings:
        builder.reading(one, builder.raw(b""))
    laid = lay_out([JournalRecord(0, 0, builder.encode())])
    count = len(readings)
    ones = np.ones(count, np.int64)
    return rows.observations(
        laid.columns,
        device=ones,
        patient=ones * 3,
        gateway=ones,
        place=(laid.shard, laid.offset, laid.row),
        names=(rows.device_ids(laid.names, laid.columns["device"]), ["p-3"] * count),
    )


def reading(metric: str, unit: str, *values: Value) -> Reading:
    return Reading("d-1", metric, values, unit, 5_000, 6_000, device_time_ns=5_000_000, sequence=4)


def test_id_is_the_hash_of_identity_and_patient() -> None:
    table = charted(reading("body_temp", "Cel", value_of(Decimal("36.60"))))
    expected = observation_id(identity("d-1", "body_temp", 5_000_000, 4), "p-3")
    assert UUID(bytes=table["id"][0].tobytes()) == expected


def test_number_decimals_and_unit_stay_as_sent_while_the_sample_is_converted() -> None:
    table = charted(reading("body_temp", "F", value_of(Decimal("100.58"))))
    assert (table["value"][0, 0], table["decimals"][0, 0]) == (100.58, 2)
    sample = rows.samples(table, table[:0])[0]
    assert (sample["value"], sample["sent"], sample["decimals"]) == (38.1, 100.58, 2)


def test_blood_pressure_is_one_row_and_a_sample_for_each_present_part() -> None:
    lost = absent(Absent.NOT_A_NUMBER)
    table = charted(reading("blood_pressure", "mmHg", value_of(Decimal(128)), value_of(Decimal(79)), lost))
    assert len(table) == 1
    assert [(s["component"], s["value"]) for s in rows.samples(table, table[:0])] == [(1, 128.0), (2, 79.0)]


def test_absent_value_is_charted_without_a_number_and_is_no_sample() -> None:
    table = charted(reading("spo2", "%", absent(Absent.NOT_A_NUMBER)))
    assert (table["value"][0, 0], table["absent"][0, 0]) == (0.0, Absent.NOT_A_NUMBER)
    assert len(rows.samples(table, table[:0])) == 0


def test_lateness_is_received_minus_measured_and_the_limit_itself_is_in_time() -> None:
    table = charted(reading("spo2", "%", value_of(Decimal(96))))
    rows.too_late(table, 1_000)
    assert table["flags"][0] == 0
    rows.too_late(table, 999)
    assert table["flags"][0] == Flag.TOO_LATE


def test_coded_and_boolean_readings_are_samples_too() -> None:
    """On supplemental oxygen, and V of ACVPU (the third of the NEWS2 chart's order)."""
    table = charted(
        reading("oxygen_in_use", "1", value_of(Decimal(1))), reading("consciousness", "1", value_of(Decimal(2)))
    )
    found = rows.samples(table, table[:0])
    assert [(s["metric"], s["component"], s["value"]) for s in found] == [(43, 0, 1.0), (44, 0, 2.0)]


def test_device_status_of_a_patient_is_a_sample_and_lost_contact_is_marked() -> None:
    status = charted(
        reading("battery", "%", value_of(Decimal(7))),
        reading("sensor_contact", "1", value_of(Decimal(0))),
        reading("sensor_contact", "1", value_of(Decimal(1))),
        reading("sensor_contact", "1", value_of(Decimal(0))),
    )
    status["patient"][3] = 0  # nobody wears it
    found = rows.samples(status[:0], status)
    assert [(s["metric"], s["value"], s["flags"]) for s in found] == [
        (45, 7.0, 0),
        (46, 0.0, int(Flag.NO_CONTACT)),
        (46, 1.0, 0),
    ]
    expected = observation_id(identity("d-1", "battery", 5_000_000, 4), "p-3")
    assert UUID(bytes=found[0]["observation"].tobytes()) == expected
