"""What of an order's body is refused by the body alone: each rule of its shape, by name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trading.shape import batch_items, new_order, new_terms, selector, wide_selector
from ops.runtime.errors import HubError
from storage.models.money import parse_number

LIMIT = {"symbol": "X.Y", "side": "buy", "type": "limit", "quantity": "1", "price": "2"}
MARKET = {"symbol": "X.Y", "side": "sell", "type": "market", "quantity": "1"}
STOP = {"symbol": "X.Y", "side": "sell", "type": "stop", "quantity": "1", "stop_price": "2"}


def taken(body: dict[str, Any]) -> Any:
    """The order, or None where the body is refused with a reason."""
    try:
        return new_order(body)
    except HubError as error:
        if error.code != "request.invalid" or not (error.details or {})["fields"]:
            raise
    return None


def refused(call: Any, body: dict[str, Any]) -> dict[str, str]:
    """Field -> reason of the refusal."""
    with pytest.raises(HubError) as caught:
        call(body)
    assert caught.value.code == "request.invalid"
    fields = (caught.value.details or {})["fields"]
    assert all(set(one) == {"name", "reason", "expected"} and one["expected"] for one in fields)
    return {one["name"]: one["reason"] for one in fields}


@pytest.mark.parametrize("field", ["client_order_id", "strategy_id"])
@pytest.mark.parametrize("text", ["a\nb", "\n", "a\n", "\x00", "a\tb", "\x7f", "a\x9f"])
def test_control_characters_are_refused_by_the_name_of_the_field(field, text):
    assert refused(new_order, {**LIMIT, field: text}) == {field: "a control character in it"}
    assert refused(selector, {"order_ids": [text]}) == {"order_ids": "not order ids"}
    if field == "strategy_id":
        assert refused(wide_selector, {field: text}) == {field: "a control character in it"}


@pytest.mark.parametrize(
    "body",
    [
        LIMIT,
        MARKET,
        STOP,
        {**STOP, "price": "3"},
        {**LIMIT, "post_only": True},
        {**LIMIT, "post_only": True, "time_in_force": "GTC"},
        {**LIMIT, "time_in_force": "FOK", "post_only": False},
        {"symbol": "X.Y", "side": "buy", "type": "market", "notional": "10.5"},
        {**LIMIT, "client_order_id": "a" * 128, "strategy_id": "s", "venue": "V", "reduce_only": True},
    ],
)
def test_takes(body):
    order = new_order(body)
    assert (order.symbol, order.side, order.order_type) == (body["symbol"], body["side"], body["type"])
    sent = {name: value for name, value in body.items() if name != "type"}
    assert {name: getattr(order, name) for name in sent} == sent


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"symbol": "missing", "side": "missing", "type": "missing", "quantity": "missing"}),
        ({**LIMIT, "reduce_onIy": True}, {"reduce_onIy": "unknown field"}),
        ({**MARKET, "price": "1"}, {"price": "given for a market order"}),
        ({**MARKET, "stop_price": "1"}, {"stop_price": "given for a market order"}),
        ({**LIMIT, "stop_price": "1"}, {"stop_price": "given for a limit order"}),
        ({**LIMIT, "notional": "1"}, {"quantity": "given beside notional", "notional": "given for a limit order"}),
        ({"symbol": "X", "side": "buy", "type": "limit", "quantity": "1"}, {"price": "missing"}),
        ({"symbol": "X", "side": "buy", "type": "stop", "quantity": "1"}, {"stop_price": "missing"}),
        ({**LIMIT, "post_only": True, "time_in_force": "IOC"}, {"post_only": "given with IOC"}),
        ({**MARKET, "post_only": True}, {"post_only": "given for a market order"}),
        ({**LIMIT, "quantity": 1}, {"quantity": "not a decimal number in a string"}),
        ({**LIMIT, "quantity": "1e3"}, {"quantity": "not a decimal number in a string"}),
        ({**LIMIT, "quantity": "NaN"}, {"quantity": "not a decimal number in a string"}),
        ({**LIMIT, "quantity": None}, {"quantity": "not a decimal number in a string"}),
        ({**LIMIT, "quantity": "9" * 41}, {"quantity": "not a decimal number in a string"}),
        ({**LIMIT, "quantity": "-1"}, {"quantity": "not above 0"}),
        ({**LIMIT, "price": "0.00"}, {"price": "not above 0"}),
        ({**LIMIT, "side": "BUY"}, {"side": "not one of the known values"}),
        ({**LIMIT, "type": ["limit"]}, {"type": "not one of the known values"}),
        ({**LIMIT, "time_in_force": "GTD"}, {"time_in_force": "not one of the known values"}),
        ({**LIMIT, "reduce_only": "true"}, {"reduce_only": "not a boolean"}),
        ({**LIMIT, "symbol": ""}, {"symbol": "empty"}),
        ({**LIMIT, "client_order_id": "a" * 129}, {"client_order_id": "too long"}),
        ({**LIMIT, "strategy_id": None}, {"strategy_id": "null"}),
        ({**LIMIT, "venue": 7}, {"venue": "not a string"}),
    ],
)
def test_refuses(body, wrong):
    assert refused(new_order, body) == wrong


def test_an_amend_changes_something():
    assert msgspec.structs.asdict(new_terms({"price": "2"})) == {"price": "2", "quantity": None, "time_in_force": None}
    assert refused(new_terms, {}) == {"price": "missing"}
    assert refused(new_terms, {"quantity": "x", "symbol": "X"}) == {
        "quantity": "not a decimal number in a string",
        "symbol": "unknown field",
    }


def test_selectors():
    assert selector({"order_ids": ["a"], "symbol": "X", "strategy_id": None}).order_ids == ("a",)
    assert wide_selector({}).symbol is None
    for empty in ({}, {"order_ids": []}, {"order_ids": [], "symbol": "X"}, {"symbol": None}):
        with pytest.raises(HubError) as caught:
            selector(empty)
        assert caught.value.code == "cancel.empty_selector"
    assert refused(selector, {"order_ids": 501 * ["a"]}) == {"order_ids": "not order ids"}
    assert refused(selector, {"order_ids": [1]}) == {"order_ids": "not order ids"}
    assert refused(selector, {"order_ids": None}) == {"order_ids": "not an array"}
    assert refused(wide_selector, {"order_ids": ["a"]}) == {"order_ids": "unknown field"}


def test_a_batch_is_a_list():
    assert batch_items({"orders": [1]}) == [1]
    assert refused(batch_items, {"orders": 51 * [1]}) == {"orders": "out of range"}
    assert refused(batch_items, {}) == {"orders": "missing"}


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["1", "0.5", "limit", "buy", "GTC"])
)


@given(st.dictionaries(st.sampled_from([*LIMIT, "notional", "stop_price", "time_in_force", "post_only", "x"]), _VALUES))
def test_whatever_is_sent_is_taken_or_refused_by_name(changes):
    order = taken({**LIMIT, **changes})
    if order is None:
        return
    assert (order.quantity is None) != (order.notional is None)
    assert (order.order_type == "limit") <= (order.price is not None)
    assert (order.order_type == "stop") == (order.stop_price is not None)
    for number in (order.quantity, order.notional, order.price, order.stop_price):
        assert number is None or (parse_number(number) or 0) > 0
