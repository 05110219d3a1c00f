"""Query strings: strict parsing and all problems at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.query import QueryReader, parse_query
from ops.runtime.errors import HubError


def test_percent_and_plus_are_decoded():
    assert parse_query("a=%E4%B8%AD+x&b=&c=1%2B1") == {"a": "中 x", "b": "", "c": "1+1"}
    assert parse_query("") == {}


@pytest.mark.parametrize(
    ("raw", "name"),
    [("a=1&a=2", "a"), ("a=%FF", "query"), ("&".join(f"p{i}=1" for i in range(65)), "query")],
)
def test_refused(raw, name):
    with pytest.raises(HubError) as refusal:
        parse_query(raw)
    assert refusal.value.code == "request.invalid"
    assert refusal.value.details["fields"][0]["name"] == name


@given(raw=st.text(alphabet=st.characters(max_codepoint=255), max_size=400))
def test_any_raw_query_is_parsed_or_refused(raw):
    try:
        query = parse_query(raw)
    except HubError as refusal:
        query = {"refused": refusal.code}
    assert all(isinstance(value, str) for value in query.values())
    assert query.get("refused", "request.invalid") == "request.invalid"


def test_all_problems_at_once():
    reader = QueryReader({"n": "x", "m": "99", "c": "no"})
    assert reader.whole("n", 1, 5, 3) == 3
    assert reader.whole("m", 1, 5, 3) == 3
    assert reader.whole("absent", 1, 5, 3) == 3
    assert reader.choice("c", ("yes",)) is None
    assert reader.required("r", "something") == ""
    with pytest.raises(HubError) as refusal:
        reader.finish()
    assert [field["name"] for field in refusal.value.details["fields"]] == ["n", "m", "c", "r"]


def test_nothing_wrong():
    reader = QueryReader({"n": "5", "c": "yes", "r": "x", "t": ""})
    assert (reader.whole("n", 1, 5, 3), reader.choice("c", ("yes",)), reader.required("r", "")) == (5, "yes", "x")
    assert reader.text("t") == ""
    reader.finish()
