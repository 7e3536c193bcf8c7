"""The right patient: attribution by measured time, with every uncertainty kept away from a chart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.attribute import (
    NO_BINDING,
    TIME_UNCERTAIN,
    UNKNOWN_DEVICE,
    UNPROVEN,
    Attribution,
    attribute,
    placeable,
)
from vitals import codes, wire
from vitals.identity import shard_of
from vitals.ports.chart import Binding, DeviceRecord
from vitals.reading import SINCE_EVER

SPO2 = codes.metric("spo2").number
BATTERY = codes.metric("battery").number
FIRST = Binding(patient_key=1, patient="p-1", from_us=1_000, to_us=2_000)
SECOND = Binding(patient_key=2, patient="p-2", from_us=2_000, to_us=3_000)


def one(
    measured_us: int,
    *,
    bindings: tuple[Binding, ...] = (FIRST, SECOND),
    window: tuple[int, int] | None = None,
    metric: int = SPO2,
    shard: int = 0,
) -> Attribution:
    columns = np.zeros(1, wire.READING)
    columns["metric"] = metric
    columns["measured_us"] = measured_us
    columns["earliest_us"], columns["latest_us"] = window or (measured_us, measured_us)
    known = {"d": DeviceRecord(key=7, device="d", bindings=bindings)}
    return attribute(columns, ("d",), np.array([shard]), np.array([True]), known)


@pytest.mark.parametrize(
    ("measured_us", "patient"), [(999, 0), (1_000, 1), (1_999, 1), (2_000, 2), (2_999, 2), (3_000, 0)]
)
def test_periods_are_half_open(measured_us: int, patient: int) -> None:
    assert one(measured_us).patient.tolist() == [patient]


def test_reading_outside_every_binding_is_quarantined_with_its_reason() -> None:
    assert one(500).reasons == {0: NO_BINDING}


def test_uncertain_time_across_two_patients_is_nobodys() -> None:
    """A returned cuff never gives its next patient the last one's records."""
    result = one(2_100, window=(1_900, 2_100))
    assert result.patient.tolist() == [0]
    assert result.reasons == {0: TIME_UNCERTAIN}


def test_uncertain_time_inside_one_binding_is_attributed() -> None:
    assert one(1_500, window=(1_000, 1_999)).patient.tolist() == [1]


def test_replaced_time_is_attributed_while_only_one_patient_ever_had_the_device() -> None:
    """A wrong clock alone never quarantines."""
    assert one(1_500, window=(SINCE_EVER, 1_500), bindings=(FIRST,)).patient.tolist() == [1]
    assert one(2_500, window=(SINCE_EVER, 2_500), bindings=(FIRST,)).reasons == {0: NO_BINDING}


def test_replaced_time_of_a_device_with_two_patients_is_nobodys() -> None:
    assert one(2_500, window=(SINCE_EVER, 2_500)).reasons == {0: TIME_UNCERTAIN}


def test_what_is_measured_before_the_proof_is_nobodys_and_stays_where_it_came() -> None:
    unproven = replace(SECOND, proven=False)
    result = one(2_500, bindings=(FIRST, unproven), shard=9)
    assert (result.patient.tolist(), result.shard.tolist(), result.settled.tolist()) == ([0], [9], [False])
    assert result.reasons == {0: UNPROVEN}
    assert one(1_500, bindings=(FIRST, unproven)).patient.tolist() == [1]
    assert one(2_100, bindings=(FIRST, unproven), window=(1_900, 2_100)).reasons == {0: TIME_UNCERTAIN}
    alone = one(2_500, bindings=(unproven,), window=(SINCE_EVER, 2_500))
    assert (alone.reasons, alone.settled.tolist()) == ({0: UNPROVEN}, [False])
    status = one(2_500, bindings=(unproven,), metric=BATTERY)
    assert (status.patient.tolist(), status.reasons) == ([0], {})


def test_a_kept_row_is_placeable_once_its_reason_is_another() -> None:
    columns = np.zeros(1, wire.READING)
    columns["metric"] = SPO2
    columns["measured_us"] = columns["earliest_us"] = columns["latest_us"] = 2_500

    def now(reason: str, *bindings: Binding) -> bool:
        return placeable(columns, ("d",), reason, {"d": DeviceRecord(7, "d", bindings)})

    unproven = replace(SECOND, proven=False)
    assert not now("unproven", unproven)
    assert now("unproven", SECOND)
    assert now("no-binding", unproven)
    assert not now("no-binding", FIRST)
    assert now("no-binding", SECOND)
    assert not placeable(columns, ("d",), "unknown-device", {})


def test_reading_belongs_to_its_patients_shard() -> None:
    assert one(1_500).shard.tolist() == [shard_of("p-1")]


def test_device_status_that_nobody_is_bound_for_stays_in_its_shard() -> None:
    result = one(10, metric=BATTERY, shard=3)
    assert (result.shard.tolist(), result.patient.tolist()) == ([3], [0])
    assert result.reasons == {}
    assert result.status.tolist() == [True]


def test_device_status_goes_to_whoever_wears_the_device_and_is_always_looked_up() -> None:
    home = shard_of("p-1")
    for shard in (3, home):
        result = one(1_500, metric=BATTERY, bindings=(FIRST,), shard=shard)
        assert (result.shard.tolist(), result.patient.tolist()) == ([home], [1])
        assert result.settled.tolist() == [False]


def test_unknown_device_is_quarantined() -> None:
    columns = np.zeros(1, wire.READING)
    result = attribute(columns, ("stranger",), np.array([0]), np.array([True]), {})
    assert result.reasons == {0: UNKNOWN_DEVICE}


def test_fast_path_only_for_devices_with_one_binding_ever_in_their_patients_shard() -> None:
    home = shard_of("p-1")
    assert one(1_500, bindings=(FIRST,), shard=home).settled.tolist() == [True]
    assert one(1_500, bindings=(FIRST,), shard=(home + 1) % 64).settled.tolist() == [False]
    assert one(1_500, shard=home).settled.tolist() == [False]
