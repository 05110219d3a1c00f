"""Nouns and documents: the key is the `_id`, and a newer version's fields do no harm."""

from hypothesis import given
from hypothesis import strategies as st

from storage.models.calendars import Calendar, Segment
from storage.models.tenants import ApiKey
from storage.mongo.documents import chunks, document_of, noun_of

KEY = ApiKey(key_id="pmk_1", tenant_id="ten_1", label="x", scopes=("stream",), sealed_secret="v1.a.b", created_at=5)


def test_the_key_becomes_the_identity_and_nothing_is_stored_as_null() -> None:
    document = document_of(KEY, "key_id")
    assert document["_id"] == "pmk_1"
    assert "key_id" not in document
    assert None not in document.values()
    assert noun_of(ApiKey, "key_id", document) == KEY


def test_fields_of_a_newer_version_are_left_out() -> None:
    calendar = Calendar(
        name="XNYS",
        timezone="America/New_York",
        weekly={0: (Segment(state="open", start_minute=570, end_minute=960),)},
        exceptions={"2024-12-25": ()},
    )
    document = document_of(calendar, "name") | {"of_a_newer_version": 1}
    assert noun_of(Calendar, "name", document) == calendar


@given(st.lists(st.integers()), st.integers(1, 10))
def test_chunks_keep_order_and_size(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(0 < len(part) <= size for part in parts)
