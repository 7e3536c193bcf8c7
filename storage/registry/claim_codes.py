"""Claim codes: eight letters that a person reads from a screen or a sticker and types on a phone."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Final, Literal

#: RFC 8628 section 6.1: no vowels, so that no words appear, and no letters that look like digits; 34 bits in eight.
ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
LETTERS: Final = 8

#: `screen` codes are read at once; a sticker waits in its box until it is given out.
Kind = Literal["screen", "printed"]
LIFE: Final[dict[Kind, timedelta]] = {"screen": timedelta(minutes=15), "printed": timedelta(days=90)}

#: What people and keyboards put between letters: spaces, hyphens, dashes.
_BETWEEN = re.compile(r"[\s\-_.\u2010-\u2015\u2212]+")
_CODE = re.compile(f"[{ALPHABET}{ALPHABET.lower()}]{{{LETTERS}}}")


def new_code() -> str:
    """A code by a cryptographic generator, as `normal` gives it back."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))


def shown(code: str) -> str:
    """As people read it: XXXX-XXXX."""
    return f"{code[:4]}-{code[4:]}"


def normal(typed: str) -> str | None:
    """The eight letters of what was typed, in any case and with anything between; None when it can be no code."""
    letters = _BETWEEN.sub("", typed)
    # Not only the upper case: it makes letters of signs that are none, such as a sharp s.
    return letters.upper() if _CODE.fullmatch(letters) else None


def code_hash(code: str) -> bytes:
    """What is stored of a code: it is found by this hash, so no comparison tells by its time how much was right."""
    return hashlib.sha256(code.encode()).digest()
