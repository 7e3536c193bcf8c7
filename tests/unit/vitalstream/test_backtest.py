"""Rules over a recorded history: the same alerts in every mode, and nothing of the file lost silently."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.pack import Pack, load_pack
from vitals.errors import OperatorError
from vitals.events import Period, SpO2Target
from vitalstream import backtest
from vitalstream.backtest import Options
from vitalstream.backtest_csv import Known, Readings, read_readings

SECOND = 1_000_000
MODES = (
    Options(),
    Options(shuffle=3),
    Options(online=True),
    Options(online=True, shuffle=7),
    Options(online=True, shuffle=8),
)
HEADER = "patient,measured_at,metric,value,unit\n"
RECEIVED = "patient,measured_at,metric,value,unit,received_at\n"

#: Limits that the histories here cross on purpose.
PACK = """
[pack]
id = "trial"
version = 3
programme = "copd"

[[rule]]
id = "low"
version = 2
kind = "threshold"
metric = "spo2"
unit = "%"
priority = "high"
source = "test"
raise = { op = "<", value = 90 }
clear = { op = ">=", value = 92 }

[[rule]]
id = "fast"
version = 1
kind = "sustained"
metric = "heart_rate"
unit = "/min"
priority = "medium"
source = "test"
raise = { op = ">=", value = 110 }
clear = { op = "<=", value = 105 }
for = "60s"
max_gap = "30s"

[[rule]]
id = "pressure"
version = 1
kind = "threshold"
metric = "blood_pressure.systolic"
unit = "mm[Hg]"
priority = "medium"
source = "test"
raise = { op = ">", value = 180 }
clear = { op = "<=", value = 175 }

[[rule]]
id = "odd"
version = 1
kind = "improbable"
metric = "spo2"
priority = "medium"
source = "test"
"""

#: Out of order in time, three zones, two spellings of units; see GOLDEN_ALERTS for what each line does.
GOLDEN = RECEIVED + (
    # ada: 89 opens `low` (90 would not), 91 is between the limits, 92 clears it; the next 88 stays open.
    "ada,2026-03-01T10:00:00Z,spo2,90,%,\n"
    "ada,2026-03-01T10:00:10Z,spo2,89.50,%,\n"
    "ada,2026-03-01T10:00:20Z,spo2,91,%,\n"
    "ada,2026-03-01T10:00:40Z,spo2,88,%,\n"
    "ada,2026-03-01T11:00:30+01:00,spo2,92,%,2026-03-01T12:00:00Z\n"
    # ada: 60 s from 10:00 on, no gap over 30 s, completes at 10:01:00; 106 doesn't clear, 105 does.
    "ada,2026-03-01T10:00:00Z,heart_rate,110,bpm,\n"
    "ada,2026-03-01T10:00:30Z,heart_rate,111,/min,2026-03-01T10:00:31Z\n"
    "ada,2026-03-01T10:01:00Z,heart_rate,112,bpm,\n"
    "ada,2026-03-01T10:01:30Z,heart_rate,106,bpm,\n"
    "ada,2026-03-01T10:02:00.250Z,heart_rate,105,bpm,\n"
    # ben: the same, but 31 s apart: a silence ends the run.
    "ben,2026-03-01T10:00:00Z,heart_rate,130,bpm,\n"
    "ben,2026-03-01T10:00:31Z,heart_rate,130,bpm,\n"
    "ben,2026-03-01T10:01:02Z,heart_rate,130,bpm,\n"
    # ben: 24.1 kPa are 180.76 mmHg; 181/79 keeps it open, a lost systolic says nothing, 175 clears.
    "ben,2026-03-01T10:00:00Z,blood_pressure,24.1/12,kPa,\n"
    "ben,2026-03-01T10:05:00Z,blood_pressure,181/79/110,mmHg,\n"
    "ben,2026-03-01T10:06:00Z,blood_pressure,/70,mmHg,\n"
    "ben,2026-03-01T10:07:00Z,blood_pressure,175/79,mm[Hg],\n"
    # ben: 49 % is improbable: it opens `odd` alone, and 95 clears that.
    "ben,2026-03-01T10:00:00Z,spo2,49,%,\n"
    "ben,2026-03-01T10:00:01Z,spo2,95,%,\n"
)


def _alert(
    patient: str, rule: str, opened: str, cleared: str | None, *readings: tuple[str, str, str]
) -> dict[str, Any]:
    day = "2026-03-01T"
    return {
        "patient": patient,
        "rule": rule,
        "version": 2 if rule == "low" else 1,
        "priority": "high" if rule == "low" else "medium",
        "opened_at": f"{day}{opened}Z",
        "cleared_at": None if cleared is None else f"{day}{cleared}Z",
        "readings": [{"metric": m, "measured_at": f"{day}{at}Z", "value": value} for m, at, value in readings],
    }


#: Found by hand from GOLDEN and PACK.
GOLDEN_ALERTS = [
    _alert("ada", "fast", "10:01:00.000", "10:02:00.250",
           ("heart_rate", "10:00:00.000", "110"), ("heart_rate", "10:01:00.000", "112")),
    _alert("ada", "low", "10:00:10.000", "10:00:30.000", ("spo2", "10:00:10.000", "89.50")),
    _alert("ada", "low", "10:00:40.000", None, ("spo2", "10:00:40.000", "88")),
    _alert("ben", "odd", "10:00:00.000", "10:00:01.000", ("spo2", "10:00:00.000", "49")),
    _alert("ben", "pressure", "10:00:00.000", "10:07:00.000", ("blood_pressure.systolic", "10:00:00.000", "24.1")),
]  # fmt: skip


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Pack]:
    file = tmp_path_factory.mktemp("packs") / "trial.toml"
    file.write_text(PACK, encoding="utf-8")
    return backtest.load_packs([str(file)])


def quietly(done: int, total: int) -> None:
    assert done <= total


def read(folder: Path, text: str) -> Readings:
    file = folder / "readings.csv"
    file.write_text(text, encoding="utf-8")
    return read_readings(file, quietly)


def printed(
    folder: Path, text: str, packs: list[Pack], options: Options, known: dict[str, Known] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Alerts and summary as the command prints them."""
    readings = read(folder, text)
    contexts = backtest.contexts_of(readings.patients, packs, known)
    rules = [rule for pack in packs for rule in pack.rules]
    alerts = backtest.run(rules, contexts, readings, options, quietly)
    return [backtest.alert_line(a, contexts[a.patient]) for a in alerts], backtest.summary(readings, alerts)


