"""What is logged holds no secret."""

import json
import subprocess
import sys

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


def test_what_a_line_is_given_beside_its_text_is_shown_and_secrets_are_not() -> None:
    program = (
        "import logging; from ops.runtime.logs import configure_logs; configure_logs('info', 'json', 'test');"
        "logging.getLogger('a').info('said', extra={'reason': 'why', 'api_secret': 'hush'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["event"], line["reason"], line["api_secret"]) == ("said", "why", "[redacted]")
