"""One-time codes in bodies: six digits, and no refusal repeats what was sent."""

import pytest

from gateway.http.fields import BodyReader
from ops.runtime.errors import HubError


@pytest.mark.parametrize("value", [None, 123456, "12345", "1234567", "12345a", "１２３４５６", "123456\n"])
def test_a_code_is_six_digits_and_not_repeated(value: object) -> None:
    reader = BodyReader({"otp_code": value})
    assert reader.code("otp_code") is None
    with pytest.raises(HubError) as refusal:
        reader.finish()
    problem = {"name": "otp_code", "reason": "not a code", "expected": "a string of 6 digits"}
    assert refusal.value.details == {"fields": [problem]}


def test_a_code_is_read_and_must_be_there() -> None:
    reader = BodyReader({"otp_code": "012345"})
    assert reader.code("otp_code") == "012345"
    assert reader.code("reset_code") is None
    assert [problem["reason"] for problem in reader.problems] == ["missing"]


@pytest.mark.parametrize(
    "value", ["", " ", "\u3000 \u00a0", "\u200b\u200d", "\ufeff", "\u2060 \u00ad", "\u115f\u3164", "\u2800"]
)
def test_a_name_is_something_that_can_be_seen(value: str) -> None:
    reader = BodyReader({"display_name": value})
    assert reader.name("display_name", most=160) is None
    expected = "a string of 1 to 160 characters, one of them at least a visible one, none of them a control character"
    assert reader.problems == [{"name": "display_name", "reason": "empty", "expected": expected}]


@pytest.mark.parametrize("value", ["A", " Ada ", "エイダ", "👩\u200d🔬", "و\u200cی", "!"])
def test_a_name_is_kept_as_it_was_written(value: str) -> None:
    reader = BodyReader({"display_name": value})
    assert reader.name("display_name") == value
    reader.finish()


def test_a_name_must_be_there_and_no_longer_than_it_may() -> None:
    reader = BodyReader({"display_name": "x" * 129, "company_name": 5})
    assert (reader.name("display_name"), reader.name("company_name"), reader.name("third")) == (None, None, None)
    assert [problem["reason"] for problem in reader.problems] == ["too long", "not a string", "missing"]
