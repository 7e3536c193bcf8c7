"""Rule packs: TOML in, checked rules out. Every complaint names pack, rule, key and what to do."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, get_args

from vitals import codes, units
from vitals.errors import OperatorError, VitalstreamError
from vitals.events import Priority

from .kinds import KINDS, Kind
from .kinds.delta import DAY_US
from .rules import COMPOSED, OPERATORS, REFERENCES, Limit, Rule, duration_us, family_of, sees

#: Packs that ship; their ids are the programmes' too.
SHIPPED = ("general", "technical", "copd", "heart-failure", "hypertension", "virtual-ward", "diabetes")

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ALWAYS = frozenset({"id", "version", "kind", "metric", "priority", "source"})
_OFTEN = frozenset({"title", "spo2_target", "unless"})


@dataclass(frozen=True, slots=True)
class Pack:
    """The rules of one care programme."""

    id: str
    version: int | str
    programme: str
    rules: tuple[Rule, ...]


class _Table:
    """One TOML table with the words for complaints about it."""

    def __init__(self, where: str, values: dict[str, Any]) -> None:
        self.where = where
        self.values = values

    def wrong(self, key: str, what: str) -> OperatorError:
        return OperatorError(f"{self.where}, key {key!r}: {what}", code="rule-pack")

    def check_keys(self, required: frozenset[str], optional: frozenset[str]) -> None:
        for key in sorted(required - self.values.keys()):
            raise self.wrong(key, "is missing; add it")
        for key in sorted(self.values.keys() - required - optional):
            raise self.wrong(
                key, f"is not known here; remove it or use one of {', '.join(sorted(required | optional))}"
            )

    def text(self, key: str) -> str:
        value = self.values[key]
        if not isinstance(value, str) or not value.strip() or len(value) > 300:
            raise self.wrong(key, "must be a text of 1 to 300 characters")
        return value

    def identifier(self, key: str) -> str:
        value = self.text(key)
        if not _ID.fullmatch(value) or len(value) > 80:
            raise self.wrong(key, "must be lower-case words joined by hyphens, such as temp-fever")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.values[key]
        if value not in allowed:
            raise self.wrong(key, f"must be one of {', '.join(allowed)}")
        return str(value)

    def version(self, key: str) -> int:
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
            raise self.wrong(key, "must be a whole number from 1 on; count it up when the rule changes")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def duration(self, key: str) -> int:
        try:
            return duration_us(self.text(key))
        except OperatorError as error:
            raise self.wrong(key, error.message) from None

    def limit(self, key: str) -> Limit:
        value = self.values[key]
        if not isinstance(value, dict) or value.keys() != {"op", "value"}:
            raise self.wrong(key, 'must be a table such as { op = ">=", value = 38.1 }')
        if value["op"] not in OPERATORS:
            raise self.wrong(f"{key}.op", f"must be one of {', '.join(OPERATORS)}")
        number = value["value"]
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise self.wrong(f"{key}.value", "must be a finite number in the rule's unit")
        return Limit(value["op"], float(number))


def _metric_and_unit(table: _Table, kind: Kind) -> tuple[str, str]:
    metric = table.text("metric")
    if metric in kind.composed:
        return metric, "1"
    if metric in COMPOSED or "news2" in kind.composed:
        raise table.wrong("metric", f"must be {' or '.join(sorted(kind.composed)) or 'one of the code table'} here")
    try:
        _, components = family_of(metric)
        row = codes.metric(metric.partition(".")[0])
    except VitalstreamError as error:
        raise table.wrong("metric", error.message) from None
    if row.shape not in ("quantity", "blood_pressure", "device-status"):
        raise table.wrong("metric", f"{row.key} is no number that rules can look at; choose a measured quantity")
    if "raise" in kind.required and len(components) > 1:
        raise table.wrong("metric", f"name the part to compare: {row.key}.systolic, .diastolic or .mean")
    if "unit" not in table.values:
        return metric, row.units[0]
    try:
        unit = units.unit(table.text("unit")).code
        units.scale(row.units[0], unit)
    except VitalstreamError as error:
        raise table.wrong("unit", error.message) from None
    assert sees(metric, unit)
    return metric, unit


def _limits(table: _Table) -> tuple[Limit | None, Limit | None]:
    if "raise" not in table.values:
        return None, None
    raised = table.limit("raise")
    cleared = table.limit("clear") if "clear" in table.values else raised.mirrored()
    if not raised.excludes(cleared):
        raise table.wrong(
            "clear",
            "must look back the other way and share no value with raise, else the alert would flutter",
        )
    return raised, cleared


def _window(table: _Table) -> int:
    window_us = table.duration("window") if "window" in table.values else 0
    if window_us % DAY_US:
        raise table.wrong("window", "must be whole days, such as 3d: the first reading of each local day counts")
    return window_us


def _rule(table: _Table, programme: str) -> Rule:
    if "kind" not in table.values:
        raise table.wrong("kind", f"is missing; write one of {', '.join(KINDS)}")
    kind = KINDS[table.one_of("kind", tuple(KINDS))]
    table.check_keys(_ALWAYS | kind.required, _OFTEN | kind.optional)
    metric, unit = _metric_and_unit(table, kind)
    raised, cleared = _limits(table)
    given: dict[str, Any] = {}
    if "spo2_target" in table.values:
        given["spo2_target"] = table.one_of("spo2_target", ("required", "excluded"))
    if "unless" in table.values:
        given["unless"] = table.one_of("unless", SHIPPED)
    if "against" in table.values:
        given["against"] = table.one_of("against", REFERENCES)
    if "max_gap" in table.values:
        given["max_gap_us"] = table.duration("max_gap")
    every_us, grace_us, for_us, min_gap_us = (
        table.duration(key) if key in table.values else 0 for key in ("every", "grace", "for", "min_gap")
    )
    priority: Any = table.one_of("priority", get_args(Priority))
    rule = Rule(
        id=table.identifier("id"),
        version=table.version("version"),
        programme=programme,
        kind=table.values["kind"],
        title=table.text("title") if "title" in table.values else "",
        metric=metric,
        unit=unit,
        priority=priority,
        source=table.text("source"),
        raise_limit=raised,
        clear_limit=cleared,
        for_us=for_us or every_us + grace_us,
        every_us=every_us,
        window_us=_window(table),
        min_gap_us=min_gap_us,
        spot=table.flag("spot"),
        single_three=table.flag("single_three"),
        **given,
    )
    return rule if rule.title else replace(rule, title=kind.title(rule))


def load_pack(text: str, name: str) -> Pack:
    """Reads one pack; complaints call it `name` (a file's name or a pack's id). Raises OperatorError."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(f"pack {name}: is not valid TOML ({error}); correct it", code="rule-pack") from None
    whole = _Table(f"pack {name}", body)
    whole.check_keys(frozenset({"pack"}), frozenset({"rule"}))
    if not isinstance(body["pack"], dict):
        raise whole.wrong("pack", "must be a table [pack] with id, version and programme")
    rows = body.get("rule", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise whole.wrong("rule", "must be tables [[rule]], one for each rule")
    head = _Table(f"pack {name}, table [pack]", body["pack"])
    head.check_keys(frozenset({"id", "version", "programme"}), frozenset())
    programme = head.one_of("programme", SHIPPED)
    version = head.values["version"]
    if not isinstance(version, str):
        version = head.version("version")
    rules: dict[str, Rule] = {}
    for number, row in enumerate(rows, 1):
        table = _Table(f"pack {name}, rule {str(row.get('id', f'number {number}'))[:80]}", row)
        rule = _rule(table, programme)
        if rule.id in rules:
            raise table.wrong("id", "is there twice; give one of them another id")
        rules[rule.id] = rule
    return Pack(head.identifier("id"), version, programme, tuple(rules.values()))


@cache
def shipped_pack(pack_id: str) -> Pack:
    """A pack that ships; raises OperatorError for an id that doesn't."""
    if pack_id not in SHIPPED:
        raise OperatorError(
            f"pack {pack_id[:80]!r} does not ship; choose one of {', '.join(SHIPPED)}", code="rule-pack"
        )
    text = resources.files("alerts").joinpath("packs", f"{pack_id}.toml").read_text(encoding="utf-8")
    return load_pack(text, pack_id)


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Every rule that ships, in the order of packs and rows. Nothing else is on; `docs/rules.md` is the
    same table for people.
    """
    return tuple(rule for pack_id in SHIPPED for rule in shipped_pack(pack_id).rules)
