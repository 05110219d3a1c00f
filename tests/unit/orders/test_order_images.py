"""What an order shows of itself: its value, and, where it was denied, what was sent."""

from typing import Any

import pytest

from tests.unit.orders.trading_floor import COIN, FUTURE, START, STOCK, Desk, changed_limits, denial, only, quote

SENT: dict[str, Any] = {
    "side": "sell",
    "order_type": "stop",
    "quantity": "2.50",
    "price": "90",
    "stop_price": "95.0",
    "time_in_force": "DAY",
    "client_order_id": "mine",
    "strategy_id": "trend",
    "reduce_only": True,
}


@pytest.mark.parametrize(
    ("code", "desk", "changes"),
    [
        ("account.not_open", Desk(deposit=None), {}),
        ("order.expired_in_transit", Desk(), {"valid_until": START - 1}),
        ("order.duplicate_client_id", Desk(), {}),
        ("order.venue_mismatch", Desk(), {"venue": "XNAS"}),
        ("market.unknown_symbol", Desk(), {"symbol": "NONE.SIM", "venue": "SIM"}),
        ("request.invalid", Desk(), {"notional": "much"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_denied_order_shows_what_was_sent_however_early_it_is_denied(
    code: str, desk: Desk, changes: dict[str, Any]
) -> None:
    if code == "order.duplicate_client_id":
        desk.place(client_order_id="mine")
    record = desk.place(**{**SENT, **changes})
    assert denial(record).code == code
    order = only(record)
    assert (order.symbol, order.venue, order.side, order.type) == (changes.get("symbol", COIN), "SIM", "sell", "stop")
    assert (order.quantity, order.price, order.stop_price, order.time_in_force) == ("2.5", "90", "95", "DAY")
    assert (order.client_order_id, order.strategy_id, order.reduce_only) == ("mine", "trend", True)
    assert (order.remaining_quantity, order.reserved) == ("0", "0")


def test_a_denied_order_shows_the_default_time_in_force_and_the_value_that_was_asked_for() -> None:
    order = only(Desk(deposit=None).place(STOCK, order_type="market", notional="1500.50"))
    assert (order.time_in_force, order.quantity, order.notional) == ("DAY", "0", "1500.5")


def test_a_notional_becomes_a_quantity_at_the_ask_rounded_down() -> None:
    desk = Desk()
    assert only(desk.place(order_type="market", notional="250.5")).quantity == "2.504"
    assert only(desk.place(order_type="market", notional="250.5", side="sell")).quantity == "2.505"


def test_a_market_order_is_worth_its_quantity_at_the_touch_and_reserves_at_the_collar() -> None:
    desk = Desk()
    bought = only(desk.place(order_type="market", notional="250.5"))
    assert (bought.quantity, bought.notional) == ("2.504", "250.42504")
    assert (bought.reserve_price, bought.reserved) == ("110", "27.544")
    assert only(desk.fill(bought.order_id, "1")).notional == "250.42504"
    assert only(desk.place(order_type="market", side="sell", quantity="2")).notional == "199.98"
    assert only(desk.place(FUTURE, order_type="market")).notional == "50012.5"
    desk.quotes[COIN] = quote(COIN, "99.99", "0", last="100")
    assert only(desk.place(order_type="market")).notional == "100"


def test_the_value_that_is_shown_of_a_market_order_is_the_one_that_is_limited() -> None:
    desk = Desk()
    desk.state.limits = changed_limits(max_order_value="100")
    told = denial(desk.place(order_type="market"))
    assert (told.code, told.details["order_value"]) == ("risk.max_order_value", "100.01")
    assert only(desk.place(order_type="market", side="sell")).notional == "99.99"
