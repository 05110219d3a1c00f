"""Every reason not to take an order: its code and the figures that it shows."""

from collections.abc import Callable
from typing import Any

import pytest

from storage.models.controls import Binding, ConnectorState, Halt, VenueRules
from storage.models.order_commands import SetTradingState
from streams.orders.denials import CODES
from tests.unit.orders.trading_floor import (
    ACCOUNT,
    COIN,
    EURO_STOCK,
    EURUSD,
    FUTURE,
    LEVEL,
    SECOND,
    START,
    STOCK,
    TENANT,
    Desk,
    changed_limits,
    controls,
    denial,
    instrument,
    only,
    quote,
)

INCREMENTS = {
    "tick_size": "0.01",
    "lot_size": "0.001",
    "min_quantity": "0.001",
    "max_quantity": "1000",
    "min_notional": "1",
}


def _nothing(_: Desk) -> None:
    pass


def _controls(*documents: Any) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        desk.controls = controls(*documents)

    return change


def _limits(**changes: Any) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        desk.state.limits = changed_limits(**changes)

    return change


def _quote(symbol: str, bid: str, ask: str, **changes: Any) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        desk.quotes[symbol] = quote(symbol, bid, ask, **changes)

    return change


def _without_quote(symbol: str) -> Callable[[Desk], None]:
    return lambda desk: desk.quotes.pop(symbol) and None


def _state(state: str, set_by: str = "account") -> Callable[[Desk], None]:
    return lambda desk: (
        desk.send(SetTradingState(command_id="s", account_id=ACCOUNT, state=state, set_by=set_by)) and None
    )


def _halted_instrument(desk: Desk) -> None:
    desk.controls = desk.controls.with_instruments(8, [instrument(COIN, status="halted")])


def _spot(desk: Desk) -> None:
    desk.controls = desk.controls.with_instruments(8, [instrument(COIN, shortable=False)])
    desk.hold(COIN, "2")
    desk.place(side="sell", quantity="0.5", price="101")


def _holding(desk: Desk) -> None:
    desk.hold(COIN, "2")
    desk.place(side="sell", quantity="0.5", price="101")


def _resting(desk: Desk) -> None:
    desk.place(side="sell", price="100.5")


def _resting_at_the_ask(desk: Desk) -> None:
    desk.place(side="sell", price="100.01")


def _two_open(desk: Desk) -> None:
    desk.state.limits = changed_limits(max_open_orders=2)
    desk.place()
    desk.place()


def _three_now(desk: Desk) -> None:
    desk.place()
    desk.advance(0.9)
    desk.place()
    desk.place()
    desk.advance(0.2)
    desk.place()
    desk.state.limits = changed_limits(orders_per_second=3)


def _under_water(desk: Desk) -> None:
    desk.hold(COIN, "500")
    desk.quotes[COIN] = quote(COIN, "84", "84.02")


