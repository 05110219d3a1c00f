"""The numbered cases that every venue passes, over the port alone."""

from decimal import Decimal

import pytest


async def test_01_a_resting_order_is_acknowledged_and_shown_as_open(desk):
    await desk.book("99", "101")
    await desk.submit("o1", "buy", "1", "95")
    report = await desk.next_report()
    assert (report.kind, report.order_id, report.filled_quantity) == ("acknowledged", "o1", "0")
    (view,) = await desk.venue.open_orders()
    assert (view.order_id, view.status, view.price) == ("o1", "new", "95")


async def test_02_the_venues_order_id_is_derived_from_ours(desk):
    await desk.submit("o1", "buy", "1", "95")
    await desk.submit("o2", "buy", "1", "95")
    first, second = await desk.next_report(), await desk.next_report()
    assert first.venue_order_id != second.venue_order_id
    assert (await desk.venue.query("o1")).venue_order_id == first.venue_order_id


async def test_03_a_market_order_fills_at_the_venues_book(desk):
    await desk.book("99", "101")
    await desk.submit("o1", "buy", "1")
    assert await desk.kinds(1) == ["acknowledged"]
    report = await desk.next_report()
    assert (report.fill.price, report.fill.quantity, report.fill.liquidity) == ("101", "1", "taker")
    assert Decimal(report.fill.fee) > 0
    assert report.fill.fee_currency


async def test_04_partial_fills_add_up(desk):
    await desk.submit("o1", "buy", "3", "100")
    await desk.counterparty("c1", "sell", "1", "100")
    await desk.counterparty("c2", "sell", "2", "100")
    reports = [await desk.next_report() for _ in range(3)]
    assert [report.filled_quantity for report in reports] == ["0", "1", "3"]
    assert {report.fill.liquidity for report in reports[1:]} == {"maker"}
    assert (await desk.venue.query("o1")).status == "filled"
    assert await desk.venue.open_orders() == []


async def test_05_a_cancel_ends_an_order_once(desk):
    await desk.submit("o1", "buy", "1", "95")
    await desk.cancel("o1")
    await desk.cancel("o1")
    assert await desk.kinds(3) == ["acknowledged", "canceled", "cancel_rejected"]


async def test_06_an_order_that_the_venue_never_had_is_not_found(desk):
    await desk.cancel("nobody")
    report = await desk.next_report()
    assert (report.kind, report.reason) == ("cancel_rejected", "order.not_found")
    assert report.upstream_code
    await desk.amend("nobody", price="90")
    assert (await desk.next_report()).kind == "replace_rejected"
    assert await desk.venue.query("nobody") is None


async def test_07_an_amend_replaces_price_and_quantity(desk):
    await desk.submit("o1", "buy", "2", "95")
    await desk.amend("o1", price="96", quantity="3")
    await desk.next_report()
    report = await desk.next_report()
    assert (report.kind, report.price, report.quantity) == ("replaced", "96", "3")


async def test_08_an_amend_never_goes_below_what_is_filled(desk):
    await desk.book("99", "101", "2")
    await desk.submit("o1", "buy", "3", "101")
    await desk.amend("o1", quantity="1")
    assert await desk.kinds(3) == ["acknowledged", "filled", "replace_rejected"]


async def test_09_a_request_is_taken_once(desk):
    request = desk.submission("o1", "buy", "1", "95")
    await desk.venue.submit(request)
    await desk.venue.submit(request)
    assert await desk.kinds(1) == ["acknowledged"]
    assert await desk.is_silent()


async def test_10_nothing_is_executed_after_valid_until(desk):
    await desk.book("99", "101")
    request = desk.submission("o1", "buy", "1")
    await desk.pass_time(3.001)
    await desk.venue.submit(request)
    report = await desk.next_report()
    assert (report.kind, report.reason) == ("rejected", "order.expired_in_transit")


