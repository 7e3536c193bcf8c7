"""Pages say what is true: links lead somewhere, hazards name tests that exist, each room explains itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOMS, ROOT, texts, without_code_blocks

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def broken_links(root: Path) -> Iterator[str]:
    """Relative links and pictures whose target is not there."""
    for path, text in texts(root, ".md"):
        for target in _LINK.findall(without_code_blocks(text)):
            file = target.partition("#")[0]
            outside = target.startswith(("https:", "mailto:"))
            if file and not outside and not (root / path.parent / file).exists():
                yield f"{path}: {target}"


def hazards_without_test(root: Path, page: str = "docs/hazards.md") -> Iterator[str]:
    """Rows of the table on a page that name no test, or one that does not exist."""
    text = (root / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    if not rows:
        yield f"{page} has no rows"
    for row in rows:
        hazard = row.split("|")[1].strip()
        ids = _TEST_ID.findall(row)
        if not ids:
            yield f"{hazard}: names no test"
        for file, name in ids:
            if name not in _functions(root / file):
                yield f"{hazard}: {file}::{name} does not exist"


def _functions(path: Path) -> set[str]:
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_links_lead_somewhere() -> None:
    assert list(broken_links(ROOT)) == []


def test_every_hazard_has_a_test() -> None:
    assert list(hazards_without_test(ROOT)) == []


def test_every_hardest_case_has_a_test() -> None:
    assert list(hazards_without_test(ROOT, "docs/hardest-cases.md")) == []


def test_every_room_explains_itself() -> None:
    assert [room for room in (*ROOMS, "ui") if not (ROOT / room / "README.md").exists()] == []


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs/adr").glob("0*.md") if path.name not in listed] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("```\n[x](example.md)\n```\n[a](there.md#x) [b](https://example.org)")
    (tmp_path / "page.md").write_text("[a](there.md) ![b](docs/missing.png)")
    assert list(broken_links(tmp_path)) == ["page.md: docs/missing.png"]


def test_a_hazard_with_a_lost_test_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text("def test_there(): ...")
    (tmp_path / "docs/hazards.md").write_text(
        "| hazard | prevents | test |\n|---|---|---|\n"
        "| held | x | `tests/test_x.py::test_there` |\n"
        "| lost | x | `tests/test_x.py::test_gone` |\n"
        "| bare | x | none |\n"
    )
    assert list(hazards_without_test(tmp_path)) == [
        "lost: tests/test_x.py::test_gone does not exist",
        "bare: names no test",
    ]