CASES: list[tuple[str, Callable[[Desk], None], dict[str, Any], dict[str, Any]]] = [
    ("market.unknown_symbol", _nothing, {"symbol": "NONE.SIM"}, {"symbol": "NONE.SIM"}),
    ("instrument.not_tradable", _nothing, {"symbol": LEVEL}, {"symbol": LEVEL}),
    ("instrument.halted", _halted_instrument, {}, {"symbol": COIN}),
    ("order.venue_mismatch", _nothing, {"venue": "XNAS"}, {"venue": "SIM", "given": "XNAS"}),
    ("order.expired_in_transit", _nothing, {"valid_until": START - 1}, {"valid_until_ns": START - 1, "late_ms": 0}),
    ("request.invalid", _nothing, {"quantity": "1e3"}, {}),
    ("request.invalid", _nothing, {"price": "-1"}, {}),
    ("order.invalid", _nothing, {"price": None}, {}),
    ("order.invalid", _nothing, {"order_type": "market", "price": "99"}, {}),
    ("order.invalid", _nothing, {"order_type": "stop", "price": "99"}, {}),
    ("order.invalid", _nothing, {"stop_price": "99"}, {}),
    ("order.invalid", _nothing, {"post_only": True, "time_in_force": "IOC"}, {}),
    ("order.invalid", _nothing, {"post_only": True, "order_type": "market", "price": None}, {}),
    ("order.invalid", _nothing, {"notional": "100", "quantity": "1", "order_type": "market", "price": None}, {}),
    ("order.invalid", _nothing, {"notional": "100"}, {}),
    ("order.invalid", _nothing, {"quantity": None}, {}),
    ("order.tick_size", _nothing, {"price": "99.005"}, {"field": "price", "price": "99.005", **INCREMENTS}),
    ("order.lot_size", _nothing, {"quantity": "1.0005"}, {"quantity": "1.0005", **INCREMENTS}),
    ("order.min_quantity", _nothing, {"quantity": "0.0009"}, {"quantity": "0.0009", **INCREMENTS}),
    ("order.max_quantity", _nothing, {"quantity": "1000.001"}, {"quantity": "1000.001", **INCREMENTS}),
    ("order.min_notional", _nothing, {"quantity": "0.01"}, {"notional": "0.99", "price": "99", **INCREMENTS}),
    (
        "order.min_quantity",
        _nothing,
        {"order_type": "market", "notional": "0.1"},
        {"quantity": "0", **INCREMENTS},
    ),
    (
        "market.no_liquidity",
        _quote(COIN, "99", "0"),
        {"order_type": "market", "notional": "50"},
        {"symbol": COIN, "bid": "99", "ask": "0"},
    ),
    (
        "market.stale_quote",
        _quote(COIN, "99", "101", feed_state="stale", age_ms=12_000),
        {"order_type": "market"},
        {"symbol": COIN, "feed_state": "stale", "age_ms": 12_000},
    ),
    ("market.stale_quote", _without_quote(COIN), {}, {"symbol": COIN, "feed_state": None, "age_ms": None}),
    (
        "session.closed",
        _quote(STOCK, "99", "101", feed_state="closed", session_state="closed"),
        {"symbol": STOCK, "order_type": "market"},
        {"symbol": STOCK, "session_state": "closed", "type": "market", "time_in_force": "DAY"},
    ),
    (
        "session.closed",
        _quote(STOCK, "99", "101", session_state="premarket"),
        {"symbol": STOCK, "time_in_force": "IOC"},
        {"session_state": "premarket", "time_in_force": "IOC"},
    ),
    (
        "session.closed",
        _quote(COIN, "99", "101", session_state="closed"),
        {"time_in_force": "GTC"},
        {"symbol": COIN, "session_state": "closed"},
    ),
    *[
        (
            "risk.trading_halted",
            _controls(Halt("h", scope, target, "halted")),
            {"strategy_id": "grid"},
            {"level": "halted", "scope": scope, "target": target},
        )
        for scope, target in (
            ("platform", ""),
            ("venue", "SIM"),
            ("tenant", TENANT),
            ("account", ACCOUNT),
            ("strategy", f"{ACCOUNT}/grid"),
            ("symbol", COIN),
        )
    ],
    ("risk.trading_halted", _state("halted"), {}, {"scope": "account:account", "level": "halted"}),
    (
        "risk.reducing_only",
        _controls(Halt("h", "symbol", COIN, "reducing")),
        {},
        {"scope": "symbol", "quantity": "1", "position": "0", "reducible": "0"},
    ),
    ("risk.reducing_only", _state("reducing", "admin"), {}, {"scope": "account:admin"}),
    (
        "risk.binding_inactive",
        _controls(Binding(TENANT, "SIM", "sim-a", "suspended")),
        {},
        {"venue": "SIM", "binding_status": "suspended"},
    ),
    (
        "connector.unavailable",
        _controls(ConnectorState("sim-a", "down", "maintenance")),
        {},
        {"connector": "sim-a", "venue": "SIM", "reason": "maintenance"},
    ),
    (
        "risk.price_collar",
        _nothing,
        {"price": "110.01"},
        {"price": "110.01", "reference_price": "100", "collar": "0.1", "limit_price": "110", "tick_size": "0.01"},
    ),
    ("risk.price_collar", _nothing, {"side": "sell", "price": "89.99"}, {"limit_price": "90"}),
    (
        "risk.price_collar",
        _nothing,
        {"order_type": "stop", "stop_price": "105", "price": "120"},
        {"reference_price": "105", "limit_price": "115.5"},
    ),
    (
        "risk.max_order_value",
        _limits(max_order_value="98.99"),
        {},
        {"order_value": "99", "limit": "98.99"},
    ),
    (
        "risk.max_order_value",
        _limits(max_order_value="54.98"),
        {"symbol": EURO_STOCK, "price": "49.99"},
        {"order_value": "54.989", "limit": "54.98"},
    ),
    ("risk.max_order_quantity", _limits(max_order_quantity="0.5"), {}, {"quantity": "1", "limit": "0.5"}),
    ("risk.max_open_orders", _two_open, {}, {"open_orders": 2, "limit": 2}),
    (
        "risk.position_limit",
        _limits(position_limit="150"),
        {"quantity": "2"},
        {"position": "0", "position_after": "2", "position_value": "200", "limit": "150"},
    ),
    ("risk.order_rate", _three_now, {}, {"orders_last_second": 3, "limit": 3}),
    (
        "risk.insufficient_margin",
        _nothing,
        {"symbol": FUTURE, "quantity": "3", "price": "1000"},
        {"required_margin": "15000", "available_margin": "10000", "initial_margin_rate": "0.1"},
    ),
    (
        "risk.reduce_only",
        _holding,
        {"side": "sell", "price": "101", "quantity": "1.6", "reduce_only": True},
        {"quantity": "1.6", "position": "2", "open_same_side": "0.5", "reducible": "1.5"},
    ),
    ("risk.reduce_only", _holding, {"side": "buy", "reduce_only": True}, {"reducible": "0", "position": "2"}),
    ("risk.not_shortable", _spot, {"side": "sell", "price": "101", "quantity": "1.6"}, {"available": "1.5"}),
    (
        "risk.self_trade",
        _resting,
        {"price": "100.5"},
        {"order_id": "ord-1", "resting_price": "100.5", "price": "100.5"},
    ),
    ("risk.self_trade", _resting_at_the_ask, {"order_type": "market"}, {"order_id": "ord-1", "price": None}),
    (
        "risk.conversion_unavailable",
        _without_quote(EURUSD),
        {"symbol": EURO_STOCK, "price": "50"},
        {"currency": "EUR"},
    ),
    (
        "risk.conversion_unavailable",
        _quote(EURUSD, "1.1", "1.1", feed_state="stale"),
        {"symbol": EURO_STOCK, "price": "50"},
        {"currency": "EUR"},
    ),
    ("risk.liquidation", _under_water, {"price": "84"}, {"position": "500", "reducible": "0"}),
]


