"""mongomock asked narrowly answers exactly what it answers when it looks at every document."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mongomock.collection import Collection
from mongomock.mongo_client import MongoClient

from storage.mongo import mock

VALUES = st.one_of(st.integers(-2, 3), st.sampled_from(["a", "b", ""]), st.none(), st.booleans(), st.just(1.0))
STORED = st.one_of(VALUES, st.lists(VALUES, max_size=3))
IDS = st.sampled_from(["a", "b", "c", "d", 1, 2])
DOCUMENTS = st.lists(
    st.fixed_dictionaries({"_id": IDS}, optional={"x": STORED, "y": STORED}),
    unique_by=lambda document: document["_id"],
    max_size=6,
)
ID_CONDITIONS = st.one_of(
    IDS,
    st.fixed_dictionaries({"$in": st.lists(IDS, max_size=4)}),
    st.fixed_dictionaries({"$gte": st.sampled_from("abc"), "$lt": st.sampled_from("bcd")}),
)
FIELD_CONDITIONS = st.one_of(VALUES, st.fixed_dictionaries({"$gte": st.integers(-2, 3)}))
FILTERS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "_id": ID_CONDITIONS,
            "x": FIELD_CONDITIONS,
            "y": FIELD_CONDITIONS,
            "x.0": VALUES,
            "$or": st.lists(st.fixed_dictionaries({"x": VALUES}), min_size=1, max_size=2),
        },
    ),
)


def _collection(documents: list[dict[str, Any]]) -> Collection:
    collection = MongoClient()["db"]["things"]
    for document in documents:
        collection.insert_one(dict(document))
    return collection


@given(documents=DOCUMENTS, condition=FILTERS)
def test_narrowing_changes_no_answer(documents: list[dict[str, Any]], condition: dict[str, Any] | None) -> None:
    collection = _collection(documents)
    condition = condition or {}
    every = list(mock._scan(collection, condition))
    narrowed = list(mock._iter_documents(collection, condition))
    assert sorted(narrowed, key=repr) == sorted(every, key=repr)


def test_an_identity_is_asked_without_looking_at_others(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = _collection([{"_id": "a"}, {"_id": "b"}, {"_id": "c"}])
    matched = []

    def counting(condition: Any, document: Any) -> bool:
        matched.append(document["_id"])
        return True

    monkeypatch.setattr(mock, "_matches", counting)
    assert [found["_id"] for found in mock._iter_documents(collection, {"_id": "b"})] == ["b"]
    assert [found["_id"] for found in mock._iter_documents(collection, {"_id": {"$in": ["c", "z"]}})] == ["c"]
    assert matched == ["b", "c"]