# ---------------------------------------------------------------- the same in every mode


@pytest.mark.parametrize("options", MODES, ids=str)
def test_golden_history(tmp_path: Path, packs: list[Pack], options: Options) -> None:
    alerts, summary = printed(tmp_path, GOLDEN, packs, options)
    assert alerts == GOLDEN_ALERTS
    assert summary == {
        "patients": 2,
        "readings": 19,
        "duplicate_rows": 0,
        "refused_rows": 0,
        "too_late": 0,
        "alerts": 5,
        "by_rule": {"fast": 1, "low": 2, "odd": 1, "pressure": 1},
        "alerts_per_patient_day": 2.5,
    }


_MEASURES = st.one_of(
    st.tuples(st.just("spo2"), st.sampled_from(("49", "88", "89.9", "91", "92", "95")), st.just("%")),
    st.tuples(
        st.sampled_from(("heart_rate", "pulse_rate_oximeter")),
        st.sampled_from(("105", "106", "110", "140", "999")),
        st.just("bpm"),
    ),
    st.tuples(st.just("blood_pressure"), st.sampled_from(("170/80", "181/80", "/80", "176/80/100")), st.just("mmHg")),
)


@st.composite
def histories(draw: st.DrawFn) -> str:
    """CSV of up to 40 rows of two patients, with repeated times, readings out of order and late ones."""
    lines = []
    for _ in range(draw(st.integers(1, 40))):
        measured_s = draw(st.integers(0, 24)) * 10
        received_s = measured_s + draw(st.sampled_from((0, 0, 5, 60, 61, 200)))
        at, received = (f"2026-03-01T10:{s // 60:02d}:{s % 60:02d}Z" for s in (measured_s, received_s))
        metric, value, unit = draw(_MEASURES)
        lines.append(f"{draw(st.sampled_from('ab'))},{at},{metric},{value},{unit},{received}\n")
    return RECEIVED + "".join(lines)


def _once(text: str) -> str:
    """The first row of each patient, time and metric, the others away."""
    header, *rows = text.splitlines(keepends=True)
    return header + "".join({tuple(row.split(",")[:3]): row for row in reversed(rows)}.values())


