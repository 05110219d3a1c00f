"""The one form of an e-mail address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.models.emails import normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada@Acme.EXAMPLE", "ada@acme.example"),
        ("  ada@acme.example\n", "ada@acme.example"),
        ("Ada+Tag@acme.example", "ada+tag@acme.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ADA@BÜCHER.example", "ada@bücher.example"),
    ],
)
def test_what_is_the_same_address_gets_one_form(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text", ["", "ada", "ada@", "@acme.example", "a b@acme.example", "ada@acme", "ada@a..b", "x@y.z\r\nBcc: q@q.q"]
)
def test_what_is_no_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w{3}"):
        normalised(text)


@given(st.emails())
def test_the_form_is_its_own_form(address: str) -> None:
    try:
        once = normalised(address)
    except ValueError:
        return
    assert normalised(once) == once
    assert normalised(address.upper()) == once or not address.isascii()
