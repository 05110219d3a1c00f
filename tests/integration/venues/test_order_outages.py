"""Orders while connectors, the venue or the core are away: nothing is lost, nothing is doubled, nothing fills too late."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from storage.models.order_commands import CancelOrder
from streams.venues.simulated.rules import LatencyModel, Rules
from tests.integration.venues.floor import Floor
from tests.integration.venues.nothing_wrong import nothing_is_wrong
from tests.integration.venues.street import SECOND, Street


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    floor = Floor(Street())
    await floor.street.quote("99", "101")
    yield floor
    async with floor.open():
        await floor.every_report_is_decided()
    await nothing_is_wrong(floor)


@pytest.mark.parametrize(("fault", "code"), [("refuse", "connector.refused"), ("down", "connector.unavailable")])
async def test_a_connector_that_refuses_rejects_what_comes_and_trades_again_afterwards(floor, fault, code):
    async with floor.open():
        trader = await floor.trader()
        resting = await trader.place("buy", "1", price="95")
        await trader.until(resting, "acknowledged")
        await floor.street.fault("sim-a", fault)
        order_id = await trader.place()
        assert (await trader.until(order_id, "rejected")).reason == code
        await trader.cancel(resting)
        await floor.street.until(lambda: "CancelRejected" in trader.events(resting))
        assert trader.order(resting).state == "acknowledged"
        await floor.street.fault("sim-a", "none")
        order_id = await trader.place()
        await trader.until(order_id, "filled")
        await trader.cancel(resting)
        await trader.until(resting, "canceled")


async def test_what_is_asked_of_a_connector_that_times_out_is_unknown_until_it_answers_again(floor):
    async with floor.open():
        trader = await floor.trader()
        resting = await trader.place("buy", "1", price="100")
        await trader.until(resting, "acknowledged")
        await floor.street.fault("sim-a", "timeout")
        order_id = await trader.place()
        await trader.cancel(resting)
        await trader.until(order_id, "unknown")
        await trader.until(resting, "unknown")
        await floor.quote("90", "91")
        await floor.advance(20)
        assert trader.order(order_id).uncertain
        await floor.street.fault("sim-a", "none")
        order = await trader.until(order_id, "filled")
        assert (order.uncertain, trader.fills(order_id)) == (False, [("101", "1")])
        await trader.until(resting, "canceled")
        assert trader.fills(resting) == []
        assert trader.position().net_qty == "1"


async def test_what_fills_while_a_connector_is_down_is_told_when_it_is_up(floor):
    async with floor.open():
        trader = await floor.trader()
        resting = await trader.place("buy", "1", price="100")
        await trader.until(resting, "acknowledged")
        await floor.street.fault("sim-a", "down")
        await floor.quote("98", "99")
        await floor.advance(5)
        assert trader.order(resting).state == "acknowledged"
        await floor.street.fault("sim-a", "none")
        await trader.until(resting, "filled")
        assert trader.fills(resting) == [("100", "1")]


async def test_orders_that_a_venue_gets_after_valid_until_are_rejected_and_never_fill(floor):
    async with floor.open(venue=False):
        trader = await floor.trader()
        late = [await trader.place(), await trader.place("buy", "1", price="100")]
        await floor.advance(3.5)
        in_time = await trader.place("buy", "1", price="100.5")
        await floor.quote("97", "98")
        async with floor.venue():
            for order_id in late:
                assert (await trader.until(order_id, "rejected")).reason == "order.expired_in_transit"
            await trader.until(in_time, "filled")
        await floor.quote("90", "91")
        async with floor.venue():
            await floor.every_report_is_decided()
        assert [trader.fills(order_id) for order_id in late] == [[], []]
        assert trader.fills(in_time) == [("98", "1")]


async def test_a_request_that_reaches_the_book_after_valid_until_is_refused_also_by_the_next_owner():
    floor = Floor(Street(rules=Rules(latency=LatencyModel(base_ms=200))))
    await floor.street.quote("99", "101")
    async with floor.open():
        trader = await floor.trader()
        now = floor.street.clock.now()
        order_id = await trader.place(valid_until=now + SECOND // 10)
        other = await trader.place()
        await trader.at_venue(order_id)
        await trader.at_venue(other)
    floor.street.clock.advance(0.2)
    async with floor.open():
        assert (await trader.until(order_id, "rejected")).reason == "order.expired_in_transit"
        await trader.until(other, "filled")
        await floor.every_report_is_decided()
    await nothing_is_wrong(floor)


async def test_a_venue_that_restarts_in_the_middle_loses_and_doubles_nothing(floor):
    async with floor.open(venue=False):
        trader, other = await floor.trader(1), await floor.trader(2)
        orders: list[str] = []
        crossed: list[str] = []
        for round_number in range(4):
            async with floor.venue():
                for number in range(15):
                    orders.append(await trader.place("buy", "0.5", price=f"{100 - round_number}.{number:02}"))
                    if number == 7:
                        await floor.street.quote(f"{96 - round_number}", f"{99 - round_number}", size="1.25")
                crossed.append(await other.place("sell", "2", price="90"))
            await floor.advance(0.5)
        async with floor.venue():
            last = await trader.place("buy", "500")
            await trader.until(last, "filled", "canceled")
            for order_id in crossed:
                await other.until(order_id, "filled", "canceled")
            for order_id in orders:
                await trader.until(order_id, "acknowledged", "partially_filled", "filled")
            for order_id in orders:
                if trader.order(order_id).state != "filled":
                    await trader.cancel(order_id)
            for order_id in orders:
                await trader.until(order_id, "filled", "canceled")
            await floor.every_report_is_decided()
    requests = [record.cause.request for record in await floor.street.venue_records() if not record.repeated]
    asked = [(key.order_id, key.seq) for key in requests if key is not None]
    assert len(set(asked)) == len(asked)
    position = trader.position()
    assert position is not None
    assert float(position.net_qty) > 0


async def test_a_core_that_restarts_hears_what_the_venue_has_said_meanwhile(floor):
    async with floor.open():
        trader = await floor.trader()
        resting = [await trader.place("buy", "1", price=f"{number}") for number in (100, 99, 98)]
        for order_id in resting:
            await trader.until(order_id, "acknowledged")
    async with floor.street.running(floor.street.venue):
        await floor.street.quote("98", "98.5")
        await floor.street.settled()
        await floor.street.until_count("filled", 2)
    async with floor.open():
        for order_id in resting[:2]:
            await trader.until(order_id, "filled")
        assert trader.order(resting[2]).state == "acknowledged"
        await trader.cancel(resting[2])
        await trader.until(resting[2], "canceled")


async def test_a_cancel_of_an_order_that_never_reached_the_venue_is_answered(floor):
    async with floor.open(venue=False):
        trader = await floor.trader()
        order_id = await trader.place("buy", "1", price="100")
        now = floor.street.clock.now()
        await floor.advance(4)
        await trader.publish(
            CancelOrder(command_id="late", account_id=trader.account, order_id=order_id, issued_at=now)
        )
        async with floor.venue():
            order = await trader.until(order_id, "rejected")
            await floor.every_report_is_decided()
        assert (order.reason, trader.order(order_id).pending) == ("order.expired_in_transit", None)


async def test_an_amend_that_the_venue_gets_too_late_is_refused_and_a_cancel_is_not(floor):
    async with floor.open(venue=False):
        trader = await floor.trader()
        async with floor.venue():
            first, second = await trader.place("buy", "1", price="95"), await trader.place("buy", "1", price="95")
            await trader.until(first, "acknowledged")
            await trader.until(second, "acknowledged")
        await trader.amend(first, price="96")
        await trader.cancel(second)
        await floor.advance(3.5)
        async with floor.venue():
            await trader.until(second, "canceled")
            await floor.street.until(lambda: "AmendRejected" in trader.events(first))
        order = trader.order(first)
        assert (order.state, order.price, order.pending) == ("acknowledged", "95", None)


async def test_an_amend_through_a_connector_that_times_out_is_settled_by_the_truth(floor):
    async with floor.open():
        trader = await floor.trader()
        order_id = await trader.place("buy", "1", price="95")
        await trader.until(order_id, "acknowledged")
        await floor.street.fault("sim-a", "timeout")
        await trader.amend(order_id, price="96", quantity="2")
        await trader.until(order_id, "unknown")
        await floor.advance(1)
        await floor.street.fault("sim-a", "none")
        order = await trader.until(order_id, "acknowledged")
        assert (order.price, order.quantity, order.pending, order.uncertain) == ("96", "2", None, False)


async def test_amend_cancel_and_fill_that_cross_each_other_come_to_one_end(floor):
    async with floor.open():
        trader, other = await floor.trader(1), await floor.trader(2)
        for number in range(20):
            order_id = await trader.place("buy", "2", price="100")
            await asyncio.gather(
                trader.amend(order_id, quantity="3"),
                other.place("sell", "1", price="100", time_in_force="IOC"),
                trader.cancel(order_id),
                other.place("sell", f"{1 + number % 3}", price="100", time_in_force="IOC"),
            )
            order = await trader.until(order_id, "filled", "canceled")
            await floor.every_report_is_decided()
            assert order.remaining_quantity == "0"
            assert trader.order(order_id).pending is None
