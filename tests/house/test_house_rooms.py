"""The import contracts and the bans on clock and chance hold, and each would catch its planted break."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, texts

_PYPROJECT = ROOT / "pyproject.toml"
_BIN = Path(sys.executable).parent


def _run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    # Without the terminal's width import-linter breaks its lines where they would not be found.
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=60)


def shell_behind_thinking(root: Path) -> Iterator[str]:
    """Files of streams, outside its engines, that import an engine: the door by which I/O would come in."""
    for path, text in texts(root / "streams", ".py"):
        if path.parts[0] != "engines" and any("streams.engines" in name for name in _imports(text)):
            yield f"streams/{path}"


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
            if node.level and "engines" in f"{node.module}.{[alias.name for alias in node.names]}":
                yield "streams.engines"


def test_rooms_are_the_packages_that_are_checked() -> None:
    settings = tomllib.loads(_PYPROJECT.read_text("utf-8"))["tool"]
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == set(ROOMS)
    assert set(settings["importlinter"]["root_packages"]) == set(ROOMS)
    assert set(settings["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(ROOMS)
    assert set(settings["mypy"]["packages"]) == {*ROOMS, "benchmarks", "tests"}


def test_import_contracts_hold() -> None:
    done = _run(ROOT, _BIN / "lint-imports")
    assert done.returncode == 0, done.stdout


def test_thinking_reaches_no_engine() -> None:
    assert list(shell_behind_thinking(ROOT)) == []


@pytest.mark.parametrize(
    "line", ["import streams.engines.inline", "from streams import engines", "from . import engines"]
)
def test_an_engine_behind_thinking_is_found(tmp_path: Path, line: str) -> None:
    _skeleton(tmp_path)
    (tmp_path / "streams/processor.py").write_text(line + "\n")
    (tmp_path / "streams/engines/other.py").write_text("import streams.engines\n")
    assert list(shell_behind_thinking(tmp_path)) == ["streams/processor.py"]


def _skeleton(folder: Path) -> None:
    for package in (*ROOMS, "device_gateway/decoders", "streams/engines"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    (folder / "streams/engines/__init__.py").write_text("import asyncio\n")
    (folder / "pyproject.toml").write_text(_PYPROJECT.read_text("utf-8"), "utf-8")


def test_a_clean_skeleton_passes(tmp_path: Path) -> None:
    _skeleton(tmp_path)
    done = _run(tmp_path, _BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_each_contract_catches_its_break(tmp_path: Path) -> None:
    _skeleton(tmp_path)
    breaks = {
        "vitals/a.py": "import storage",
        "simulators/a.py": "import device_gateway\nimport psycopg",
        "api/a.py": "import streams",
        "device_gateway/decoders/a.py": "import socket",
        "storage/a.py": "import fastapi\nimport rich",
        "streams/a.py": "import asyncio",
        "vitalstream/a.py": "import paho.mqtt.client\nimport bleak",
    }
    for file, text in breaks.items():
        (tmp_path / file).write_text(text + "\n")
    done = _run(tmp_path, _BIN / "lint-imports", "--no-cache")
    contracts = tomllib.loads(_PYPROJECT.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert done.returncode == 1
    assert [one["name"] for one in contracts if f"{one['name']} BROKEN" not in done.stdout] == []
    for edge in (
        "vitals is not allowed to import storage",
        "simulators is not allowed to import device_gateway",
        "api is not allowed to import streams",
        "device_gateway.decoders is not allowed to import socket",
        "streams is not allowed to import asyncio",
    ):
        assert edge in done.stdout


@pytest.mark.parametrize("folder", ["vitals", "alerts/rules", "streams", "device_gateway/decoders"])
@pytest.mark.parametrize(
    "line",
    ["import random", "from time import monotonic", "from datetime import datetime\nx = datetime.now()"],
)
def test_a_clock_or_chance_in_thinking_code_is_found(tmp_path: Path, folder: str, line: str) -> None:
    assert _banned(tmp_path, folder, line) == 1


@pytest.mark.parametrize("folder", ["streams/engines", "device_gateway/mqtt", "storage", "vitalstream", "tests"])
def test_elsewhere_the_clock_may_be_read(tmp_path: Path, folder: str) -> None:
    assert _banned(tmp_path, folder, "from time import monotonic\nimport random") == 0


def _banned(root: Path, folder: str, text: str) -> int:
    (root / "pyproject.toml").write_text(_PYPROJECT.read_text("utf-8"), "utf-8")
    (root / folder).mkdir(parents=True)
    (root / folder / "planted.py").write_text(text + "\n")
    options = ("--no-cache", "--select", "TID251", "--output-format", "concise")
    done = _run(root, _BIN / "ruff", "check", *options, ".")
    return len(re.findall("TID251", done.stdout))
