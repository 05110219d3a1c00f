"""Orders of the simulated venue: the book that subscribers see, priorities, times in force, stops, amends, fees."""

from decimal import Decimal

import pytest

from ops.runtime.timestamps import format_timestamp
from streams.venues.simulated.amounts import fee_of

SECOND = 1_000_000_000


def test_a_market_order_fills_at_the_book_that_subscribers_see(desk):
    desk.quote("99", "101", size="1", asks=[["100.5", "9"], ["101", "1"], ["102", "4"]], bids=[["99", "1"]])
    desk.submit(quantity="3")
    assert desk.reports_of("o1") == ["acknowledged", "filled", "filled"]
    assert desk.fills_of("o1") == [("101", "1", "taker"), ("102", "2", "taker")]


@pytest.mark.parametrize(
    ("side", "worst", "fills"),
    [
        ("buy", "101.99", [("101", "1", "taker")]),
        ("buy", "102", [("101", "1", "taker"), ("102", "2", "taker")]),
        ("buy", "100", []),
        ("sell", "98.5", [("99", "1", "taker")]),
        ("sell", "0", [("99", "1", "taker"), ("98", "2", "taker")]),
    ],
)
def test_a_market_order_fills_at_nothing_worse_than_it_says(desk, side, worst, fills):
    desk.quote("99", "101", size="1", asks=[["101", "1"], ["102", "4"]], bids=[["99", "1"], ["98", "4"]])
    desk.submit(side=side, quantity="3", worst_price=worst)
    assert desk.fills_of("o1") == fills
    assert desk.reports_of("o1")[-1] == ("filled" if len(fills) == 2 else "canceled")


def test_a_fill_or_kill_market_order_looks_no_further_than_its_worst_price(desk):
    desk.quote("99", "101", size="1", asks=[["101", "1"], ["102", "4"]])
    desk.submit(quantity="3", worst_price="101.5", time_in_force="FOK")
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]


def test_a_worst_price_that_is_no_number_is_refused(desk):
    desk.quote()
    desk.submit(worst_price="NaN")
    assert desk.reports_of("o1") == ["rejected"]


def test_what_was_taken_stays_taken_until_the_next_quote(desk):
    desk.quote(size="5")
    desk.submit("o1", quantity="4")
    desk.submit("o2", quantity="4")
    assert desk.fills_of("o2") == [("101", "1", "taker")]
    assert desk.reports_of("o2") == ["acknowledged", "filled", "canceled"]
    assert desk.reports[-1].upstream_code == "SIM_NO_LIQUIDITY"
    desk.quote(size="5")
    desk.submit("o3", quantity="4")
    assert desk.fills_of("o3") == [("101", "4", "taker")]


def test_each_quote_replaces_the_book_whole(desk):
    desk.quote(asks=[["101", "5"], ["102", "5"]], bids=[["99", "5"]])
    desk.quote("99", "101", size="2")
    desk.submit(quantity="5")
    assert desk.fills_of("o1") == [("101", "2", "taker")]


def test_a_feed_without_sizes_gives_as_much_as_one_order_may_ask(desk):
    desk.quote(size="0")
    desk.submit("o1", quantity="900")
    desk.submit("o2", quantity="900")
    assert desk.fills_of("o1") == [("101", "900", "taker")]
    assert desk.fills_of("o2") == [("101", "100", "taker")]


def test_without_a_side_there_is_no_liquidity(desk):
    desk.quote("99", "0")
    desk.submit()
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]


def test_better_price_first_then_who_was_there_first(desk):
    desk.quote("90", "110")
    desk.submit("first", "sell", "1", "105", tenant="t2")
    desk.submit("second", "sell", "1", "105", tenant="t3")
    desk.submit("better", "sell", "1", "104", tenant="t4")
    desk.submit("buyer", "buy", "2.5", "105")
    assert desk.fills_of("buyer") == [("104", "1", "taker"), ("105", "1", "taker"), ("105", "0.5", "taker")]
    assert desk.fills_of("second") == [("105", "0.5", "maker")]


def test_an_order_that_was_there_before_the_quote_is_before_it_at_its_price(desk):
    desk.quote("90", "110")
    desk.submit("early", "sell", "1", "105", tenant="t2")
    desk.quote("90", "105", size="1")
    desk.submit("late", "sell", "1", "105", tenant="t3")
    desk.submit("buyer", "buy", "3", "105")
    assert [fill[1] for fill in desk.fills_of("buyer")] == ["1", "1", "1"]
    ids = [(r.order_id, r.kind) for r in desk.records[-1].reports if r.kind == "filled"]
    assert ids == [
        ("early", "filled"),
        ("buyer", "filled"),
        ("buyer", "filled"),
        ("late", "filled"),
        ("buyer", "filled"),
    ]


def test_a_resting_order_fills_at_its_own_price_when_the_feed_comes_to_it(desk):
    desk.quote("99", "101")
    desk.submit(price="100", quantity="8")
    desk.quote("98", "99.5", size="5")
    assert desk.fills_of("o1") == [("100", "5", "maker")]
    assert desk.quote("98", "100.5") is None
    desk.quote("98", "100", size="5")
    assert desk.fills_of("o1") == [("100", "5", "maker"), ("100", "3", "maker")]


