"""Whatever is imported is declared: nothing works only because another package happened to bring it along."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.house.tree import ROOMS, ROOT, texts

_OURS = {*ROOMS, "tests", "benchmarks", "scripts"}


def declared(root: Path) -> tuple[set[str], set[str]]:
    """Names of the distributions that pyproject.toml asks for: those at run time, those for development."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    run_time = _distributions(project["dependencies"])
    return run_time, run_time | _distributions(project["optional-dependencies"]["dev"])


def _distributions(requirements: list[str]) -> set[str]:
    # An extra of psycopg is a distribution of its own, named psycopg-pool or psycopg-binary.
    names: set[str] = set()
    for requirement in requirements:
        name, extras = re.findall(r"^([\w.-]+)(?:\[([\w,]+)\])?", requirement)[0]
        names |= {_normal(name)} | {_normal(f"{name}-{extra}") for extra in extras.split(",") if extra}
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def undeclared(root: Path) -> Iterator[str]:
    """Third-party imports whose distribution pyproject.toml doesn't name; rooms get run-time ones only."""
    run_time, development = declared(root)
    providers = packages_distributions()
    for path, text in texts(root, ".py"):
        allowed = run_time if path.parts[0] in ROOMS else development
        for module in sorted(_top_level_imports(text) - sys.stdlib_module_names - _OURS):
            if not {_normal(name) for name in providers.get(module, [module])} & allowed:
                yield f"{path}: {module}"


def _top_level_imports(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_every_import_is_declared() -> None:
    assert list(undeclared(ROOT)) == []


def test_an_undeclared_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["psycopg[pool]>=3"]\noptional-dependencies.dev = ["pytest"]'
    )
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/a.py").write_text("import json, vitals, psycopg_pool, psycopg.rows, pytest")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/b.py").write_text("import pytest\nfrom starlette.types import Scope")
    assert list(undeclared(tmp_path)) == ["storage/a.py: pytest", "tests/b.py: starlette"]
