"""Writes docs/rules.md: the table of the rules that ship, for people. Run after a pack changed: `.venv/bin/python -m
scripts.rules_page`; a test says when that was forgotten.
"""

from __future__ import annotations

from pathlib import Path

from alerts.pack import shipped_rules
from alerts.rules import Rule
from alerts.statement import limits_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules.md"

HEAD = """\
# The rules that ship

Everything that can raise an alert; nothing else is on. The packs are `alerts/packs/*.toml`, every patient has `general`
and `technical`. These are starting values that a site's clinician must approve. How the kinds work:
[alerts/README.md](../alerts/README.md).

| programme | rule | what it says | priority | kind | raises | clears | source |
|---|---|---|---|---|---|---|---|
"""


def line(rule: Rule) -> str:
    """One row of the table."""
    limits = limits_of(rule)
    raised = limits.raise_text + (f" for {limits.dwell}" if limits.dwell and rule.kind != "absence" else "")
    raised += ", or one reading that stands alone" if rule.spot else ""
    if rule.spo2_target is not None:
        raised += f" (target 88-92 % {'recorded' if rule.spo2_target == 'required' else 'not recorded'})"
    cells = (
        rule.programme,
        f"`{rule.id}`",
        rule.title,
        rule.priority,
        rule.kind,
        raised,
        limits.clear_text,
        rule.source,
    )
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"{line(rule)}\n" for rule in shipped_rules())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
