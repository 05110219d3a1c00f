"""What bodies of people hold: addresses, passwords, texts with bounds of their own."""

from typing import Any

import pytest

from gateway.http.fields import BodyReader
from ops.runtime.errors import HubError


def problems(reader: BodyReader) -> dict[str, str]:
    """Why each field was refused."""
    with pytest.raises(HubError) as caught:
        reader.finish()
    details: dict[str, Any] = caught.value.details or {}
    return {field["name"]: field["reason"] for field in details["fields"]}


def test_an_address_is_normalised() -> None:
    reader = BodyReader({"email": " Ada@Example.COM "})
    assert reader.email("email") == "ada@example.com"
    reader.finish()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("nobody", "not an e-mail address"),
        ("", "not an e-mail address"),
        ("a@b", "not an e-mail address"),
        ("a\r\nBcc: x@example.com", "not an e-mail address"),
        ("x" * 300 + "@example.com", "too long"),
        (7, "not a string"),
        (None, "not a string"),
    ],
)
def test_what_is_no_address_is_refused(sent: object, reason: str) -> None:
    reader = BodyReader({"email": sent})
    assert reader.email("email") is None
    assert problems(reader) == {"email": reason}


def test_a_password_is_taken_as_it_was_typed() -> None:
    for typed in ("x", " with blanks ", "tab\tand null\x00", "パスワード", "p" * 128):
        reader = BodyReader({"password": typed})
        assert reader.password("password") == typed
        reader.finish()


@pytest.mark.parametrize(
    ("sent", "reason"), [("", "empty or too long"), ("p" * 129, "empty or too long"), (1, "not a string")]
)
def test_a_password_has_bounds(sent: object, reason: str) -> None:
    reader = BodyReader({"password": sent})
    assert reader.password("password") is None
    assert problems(reader) == {"password": reason}


def test_what_must_be_there_is_missed() -> None:
    reader = BodyReader({})
    assert reader.email("email") is None
    assert reader.password("password") is None
    assert problems(reader) == {"email": "missing", "password": "missing"}


def test_texts_have_the_bounds_that_they_are_given() -> None:
    reader = BodyReader({"short": "a", "long": "abc", "none": "", "right": "ab"})
    assert reader.text("right", least=2, most=2) == "ab"
    assert [reader.text(name, least=2, most=2) for name in ("short", "long", "none")] == [None, None, None]
    assert problems(reader) == {"short": "too short", "long": "too long", "none": "empty"}
