"""Every story through its export: exactly the alerts that its table names, from the oracle and online, shuffled too."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.pack import SHIPPED
from simulators.export import export
from simulators.plan import SimulatedPatient, patients
from simulators.scenarios import NAMES, STORIES, WELL
from vitals.events import Alert
from vitalstream import backtest
from vitalstream.backtest import Options
from vitalstream.backtest_csv import read_patients, read_readings

MODES = (Options(), Options(online=True), Options(online=True, shuffle=7))
COUNT = len(STORIES) + len(WELL)
#: 2026-11-22 10:23:20 UTC; just before midnight in Berlin; just after it; both times the repeated hour of a DST night
#: there.
STARTS = (1_795_343_000, 1_795_388_390, 1_795_388_410, 1_792_889_400, 1_792_893_000)
START_S = float(STARTS[0])
LIVE_S = 60.0
#: Contract of the demo, seconds after the start.
FIRST_HIGH_S, ALL_S = 15, 50

Told = tuple[Path, list[SimulatedPatient]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Every story and every kind of well patient, 60 s of each, as `demo --export` writes them."""
    folder = tmp_path_factory.mktemp("export")
    who = patients(COUNT)
    export(folder, who, START_S, LIVE_S)
    return folder, who


def run(folder: Path, story: str, options: Options) -> tuple[list[Alert], dict[int, str]]:
    """All alerts of a story's file under all packs that ship, and the patients' ids by key."""
    packs = backtest.load_packs(SHIPPED)
    readings = read_readings(folder / f"{story}.csv", lambda done, total: None)
    assert (readings.refused.count, readings.duplicates, readings.ignored) == (0, 0, ())
    contexts = backtest.contexts_of(readings.patients, packs, read_patients(folder / "patients.csv")[0])
    rules = [rule for pack in packs for rule in pack.rules]
    alerts = backtest.run(rules, contexts, readings, options, lambda done, total: None)
    return alerts, {key: context.patient for key, context in contexts.items()}


def promised(who: list[SimulatedPatient], story: str) -> list[tuple[str, str]]:
    return sorted((one.id, rule) for one in who if one.scenario.name == story for rule in one.expected)


@pytest.mark.parametrize("options", MODES, ids=["oracle", "online", "online-shuffled"])
@pytest.mark.parametrize("story", NAMES)
def test_a_story_causes_exactly_its_alerts(exported: Told, story: str, options: Options) -> None:
    folder, who = exported
    alerts, names = run(folder, story, options)
    assert [(names[alert.patient], alert.rule) for alert in alerts] == promised(who, story)


@pytest.mark.parametrize("start_s", STARTS[1:])
@pytest.mark.parametrize("seed", [2, 77])
def test_whenever_they_start_and_whoever_tells_them(tmp_path: Path, start_s: int, seed: int) -> None:
    who = patients(COUNT, seed)
    export(tmp_path, who, float(start_s), LIVE_S)
    for story in NAMES:
        alerts, names = run(tmp_path, story, Options())
        assert [(names[alert.patient], alert.rule) for alert in alerts] == promised(who, story), story


def test_alerts_come_in_the_time_of_the_demo(exported: Told) -> None:
    folder, _ = exported
    highs = []
    for story in NAMES:
        for alert in run(folder, story, Options())[0]:
            completed_s = max(reading.measured_us for reading in alert.readings) / 1e6 - START_S
            assert completed_s <= ALL_S, (story, alert.rule)
            highs += [completed_s] if alert.priority == "high" and completed_s > 0 else []
    assert min(highs) <= FIRST_HIGH_S


def test_histories_cross_no_limit_but_what_a_story_wants(tmp_path: Path) -> None:
    """Before the start there is the returned cuff's crisis, and nothing else."""
    who = patients(COUNT)
    export(tmp_path, who, START_S, 0.0)
    found = [alert.rule for story in NAMES for alert in run(tmp_path, story, Options())[0]]
    assert found == ["bp-severe-systolic"]


def test_a_wrong_clock_s_readings_are_at_their_receipt(exported: Told) -> None:
    folder, _ = exported
    (alert,), _ = run(folder, "wrong-clock", Options())
    assert 0 <= alert.opened_us / 1e6 - START_S < LIVE_S
