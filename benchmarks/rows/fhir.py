"""FHIR rendering: stored rows to Observations as JSON, against dicts written by orjson."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import orjson

from benchmarks.harness import Row
from vitals import codes, units
from vitals.fhir import codings
from vitals.fhir.observation import ObservationRow, render_observation
from vitals.reading import Absent

#: A page of the API holds at most 1,000; five of them make a round long enough to time.
ROWS = 5_000
#: What a demo patient sends, one reading every five seconds in turn; every second differs, so no cache is flattered.
_METRICS = (("heart_rate", 72.0, 0), ("spo2", 97.0, 0), ("body_temp", 36.6, 2), ("body_weight", 81.4, 1))
_START_US = 1_795_344_120_123_000
_STEP_US = 5_000_000
_ZONE_MIN = 60


def rows() -> list[Row]:
    """One row: microseconds for one Observation."""
    return [
        Row(
            "fhir-render",
            "us/Observation",
            ours=_ours,
            peer=_peer,
            peer_name="dict + orjson",
            limit=_limit,
            limit_name="copying the finished bytes",
        )
    ]


def _charted() -> list[ObservationRow]:
    return [_row(number) for number in range(ROWS)]


def _row(number: int) -> ObservationRow:
    key, value, decimals = _METRICS[number % len(_METRICS)]
    metric = codes.metric(key)
    us = _START_US + number * _STEP_US
    unused = (0.0, 0, int(Absent.UNKNOWN))
    return ObservationRow(
        f"3f2a9c54-77d0-4b1e-8a65-{number:012x}", f"p-{number % 20:03d}", f"d-{number % 20}", metric.number,
        units.unit(metric.ucum).number, 0, 0, us, _ZONE_MIN, us + 333_789, 0, 1, us + 400_000,
        value, decimals, 0, *unused, *unused,
    )  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / ROWS * 1e6


@contextmanager
def _ours() -> Iterator[Callable[[], float]]:
    charted = _charted()
    yield lambda: _timed(lambda: [render_observation(row) for row in charted])


@contextmanager
def _limit() -> Iterator[Callable[[], float]]:
    finished = [render_observation(row) for row in _charted()]
    yield lambda: _timed(lambda: b"".join(finished))


@contextmanager
def _peer() -> Iterator[Callable[[], float]]:
    """The usual way: constant parts shared, a dict for each resource, written at once.

    It gets its times as datetimes, as a database driver gives them, and loses the digits sent (36.60 becomes 36.6).
    """
    zone = timezone(timedelta(minutes=_ZONE_MIN))
    charted = [
        (row, _time(row.updated_us, UTC), _time(row.received_us, UTC), _time(row.measured_us, zone))
        for row in _charted()
    ]
    shared = {codes.metric(key).number: _shared(codes.metric(key)) for key, _, _ in _METRICS}

    def resource(row: ObservationRow, updated: datetime, received: datetime, measured: datetime) -> dict[str, Any]:
        profile, category, code, unit = shared[row.metric]
        return {
            "resourceType": "Observation",
            "id": row.id,
            "meta": {"versionId": str(row.version), "lastUpdated": updated, "profile": profile},
            "identifier": [{"system": codings.LOCAL_IDENTITY, "value": row.id}],
            "status": codings.STATUSES[row.status],
            "category": category,
            "code": code,
            "subject": {"reference": "Patient/" + row.patient},
            "effectiveDateTime": measured,
            "issued": received,
            "device": {"reference": "Device/" + row.device},
            "valueQuantity": {"value": row.value_1, **unit},
        }

    yield lambda: _timed(lambda: [orjson.dumps(resource(*each)) for each in charted])


def _time(us: int, zone: tzinfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(zone)


def _shared(metric: codes.Metric) -> tuple[Any, ...]:
    return (
        [metric.profile],
        [{"coding": [{"system": codings.CATEGORY, "code": metric.category, "display": "Vital Signs"}]}],
        {"coding": codings.metric_codings(metric), "text": metric.label},
        {"unit": metric.unit_text, "system": codings.UCUM, "code": metric.ucum},
    )
