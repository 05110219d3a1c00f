"""The name of a write: the JSON text that it has been kept under from the first day on, whatever makes it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from storage.models.order_requests import identity_of

SENT = st.text(st.characters(codec="latin-1"), max_size=80)  # as header and target bytes arrive


@given(tenant=SENT, path=SENT, key=SENT)
def test_it_is_json_as_it_always_was(tenant: str, path: str, key: str) -> None:
    names = [tenant, "POST", path, key]

    assert identity_of(*names) == json.dumps(names, ensure_ascii=False, separators=(",", ":"))
