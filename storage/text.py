"""Text from outside on its way into the database."""

from __future__ import annotations


def storable(text: str) -> str:
    """Text without what PostgreSQL can't keep: NUL becomes its symbol, a lone surrogate a question mark."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