@pytest.mark.parametrize(
    ("code", "prepare", "order", "figures"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_an_order_is_denied_with_its_figures(
    code: str, prepare: Callable[[Desk], None], order: dict[str, Any], figures: dict[str, Any]
) -> None:
    desk = Desk()
    prepare(desk)
    before = desk.account
    record = desk.place(**order)
    told = denial(record)
    assert told.code == code, told
    assert {name: told.details.get(name) for name in figures} == figures
    denied = only(record)
    assert (denied.state, denied.status, denied.reason) == ("denied", "rejected", code)
    assert (denied.reserved, denied.remaining_quantity) == ("0", "0")
    assert record.account is not None
    assert record.account.open_orders == before.open_orders
    assert denied.order_id not in desk.state.orders


def test_every_tested_code_is_in_the_table() -> None:
    assert {case[0] for case in CASES} <= CODES
    assert CODES - {case[0] for case in CASES} == {
        "account.already_open",
        "account.insufficient_funds",
        "account.not_open",
        "account.trading_state_locked",
        "command.malformed",
        "command.too_large",
        "order.already_final",
        "order.amend_pending",
        "order.cancel_pending",
        "order.duplicate_client_id",
        "order.not_amendable",
        "order.not_found",
        "order.quantity_below_filled",
        "order.uncertain",
        "venue.request_lost",
    }


def test_an_account_that_is_not_open_denies() -> None:
    record = Desk(deposit=None).place()
    assert denial(record).code == "account.not_open"
    assert record.seq == 1
    assert record.account is None


@pytest.mark.parametrize(
    "order",
    [
        {"price": "99"},
        {"price": "60"},
        {"price": "110"},
        {"order_type": "market"},
        {"order_type": "market", "notional": "250.5"},
        {"order_type": "stop", "stop_price": "140"},
        {"order_type": "stop", "stop_price": "105", "price": "115.5"},
        {"side": "sell", "price": "100.02", "post_only": True},
        {"time_in_force": "FOK"},
        {"venue": "SIM"},
    ],
)
def test_an_order_that_fits_is_accepted_and_sent(order: dict[str, Any]) -> None:
    desk = Desk()
    record = desk.place(**order)
    assert [type(event).__name__ for event in record.events] == ["OrderAccepted", "OrderSent"]
    assert only(record).state == "sent"
    assert only(record).connector == "sim-a"
    assert record.used.controls_version == 7
    assert [used.symbol for used in record.used.quotes] == [COIN]


def test_default_time_in_force_is_the_venues() -> None:
    desk = Desk()
    assert only(desk.place(COIN)).time_in_force == "GTC"
    assert only(desk.place(STOCK)).time_in_force == "DAY"


def test_reducing_lets_through_what_reduces() -> None:
    desk = Desk()
    _holding(desk)
    desk.controls = controls(Halt("h", "platform", "", "reducing"))
    assert only(desk.place(side="sell", price="101", quantity="1.5")).state == "sent"
    assert denial(desk.place(side="sell", price="101", quantity="0.001")).code == "order.min_notional"
    assert denial(desk.place(side="sell", price="101", quantity="0.01")).code == "risk.reducing_only"


def test_the_strictest_halt_is_told_and_a_lifted_one_is_none() -> None:
    desk = Desk()
    both = (Halt("a", "platform", "", "reducing"), Halt("b", "symbol", COIN, "halted"))
    desk.controls = controls(*both)
    assert denial(desk.place()).details["scope"] == "symbol"
    desk.controls = desk.controls.changed(9, [Halt("b", "symbol", COIN, "halted", lifted=True)])
    assert denial(desk.place()).code == "risk.reducing_only"
    desk.controls = desk.controls.changed(10, [Halt("a", "platform", "", "reducing", lifted=True)])
    assert only(desk.place()).state == "sent"
    assert desk.records[-1].used.controls_version == 10


def test_limit_orders_are_taken_on_a_stale_symbol() -> None:
    desk = Desk()
    desk.quotes[COIN] = quote(COIN, "99", "101", feed_state="stale")
    assert only(desk.place()).state == "sent"


def test_a_venue_that_holds_no_orders_refuses_when_closed() -> None:
    desk = Desk()
    desk.controls = controls(VenueRules("XNAS", has_sessions=True, holds_orders=False))
    desk.quotes[STOCK] = quote(STOCK, "99", "101", session_state="closed")
    assert denial(desk.place(STOCK)).code == "session.closed"


def test_orders_of_a_second_ago_no_longer_count() -> None:
    desk = Desk(limits=changed_limits(orders_per_second=2))
    desk.place()
    desk.place()
    assert denial(desk.place()).code == "risk.order_rate"
    desk.now = START + SECOND
    assert only(desk.place()).state == "sent"
