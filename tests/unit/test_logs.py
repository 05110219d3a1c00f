"""What is logged holds no secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.logs import redact


@pytest.mark.parametrize(
    "name", ["api_secret", "password", "refresh_token", "X-PM-SIGNATURE", "Authorization", "otp_code"]
)
def test_secret_fields_are_redacted_at_any_depth(name) -> None:
    event = redact(None, "info", {"event": "e", "body": {"inner": [{name: "hush"}]}, name: "hush"})
    assert "hush" not in str(event)


@given(st.text(), st.integers())
def test_other_fields_stay_as_they_are(text, number) -> None:
    assert redact(None, "info", {"event": text, "count": number}) == {"event": text, "count": number}
