"""Locks pin every package with its hash and name no address; files name no place on a developer's machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, texts

# Home folders of people; the patterns are written so that they do not match themselves.
_HOME = re.compile(r"/(?:home|Users)/[a-z]\w*/|/root/[.\w]")


def loose_pins(root: Path) -> Iterator[str]:
    """Lines of requirements/*.txt that are neither an exact version with its hashes nor a comment."""
    for path in sorted((root / "requirements").glob("*.txt")):
        logical = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        for line in logical:
            if "://" in line:
                yield f"{path.name}: an address: {line}"
            elif line.strip() and not line.lstrip().startswith("#") and not _pinned(line):
                yield f"{path.name}: not pinned with a hash: {line}"


def _pinned(line: str) -> bool:
    return re.match(r"[\w.\[\]-]+==[^\s;]+ .*--hash=sha256:[0-9a-f]{64}", line) is not None


def personal_paths(root: Path, *more: str) -> Iterator[str]:
    """Text files that name somebody's home folder, or one of `more`."""
    for path, text in texts(root):
        found = _HOME.search(text)
        if found or any(place in text for place in more):
            yield f"{path}: {found.group() if found else 'a path of this machine'}"


def test_locks_are_pinned() -> None:
    assert list(loose_pins(ROOT)) == []


def test_the_page_s_lock_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "ui/package-lock.json").read_text(encoding="utf-8")
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "ui/.npmrc").read_text(encoding="utf-8")


def test_what_runs_is_what_was_tested() -> None:
    """Each pin of base.txt stands in dev.txt too, so production runs the versions that the tests ran with."""
    base, dev = (
        set(re.findall(r"^\S+==[^\n\\]+", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE))
        for name in ("base.txt", "dev.txt")
    )
    assert base
    assert base <= dev


def test_no_path_of_a_developer_s_machine() -> None:
    assert list(personal_paths(ROOT, f"{ROOT}/")) == []


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy==2.4",
        "numpy>=2 \\\n    --hash=sha256:" + "0" * 64,
        "--index-url https" + "://example.org",
    ],
)
def test_a_loose_pin_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements").mkdir()
    good = "msgspec==0.22.0 ; python_version < '3.12' \\\n    --hash=sha256:" + "a" * 64 + "\n    # via us\n"
    (tmp_path / "requirements/base.txt").write_text(good + line + "\n")
    assert len(list(loose_pins(tmp_path))) == 1


def test_a_personal_path_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("open('/ho" + "me/ada/data')")
    (tmp_path / "b.sh").write_text(f"cd {tmp_path}/x")
    (tmp_path / "c.md").write_text("a clone below /root is fine")
    assert [line.partition(":")[0] for line in personal_paths(tmp_path, f"{tmp_path}/")] == ["a.py", "b.sh"]
