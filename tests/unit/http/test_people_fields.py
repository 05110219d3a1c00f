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