@given(histories(), st.sampled_from((None, 0, 60 * SECOND)), st.integers(0, 99))
def test_small_histories(packs: list[Pack], text: str, late_us: int | None, seed: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        alerts, summary = printed(folder, text, packs, Options(late_us=late_us))
        for options in (
            Options(shuffle=seed, late_us=late_us),
            Options(online=True, late_us=late_us),
            Options(online=True, shuffle=seed, late_us=late_us),
        ):
            assert printed(folder, text, packs, options) == (alerts, summary)
        # Nor does the file's order matter once each reading is there once.
        assert printed(folder, _once(text), packs, Options(late_us=late_us))[0] == alerts
    assert summary["readings"] + summary["duplicate_rows"] == text.count("\n") - 1
    assert summary["alerts"] == len(alerts) == sum(summary["by_rule"].values())


def test_a_longer_history_in_many_groups(tmp_path: Path, packs: list[Pack]) -> None:
    generator = np.random.default_rng(11)
    rows = [
        f"p-{generator.integers(4)},2026-03-{1 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z,"
        f"spo2,{generator.integers(86, 97)},%\n"
        for minute in range(1500)
    ]
    alerts, summary = printed(tmp_path, HEADER + "".join(rows), packs, Options())
    assert len(alerts) > 50
    for options in MODES[1:]:
        assert printed(tmp_path, HEADER + "".join(rows), packs, options) == (alerts, summary)


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize(("first", "second", "opens"), [("88", "95", True), ("95", "88", False)])
def test_of_two_rows_with_one_identity_the_first_counts(
    tmp_path: Path, packs: list[Pack], options: Options, first: str, second: str, opens: bool
) -> None:
    # The same instant in two spellings; the second arrives first.
    text = RECEIVED + (
        f"a,2026-03-01T10:00:00Z,spo2,{first},%,2026-03-01T10:09:00Z\n"
        f"a,2026-03-01T11:00:00.000+01:00,spo2,{second},%,\n"
    )
    alerts, summary = printed(tmp_path, text, packs, options)
    assert [alert["readings"][0]["value"] for alert in alerts] == ([first] if opens else [])
    assert (summary["readings"], summary["duplicate_rows"]) == (1, 1)


def test_a_refused_row_is_no_first_row(tmp_path: Path, packs: list[Pack]) -> None:
    text = HEADER + "a,2026-03-01T10:00:00Z,spo2,88,mmHg\n" + "a,2026-03-01T10:00:00Z,spo2,88,%\n"
    alerts, summary = printed(tmp_path, text, packs, Options())
    assert [alert["rule"] for alert in alerts] == ["low"]
    assert (summary["refused_rows"], summary["duplicate_rows"]) == (1, 0)


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize(("late_s", "opens"), [(None, True), (61, True), (60, True), (59, False), (0, False)])
def test_readings_over_the_lateness_open_nothing(
    tmp_path: Path, packs: list[Pack], options: Options, late_s: int | None, opens: bool
) -> None:
    text = RECEIVED + "a,2026-03-01T10:00:00Z,spo2,88,%,2026-03-01T10:01:00Z\n" + "a,2026-03-01T10:05:00Z,spo2,95,%,\n"
    late_us = None if late_s is None else late_s * SECOND
    alerts, summary = printed(
        tmp_path, text, packs, Options(online=options.online, shuffle=options.shuffle, late_us=late_us)
    )
    assert len(alerts) == int(opens)
    assert summary["too_late"] == int(not opens)
    assert summary["readings"] == 2


def test_output_is_sorted_by_patient_rule_and_opening(tmp_path: Path, packs: list[Pack]) -> None:
    rows = [
        f"{patient},2026-03-01T1{hour}:0{minute}:00Z,{metric},{value},%\n"
        for patient in ("p-10", "p-9", "A")
        for hour in (1, 0)
        for metric, values in (("spo2", ("88", "49", "95")),)
        for minute, value in enumerate(values)
    ]
    alerts, _ = printed(tmp_path, HEADER + "".join(rows), packs, Options(online=True, shuffle=1))
    order = [(alert["patient"], alert["rule"], alert["opened_at"]) for alert in alerts]
    assert order == sorted(order)
    assert len(order) == 12
    assert [patient for patient, *_ in order[::4]] == ["A", "p-10", "p-9"]


# ---------------------------------------------------------------- patients and packs


def _rules_that_fired(tmp_path: Path, known: dict[str, Known] | None) -> list[str]:
    # 6 min of 86 % every minute: below the general limit and below a target of 88-92 %; a high pressure beside.
    rows = [f"a,2026-03-01T10:0{minute}:00Z,spo2,86,%\n" for minute in range(7)]
    text = HEADER + "".join(rows) + "a,2026-03-01T10:00:00Z,blood_pressure,190/80,mmHg\n"
    packs = backtest.load_packs(["general", "copd", "hypertension"])
    return [alert["rule"] for alert in printed(tmp_path, text, packs, Options(), known)[0]]


@pytest.mark.parametrize(
    ("known", "fired"),
    [
        (None, ["bp-severe-systolic", "spo2-low-general"]),
        ({}, ["spo2-low-general"]),
        ({"a": Known(("copd",), None)}, ["spo2-low-general"]),
        ({"a": Known(("copd",), SpO2Target(88, 92))}, ["spo2-copd"]),
        ({"a": Known(("hypertension",), SpO2Target(88, 92))}, ["bp-severe-systolic", "spo2-below-target"]),
    ],
)
def test_programmes_and_targets_choose_the_rules(
    tmp_path: Path, known: dict[str, Known] | None, fired: list[str]
) -> None:
    assert _rules_that_fired(tmp_path, known) == fired


def test_remarks_say_what_could_mislead(tmp_path: Path) -> None:
    readings = read(tmp_path, HEADER + "a,2026-03-01T10:00:00Z,spo2,97,%\n")
    copd = backtest.load_packs(["copd"])
    assert ["spo2-copd" in remark for remark in backtest.remarks(readings, copd, None)] == [True]
    assert [remark[:1] for remark in backtest.remarks(readings, copd, {})] == ["1"]
    assert list(backtest.remarks(readings, copd, {"a": Known(("copd",), None)})) == []
    assert list(backtest.remarks(readings, backtest.load_packs(["general"]), None)) == []


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("toml", b"[pack", "not valid TOML"),
        ("text", b"\xff\xfe", "not UTF-8"),
        ("rule", PACK.replace('"spo2"', '"mood"', 1).encode(), "mood"),
    ],
)
def test_a_bad_pack_is_named(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_bytes(body)
    with pytest.raises(OperatorError, match=said) as caught:
        backtest.load_packs([str(file)])
    assert name in caught.value.message


def test_packs_by_name_and_file(tmp_path: Path) -> None:
    file = tmp_path / "general.toml"
    file.write_text("\ufeff" + PACK, encoding="utf-8")
    assert [pack.id for pack in backtest.load_packs(["general", str(file)])] == ["general", "trial"]
    with pytest.raises(OperatorError, match="no file and no pack that ships"):
        backtest.load_packs(["generall"])
    with pytest.raises(OperatorError, match="low is in 2 of the packs"):
        backtest.load_packs([str(file), "general", str(file)])


def test_what_is_known_of_a_patient_reaches_the_rules(packs: list[Pack]) -> None:
    known = {"a": Known(("copd",), SpO2Target(88, 92), "Europe/Berlin", date(1951, 3, 28), pregnant=True)}
    contexts = backtest.contexts_of(("a", "b"), packs, known)
    a, b = contexts[1], contexts[2]
    assert (a.zone, a.born, a.pregnancies) == ("Europe/Berlin", date(1951, 3, 28), (Period(None, None),))
    assert a.spo2_targets == (SpO2Target(88, 92),)
    assert (b.zone, b.born, b.pregnancies, b.spo2_targets) == ("UTC", None, (), ())


#: Nothing comes any more: only the time that passes up to the last reading of anybody can tell.
SILENCE = """
[pack]
id = "trial"
version = 1
programme = "copd"

[[rule]]
id = "silent"
version = 1
kind = "absence"
metric = "spo2"
priority = "low"
source = "test"
every = "1h"
grace = "10m"
"""


@pytest.mark.parametrize("options", MODES, ids=str)
def test_silence_counts_up_to_the_last_reading(tmp_path: Path, options: Options) -> None:
    text = HEADER + (
        "a,2026-03-01T10:00:00Z,spo2,97,%\n"
        "b,2026-03-01T10:00:00Z,spo2,97,%\n"
        "b,2026-03-01T11:05:00Z,spo2,97,%\n"
        "b,2026-03-01T12:00:00Z,spo2,97,%\n"
    )
    alerts, _ = printed(tmp_path, text, [load_pack(SILENCE, "trial")], options)
    assert [(one["patient"], one["opened_at"], one["cleared_at"]) for one in alerts] == [
        ("a", "2026-03-01T11:10:00.000Z", None)
    ]
