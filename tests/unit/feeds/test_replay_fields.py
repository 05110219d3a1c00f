"""Cells become exact values, or an error that says what is wrong with them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.runtime.timestamps import format_timestamp
from streams.feeds.replay.fields import (
    canonical_decimal,
    canonical_size,
    exact_time,
    midnight_of_name,
    rfc3339_time,
    side_of,
    side_of_maker,
    whole_number,
)

LATEST = 253_402_300_799_999_999_999
decimals = st.decimals(min_value=Decimal(-99999999999999), max_value=Decimal(99999999999999), places=8, allow_nan=False)


@given(decimals)
@example(Decimal("-0"))
@example(Decimal("1E+3"))
@example(Decimal("0E-8"))
def test_a_decimal_keeps_its_value_and_loses_what_says_nothing(number: Decimal) -> None:
    text = canonical_decimal(str(number))
    assert Decimal(text) == number
    assert "E" not in text
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."
    assert canonical_decimal(text) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("61837.63000000", "61837.63"), ("100", "100"), ("0.0", "0"), ("1e-7", "0.0000001"), (".5", "0.5"), (" 7 ", "7")],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert canonical_decimal(text) == canonical


@pytest.mark.parametrize(
    "text", ["", "abc", "nan", "inf", "1_000", "1,5", "--1", "0x10", "١٢", "1e400", "9" * 49, "1" + "0" * 99]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|digits"):
        canonical_decimal(text)


def test_a_size_is_not_negative() -> None:
    assert canonical_size("0.50") == "0.5"
    with pytest.raises(ValueError, match="negative"):
        canonical_size("-1")


@given(st.integers(0, LATEST), st.sampled_from([("s", 9), ("ms", 6), ("us", 3), ("ns", 0)]))
def test_a_time_with_fractions_is_exact_to_the_nanosecond(moment: int, unit: tuple[str, int]) -> None:
    _, digits = unit
    whole, rest = divmod(moment, 10**digits)
    text = f"{whole}.{rest:0{digits}d}" if digits else str(whole)
    assert exact_time(text, 10**digits) == moment


@pytest.mark.parametrize("text", ["", "-1", "1.5e3", "12:00", "1.", "1 2", "²"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        exact_time(text, 1_000_000)


def test_a_time_finer_than_a_nanosecond_is_refused() -> None:
    with pytest.raises(ValueError, match="finer than a nanosecond"):
        exact_time("0.0000001", 1_000_000)


def test_a_time_of_the_wrong_unit_is_noticed() -> None:
    with pytest.raises(ValueError, match="is the unit right"):
        exact_time("1723161255342", 1_000_000_000)


@given(st.integers(0, LATEST))
def test_rfc3339_is_read_to_the_nanosecond(moment: int) -> None:
    assert rfc3339_time(format_timestamp(moment)) == moment


def test_rfc3339_with_an_offset() -> None:
    expected = int(datetime(2024, 8, 8, 23, 54, 15, tzinfo=UTC).timestamp()) * 10**9 + 342_000_001
    assert rfc3339_time("2024-08-08T19:54:15.342000001-04:00") == expected
    for wrong in ("2024-08-08T23:54:15", "2024-08-08", "2024-13-08T23:54:15Z", "1969-12-31T23:59:59Z"):
        with pytest.raises(ValueError, match=r".+"):
            rfc3339_time(wrong)


def test_sides() -> None:
    assert (side_of("BUY"), side_of("s")) == ("buy", "sell")
    assert (side_of_maker("true"), side_of_maker("false")) == ("sell", "buy")
    with pytest.raises(ValueError, match="not a side"):
        side_of("hold")
    with pytest.raises(ValueError, match="not true or false"):
        side_of_maker("maybe")


def test_ids_fit_what_stores_keep() -> None:
    assert whole_number(str(2**63 - 1)) == 2**63 - 1
    for wrong in (str(2**63), "-1", "a1", "", "1.0"):
        with pytest.raises(ValueError, match="whole number"):
            whole_number(wrong)


def test_the_date_in_a_name() -> None:
    midnight = int(datetime(2014, 5, 6, tzinfo=UTC).timestamp()) * 10**9
    assert midnight_of_name("oanda_eurusd_20140506.quotes.csv.gz") == midnight
    assert midnight_of_name("ticks-99999999-20140506.csv") == midnight
    assert midnight_of_name("ticks-201405061.csv") is None
