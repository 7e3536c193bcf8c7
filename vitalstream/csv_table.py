"""CSV files with a first line of column names: what is wrong with one is said with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from vitals.errors import OperatorError


class BadTable(OperatorError):
    """A file whose columns or content can't be what was meant."""

    code = "bad-table"


class CannotRead(OperatorError):
    """A file that can't be read, or that has no usable row."""

    code = "cannot-read"


class Table:
    """The records of one CSV file, in UTF-8 with or without byte order mark."""

    def __init__(self, file: BinaryIO, name: str, required: Sequence[str], optional: Sequence[str]) -> None:
        self._name = name
        # Strict: a quote that never ends must not swallow the rest of the file as one field.
        self._reader = csv.reader(TextIOWrapper(file, encoding="utf-8-sig", newline=""), strict=True)
        header = [title.strip().lower() for title in next(self._records(), [])]
        if not header:
            raise BadTable(f"{name} is empty; it wants a first line with the columns {', '.join(required)}")
        for title in required:
            if title not in header:
                raise BadTable(f"{name} has no column {title!r}; its first line must name {', '.join(required)}")
        for title in (*required, *optional):
            if header.count(title) > 1:
                raise BadTable(f"{name} has the column {title!r} twice; remove one of them")
        self.width = len(header)
        self.place = {title: header.index(title) for title in (*required, *optional) if title in header}
        self.ignored = tuple(title for title in header if title and title not in self.place)

    def _records(self) -> Iterator[list[str]]:
        try:
            yield from filter(None, self._reader)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise CannotRead(f"{self._name} can't be read after line {self._reader.line_num}: {why}") from None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number (of a record's last line) and fields; lines with nothing in them are passed over."""
        reader = self._reader
        for row in self._records():
            yield reader.line_num, row


def open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CannotRead(f"{path} can't be read: {error.strerror}") from None
