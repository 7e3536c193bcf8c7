"""Named queries: SQL lives in `queries/*.sql`, code asks for it by name.

A block is `-- name: insert_alert`, then one comment line with its purpose, then the statement:

    -- name: insert_alert
    -- Stores an alert when its condition first holds.
    INSERT INTO alert ...

A query is found by its name alone, so names are unique over all files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import LiteralString

from vitals.errors import InternalError

QUERIES = Path(__file__).parent / "queries"

_HEADER = re.compile(r"^--[ \t]*name:[ \t]*(?P<name>.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class QueryError(InternalError):
    """A query file breaks the form above, or code asks for a query that no file has."""

    code = "query"


@dataclass(frozen=True)
class NamedQuery:
    """One block of a query file."""

    name: str
    purpose: str
    text: LiteralString  # it comes from our own files, which is what the type promises to psycopg
    file: Path


def sql(name: str) -> LiteralString:
    """The statement of that name. Raises QueryError for a name that no file has."""
    try:
        return named_queries()[name].text
    except KeyError:
        raise QueryError(f"There is no query {name!r} in {QUERIES}; add a block for it.") from None


@cache
def named_queries() -> Mapping[str, NamedQuery]:
    """All our queries by name, read once. Raises QueryError."""
    return load_queries(QUERIES)


def load_queries(folder: Path) -> Mapping[str, NamedQuery]:
    """All queries of a folder's `.sql` files. Raises QueryError for a wrong block or a name used twice."""
    queries: dict[str, NamedQuery] = {}
    for file in sorted(folder.glob("*.sql")):
        for query in _blocks(file):
            if query.name in queries:
                raise QueryError(f"Query {query.name!r} is in {queries[query.name].file} and in {file}; rename one.")
            queries[query.name] = query
    return MappingProxyType(queries)


def _blocks(file: Path) -> list[NamedQuery]:
    source = file.read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(source))
    ends = [*(header.start() for header in headers[1:]), len(source)]
    blocks = []
    for header, end in zip(headers, ends, strict=True):
        name = header["name"].strip()
        purpose, _, text = source[header.end() + 1 : end].partition("\n")
        if not _NAME.fullmatch(name):
            raise QueryError(f"{file}: {name!r} is no name for a query; use lower case, digits and underscores.")
        if not purpose.startswith("-- ") or not purpose[3:].strip():
            raise QueryError(f"{file}: query {name!r} has no purpose; put one comment line under its name.")
        if not text.strip():
            raise QueryError(f"{file}: query {name!r} has no statement.")
        blocks.append(NamedQuery(name, purpose[3:].strip(), text.strip(), file))
    return blocks
