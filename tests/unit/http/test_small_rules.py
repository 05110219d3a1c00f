"""Trace ids, client addresses, page tokens, moments."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.client_address import client_address, rate_identity
from gateway.http.page_tokens import PageTokens
from gateway.http.trace import trace_id_of
from gateway.market.moments import parse_moment
from ops.runtime.errors import HubError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
MADE = "0198-0000"


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        (f" 00-{TRACE}-{SPAN}-00 ", TRACE),
        (f"01-{TRACE}-{SPAN}-01-later", TRACE),
        (f"00-{TRACE}-{SPAN}-01-extra", "01980000"),
        (f"ff-{TRACE}-{SPAN}-01", "01980000"),
        (f"00-{'0' * 32}-{SPAN}-01", "01980000"),
        (f"00-{TRACE}-{'0' * 16}-01", "01980000"),
        (f"00-{TRACE.upper()}-{SPAN}-01", "01980000"),
        ("junk\r\nX-Evil: 1", "01980000"),
        (None, "01980000"),
    ],
)
def test_trace_id(header, trace_id):
    assert trace_id_of(header, lambda: MADE) == trace_id


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ("1.1.1.1", 0, "9.9.9.9"),
        (None, 1, "9.9.9.9"),
        ("1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        ("1.1.1.1", 2, "9.9.9.9"),
        ("junk", 1, "9.9.9.9"),
        ("2001:DB8::1", 1, "2001:db8::1"),
    ],
)
def test_client_address(forwarded, hops, address):
    assert client_address("9.9.9.9", forwarded, hops) == address


def test_ipv6_subscribers_are_one_identity():
    assert rate_identity("2001:db8:1:2:3::4") == rate_identity("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert rate_identity("::ffff:1.2.3.4") == rate_identity("1.2.3.4") == "1.2.3.4"
    assert rate_identity("") == ""
    assert rate_identity("fe80::1%eth0") == "fe80::/64"


@given(last=st.text(max_size=64), venue=st.none() | st.text(max_size=8))
def test_page_tokens_open_only_what_they_made(last, venue):
    tokens = PageTokens(b"secret")
    token = tokens.make("markets", {"venue": venue}, last)
    assert PageTokens(b"secret").open("markets", {"venue": venue}, token) == last
    for listing, filters, secret in [
        ("orders", {"venue": venue}, b"secret"),
        ("markets", {"venue": f"{venue}x"}, b"secret"),
        ("markets", {"venue": venue}, b"another"),
    ]:
        with pytest.raises(HubError):
            PageTokens(secret).open(listing, filters, token)


@given(token=st.text(max_size=60))
def test_strange_page_tokens_are_refused(token):
    with pytest.raises(HubError) as refusal:
        PageTokens(b"secret").open("markets", {}, token)
    assert refusal.value.code == "page_token.not_found"


@given(
    moment=st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001  (made aware below)
    minutes=st.integers(-23 * 60, 23 * 60),
)
def test_moments_agree_with_datetime(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert parse_moment(aware.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.123456789123z", 123_456_789),
        ("1970-01-01T00:00:60Z", 60_000_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("0000-12-31T00:00:00Z", -62_135_683_200_000_000_000),
    ],
)
def test_moments_at_the_edges(text, moment):
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-02-30T00:00:00Z",
     "1970-01-01T24:00:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00+2400", "1970-01-01T00:00:00 02:00",
     "１９７０-01-01T00:00:00Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+24:00"],
)  # fmt: skip
def test_what_is_no_moment(text):
    with pytest.raises(ValueError, match=r"date-time|time of day|day is out of range"):
        parse_moment(text)
