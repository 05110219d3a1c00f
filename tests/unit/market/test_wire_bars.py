"""A kept bar as clients see it: its average price, exactly rounded, and null where nothing was traded."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.timestamps import parse_timestamp
from storage.models.bars import BarDocument
from storage.models.wire_bars import volume_weighted_price, wire_bar

START = parse_timestamp("2024-08-01T04:58:00Z")


@pytest.mark.parametrize(
    ("notional", "volume", "shown"),
    [
        ("32", "3", "10.666666666667"),
        ("0", "0", None),
        ("10", "0", None),
        ("1", "8", "0.125"),
        ("0.0000000000005", "1", "0"),
        ("0.0000000000015", "1", "0.000000000002"),
        ("-0.0000000000001", "1", "0"),
        ("-5", "2", "-2.5"),
    ],
)
def test_the_average_has_twelve_decimals_half_even_and_is_null_without_volume(
    notional: str, volume: str, shown: str | None
) -> None:
    assert volume_weighted_price(Decimal(notional), Decimal(volume)) == shown


def test_a_bar_of_prints_without_size_says_null() -> None:
    bar = BarDocument(
        symbol="A.X", timeframe="1m", start=START, end=START + 60 * 10**9, open="1", high="2", low="1", close="2",
        open_at=(START, 1), close_at=(START + 1, 2), volume="0", notional="0", trades=2, partition=0, first_offset=6, upto=7,
        final=True, revision=0, taken_in=START,
    )  # fmt: skip
    told = msgspec.to_builtins(wire_bar(bar))
    assert (told["vwap"], told["v"], told["trades"], told["t"]) == (None, "0", 2, "2024-08-01T04:58:00Z")


@given(st.decimals(0, 10**30, places=12), st.decimals("0.000000000001", 10**12, places=12))
def test_it_is_the_nearest_of_its_form(notional: Decimal, volume: Decimal) -> None:
    told = Fraction(volume_weighted_price(notional, volume) or "")
    assert abs(told - Fraction(notional) / Fraction(volume)) <= Fraction(5, 10**13)
