"""RFC 3339 text and nanoseconds say the same time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.timestamps import format_timestamp, parse_client_timestamp, parse_timestamp


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000_000))
def test_a_time_survives_its_text(nanoseconds: int) -> None:
    assert parse_timestamp(format_timestamp(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "2024-08-08", "2024-08-08T23:54:15", "2024-08-08T23:54:15.Z", "2024-08-08T23:54:15.1234567890Z"]
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|does not match|unconverted"):
        parse_timestamp(text)


def test_a_client_may_use_an_offset() -> None:
    assert parse_client_timestamp("2024-08-08T23:54:15+09:00") == parse_timestamp("2024-08-08T14:54:15Z")
    with pytest.raises(ValueError, match="offset"):
        parse_client_timestamp("2024-08-08T23:54:15")
