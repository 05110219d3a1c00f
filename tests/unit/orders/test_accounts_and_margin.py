from typing import Any

import msgspec
import pytest

from storage.models.controls import Conversion
from storage.models.order_commands import Deposit, OpenAccount, SetLimits, SetTradingState
from storage.models.order_events import CommandDenied, TradingStateChanged
from storage.models.order_records import OrderRecord
from streams.orders.snapshot import restore, snapshot
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import (
    ACCOUNT,
    COIN,
    EURO_STOCK,
    EURUSD,
    TENANT,
    Desk,
    changed_limits,
    controls,
    denial,
    kinds,
    only,
    quote,
)


def send(desk: Desk, kind: type, **fields: Any) -> OrderRecord:
    return desk.send(kind(command_id=f"x{len(desk.records)}", account_id=ACCOUNT, **fields))


def refusal(record: OrderRecord) -> CommandDenied:
    event = record.events[0]
    assert isinstance(event, CommandDenied), record.events
    assert record.account is None
    return event


def test_an_account_is_opened_once() -> None:
    desk = Desk()
    again = {"tenant_id": TENANT, "mode": "sandbox", "currency": "USD"}
    assert refusal(send(desk, OpenAccount, **again)).code == "account.already_open"


@pytest.mark.parametrize("kind", ["deposit", "limits", "state"])
def test_nothing_happens_to_an_account_that_is_not_open(kind: str) -> None:
    desk = Desk(deposit=None)
    record = {
        "deposit": lambda: send(desk, Deposit, currency="USD", amount="1"),
        "limits": lambda: send(desk, SetLimits, limits=changed_limits()),
        "state": lambda: send(desk, SetTradingState, state="halted", set_by="account"),
    }[kind]()
    assert refusal(record).code == "account.not_open"


@pytest.mark.parametrize("amount", ["0", "x", "0.000000001", "1e3"])
def test_a_deposit_is_a_number_of_eight_decimals(amount: str) -> None:
    assert refusal(send(Desk(), Deposit, currency="USD", amount=amount)).code == "request.invalid"


def test_money_that_is_needed_or_not_there_is_not_taken_out() -> None:
    desk = Desk()
    desk.place(quantity="100")
    assert desk.account.available_margin == "9010"
    told = refusal(send(desk, Deposit, currency="USD", amount="-9010.01"))
    assert (told.code, told.details["available_margin"]) == ("account.insufficient_funds", "9010")
    assert refusal(send(desk, Deposit, currency="EUR", amount="-1")).code == "account.insufficient_funds"
    assert send(desk, Deposit, currency="USD", amount="-9010").events
    assert desk.account.cash == "990"


def test_limits_must_be_numbers() -> None:
    desk = Desk()
    told = refusal(send(desk, SetLimits, limits=changed_limits(max_order_value="-1", price_collar={"fx": "?"})))
    assert [field["name"] for field in told.details["fields"]] == ["max_order_value", "price_collar.fx"]
    assert kinds(send(desk, SetLimits, limits=changed_limits(max_order_quantity="3"))) == ["LimitsChanged"]
    assert denial(desk.place(quantity="3.001")).code == "risk.max_order_quantity"


def test_what_an_admin_has_set_only_an_admin_loosens() -> None:
    desk = Desk()
    send(desk, SetTradingState, state="reducing", set_by="admin")
    assert refusal(send(desk, SetTradingState, state="active", set_by="account")).code == "account.trading_state_locked"
    same = send(desk, SetTradingState, state="reducing", set_by="account").events[0]
    assert isinstance(same, TradingStateChanged)
    assert same.set_by == "admin"
    loosened = send(desk, SetTradingState, state="active", set_by="admin")
    assert loosened.account is not None
    assert (loosened.account.trading_state, loosened.account.trading_set_by) == ("active", "admin")
    assert kinds(send(desk, SetTradingState, state="halted", set_by="account")) == ["TradingStateChanged"]
    assert kinds(send(desk, SetTradingState, state="active", set_by="account")) == ["TradingStateChanged"]


def test_an_account_that_was_stricter_comes_back_to_the_admins_level_and_not_below() -> None:
    desk = Desk()
    send(desk, SetTradingState, state="reducing", set_by="admin")
    send(desk, SetTradingState, state="halted", set_by="account")
    assert (desk.account.trading_state, desk.account.trading_set_by) == ("halted", "account")
    desk.state = restore(snapshot(desk.state))
    told = refusal(send(desk, SetTradingState, state="active", set_by="account"))
    assert (told.code, told.details) == (
        "account.trading_state_locked",
        {"state": "halted", "set_by": "admin", "admin_state": "reducing"},
    )
    send(desk, SetTradingState, state="reducing", set_by="account")
    assert (desk.account.trading_state, desk.account.trading_set_by) == ("reducing", "admin")
    assert refusal(send(desk, SetTradingState, state="active", set_by="account")).code == "account.trading_state_locked"
    send(desk, SetTradingState, state="active", set_by="admin")
    send(desk, SetTradingState, state="reducing", set_by="account")
    assert kinds(send(desk, SetTradingState, state="active", set_by="account")) == ["TradingStateChanged"]