def test_a_quote_that_touches_no_order_makes_no_record(desk):
    assert desk.quote() is None
    desk.submit(price="95")
    assert desk.quote("99", "101") is None


def test_both_sides_of_a_trade_share_its_id_and_pay_their_fees(desk):
    desk.submit("maker", "sell", "0.3", "99.99", tenant="t2")
    desk.submit("taker", "buy", "0.3", "100")
    maker, taker = (report.fill for report in desk.reports if report.fill is not None)
    assert maker.trade_id == taker.trade_id
    assert maker.fill_id != taker.fill_id
    assert maker.fee == taker.fee == "0.029997"
    assert taker.fee_currency == "USD"


def test_immediate_or_cancel_takes_what_there_is(desk):
    desk.quote(size="2")
    desk.submit(quantity="3", price="101", time_in_force="IOC")
    assert desk.reports_of("o1") == ["acknowledged", "filled", "canceled"]
    assert desk.reports[-1].reason == "venue.immediate_rest_canceled"


@pytest.mark.parametrize(
    ("quantity", "kinds"), [("5", ["acknowledged", "filled"]), ("5.001", ["acknowledged", "canceled"])]
)
def test_fill_or_kill_is_all_or_nothing(desk, quantity, kinds):
    desk.quote(size="5")
    desk.submit(quantity=quantity, price="101", time_in_force="FOK")
    assert desk.reports_of("o1") == kinds


def test_post_only_is_rejected_when_it_would_take(desk):
    desk.quote()
    desk.submit("o1", price="101", post_only=True)
    desk.submit("o2", price="100.99", post_only=True)
    assert desk.reports_of("o1") == ["rejected"]
    assert desk.reports[0].upstream_code == "SIM_WOULD_TAKE"
    assert desk.reports_of("o2") == ["acknowledged"]


def test_a_tenant_never_trades_with_itself(desk):
    desk.submit("mine", "sell", "1", "100")
    desk.submit("again", "buy", "2", "100")
    assert desk.reports_of("again") == ["acknowledged", "canceled"]
    assert desk.reports[-1].reason == "venue.self_trade"
    assert desk.reports_of("mine") == ["acknowledged"]


def test_a_market_order_that_comes_to_its_own_tenant_keeps_its_fills_and_loses_its_rest(desk):
    desk.quote(size="1")
    desk.submit("mine", "sell", "1", "101.5")
    desk.submit("market", "buy", "3", None)
    assert desk.reports_of("market") == ["acknowledged", "filled", "canceled"]
    assert desk.reports[-1].reason == "venue.self_trade"
    assert desk.reports_of("mine") == ["acknowledged"]


@pytest.mark.parametrize(
    ("side", "stop", "before", "at"), [("buy", "105", "104.99", "105"), ("sell", "95", "95.01", "95")]
)
def test_a_stop_triggers_exactly_once(desk, side, stop, before, at):
    desk.quote(last="100", size="0.4")
    desk.submit(side=side, stop_price=stop, type="stop")
    assert desk.quote(last=before) is None
    desk.quote(last=at, size="0.4")
    assert desk.reports_of("o1") == ["acknowledged", "filled", "canceled"]
    assert desk.quote(last=at) is None


def test_a_stop_limit_rests_after_its_trigger(desk):
    desk.quote(last="100")
    desk.submit(stop_price="105", price="100", type="stop")
    desk.quote("99", "106", last="105")
    assert desk.reports_of("o1") == ["acknowledged"]
    desk.quote("99", "100", last="101")
    assert desk.fills_of("o1") == [("100", "1", "maker")]


def test_a_stop_whose_price_is_reached_triggers_at_once(desk):
    desk.quote(last="106")
    desk.submit(stop_price="105", type="stop")
    assert desk.reports_of("o1") == ["acknowledged", "filled"]


def test_an_amend_keeps_its_place_only_when_the_quantity_goes_down(desk):
    desk.submit("a", "sell", "2", "105", tenant="t2")
    desk.submit("b", "sell", "1", "105", tenant="t3")
    desk.amend("a", tenant="t2", quantity="1")
    desk.submit("x", "buy", "0.5", "105")
    assert desk.fills_of("a") == [("105", "0.5", "maker")]
    desk.amend("a", tenant="t2", quantity="1.5")
    desk.submit("y", "buy", "1", "105")
    assert desk.fills_of("b") == [("105", "1", "maker")]


def test_an_amended_price_may_take(desk):
    desk.quote()
    desk.submit(price="99")
    desk.amend(price="101")
    assert desk.reports_of("o1") == ["acknowledged", "replaced", "filled"]
    assert desk.fills_of("o1") == [("101", "1", "taker")]


def test_an_amend_of_a_post_only_order_never_takes(desk):
    desk.quote()
    desk.submit(price="99", post_only=True)
    desk.amend(price="101")
    assert desk.reports_of("o1") == ["acknowledged", "replace_rejected"]
    assert desk.state.orders["o1"].price == Decimal(99)


