"""Reading migration files: their order, names and checksums."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.migrate import MigrationFilesWrong, load_migrations


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"SELECT '{name}';")
    return tmp_path


def test_files_are_read_in_order_with_their_timescale_part(tmp_path: Path) -> None:
    names = ["migrations/0002_b.sql", "migrations/0001_a.sql", "timescale/0002_hypertable.sql"]
    first, second = load_migrations(folder(tmp_path, *names))
    assert (first.number, first.name, first.timescale) == (1, "0001_a", "")
    assert first.sql == "SELECT 'migrations/0001_a.sql';"
    assert (second.number, second.timescale) == (2, "SELECT 'timescale/0002_hypertable.sql';")
    assert first.checksum != second.checksum


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["migrations/0001_a.sql", "migrations/0003_c.sql"], r"numbered \[1, 3\].*without gap"),
        (["migrations/0002_b.sql"], r"numbered \[2\].*without gap"),
        (["migrations/0001_a.sql", "migrations/0001_b.sql"], "same number"),
        (["migrations/1_a.sql"], "not named NNNN"),
        (["migrations/0001_Big.sql"], "not named NNNN"),
        (["migrations/0001_a.sql", "timescale/0002_b.sql"], r"timescale has \[2\]"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, names: list[str], complaint: str) -> None:
    with pytest.raises(MigrationFilesWrong, match=complaint):
        load_migrations(folder(tmp_path, *names))


def test_our_files_are_in_order() -> None:
    migrations = load_migrations()
    assert migrations[0].name == "0001_initial"
    assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
