"""Packs: what ships is exactly this table, and every complaint says where and what to do."""

from __future__ import annotations

import pytest

from alerts.kinds import KINDS
from alerts.pack import SHIPPED, load_pack, shipped_pack, shipped_rules
from alerts.rules import MAX_GAP_US, Limit, Rule, duration_us, sees
from scripts.rules_page import PAGE, page
from tests.unit.alerts.stored import DAY, HOUR, SECOND
from vitals import codes
from vitals.errors import OperatorError

#: Every rule that is on, with its priority. A change here is a clinical decision.
TABLE = {
    "temp-fever": "low",
    "temp-high": "medium",
    "temp-low": "high",
    "spo2-low-general": "high",
    "spo2-below-target": "high",
    "hr-tachy-high": "high",
    "hr-tachy": "medium",
    "hr-brady-high": "high",
    "rr-high": "high",
    "rr-low": "high",
    "bp-low": "medium",
    "improbable-heart-rate": "medium",
    "improbable-spo2": "medium",
    "improbable-resp-rate": "medium",
    "improbable-temp": "medium",
    "improbable-bp": "medium",
    "improbable-weight": "medium",
    "improbable-glucose": "medium",
    "improbable-glucose-mmol": "medium",
    "improbable-cgm": "medium",
    "improbable-cgm-mmol": "medium",
    "device-clock": "technical",
    "sensor-off": "technical",
    "device-battery": "technical",
    "spo2-copd": "high",
    "hf-systolic-low": "high",
    "hf-systolic-high": "high",
    "hf-weight-24h": "medium",
    "hf-weight-7d": "medium",
    "missing-weight": "low",
    "bp-severe-systolic": "medium",
    "bp-severe-diastolic": "medium",
    "missing-bp": "low",
    "news2-high": "high",
    "news2-medium": "medium",
    "glucose-l2-hypo": "high",
    "glucose-l2-hypo-mmol": "high",
    "glucose-l2-hypo-cgm": "high",
    "glucose-l2-hypo-cgm-mmol": "high",
    "glucose-very-high": "high",
    "glucose-very-high-mmol": "high",
    "glucose-very-high-cgm": "high",
    "glucose-very-high-cgm-mmol": "high",
    "missing-cgm": "low",
    "missing-cgm-mmol": "low",
}

HEAD = '[pack]\nid = "mine"\nversion = 1\nprogramme = "general"\n'
RULE = """
[[rule]]
id = "fever"
version = 1
kind = "threshold"
metric = "body_temp"
unit = "Cel"
priority = "low"
source = "test"
raise = { op = ">=", value = 38.1 }
"""


def test_the_rules_that_ship() -> None:
    assert {rule.id: rule.priority for rule in shipped_rules()} == TABLE
    assert [shipped_pack(name).programme for name in SHIPPED] == list(SHIPPED)


def test_every_metric_with_a_plausible_range_has_its_improbable_rule() -> None:
    seen = {
        number for rule in shipped_rules() if rule.kind == "improbable" for number, _ in sees(rule.metric, rule.unit)
    }
    ranged = {
        m.number
        for m in codes.table().values()
        if m.shape in ("quantity", "blood_pressure") and (m.improbable_below is not None or m.components)
    }
    assert seen == ranged


def test_every_metric_of_a_shipped_rule_family_is_seen_in_some_unit() -> None:
    seen = {n for rule in shipped_rules() if rule.kind != "improbable" for n, _ in sees(rule.metric, rule.unit)}
    families = {codes.by_number()[n].family for n in seen}
    assert seen == {n for family in families for n in codes.family_numbers(family)}


def test_defaults() -> None:
    pack = load_pack(HEAD + RULE, "mine.toml")
    (rule,) = pack.rules
    assert rule.clear_limit == Limit("<=", 37.1)
    assert rule.max_gap_us == MAX_GAP_US and rule.for_us == 0
    assert rule.title == "Temperature at or above 38.1 °C" and rule.programme == "general"
    assert load_pack(HEAD, "empty").rules == ()


