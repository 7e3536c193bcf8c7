"""Values as sent: number, decimals, or a reason why not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals.errors import Unrepresentable
from vitals.reading import SIGNIFICANT_DIGITS_MAX, Absent, Flag, absent, value_of


@pytest.mark.parametrize("text", ["36.60", "0", "0.00", "-12.5", "120", "999999999999999", "0.000000000000001"])
def test_decimals_survive(text: str) -> None:
    assert value_of(Decimal(text)).text == text


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e308", "1e-308", "1234567890123456", "0.1234567890123456"]
)
def test_what_a_double_can_not_keep_is_refused(text: str) -> None:
    with pytest.raises(Unrepresentable):
        value_of(Decimal(text))


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, SIGNIFICANT_DIGITS_MAX))
def test_every_number_of_fifteen_digits_comes_back_as_sent(digits: int, decimals: int) -> None:
    sent = Decimal(digits).scaleb(-decimals)
    text = value_of(sent).text
    assert text is not None
    assert Decimal(text) == sent
    assert len(text.partition(".")[2]) == decimals


def test_absent_value_has_a_reason_and_no_text() -> None:
    value = absent(Absent.NOT_A_NUMBER)
    assert value.text is None
    assert value.absent.code == "not-a-number"


def test_flag_names_are_words() -> None:
    assert (Flag.CLOCK_AHEAD | Flag.IMPROBABLE).names == ["clock-ahead", "improbable"]
    assert Flag(0).names == []
