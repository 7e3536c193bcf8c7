"""Packs: what ships is exactly this table, and every complaint says where and what to do."""

from __future__ import annotations

import pytest

from alerts.pack import SHIPPED, load_pack, shipped_pack, shipped_rules
from alerts.rules import MAX_GAP_US, Limit, duration_us, sees
from vitals import codes
from vitals.errors import OperatorError

#: Every rule that is on, with its priority. A change here is a clinical decision.
TABLE = {
    "temp-fever": "low",
    "temp-high": "medium",
    "temp-low": "high",
    "spo2-low-general": "high",
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
    "spo2-copd": "high",
    "hf-systolic-low": "high",
    "hf-systolic-high": "high",
    "bp-severe-systolic": "medium",
    "bp-severe-diastolic": "medium",
    "glucose-l2-hypo": "high",
    "glucose-l2-hypo-mmol": "high",
    "glucose-l2-hypo-cgm": "high",
    "glucose-l2-hypo-cgm-mmol": "high",
    "glucose-very-high": "high",
    "glucose-very-high-mmol": "high",
    "glucose-very-high-cgm": "high",
    "glucose-very-high-cgm-mmol": "high",
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
