"""`rules-online` and `rules-oracle`: what the rules themselves cost, without journal, chart and disk.

Nobody else's engine takes late readings back, so there is no peer; the limit says what comparing numbers costs at all.
Patients on monitors send heart rate, SpO2, breathing and blood pressure in order; one patient in twenty leaves the
quiet band for a third of the run. Each patient has the same twenty of the shipped rules.

`rules-online` counts rule evaluations a second: for each sample the rules that see it and hold for its patient, whether
they were skipped by the quiet band or stepped; samples come in groups of one a second and series. Limit: one numpy
comparison a rule over the same values, all at once. `rules-oracle` counts readings a second through the whole history;
limit: sorting the same samples, which every look at a history must do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from alerts import oracle
from alerts.applicability import BEGINNING_US, END_US, segments
from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from alerts.rules import Rule, sees
from benchmarks.harness import Row
from vitals import codes, units
from vitals.events import SAMPLE, Enrolment, PatientContext, PatientHistory, Samples

PATIENTS = 200
#: Two minutes and a half of every series: 120,000 samples a run.
SECONDS = 150
#: One of so many patients is unwell in the middle third.
UNWELL_ONE_OF = 20
#: What the project promises to show: twenty rules a patient.
RULES = 20

_PROGRAMMES = ("copd", "heart-failure", "hypertension", "virtual-ward")
#: Metric, component, a normal value and one beyond limits.
_SERIES = (
    ("heart_rate", 0, 72.0, 135.0),
    ("spo2", 0, 97.0, 85.0),
    ("resp_rate", 0, 16.0, 28.0),
    ("blood_pressure", 1, 128.0, 185.0),
)
_SECOND_US = 1_000_000
_START_US = 1_793_606_400_000_000


def rows() -> list[Row]:
    """The rows `rules-online` and `rules-oracle`."""
    return [
        Row("rules-online", "evaluations/s", _online, None, None, _compared, "one comparison a rule"),
        Row("rules-oracle", "readings/s", _oracle, None, None, _sorted, "sorting the samples"),
    ]


def twenty_rules() -> tuple[Rule, ...]:
    """The first twenty of the shipped rules that hold for these patients and see what they send."""
    kinds = {(codes.metric(metric).number, component) for metric, component, _, _ in _SERIES}
    known = _context(1)
    found = [r for r in shipped_rules() if kinds & sees(r.metric, r.unit).keys() and segments(r, known)]
    rest = [r for r in shipped_rules() if segments(r, known) and r not in found]
    return tuple((found + rest)[:RULES])


def _context(patient: int) -> PatientContext:
    return PatientContext(patient, f"p{patient}", tuple(Enrolment(programme) for programme in _PROGRAMMES))


def groups(run: int) -> list[Samples]:
    """What all patients send in one run, second by second."""
    whole = np.zeros((SECONDS, PATIENTS, len(_SERIES)), SAMPLE)
    whole["patient"] = np.arange(PATIENTS)[None, :, None] + 1
    whole["device"] = whole["patient"]
    unwell = ((np.arange(PATIENTS) + run) % UNWELL_ONE_OF == 0)[None, :, None]
    middle = (np.arange(SECONDS) // (SECONDS // 3) == 1)[:, None, None]
    for place, (metric, component, normal, beyond) in enumerate(_SERIES):
        row, series = codes.metric(metric), whole[:, :, place]
        series["metric"], series["component"], series["unit"] = row.number, component, units.unit(row.units[0]).number
        series["value"] = np.where((unwell & middle)[:, :, 0], beyond, normal + np.arange(SECONDS)[:, None] % 3)
    whole["sent"] = whole["value"]
    at_us = _START_US + (run * SECONDS + np.arange(SECONDS)) * _SECOND_US
    whole["measured_us"] = whole["received_us"] = at_us[:, None, None]
    flat = whole.reshape(SECONDS, -1)
    names = np.zeros((flat.size, 2), ">u8")
    names[:, 0], names[:, 1] = np.arange(flat.size), run
    flat["observation"] = names.view("V16").reshape(flat.shape)
    return list(flat)


def evaluations(rules: tuple[Rule, ...]) -> int:
    """Samples times rules that see them, of one run."""
    each = [
        sum((codes.metric(metric).number, component) in sees(rule.metric, rule.unit) for rule in rules)
        for metric, component, _, _ in _SERIES
    ]
    return SECONDS * PATIENTS * sum(each)


@contextmanager
def _online() -> Iterator[Callable[[], float]]:
    rules = twenty_rules()
    engine, count = OnlineEngine(rules), evaluations(rules)
    contexts = {patient: _context(patient) for patient in range(1, PATIENTS + 1)}
    runs = iter(range(1_000_000))

    def take(samples: Samples) -> None:
        requests = engine.needs(samples, contexts)
        # Nothing was stored before the first group, and nothing comes late.
        nothing = {r.patient: PatientHistory(contexts[r.patient], BEGINNING_US, END_US, samples[:0]) for r in requests}
        engine.apply(samples, contexts, nothing, int(samples["measured_us"][0]))

    def run() -> float:
        taken = groups(next(runs))
        began_s = time.perf_counter()
        for samples in taken:
            take(samples)
        return count / (time.perf_counter() - began_s)

    run()  # the first one loads every patient
    yield run


@contextmanager
def _compared() -> Iterator[Callable[[], float]]:
    rules = twenty_rules()
    whole = np.concatenate(groups(0))
    places = whole["metric"].astype(np.int64) << 8 | whole["component"]
    values = {place: whole["value"][places == place] for place in np.unique(places).tolist()}
    work = [
        (values[metric << 8 | component], rule.raise_limit.value if rule.raise_limit else 0.0)
        for rule in rules
        for metric, component in sees(rule.metric, rule.unit)
        if metric << 8 | component in values
    ]
    count = sum(len(column) for column, _ in work)

    def run() -> float:
        began_s = time.perf_counter()
        for column, limit in work:
            np.greater_equal(column, limit)
        return count / (time.perf_counter() - began_s)

    yield run


@contextmanager
def _oracle() -> Iterator[Callable[[], float]]:
    rules = twenty_rules()
    contexts = {patient: _context(patient) for patient in range(1, PATIENTS + 1)}
    whole = np.concatenate(groups(0))

    def run() -> float:
        began_s = time.perf_counter()
        oracle.history(rules, contexts, whole)
        return len(whole) / (time.perf_counter() - began_s)

    yield run


@contextmanager
def _sorted() -> Iterator[Callable[[], float]]:
    whole = np.concatenate(groups(0))

    def run() -> float:
        began_s = time.perf_counter()
        oracle.in_order(whole)
        return len(whole) / (time.perf_counter() - began_s)

    yield run