def test_unit_aliases_and_durations() -> None:
    rule = load_pack(HEAD + RULE.replace('"Cel"', '"F"').replace("38.1", "100.6"), "mine").rules[0]
    assert rule.unit == "[degF]"
    assert [duration_us(text) // 1_000_000 for text in ("60s", "5m", "2h", "3d")] == [60, 300, 7200, 259200]
    for text in ("5", "0m", "5 m", "-5m", "1.5h", "5min", ""):
        with pytest.raises(OperatorError):
            duration_us(text)


@pytest.mark.parametrize(
    ("old", "new", "key", "advice"),
    [
        ('priority = "low"\n', "", "'priority'", "add it"),
        ('priority = "low"', 'priority = "urgent"', "'priority'", "one of high"),
        ('kind = "threshold"', 'kind = "magic"', "'kind'", "one of threshold"),
        ('kind = "threshold"\n', "", "'kind'", "write one of"),
        ('kind = "threshold"', 'kind = "sustained"', "'for'", "add it"),
        ('source = "test"', 'source = "test"\nfor = "5m"', "'for'", "remove it"),
        ('"body_temp"', '"8310-5"', "'metric'", "codes.csv"),
        ('"body_temp"', '"body_temp.left"', "'metric'", "no parts"),
        ('"body_temp"', '"consciousness"', "'metric'", "measured quantity"),
        ('unit = "Cel"', 'unit = "parsec"', "'unit'", "UCUM"),
        ('unit = "Cel"', 'unit = "kg"', "'unit'", "converted"),
        ("version = 1\nkind", "version = 0\nkind", "'version'", "from 1 on"),
        ('op = ">="', 'op = "=>"', "'raise.op'", "one of >="),
        ("value = 38.1", 'value = "38.1"', "'raise.value'", "finite number"),
        ("value = 38.1", "value = nan", "'raise.value'", "finite number"),
        ("38.1 }", '38.1 }\nclear = { op = "<=", value = 38.1 }', "'clear'", "share no value"),
        ("38.1 }", '38.1 }\nclear = { op = ">=", value = 39 }', "'clear'", "other way"),
        ('id = "fever"', 'id = "Fever!"', "'id'", "lower-case"),
        ('source = "test"', 'source = "test"\nspo2_target = "maybe"', "'spo2_target'", "required, excluded"),
        ('source = "test"', 'source = "test"\ncolour = "red"', "'colour'", "remove it"),
    ],
)
def test_complaints_name_pack_rule_and_key(old: str, new: str, key: str, advice: str) -> None:
    assert old in RULE
    with pytest.raises(OperatorError) as caught:
        load_pack(HEAD + RULE.replace(old, new), "mine.toml")
    assert "pack mine.toml, rule " in caught.value.message
    assert key in caught.value.message and advice in caught.value.message


#: One good rule of each kind that has keys of its own; every complaint below starts from one of these.
KINDS_ROWS = {
    "sustained": """kind = "sustained"
metric = "spo2"
unit = "%"
raise = { op = "<", value = 88 }
for = "5m"
max_gap = "2m"
spot = true
unless = "copd"
""",
    "delta": """kind = "delta"
metric = "body_weight"
unit = "kg"
raise = { op = ">", value = 1.36 }
clear = { op = "<=", value = 0.9 }
window = "3d"
min_gap = "12h"
against = "nearest"
""",
    "absence": """kind = "absence"
metric = "body_weight"
every = "1d"
grace = "6h"
""",
    "score": """kind = "score"
metric = "news2"
raise = { op = ">=", value = 5 }
single_three = true
""",
    "clock": """kind = "clock"
metric = "any"
""",
    "contact": """kind = "contact"
metric = "any"
for = "5m"
""",
    "improbable": """kind = "improbable"
metric = "spo2"
""",
    "threshold": """kind = "threshold"
metric = "body_temp"
unit = "Cel"
raise = { op = ">=", value = 38.1 }
""",
}


def loaded(body: str) -> Rule:
    head = '[[rule]]\nid = "mine"\nversion = 1\npriority = "low"\nsource = "test"\n'
    (rule,) = load_pack(HEAD + head + body, "mine.toml").rules
    return rule


def test_every_kind_has_a_row_here() -> None:
    assert KINDS_ROWS.keys() == KINDS.keys()
    assert {kind: loaded(body).kind for kind, body in KINDS_ROWS.items()} == {kind: kind for kind in KINDS}


def test_what_the_keys_mean() -> None:
    held, gain, silent = (loaded(KINDS_ROWS[kind]) for kind in ("sustained", "delta", "absence"))
    assert (held.for_us, held.max_gap_us, held.spot, held.unless) == (300 * SECOND, 120 * SECOND, True, "copd")
    assert (gain.window_us, gain.min_gap_us, gain.against) == (3 * DAY, 12 * HOUR, "nearest")
    assert (silent.every_us, silent.for_us) == (DAY, 30 * HOUR), "the grace is part of the silence"
    assert silent.title == "Weight: no reading" and (silent.raise_limit, silent.clear_limit) == (None, None)
    points = loaded(KINDS_ROWS["score"])
    assert (points.unit, points.single_three, points.clear_limit) == ("1", True, Limit("<=", 4))
    assert points.title == "NEWS2 at or above 5 points, or 3 in one parameter"
    assert not loaded(KINDS_ROWS["sustained"].replace("spot = true\n", "")).spot


@pytest.mark.parametrize(
    ("kind", "old", "new", "key", "advice"),
    [
        ("absence", 'every = "1d"\n', "", "'every'", "add it"),
        ("absence", 'grace = "6h"\n', "", "'grace'", "add it"),
        ("absence", '"1d"', '"daily"', "'every'", "write a whole number and s, m, h or d"),
        ("absence", '"6h"', '"0h"', "'grace'", "write a whole number and s, m, h or d"),
        ("absence", '"6h"', "6", "'grace'", "must be a text"),
        ("absence", 'grace = "6h"', 'grace = "6h"\nfor = "1d"', "'for'", "remove it"),
        ("absence", 'grace = "6h"', 'grace = "6h"\nraise = { op = ">", value = 1 }', "'raise'", "remove it"),
        ("absence", '"body_weight"', '"news2"', "'metric'", "must be any"),
        ("absence", '"body_weight"', '"consciousness"', "'metric'", "measured quantity"),
        ("delta", 'window = "3d"\n', "", "'window'", "add it"),
        ("delta", '"3d"', '"36h"', "'window'", "must be whole days"),
        ("delta", '"3d"', '"90m"', "'window'", "must be whole days"),
        ("delta", '"3d"', '"3 days"', "'window'", "write a whole number and s, m, h or d"),
        ("delta", 'against = "nearest"\n', "", "'against'", "add it"),
        ("delta", '"nearest"', '"mean"', "'against'", "one of nearest, minimum, maximum"),
        ("delta", '"nearest"', "3", "'against'", "one of nearest, minimum, maximum"),
        ("delta", '"12h"', '"half a day"', "'min_gap'", "write a whole number and s, m, h or d"),
        ("delta", 'unit = "kg"\n', "", "'unit'", "add it"),
        ("delta", '"body_weight"', '"any"', "'metric'", "must be one of the code table"),
        ("delta", "value = 0.9", "value = 1.37", "'clear'", "share no value"),
        ("delta", 'window = "3d"', 'window = "3d"\nspot = true', "'spot'", "remove it"),
        ("sustained", "spot = true", "spot = 1", "'spot'", "true or false"),
        ("sustained", "spot = true", 'spot = "yes"', "'spot'", "true or false"),
        ("sustained", '"copd"', '"copd-2"', "'unless'", "one of general"),
        ("sustained", '"copd"', "true", "'unless'", "one of general"),
        ("sustained", '"2m"', '"soon"', "'max_gap'", "write a whole number and s, m, h or d"),
        ("sustained", '"spo2"', '"any"', "'metric'", "must be one of the code table"),
        ("sustained", '"spo2"', '"news2"', "'metric'", "must be one of the code table"),
        ("sustained", 'for = "5m"', 'for = "5m"\nevery = "1d"', "'every'", "remove it"),
        ("sustained", 'for = "5m"', 'for = "5m"\nagainst = "nearest"', "'against'", "remove it"),
        ("threshold", '"body_temp"', '"any"', "'metric'", "must be one of the code table"),
        ("threshold", '"body_temp"', '"news2"', "'metric'", "must be one of the code table"),
        ("threshold", 'unit = "Cel"', 'unit = "Cel"\nspot = true', "'spot'", "remove it"),
        ("threshold", 'unit = "Cel"', 'unit = "Cel"\nwindow = "3d"', "'window'", "remove it"),
        ("score", '"news2"', '"any"', "'metric'", "must be news2"),
        ("score", '"news2"', '"spo2"', "'metric'", "must be news2"),
        ("score", 'raise = { op = ">=", value = 5 }\n', "", "'raise'", "add it"),
        ("score", "single_three = true", "single_three = 3", "'single_three'", "true or false"),
        ("score", "single_three = true", 'single_three = true\nunit = "1"', "'unit'", "remove it"),
        ("clock", '"any"', '"news2"', "'metric'", "must be any"),
        ("clock", '"any"', '"any"\nfor = "5m"', "'for'", "remove it"),
        ("contact", 'for = "5m"\n', "", "'for'", "add it"),
        ("contact", '"any"', '"news2"', "'metric'", "must be any"),
        ("contact", 'for = "5m"', 'for = "5m"\nraise = { op = ">", value = 1 }', "'raise'", "remove it"),
        ("improbable", '"spo2"', '"any"', "'metric'", "must be one of the code table"),
    ],
)
def test_complaints_about_the_keys_of_each_kind(kind: str, old: str, new: str, key: str, advice: str) -> None:
    assert old in KINDS_ROWS[kind]
    with pytest.raises(OperatorError) as caught:
        loaded(KINDS_ROWS[kind].replace(old, new, 1))
    assert caught.value.message.startswith("pack mine.toml, rule mine, key ")
    assert key in caught.value.message and advice in caught.value.message


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[pack", "not valid TOML"),
        ("", "'pack': is missing"),
        (HEAD.replace("general", "generall"), "must be one of general"),
        (HEAD + RULE + RULE, "is there twice"),
        (HEAD + "[[rules]]\n", "'rules': is not known here"),
        (HEAD + RULE.replace('"body_temp"', '"blood_pressure"').replace('"Cel"', '"mmHg"'), "name the part"),
    ],
)
def test_complaints_about_whole_packs(text: str, advice: str) -> None:
    with pytest.raises(OperatorError, match="pack mine") as caught:
        load_pack(text, "mine")
    assert advice in caught.value.message


def test_unknown_shipped_pack() -> None:
    with pytest.raises(OperatorError, match="choose one of general"):
        shipped_pack("cardiology")


def test_the_page_for_people_lists_the_same_rules() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run .venv/bin/python -m scripts.rules_page"
