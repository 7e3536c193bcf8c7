"""Claim codes as people type them."""

from __future__ import annotations

import hashlib

import pytest

from storage.registry.claim_codes import ALPHABET, LETTERS, code_hash, new_code, normal, shown


def test_the_alphabet_is_that_of_rfc_8628() -> None:
    assert ALPHABET == "BCDFGHJKLMNPQRSTVWXZ"
    assert len(set(ALPHABET)) == 20


def test_new_codes_use_all_of_it_and_come_back_from_what_is_shown() -> None:
    made = [new_code() for _ in range(500)]
    assert len(set(made)) == 500
    assert set("".join(made)) == set(ALPHABET)
    assert {len(code) for code in made} == {LETTERS}
    for code in made:
        assert shown(code) == f"{code[:4]}-{code[4:]}"
        assert normal(shown(code)) == code


@pytest.mark.parametrize(
    "typed",
    [
        "WDJB-MJHT",
        "wdjbmjht",
        " wdjb mjht ",
        "WDJB\N{EN DASH}MJHT",
        "w d j b\tm-j-h-t\n",
        "WDJB\N{NON-BREAKING HYPHEN}MJHT",
    ],
)
def test_case_spaces_and_dashes_do_not_matter(typed: str) -> None:
    assert normal(typed) == "WDJBMJHT"


@pytest.mark.parametrize("typed", ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "WDJB/MJHT", "\0", "ßßßß"])
def test_what_can_be_no_code(typed: str) -> None:
    assert normal(typed) is None


def test_a_hash_is_stored() -> None:
    assert code_hash("WDJBMJHT") == hashlib.sha256(b"WDJBMJHT").digest()
