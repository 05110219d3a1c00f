"""Signing against the published vectors, and windows to the millisecond."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers import SignedRequest
from gateway.http.signing import (
    Credentials,
    check_window,
    credentials_of,
    matches,
    signature_of,
    string_to_sign,
)
from ops.runtime.errors import HubError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "signing.md"
VECTORS = json.loads(PAGE.read_text(encoding="utf-8").rpartition("```json\n")[2].partition("\n```")[0])
NOW = 1_700_000_000_000


def request(**change: object) -> SignedRequest:
    fields = {
        "method": "GET", "path": "/v1/quotes", "query": "symbols=AAPL.US", "idempotency_key": "", "body": b"",
        "headers": {"x-pm-api-key": "pmk_1", "x-pm-timestamp": str(NOW), "x-pm-signature": "00"}, "client_ip": "",
    }  # fmt: skip
    return SignedRequest(**{**fields, **change})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_published_vectors(vector):
    signed = request(
        method=vector["method"], path=vector["path"], query=vector["query"],
        idempotency_key=vector["idempotency_key"], body=vector["body"].encode(),
    )  # fmt: skip
    text = string_to_sign(signed, vector["timestamp"])
    assert text == vector["string_to_sign"].encode()
    assert hashlib.sha256(text).hexdigest() == vector["string_to_sign_sha256"]
    assert signature_of(vector["secret"].encode(), text) == vector["signature"]
    independent = hmac.new(vector["secret"].encode(), vector["string_to_sign"].encode(), hashlib.sha256).hexdigest()
    assert vector["signature"] == independent
    assert vector["string_to_sign"].count("\n") == 5


def test_every_part_is_signed():
    plain = string_to_sign(request(), str(NOW))
    changed = [
        string_to_sign(request(), str(NOW + 1)),
        *(
            string_to_sign(request(**{name: value}), str(NOW))
            for name, value in [
                ("method", "HEAD"), ("path", "/v1/bars"), ("query", ""), ("idempotency_key", "k"), ("body", b"{}"),
            ]
        ),
    ]  # fmt: skip
    assert len({plain, *changed}) == 7


@pytest.mark.parametrize(
    ("age", "window", "accepted"),
    [
        (0, None, True), (5_000, None, True), (5_001, None, False), (-1_000, None, True), (-1_001, None, False),
        (500, "500", True), (501, "500", False), (5_001, "60000", False), (5_000, "60000", True), (-1_000, "1", True),
        (1, "1", True), (2, "1", False),
    ],
)  # fmt: skip
def test_window_to_the_millisecond(age, window, accepted):
    headers = {**request().headers, "x-pm-timestamp": str(NOW - age)}
    if window:
        headers["x-pm-recv-window"] = window
    credentials = credentials_of(request(headers=headers))
    if accepted:
        check_window(credentials, NOW)
        return
    with pytest.raises(HubError) as refusal:
        check_window(credentials, NOW)
    assert refusal.value.code == "auth.timestamp_outside_window"
    assert refusal.value.details["clock_skew_ms"] == age


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-pm-api-key": None}, "auth.credentials_missing"),
        ({"x-pm-timestamp": ""}, "auth.credentials_missing"),
        ({"x-pm-signature": None}, "auth.credentials_missing"),
        ({"x-pm-timestamp": "1.7e12"}, "auth.timestamp_invalid"),
        ({"x-pm-timestamp": "-1"}, "auth.timestamp_invalid"),
        ({"x-pm-timestamp": "１７"}, "auth.timestamp_invalid"),
        ({"x-pm-timestamp": "1" * 40}, "auth.timestamp_invalid"),
        ({"x-pm-recv-window": "0"}, "request.invalid"),
        ({"x-pm-recv-window": "a"}, "request.invalid"),
    ],
)
def test_bad_headers(change, code):
    headers = {name: value for name, value in {**request().headers, **change}.items() if value is not None}
    with pytest.raises(HubError) as refusal:
        credentials_of(request(headers=headers))
    assert refusal.value.code == code


def test_missing_headers_are_named():
    with pytest.raises(HubError) as refusal:
        credentials_of(request(headers={}))
    assert refusal.value.details == {"headers": ["X-PM-API-KEY", "X-PM-TIMESTAMP", "X-PM-SIGNATURE"]}


def test_credentials_keep_the_timestamp_as_sent():
    headers = {**request().headers, "x-pm-timestamp": "0001700000000000"}
    with pytest.raises(HubError):
        credentials_of(request(headers=headers))
    padded = credentials_of(request(headers={**headers, "x-pm-timestamp": "01700000000000"}))
    assert padded == Credentials("pmk_1", NOW, "01700000000000", "00", 5_000)


@given(secret=st.binary(min_size=1), text=st.binary(), other=st.text())
def test_only_the_right_signature_matches(secret, text, other):
    right = signature_of(secret, text)
    assert matches(secret, text, right)
    assert matches(secret, text, right.upper())
    assert matches(secret, text, other) == (other.lower() == right)
    assert not matches(secret, text + b"x", right)
