"""Bodies: strict JSON, with a limit, a media type and a timeout."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.body import parse_json_object
from ops.runtime.errors import HubError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES, max_size=4))
def test_ordinary_objects_are_read(value):
    assert parse_json_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"[]", "not an object"),
        (b'"x"', "not an object"),
        (b'{"a":1}{"b":2}', "Extra data"),
        (b'{"a":1,"a":2}', "stands twice"),
        (b'{"x":{"a":1,"\\u0061":2}}', "stands twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        (b"\xef\xbb\xbf{}", ""),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "deeper"),
        (b'{"a":' + b"[" * 30_000, "deeper"),
        (b'{"a":' + b"9" * 5_000 + b"}", "digits"),
        (b"{'a':1}", "Expecting property name"),
    ],
)
def test_malformed_bodies_say_why(body, reason):
    with pytest.raises(HubError) as refusal:
        parse_json_object(body)
    assert refusal.value.code == "request.malformed"
    assert reason in refusal.value.details["reason"]


def test_brackets_inside_strings_are_not_depth():
    assert parse_json_object(b'{"a":"' + b"[" * 100 + b'\\"{"}') == {"a": "[" * 100 + '"{'}


def test_sixteen_levels_are_taken():
    assert parse_json_object(b'{"a":' + b"[" * 15 + b"]" * 15 + b"}")
