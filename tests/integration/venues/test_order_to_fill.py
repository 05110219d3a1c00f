"""From `PlaceOrder` to positions, over the log: the order core and the venue, as two processes would run them."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.integration.venues.floor import Floor, Trader
from tests.integration.venues.nothing_wrong import nothing_is_wrong
from tests.integration.venues.street import SHARE, Street


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    floor = Floor(Street())
    async with floor.open():
        await floor.quote("99", "101", size="5")
        yield floor
        await nothing_is_wrong(floor)


@pytest.fixture
async def trader(floor: Floor) -> Trader:
    return await floor.trader()


async def test_a_market_order_fills_at_the_books_best_prices_to_the_digit(floor, trader):
    await floor.quote("99.13", "101.27", size="0.4", asks=[("101.27", "0.4"), ("101.31", "0.5"), ("101.99", "7")])
    order_id = await trader.place(quantity="1.2")
    order = await trader.until(order_id, "filled")
    assert trader.fills(order_id) == [("101.27", "0.4"), ("101.31", "0.5"), ("101.99", "0.3")]
    assert trader.states(order_id) == ["sent", "acknowledged", "partially_filled", "filled"]
    assert trader.events(order_id) == ["Accepted", "Sent", "Acknowledged", "Filled", "Filled", "Filled"]
    assert (order.avg_price, order.filled_quantity, order.remaining_quantity) == ("101.466666666667", "1.2", "0")
    assert Decimal(order.fees) == Decimal("0.04050800") + Decimal("0.05065500") + Decimal("0.03059700")
    position = trader.position()
    assert position is not None
    assert (position.net_qty, position.avg_price) == ("1.2", "101.466666666667")


async def test_a_resting_order_fills_in_parts_by_later_quotes_at_its_own_price(floor, trader):
    order_id = await trader.place("buy", "2", price="100")
    await trader.until(order_id, "acknowledged")
    await floor.quote("98", "99.5", size="0.75")
    await trader.until(order_id, "partially_filled")
    await floor.quote("98", "100", size="9")
    await trader.until(order_id, "filled")
    assert trader.fills(order_id) == [("100", "0.75"), ("100", "1.25")]


@pytest.mark.parametrize(
    ("fields", "end", "fills"),
    [
        ({"price": "101", "time_in_force": "IOC"}, ("canceled", "venue.immediate_rest_canceled"), [("101", "5")]),
        ({"price": "101", "time_in_force": "FOK"}, ("canceled", "venue.fill_or_kill_unfilled"), []),
        ({"price": "102", "time_in_force": "FOK"}, ("filled", None), [("101", "5"), ("102", "1")]),
        ({"price": "101", "post_only": True}, ("rejected", "venue.would_take"), []),
        ({}, ("filled", None), [("101", "5"), ("102", "1")]),
    ],
    ids=["ioc", "fok-too-much", "fok", "post-only", "market"],
)
async def test_times_in_force_and_post_only(floor, trader, fields, end, fills):
    await floor.quote("99", "101", size="5", asks=[("101", "5"), ("102", "5")])
    order_id = await trader.place("buy", "6", **fields)
    order = await trader.until(order_id, "filled", "canceled", "rejected")
    assert (order.state, order.reason) == end
    assert trader.fills(order_id) == fills


async def test_a_post_only_order_rests_and_is_the_maker(floor, trader):
    order_id = await trader.place("sell", "1", price="101.5", post_only=True)
    await trader.until(order_id, "acknowledged")
    await floor.quote("101.6", "102")
    await trader.until(order_id, "filled")
    assert trader.fills(order_id) == [("101.5", "1")]


async def test_stops_wait_for_the_last_price(floor, trader):
    market = await trader.place("buy", "1", stop_price="103")
    limit = await trader.place("sell", "1", stop_price="98", price="97.5")
    await trader.until(market, "acknowledged")
    await trader.until(limit, "acknowledged")
    await floor.quote("102", "102.5", last="102.9")
    await floor.quote("102.9", "103.1", last="103")
    await trader.until(market, "filled")
    assert trader.fills(market) == [("103.1", "1")]
    await floor.quote("97", "97.2", last="98")
    await floor.street.settled()
    assert trader.order(limit).state == "acknowledged"
    await floor.quote("97.6", "97.8", last="97.7")
    await trader.until(limit, "filled")
    assert trader.fills(limit) == [("97.5", "1")]


async def test_a_market_order_against_a_stale_quote_is_refused_until_there_is_a_newer_one(floor, trader):
    floor.street.clock.advance(0.001)
    await floor.feed_state("stale")
    assert await trader.denied() == "market.stale_quote"
    floor.street.clock.advance(0.001)
    await floor.quote("90", "91")
    order_id = await trader.place()
    await trader.until(order_id, "filled")
    assert trader.fills(order_id) == [("91", "1")]


async def test_amends_and_cancels_reach_the_venue(floor, trader):
    order_id = await trader.place("buy", "2", price="95")
    await trader.until(order_id, "acknowledged")
    await trader.amend(order_id, price="96", quantity="3")
    await floor.street.until(lambda: trader.order(order_id).price == "96")
    order = trader.order(order_id)
    assert (order.quantity, order.pending) == ("3", None)
    await trader.cancel(order_id)
    order = await trader.until(order_id, "canceled")
    assert order.reason == "requested"
    assert trader.events(order_id) == [
        "Accepted",
        "Sent",
        "Acknowledged",
        "AmendRequested",
        "Amended",
        "CancelRequested",
        "Canceled",
    ]


async def test_two_tenants_trade_with_each_other_inside_the_feeds_book(floor, trader):
    other = await floor.trader(2)
    maker = await trader.place("buy", "2", price="100.5")
    await trader.until(maker, "acknowledged")
    taker = await other.place("sell", "3", price="100")
    await other.until(taker, "partially_filled")
    await trader.until(maker, "filled")
    assert trader.fills(maker) == other.fills(taker) == [("100.5", "2")]
    assert (trader.position().net_qty, other.position().net_qty) == ("2", "-2")


async def test_a_day_order_ends_by_the_venues_report_at_the_close(floor, trader):
    await floor.quote("99", "101", symbol=SHARE)
    order_id = await trader.place("buy", "10", symbol=SHARE, price="95")
    await trader.until(order_id, "acknowledged")
    assert trader.order(order_id).time_in_force == "DAY"
    await floor.advance(5 * 3600 + 1)
    order = await trader.until(order_id, "expired")
    assert (order.status, order.reason) == ("canceled", "expired")


class TestScenarios:
    """Each behaves as its name says, seen from the account's records."""

    async def test_reject(self, floor, trader):
        order_id = await trader.place(client_order_id="sim:reject:1")
        order = await trader.until(order_id, "rejected")
        assert (order.reason, order.upstream_code) == ("venue.rejected", "SIM_REJECTED")

    async def test_partial(self, floor, trader):
        order_id = await trader.place("buy", "1", price="101", client_order_id="sim:partial:3:1")
        await floor.street.until(lambda: len(trader.fills(order_id)) == 3)
        assert trader.fills(order_id) == [("101", "0.001")] * 3
        await floor.quote("90", "91")
        assert trader.order(order_id).state == "partially_filled"
        await trader.cancel(order_id)
        order = await trader.until(order_id, "canceled")
        assert (order.filled_quantity, trader.position().net_qty) == ("0.003", "0.003")

    async def test_slow(self, floor, trader):
        order_id = await trader.place(client_order_id="sim:slow:1500:1")
        await trader.at_venue(order_id)
        await floor.advance(1.4)
        assert trader.states(order_id) == ["sent"]
        await floor.advance(0.1)
        await trader.until(order_id, "filled")
        assert trader.states(order_id) == ["sent", "acknowledged", "filled"]

    async def test_timeout_then_accept(self, floor, trader):
        order_id = await trader.place(client_order_id="sim:timeout-then-accept:1")
        order = await trader.until(order_id, "unknown")
        assert (order.uncertain, order.status) == (True, "new")
        await floor.advance(0.9)
        assert trader.order(order_id).uncertain
        await floor.advance(0.1)
        order = await trader.until(order_id, "filled")
        assert (order.uncertain, trader.fills(order_id)) == (False, [("101", "1")])
        assert trader.events(order_id)[:4] == ["Accepted", "Sent", "Unknown", "Resolved"]

    async def test_timeout_then_reject(self, floor, trader):
        order_id = await trader.place(client_order_id="sim:timeout-then-reject:1")
        await trader.until(order_id, "unknown")
        await floor.advance(1)
        order = await trader.until(order_id, "rejected")
        assert (order.uncertain, order.reason) == (False, "venue.rejected")
        assert trader.states(order_id) == ["sent", "unknown", "rejected"]

    async def test_duplicate_fill(self, floor, trader):
        order_id = await trader.place("buy", "2", price="101", client_order_id="sim:duplicate-fill:1")
        await trader.until(order_id, "filled")
        last = await trader.place()
        await trader.until(last, "filled")
        await floor.every_report_is_decided()
        assert trader.fills(order_id) == [("101", "2")]
        assert trader.position().net_qty == "3"

    async def test_cancel_race(self, floor, trader):
        order_id = await trader.place("buy", "2", price="101", client_order_id="sim:cancel-race:1")
        await trader.until(order_id, "acknowledged")
        await trader.cancel(order_id)
        await trader.until(order_id, "filled")
        await floor.every_report_is_decided()
        assert trader.events(order_id)[-2:] == ["CancelRequested", "Filled"]
        assert (trader.order(order_id).pending, trader.position().net_qty) == (None, "2")
        reports = [report.kind for record in await floor.street.venue_records() for report in record.reports]
        assert reports == ["acknowledged", "filled", "cancel_rejected"]

    async def test_late_fill(self, floor, trader):
        order_id = await trader.place("buy", "2", price="101", client_order_id="sim:late-fill:1")
        await trader.until(order_id, "acknowledged")
        await trader.cancel(order_id)
        await trader.until(order_id, "canceled")
        assert trader.position() is None
        await floor.advance(0.5)
        await trader.until(order_id, "filled")
        assert (trader.fills(order_id), trader.position().net_qty) == ([("101", "2")], "2")

    async def test_disconnect(self, floor, trader):
        order_id = await trader.place("buy", "2", price="100", client_order_id="sim:disconnect:1")
        await trader.until(order_id, "unknown")
        await floor.quote("99", "100", size="1.5")
        await floor.advance(1.9)
        assert trader.order(order_id).uncertain
        await floor.advance(0.1)
        order = await trader.until(order_id, "partially_filled")
        assert (order.uncertain, trader.fills(order_id)) == (False, [("100", "1.5")])

    async def test_a_name_that_is_none_is_not_traded(self, floor, trader):
        order_id = await trader.place(client_order_id="sim:reject-me:1")
        assert (await trader.until(order_id, "rejected")).reason == "venue.unknown_scenario"
