"""Whose silence it is, and what the page says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from api.silence import cause_of, silent_gateways
from api.worklist_view import PatientState, Watch, gateways_json, row, silence_of
from storage.chart.readings import Charted
from storage.chart.worklist import ListedPatient, MetricNow
from storage.registry.gateways import Gateway, Signs
from vitals import codes, units
from vitals.reading import Source, Value

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_795_000_000 * SECOND

#: The stream engine and one of two gateways live.
SIGNS = Signs(NOW, NOW, gateways=(Gateway(1, "ward", NOW), Gateway(2, "cellar", NOW - 5 * MINUTE)))
PATIENT = ListedPatient(7, "p-001", "Ada", date(1950, 1, 1), None, "UTC", None, (), frozenset({1}))


def asleep(*minutes_ago: tuple[int, int]) -> dict[str, Any]:
    """Signs of a pipeline that was blind from and until so many minutes ago."""
    return {"blind": tuple((NOW - since * MINUTE, NOW - until * MINUTE) for since, until in minutes_ago)}


@pytest.mark.parametrize(
    ("signs", "newest", "gateway", "is_offline", "expected"),
    [
        pytest.param({}, [], None, False, "patient", id="never-measured"),
        pytest.param({}, [], None, True, "device", id="never-measured-and-offline"),
        pytest.param({}, [(NOW - 3 * HOUR, 60)], 1, False, "patient", id="everything-lives"),
        pytest.param({}, [(NOW - 3 * HOUR, 60)], 1, True, "device", id="device-offline"),
        pytest.param({}, [(NOW - 3 * HOUR, 60)], 2, True, "gateway", id="gateway-before-device"),
        pytest.param({}, [(NOW - 3 * HOUR, 60)], 3, False, "patient", id="a-gateway-that-never-beat"),
        pytest.param({}, [(NOW - 3 * HOUR, 60)], None, False, "patient", id="only-entered-by-hand"),
        pytest.param({"streams_us": NOW - MINUTE}, [], 1, False, "patient", id="pipeline-just-alive"),
        pytest.param({"streams_us": NOW - MINUTE - 1}, [], 2, True, "pipeline", id="pipeline-silent"),
        pytest.param({"streams_us": None}, [], 2, True, "pipeline", id="pipeline-never-seen"),
        # Measured 65 min ago, allowed 10 min; the pipeline slept from 60 to 2 min ago: awake for 7 min since.
        pytest.param(asleep((60, 2)), [(NOW - 65 * MINUTE, 600)], 2, True, "pipeline", id="just-awake"),
        pytest.param(asleep((60, 6)), [(NOW - 65 * MINUTE, 600)], 1, False, "patient", id="long-awake"),
        pytest.param(asleep((540, 480)), [(NOW - HOUR, 600)], 1, False, "patient", id="asleep-before"),
        pytest.param(
            asleep((540, 300), (240, 1)), [(NOW - 9 * HOUR, 7200), (NOW - 90 * HOUR, 60)], 1, False, "pipeline",
            id="asleep-twice",
        ),
    ],
)  # fmt: skip
def test_causes(
    signs: dict[str, Any], newest: list[tuple[int, int]], gateway: int | None, is_offline: bool, expected: str
) -> None:
    found = cause_of(replace(SIGNS, **signs), NOW, newest=newest, gateway=gateway, is_offline=is_offline)
    assert found == expected


def reading(at: int, *, metric: str = "spo2", gateway: int = 1, source: Source = Source.DEVICE) -> Charted:
    made = codes.metric(metric)
    unit = units.unit(made.units[0]).number
    return Charted(
        UUID(int=at), 7, "d-1", made.number, unit, 0, 0, 1, at, at, (Value(95.0),), gateway=gateway, source=source
    )


def state(*readings: Charted) -> PatientState:
    return PatientState(PATIENT, {each.metric: MetricNow(each, (each.measured_us,)) for each in readings}, ())


def test_silence_begins_when_nothing_is_fresh() -> None:
    fresh, old = reading(NOW - HOUR), reading(NOW - 30 * HOUR, metric="heart_rate")
    assert silence_of(state(fresh, old), SIGNS, NOW) is None
    assert row(state(fresh, old), SIGNS, NOW)["silence"] is None
    assert row(state(old), SIGNS, NOW)["silence"] == {"since": "2026-11-17T05:06:40.000Z", "cause": "patient"}
    assert row(state(), SIGNS, NOW)["silence"] == {"since": None, "cause": "patient"}


def test_the_newest_gateway_of_a_device_counts() -> None:
    silent = reading(NOW - 30 * HOUR, gateway=2)
    older = reading(NOW - 40 * HOUR, metric="heart_rate", gateway=1)
    by_hand = reading(NOW - 26 * HOUR, metric="body_temp", gateway=3, source=Source.MANUAL)
    assert silence_of(state(silent, older, by_hand), SIGNS, NOW) == "gateway"
    assert silence_of(state(older, by_hand), SIGNS, NOW) == "patient"
    assert silence_of(state(older), replace(SIGNS, offline=frozenset({7})), NOW) == "device"
    assert silence_of(state(older), replace(SIGNS, offline=frozenset({8})), NOW) == "patient"


def test_rows_say_whose_silence_it_is() -> None:
    silent = state(reading(NOW - 30 * HOUR, gateway=2))
    assert row(silent, SIGNS, NOW)["why"] == "No data for 30 h (gateway)"
    assert row(state(), replace(SIGNS, streams_us=None), NOW)["why"] == "No readings yet (pipeline)"
    assert row(state(reading(NOW - 30 * HOUR)), SIGNS, NOW)["why"] == "No data for 30 h"


def test_silent_gateways() -> None:
    assert [gateway.id for gateway in silent_gateways(SIGNS, NOW)] == ["cellar"]
    assert gateways_json(Watch(SIGNS, ()), NOW) == [
        {"gateway": "cellar", "seen_at": "2026-11-18T11:01:40.000Z", "alert": None}
    ]
