"""The loader of named queries, and the form that our own query files keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.sql import QUERIES, QueryError, load_queries, named_queries, sql

GOOD = """
-- Comments above the first block belong to the file.

-- name: first_one
-- Says one.
SELECT 1;

-- name: second_one
-- Says two, for who asks.
-- A second comment stays with the statement.
SELECT 2
  WHERE %(asked)s;
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
    return tmp_path


def test_blocks_are_found_by_name(tmp_path: Path) -> None:
    queries = load_queries(folder(tmp_path, good=GOOD))
    assert list(queries) == ["first_one", "second_one"]
    assert queries["first_one"].text == "SELECT 1;"
    assert queries["second_one"].purpose == "Says two, for who asks."
    second = "-- A second comment stays with the statement.\nSELECT 2\n  WHERE %(asked)s;"
    assert queries["second_one"].text == second


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: lonely\nSELECT 1", "'lonely' has no purpose"),
        ("-- name: lonely\n--\nSELECT 1", "'lonely' has no purpose"),
        (
            "-- name: empty\n-- Does nothing.\n\n-- name: next\n-- Says one.\nSELECT 1",
            "'empty' has no statement",
        ),
        ("-- name: Upper Case\n-- Says one.\nSELECT 1", "'Upper Case' is no name"),
        ("-- name:\n-- Says one.\nSELECT 1", "'' is no name"),
        (GOOD + "-- name: first_one\n-- Again.\nSELECT 3", "'first_one' is in .*good.sql and in .*good.sql"),
    ],
)
def test_a_wrong_block_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(QueryError, match=complaint):
        load_queries(folder(tmp_path, good=text))


def test_a_name_in_two_files_is_refused(tmp_path: Path) -> None:
    block = "-- name: twice\n-- Says one.\nSELECT 1"
    with pytest.raises(QueryError, match=r"'twice' is in .*a\.sql and in .*b\.sql"):
        load_queries(folder(tmp_path, a=block, b=block))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(QueryError, match="no query 'no_such_query'"):
        sql("no_such_query")


def test_our_query_files_keep_the_form() -> None:
    queries = named_queries()
    assert {query.file for query in queries.values()} == set(QUERIES.glob("*.sql"))
    for query in queries.values():
        assert query.purpose.endswith("."), f"{query.name}: a purpose is a sentence"
        assert sql(query.name) == query.text