@pytest.mark.parametrize(
    ("tif", "kinds"), [("IOC", ["acknowledged", "filled", "canceled"]), ("FOK", ["acknowledged", "canceled"])]
)
async def test_11_immediate_orders_never_rest(desk, tif, kinds):
    if tif not in desk.venue.capabilities.times_in_force:
        pytest.skip(f"the venue has no {tif}")
    await desk.book("99", "101", "2")
    await desk.submit("o1", "buy", "3", "101", time_in_force=tif)
    assert await desk.kinds(len(kinds)) == kinds
    assert await desk.venue.open_orders() == []


async def test_12_post_only_never_takes(desk):
    if not desk.venue.capabilities.post_only:
        pytest.skip("the venue has no post-only orders")
    await desk.book("99", "101")
    await desk.submit("o1", "buy", "1", "101", post_only=True)
    assert await desk.kinds(1) == ["rejected"]


async def test_13_a_stop_waits_for_its_price(desk):
    if "stop" not in desk.venue.capabilities.order_types:
        pytest.skip("the venue has no stop orders")
    await desk.book("99", "101")
    await desk.submit("o1", "buy", "1", type="stop", stop_price="105")
    assert await desk.kinds(1) == ["acknowledged"]
    await desk.book("105", "106")
    assert (await desk.next_report()).fill.price == "106"
    assert await desk.is_silent()


async def test_14_bad_increments_are_rejected_with_the_venues_code(desk):
    await desk.submit("o1", "buy", "1", "95.001")
    report = await desk.next_report()
    assert report.kind == "rejected"
    assert report.reason
    assert report.upstream_code


async def test_15_fills_can_be_read_again(desk):
    await desk.book("99", "101")
    began = desk.clock.now()
    await desk.submit("o1", "buy", "1")
    await desk.kinds(1)
    fill = await desk.next_report()
    assert list(await desk.venue.fills(began)) == [fill]
    assert list(await desk.venue.fills(began + 1)) == []


async def test_16_positions_are_the_sum_of_fills(desk):
    await desk.book("99", "101")
    await desk.submit("o1", "buy", "3")
    await desk.submit("o2", "sell", "1")
    (position,) = await desk.venue.positions()
    assert (position.account_id, position.quantity) == ("acc-1", "2")


async def test_17_a_timeout_is_unknown_and_resolved_without_a_resend(desk):
    await desk.book("99", "101")
    await desk.break_connection("timeout")
    await desk.submit("o1", "buy", "1")
    assert await desk.kinds(1) == ["unknown"]
    assert await desk.is_silent()
    await desk.mend_connection()
    assert await desk.kinds(2) == ["acknowledged", "filled"]


@pytest.mark.parametrize("fault", ["refuse", "down"])
async def test_18_what_surely_never_got_there_is_rejected(desk, fault):
    await desk.break_connection(fault)
    await desk.submit("o1", "buy", "1", "95")
    assert await desk.kinds(1) == ["rejected"]
    await desk.mend_connection()
    assert await desk.venue.query("o1") is None


async def test_19_what_fills_while_the_connection_is_down_is_told_on_reconnect(desk):
    await desk.submit("o1", "buy", "1", "100")
    await desk.kinds(1)
    await desk.break_connection("down")
    await desk.counterparty("c1", "sell", "1", "100")
    assert await desk.is_silent()
    await desk.mend_connection()
    assert await desk.kinds(1) == ["filled"]


async def test_20_report_and_fill_ids_are_unique(desk):
    await desk.submit("o1", "buy", "3", "100")
    for number in range(3):
        await desk.counterparty(f"c{number}", "sell", "1", "100")
    reports = [await desk.next_report() for _ in range(4)]
    assert len({report.report_id for report in reports}) == 4
    assert len({report.fill.fill_id for report in reports[1:]}) == 3


async def test_21_orders_of_other_connectors_are_not_shown(desk):
    await desk.counterparty("c1", "sell", "1", "100")
    assert await desk.venue.open_orders() == []
    assert await desk.is_silent()