def test_a_checkpoint_from_before_the_admins_level_was_kept_locks_what_the_admin_had_set() -> None:
    desk = Desk()
    send(desk, SetTradingState, state="reducing", set_by="admin")
    kept = msgspec.msgpack.decode(snapshot(desk.state))
    del kept["trading_floor"]
    desk.state = restore(msgspec.msgpack.encode(kept))
    assert refusal(send(desk, SetTradingState, state="active", set_by="account")).code == "account.trading_state_locked"


def test_margin_ratio_and_its_signals_rise_and_clear_under_one_id() -> None:
    desk = Desk()
    desk.hold(COIN, "500")
    assert (desk.account.initial_margin, desk.account.maintenance_margin, desk.account.risk_ratio) == (
        "5000",
        "2500",
        "0.25",
    )
    told = []
    for bid, ask in (("86", "86.02"), ("84.5", "84.52"), ("84", "84.02"), ("79", "79"), ("100", "100")):
        desk.quotes[COIN] = quote(COIN, bid, ask)
        record = desk.cancel("none")
        account = desk.account
        told.append((account.margin_level, [(one.code, one.state) for one in signals_of(record)], account.risk_ratio))
    assert told == [
        ("warning", [("margin.warning", "raised")], "0.7155574"),
        ("call", [("margin.call", "raised"), ("margin.warning", "cleared")], "0.93691796"),
        ("liquidation", [("margin.liquidation", "raised"), ("margin.call", "cleared")], "1.04750623"),
        ("liquidation", [], None),
        ("ok", [("margin.liquidation", "cleared")], "0.25"),
    ]
    ids = [signal.signal_id for record in desk.records for signal in signals_of(record)]
    assert {ids.count(name) for name in ids} == {2}


def test_the_order_rate_signal_clears_with_the_next_order_that_is_taken() -> None:
    desk = Desk(limits=changed_limits(orders_per_second=1))
    desk.place()
    (raised,) = signals_of(desk.place())
    assert signals_of(desk.place()) == ()
    desk.advance(1)
    (cleared,) = signals_of(desk.place())
    assert (raised.code, raised.state, cleared.state) == ("order.rate", "raised", "cleared")
    assert raised.signal_id == cleared.signal_id


def test_other_currencies_count_at_the_conversions_mid() -> None:
    desk = Desk()
    send(desk, Deposit, currency="EUR", amount="100")
    assert (desk.account.cash, desk.account.unconverted) == ("10110", ())
    desk.hold(EURO_STOCK, "10", "49")
    assert desk.account.balances == {"USD": "10000", "EUR": "100"}
    assert (desk.account.unrealized_pnl, desk.account.initial_margin) == ("11", "55")
    placed = desk.place(EURO_STOCK, price="50")
    assert (only(placed).reserved, only(placed).currency) == ("5", "EUR")
    assert placed.account is not None
    assert placed.account.reserved == "5.5"
    assert {used.symbol for used in placed.used.quotes} == {EURO_STOCK, EURUSD}


@pytest.mark.parametrize("why", ["stale", "absent"])
def test_cash_that_cannot_be_converted_counts_as_nothing_and_a_debt_at_the_last_rate(why: str) -> None:
    desk = Desk()
    send(desk, Deposit, currency="EUR", amount="100")
    if why == "stale":
        desk.quotes[EURUSD] = quote(EURUSD, "1.1", "1.1", feed_state="stale")
    else:
        del desk.quotes[EURUSD]
    desk.cancel("none")
    assert (desk.account.cash, desk.account.equity, desk.account.unconverted) == ("10000", "10000", ("EUR",))
    desk.quotes[EURUSD] = quote(EURUSD, "1.1", "1.1", feed_state="closed")
    desk.cancel("none")
    assert desk.account.cash == "10110"
    desk.hold(EURO_STOCK, "100", "50")
    desk.quotes[EURUSD] = quote(EURUSD, "1.1", "1.1", feed_state="stale")
    desk.quotes[EURO_STOCK] = quote(EURO_STOCK, "48", "48")
    desk.cancel("none")
    assert (desk.account.unrealized_pnl, desk.account.initial_margin) == ("-220", "528")
    assert only(desk.place(EURO_STOCK, side="sell", price="48", quantity="100")).state == "sent"


def test_a_chain_of_conversions_is_followed_and_a_circle_ends() -> None:
    desk = Desk(currency="CHF")
    desk.controls = controls(Conversion("USD", "CHF", "USDCHF.FX"))
    desk.quotes["USDCHF.FX"] = quote("USDCHF.FX", "0.9", "0.9")
    send(desk, Deposit, currency="EUR", amount="100")
    assert desk.account.cash == "10099"
    desk.controls = controls(Conversion("USD", "EUR", EURUSD, inverse=True))
    desk.cancel("none")
    assert (desk.account.cash, desk.account.unconverted) == ("10000", ("EUR",))


def test_an_inverse_conversion_divides() -> None:
    desk = Desk(currency="EUR")
    desk.controls = controls(Conversion("USD", "EUR", EURUSD, inverse=True))
    send(desk, Deposit, currency="USD", amount="110")
    assert desk.account.cash == "10100"
