"""The project's own files, as the house tests see them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "vitals", "device_gateway", "streams", "alerts", "storage", "outbound", "api", "simulators",
    "vitalstream",
)  # fmt: skip

# Made by tools, or somebody else's.
_NOT_OURS = {".git", ".venv", "node_modules", "__pycache__", "static", "results", "dist", ".hypothesis"}


def files(root: Path, *suffixes: str) -> Iterator[Path]:
    """Files below `root` that belong to the project, in order; with these suffixes only, if any are given."""
    for folder, subfolders, names in os.walk(root):
        made = {name for name in subfolders if name.endswith(("_cache", ".egg-info"))}
        subfolders[:] = sorted(set(subfolders) - made - _NOT_OURS)
        for name in sorted(names):
            path = Path(folder, name)
            if not suffixes or path.suffix in suffixes:
                yield path


def texts(root: Path, *suffixes: str) -> Iterator[tuple[Path, str]]:
    """The same with their text; what is not text is left out."""
    for path in files(root, *suffixes):
        try:
            yield path.relative_to(root), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def without_code_blocks(markdown: str) -> str:
    """Prose only: what stands between fences is an example and holds no links."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
