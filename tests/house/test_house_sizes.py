"""Small files and functions, so that each fits in a head."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, texts

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
ROOM_README_LINES_MAX = 30
ARCHITECTURE_LINES_MAX = 150


def too_long(root: Path) -> Iterator[str]:
    """Source files and Python functions over the limit; ESLint has a limit of its own for the page."""
    for path, text in texts(root, ".py", ".ts", ".tsx", ".sql"):
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}: {lines} lines, {FILE_LINES_MAX} allowed"
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    length = (node.end_lineno or node.lineno) - node.lineno + 1
                    if length > FUNCTION_LINES_MAX:
                        yield f"{path}: {node.name} has {length} lines, {FUNCTION_LINES_MAX} allowed"


def too_long_pages(root: Path) -> Iterator[str]:
    """A room's README is one screen, the architecture four."""
    limits = {path: ROOM_README_LINES_MAX for path in root.glob("*/README.md") if path.parent.name != "docs"}
    limits[root / "ARCHITECTURE.md"] = ARCHITECTURE_LINES_MAX
    for path, limit in limits.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            yield f"{path.relative_to(root)}: {lines} lines, {limit} allowed"


def test_files_and_functions_are_small() -> None:
    assert list(too_long(ROOT)) == []


def test_pages_are_short() -> None:
    assert list(too_long_pages(ROOT)) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("long.py", "x = 1\n" * 401, "long.py: 401 lines"),
        ("long.tsx", "//\n" * 401, "long.tsx: 401 lines"),
        ("long.sql", "--\n" * 401, "long.sql: 401 lines"),
        ("f.py", "async def f():\n" + "    x = 1\n" * 70, "f.py: f has 71 lines"),
    ],
)
def test_a_long_one_is_found(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "short.py").write_text("def f():\n" + "    x = 1\n" * 69)
    assert [line.partition(",")[0] for line in too_long(tmp_path)] == [said]


def test_a_long_page_is_found(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "README.md").write_text("line\n" * 31)
    (tmp_path / "ARCHITECTURE.md").write_text("line\n" * 151)
    assert len(list(too_long_pages(tmp_path))) == 2
