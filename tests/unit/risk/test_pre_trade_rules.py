"""The sentences of the risk rules that are about all checks, or about more than one order."""

from decimal import Decimal
from typing import Any

import pytest

from storage.models.accounts import DEFAULT_COLLARS
from storage.models.controls import Halt
from storage.models.order_commands import Deposit
from streams.risk.checks import CHECKS
from tests.unit.orders.trading_floor import (
    ACCOUNT,
    COIN,
    FUTURE,
    Desk,
    changed_limits,
    controls,
    denial,
    instrument,
    kinds,
    only,
    quote,
)

INCREMENTS = {"tick_size", "lot_size", "min_quantity", "max_quantity", "min_notional"}


@pytest.mark.parametrize("asset_class", sorted(set(DEFAULT_COLLARS) - {"index"}))
def test_each_asset_class_has_its_own_collar(asset_class: str) -> None:
    desk = Desk()
    desk.controls = desk.controls.with_instruments(8, [instrument(COIN, asset_class=asset_class)])
    farthest = Decimal(100) * (1 + Decimal(DEFAULT_COLLARS[asset_class]))
    told = denial(desk.place(price=str(farthest + Decimal("0.01"))))
    assert (told.code, told.details["collar"]) == ("risk.price_collar", DEFAULT_COLLARS[asset_class])
    assert only(desk.place(price=str(farthest))).state == "sent"


@pytest.mark.parametrize(
    ("code", "order"),
    [
        ("order.min_notional", {"quantity": "0.001"}),
        ("risk.price_collar", {"price": "150"}),
        ("risk.max_order_value", {"quantity": "11"}),
        ("risk.position_limit", {"quantity": "7"}),
        ("risk.insufficient_margin", {"quantity": "5", "price": "109"}),
        ("risk.reduce_only", {"reduce_only": True}),
    ],
)
def test_every_refusal_shows_the_increments_beside_its_figures(code: str, order: dict[str, Any]) -> None:
    desk = Desk(deposit="50", limits=changed_limits(max_order_value="1000", position_limit="600"))
    told = denial(desk.place(**order))
    assert told.code == code
    assert told.details.keys() > INCREMENTS


def test_the_checks_are_asked_in_one_order_and_the_first_answers() -> None:
    desk = Desk(limits=changed_limits(max_order_value="1", position_limit="1", max_open_orders=0, orders_per_second=0))
    assert denial(desk.place(price="150")).code == "risk.order_rate"
    assert len(CHECKS) == len(set(CHECKS))


def test_at_liquidation_only_what_reduces_is_taken_and_nothing_is_ever_forced() -> None:
    desk = Desk()
    desk.hold(COIN, "500")
    desk.quotes[COIN] = quote(COIN, "79", "79")
    record = desk.cancel("none")
    assert record.account is not None
    assert (record.account.margin_level, desk.state.positions[COIN].net_qty) == ("liquidation", "500")
    assert denial(desk.place(price="79")).code == "risk.liquidation"
    assert only(desk.place(side="sell", price="79", quantity="500")).state == "sent"
    assert {name for one in desk.records for name in kinds(one)}.isdisjoint({"OrderCanceled", "CancelRequested"})
    desk.send(Deposit(command_id="more", account_id=ACCOUNT, currency="USD", amount="10000"))
    assert desk.account.margin_level == "ok"


def test_what_is_stale_takes_no_market_order_and_what_is_closed_none_that_cannot_wait() -> None:
    desk = Desk()
    desk.quotes[FUTURE] = quote(FUTURE, "999.75", "1000.25", feed_state="stale")
    assert denial(desk.place(FUTURE, order_type="market")).code == "market.stale_quote"
    assert only(desk.place(COIN, order_type="market")).state == "sent"
    desk.quotes[COIN] = quote(COIN, "99", "101", session_state="closed", feed_state="closed")
    for order in ({"order_type": "market"}, {"time_in_force": "IOC"}, {"time_in_force": "FOK"}):
        assert denial(desk.place(**order)).code == "session.closed"


def test_an_order_never_meets_one_of_the_accounts_own_the_newest_is_refused() -> None:
    desk = Desk()
    desk.place(side="sell", price="101")
    assert denial(desk.place(price="101")).code == "risk.self_trade"
    assert only(desk.place(price="100.99")).state == "sent"
    amended = desk.amend("ord-3", price="101")
    assert amended.events[0].code == "risk.self_trade"  # type: ignore[union-attr]
    assert set(desk.state.orders) == {"ord-1", "ord-3"}


@pytest.mark.parametrize(
    ("resting", "market", "refused"),
    [
        (("sell", "100.01"), "buy", True),
        (("sell", "100.02"), "buy", False),
        (("sell", "100"), "buy", True),
        (("buy", "99.99"), "sell", True),
        (("buy", "95"), "sell", False),
        (("buy", "100"), "sell", True),
    ],
)
def test_a_market_order_is_refused_only_where_an_own_order_is_at_the_touch(
    resting: tuple[str, str], market: str, refused: bool
) -> None:
    desk = Desk()
    desk.place(side=resting[0], price=resting[1])
    record = desk.place(side=market, order_type="market")
    if refused:
        told = denial(record)
        assert (told.code, told.details["order_id"], told.details["price"]) == ("risk.self_trade", "ord-1", None)
    else:
        assert only(record).state == "sent"


def test_a_market_order_meets_the_own_order_first_where_nobody_else_is_in_the_book() -> None:
    desk = Desk()
    desk.place(side="sell", price="105")
    desk.quotes[COIN] = quote(COIN, "99.99", "0", last="100")
    assert denial(desk.place(order_type="market")).code == "risk.self_trade"


@pytest.mark.parametrize("reason", ["reducing", "liquidation"])
def test_a_position_is_left_at_the_market_though_an_own_order_rests_far_away(reason: str) -> None:
    desk = Desk()
    desk.hold(COIN, "500")
    desk.place(side="buy", price="70", quantity="1")
    if reason == "reducing":
        desk.controls = controls(Halt("h", "platform", "", "reducing"))
    else:
        desk.quotes[COIN] = quote(COIN, "79", "79.02")
    left = desk.place(side="sell", order_type="market", quantity="500", reduce_only=True)
    assert only(left).state == "sent"


def test_a_halt_counts_for_every_command_after_it_and_lets_cancels_through() -> None:
    desk = Desk()
    desk.place()
    desk.controls = controls(Halt("h", "platform", "", "halted"), version=9)
    refused = desk.place()
    assert (denial(refused).code, refused.used.controls_version) == ("risk.trading_halted", 9)
    assert kinds(desk.cancel("ord-1")) == ["CancelRequested"]
