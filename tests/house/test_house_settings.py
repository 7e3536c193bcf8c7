"""Each setting that is read is documented, and each that is documented is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, texts

_SETTING = re.compile(r"\b(?:VITALSTREAM_[A-Z0-9_]*[A-Z0-9]|DATABASE_URL)\b")
_THIS_FILE = Path("tests/house", Path(__file__).name)


def undocumented_or_unread(root: Path) -> Iterator[str]:
    """Settings that only code names, or that only README.md names."""
    read: dict[str, Path] = {}
    for path, text in texts(root, ".py", ".sh", ".ts", ".tsx", ".yml"):
        if path != _THIS_FILE:
            read |= dict.fromkeys(_SETTING.findall(text), path)
    documented = set(_SETTING.findall((root / "README.md").read_text(encoding="utf-8")))
    for name in sorted(read.keys() - documented):
        yield f"{name}, read in {read[name]}, is not in README.md"
    for name in sorted(documented - read.keys()):
        yield f"{name}, documented in README.md, is read nowhere"


def test_settings_and_readme_agree() -> None:
    assert list(undocumented_or_unread(ROOT)) == []


def test_a_setting_without_words_or_without_effect_is_found(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text('a = environ["VITALSTREAM_SECRET"]; b = environ["DATABASE_URL"]')
    (tmp_path / "README.md").write_text("`DATABASE_URL`, `VITALSTREAM_DREAM`")
    assert list(undocumented_or_unread(tmp_path)) == [
        "VITALSTREAM_SECRET, read in code.py, is not in README.md",
        "VITALSTREAM_DREAM, documented in README.md, is read nowhere",
    ]
