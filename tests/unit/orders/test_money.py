from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.models.money import (
    LONGEST_NUMBER,
    average_price,
    fits,
    minus,
    money,
    notional,
    number,
    parse_number,
    plus,
    ratio,
    text_of,
    times,
    whole_steps,
)

DIGITS = st.text("0123456789", min_size=1, max_size=19)
TEXTS = st.builds(
    lambda sign, whole, fraction: f"{sign}{whole}" + (f".{fraction}" if fraction else ""),
    st.sampled_from(("", "-")),
    DIGITS,
    st.one_of(st.just(""), DIGITS),
)
NUMBERS = TEXTS.map(Decimal)


@given(TEXTS)
def test_a_number_survives_reading_and_writing(text: str) -> None:
    value = parse_number(text)
    assert value is not None
    written = text_of(value)
    assert Fraction(written) == Fraction(text)
    assert written == text_of(number(written))
    assert "E" not in written
    assert not ("." in written and written.endswith(("0", ".")))
    assert written != "-0"


@pytest.mark.parametrize("text", ["", "+1", "1e5", "NaN", "Infinity", ".5", "5.", "1,0", " 1", "1\n", "٣", "9" * 41])
def test_other_forms_are_no_numbers(text: str) -> None:
    assert parse_number(text) is None


def test_the_longest_number_is_read() -> None:
    assert parse_number("9" * LONGEST_NUMBER) == Decimal("9" * LONGEST_NUMBER)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0.000000005", "0"),
        ("0.000000015", "0.00000002"),
        ("-0.000000025", "-0.00000002"),
        ("0.0000000251", "0.00000003"),
    ],
)
def test_money_has_eight_decimals_half_even(value: str, rounded: str) -> None:
    assert text_of(money(Decimal(value))) == rounded


@given(NUMBERS, NUMBERS, NUMBERS)
def test_sums_and_products_are_exact(left: Decimal, right: Decimal, multiplier: Decimal) -> None:
    assert Fraction(plus(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(minus(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(times(left, right)) == Fraction(left) * Fraction(right)
    assert Fraction(notional(left, right, multiplier)) == Fraction(left) * Fraction(right) * Fraction(multiplier)


@given(NUMBERS, NUMBERS.filter(bool))
def test_an_average_is_the_nearest_with_twelve_decimals(cost: Decimal, size: Decimal) -> None:
    average = Fraction(average_price(cost, size))
    assert (average * 10**12).denominator == 1
    assert abs(average - Fraction(cost) / Fraction(size)) <= Fraction(1, 2 * 10**12)


def test_nothing_divided_by_nothing_is_nothing() -> None:
    assert average_price(Decimal(5), Decimal(0)) == 0
    assert ratio(Decimal(5), Decimal(0)) == 0


@given(NUMBERS.map(Decimal.copy_abs), st.sampled_from(("1", "0.001", "0.25", "100")).map(Decimal))
def test_whole_steps_round_down(value: Decimal, step: Decimal) -> None:
    steps = whole_steps(value, step)
    assert fits(steps, step)
    assert 0 <= Fraction(value) - Fraction(steps) < Fraction(step)
    assert fits(value, step) == ((Fraction(value) / Fraction(step)).denominator == 1)