def test_an_amend_to_what_is_filled_completes_the_order(desk):
    desk.quote(size="1")
    desk.submit(quantity="3", price="101")
    desk.amend(quantity="0.5")
    assert desk.reports[-1].upstream_code == "SIM_BELOW_FILLED"
    desk.amend(quantity="1")
    assert desk.reports[-1].kind == "replaced"
    assert desk.state.orders["o1"].status == "filled"


def test_an_amend_to_immediate_takes_and_ends(desk):
    desk.quote()
    desk.submit(price="100")
    desk.amend(time_in_force="IOC")
    assert desk.reports_of("o1") == ["acknowledged", "replaced", "canceled"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"price": "100.001"}, "SIM_TICK_SIZE"),
        ({"price": "100", "quantity": "0.0001"}, "SIM_LOT_SIZE"),
        ({"price": "100", "quantity": "1000.001"}, "SIM_QUANTITY_LIMIT"),
        ({"price": "100", "quantity": "no"}, "SIM_BAD_REQUEST"),
        ({"price": "100", "quantity": "-1"}, "SIM_BAD_REQUEST"),
        ({"price": "NaN"}, "SIM_BAD_REQUEST"),
        ({"price": "100", "type": "market"}, "SIM_BAD_REQUEST"),
        ({"type": "stop"}, "SIM_BAD_REQUEST"),
        ({"symbol": "IDX.US", "price": "100"}, "SIM_NOT_TRADABLE"),
        ({"symbol": "NO.NE", "price": "100"}, "SIM_UNKNOWN_SYMBOL"),
        ({"price": "100", "client_order_id": "sim:typo:1"}, "SIM_UNKNOWN_SCENARIO"),
    ],
)
def test_what_does_not_fit_is_rejected_with_both_codes(desk, fields, code):
    desk.submit(**fields)
    (report,) = desk.reports
    assert (report.kind, report.upstream_code) == ("rejected", code)
    assert report.reason


def test_cancel_of_a_final_or_unknown_order_is_rejected(desk):
    desk.submit(price="90")
    desk.cancel()
    desk.cancel()
    desk.cancel("nobody")
    assert desk.reports_of("o1") == ["acknowledged", "canceled", "cancel_rejected"]
    assert desk.reports[-2].reason == "order.already_final"
    assert desk.reports[-1].reason == "order.not_found"


def test_a_request_that_comes_again_has_no_effect(desk):
    request = desk.submission("o1", "buy", "1", "90")
    desk.send(request)
    again = desk.send(request)
    assert again.repeated
    assert not again.reports
    desk.cancel(seq=7)
    assert desk.cancel(seq=7).repeated
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]


def test_an_order_that_is_there_is_never_put_twice(desk):
    desk.quote(size="1")
    desk.submit(quantity="2", price="101")
    desk.submit(quantity="2", price="101", valid_until=format_timestamp(desk.now - 1))
    first, fill, told = desk.reports
    assert (first.kind, told.kind, told.outcome, told.filled_quantity) == ("acknowledged", "reconciled", "open", "1")
    assert told.fills == (fill.fill,)
    assert desk.state.orders["o1"].filled == 1


def test_what_comes_after_valid_until_is_refused_and_never_fills(desk):
    desk.quote()
    late = format_timestamp(desk.now - 1)
    desk.submit(valid_until=late)
    assert (desk.reports[0].kind, desk.reports[0].reason) == ("rejected", "order.expired_in_transit")
    desk.submit("o2", price="90")
    desk.amend("o2", price="101", valid_until=late)
    assert desk.reports_of("o2") == ["acknowledged", "replace_rejected"]
    desk.cancel("o2")
    assert desk.reports_of("o2")[-1] == "canceled"


def test_an_unreadable_quote_gives_no_liquidity_and_is_named(desk):
    desk.quote()
    desk.venue.quote(desk.symbol, 99, b'{"bid":"x"}', desk.now)
    desk.submit()
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]
    assert desk.venue.board.refused[desk.symbol].offset == 99


def test_fill_or_kill_does_nothing_when_its_own_tenant_stands_in_the_way(desk):
    desk.submit("first", "sell", "1", "100", tenant="t2")
    desk.submit("mine", "sell", "1", "101")
    desk.submit("behind", "sell", "1", "102", tenant="t2")
    desk.submit("all", "buy", "3", "102", time_in_force="FOK")
    assert desk.reports_of("all") == ["acknowledged", "canceled"]
    assert desk.reports[-1].reason == "venue.fill_or_kill_unfilled"
    assert desk.fills_of("first") == []


@pytest.mark.parametrize(
    ("quantity", "fee"), [("0.5", "0.00000000"), ("1.5", "0.00000002"), ("2.5", "0.00000002"), ("3.5", "0.00000004")]
)
def test_fees_are_rounded_half_even(quantity, fee):
    assert fee_of(Decimal("0.001"), Decimal(quantity), Decimal("0.01"), Decimal("0.001")) == Decimal(fee)
