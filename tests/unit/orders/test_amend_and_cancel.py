from typing import Any

import pytest

from storage.models.controls import Halt
from storage.models.order_answers import answer_of
from storage.models.order_commands import (
    CancelAll,
    CancelOrder,
    VenueCanceled,
    VenueCancelRejected,
    VenueFilled,
    VenueReplaced,
    VenueReplaceRejected,
    VenueUnknown,
)
from storage.models.order_events import (
    AmendRejected,
    AmendRequested,
    CancelFailure,
    CancelRejected,
    CancelRequested,
    OrderAmended,
)
from streams.orders.follow_ups import deadlines_of, follow_ups_due, follow_ups_of
from streams.orders.market import Hours
from tests.unit.orders.trading_floor import ACCOUNT, COIN, STOCK, Desk, controls, kinds, only, quote


@pytest.fixture
def desk() -> Desk:
    """One order, ord-1: buy 10 at 99, acknowledged."""
    desk = Desk()
    desk.place(quantity="10")
    desk.acknowledge("ord-1")
    return desk


def test_a_pending_amend_reserves_the_larger_and_the_answer_settles_it(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="12")
    assert kinds(asked) == ["AmendRequested"]
    assert (only(asked).pending, only(asked).quantity, only(asked).reserved) == ("amend", "10", "118.8")
    done = desk.report(VenueReplaced, "ord-1", quantity="12", price="99", request_seq=asked.seq)
    assert kinds(done) == ["OrderAmended"]
    assert (only(done).pending, only(done).quantity, only(done).reserved) == (None, "12", "118.8")


def test_an_amend_down_frees_margin_only_when_it_is_done(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="4")
    assert only(asked).reserved == "99"
    refused = desk.report(VenueReplaceRejected, "ord-1", code="venue.refused", request_seq=asked.seq)
    assert kinds(refused) == ["AmendRejected"]
    assert (only(refused).quantity, only(refused).reserved, only(refused).pending) == ("10", "99", None)
    asked = desk.amend("ord-1", quantity="4")
    done = desk.report(VenueReplaced, "ord-1", quantity="4", price="99", request_seq=asked.seq)
    assert (only(done).quantity, only(done).reserved) == ("4", "39.6")


@pytest.mark.parametrize(
    ("fields", "code", "figures"),
    [
        ({}, "request.invalid", {}),
        ({"price": "x"}, "request.invalid", {}),
        ({"price": "99.001"}, "order.tick_size", {"price": "99.001", "tick_size": "0.01"}),
        ({"quantity": "4.00001"}, "order.lot_size", {"lot_size": "0.001"}),
        ({"quantity": "2"}, "order.quantity_below_filled", {"filled_quantity": "3"}),
        ({"price": "150"}, "risk.price_collar", {"limit_price": "110"}),
        ({"valid_until": 5}, "order.expired_in_transit", {"valid_until_ns": 5}),
        ({"quantity": "1000"}, "risk.insufficient_margin", {"required_margin": "9801"}),
    ],
)
def test_an_amend_is_judged_like_an_order(
    desk: Desk, fields: dict[str, Any], code: str, figures: dict[str, Any]
) -> None:
    desk.fill("ord-1", "3", "99")
    desk.hold("FUT.SIM", "1", "1000")
    record = desk.amend("ord-1", **fields)
    event = record.events[0]
    assert isinstance(event, AmendRejected)
    assert event.code == code, event
    assert {name: event.details.get(name) for name in figures} == figures
    assert not record.orders


def test_amends_that_cannot_be(desk: Desk) -> None:
    desk.place(order_type="market")
    desk.place(order_type="stop", stop_price="105")
    desk.place(price="90", post_only=True)
    assert _refusal(desk, "ord-9", price="98") == "order.not_found"
    assert _refusal(desk, "ord-2", quantity="2") == "order.not_amendable"
    assert _refusal(desk, "ord-3", price="98") == "order.not_amendable"
    assert _refusal(desk, "ord-4", time_in_force="IOC") == "order.not_amendable"
    desk.amend("ord-1", price="98")
    assert _refusal(desk, "ord-1", price="97") == "order.amend_pending"
    desk.cancel("ord-1")
    assert _refusal(desk, "ord-1", price="97") == "order.cancel_pending"
    desk.report(VenueCanceled, "ord-1")
    assert _refusal(desk, "ord-1", price="97") == "order.already_final"
    desk.report(VenueUnknown, "ord-4", code="venue.timeout")
    assert _refusal(desk, "ord-4", price="97") == "order.uncertain"


def _refusal(desk: Desk, order_id: str, **fields: Any) -> str:
    event = desk.amend(order_id, **fields).events[0]
    assert isinstance(event, AmendRejected)
    return event.code


def test_a_halt_stops_amends_and_no_cancels(desk: Desk) -> None:
    desk.controls = controls(Halt("h", "platform", "", "halted"))
    assert _refusal(desk, "ord-1", price="98") == "risk.trading_halted"
    assert kinds(desk.cancel("ord-1")) == ["CancelRequested"]


def test_reducing_lets_an_amend_down_only_where_it_reduces(desk: Desk) -> None:
    desk.controls = controls(Halt("h", "platform", "", "reducing"))
    assert _refusal(desk, "ord-1", quantity="11") == "risk.reducing_only"


def test_fill_while_an_amend_upwards_is_under_way_shows_that_it_was_done(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="15")
    record = desk.fill("ord-1", "12", "99")
    assert kinds(record) == ["OrderAmended", "OrderFilled"]
    told = record.events[0]
    assert isinstance(told, OrderAmended)
    assert told.request_seq == asked.seq, "who waits for this amend hears of it"
    assert (only(record).state, only(record).remaining_quantity) == ("partially_filled", "3")
    assert kinds(desk.fill("ord-1", "3", "99")) == ["OrderFilled"]
    assert desk.state.ended["ord-1"].state == "filled"


def test_filled_to_the_old_quantity_waits_for_the_amends_answer(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="15")
    waiting = only(desk.fill("ord-1", "10", "99"))
    assert (waiting.state, waiting.remaining_quantity, waiting.reserved) == ("partially_filled", "0", "49.5")
    done = desk.report(VenueReplaceRejected, "ord-1", code="venue.too_late", request_seq=asked.seq)
    assert kinds(done) == ["AmendRejected"]
    assert (only(done).state, only(done).reserved) == ("filled", "0")


def test_amended_down_to_what_is_filled_is_filled(desk: Desk) -> None:
    desk.fill("ord-1", "4", "99")
    asked = desk.amend("ord-1", quantity="4")
    assert only(desk.report(VenueReplaced, "ord-1", quantity="4", price="99", request_seq=asked.seq)).state == "filled"


def test_cancel_while_an_amend_is_pending_shows_the_cancel_and_keeps_the_amend(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="12")
    canceling = only(desk.cancel("ord-1"))
    assert (canceling.pending, canceling.reserved) == ("cancel", "118.8")
    amended = only(desk.report(VenueReplaced, "ord-1", quantity="12", price="99", request_seq=asked.seq))
    assert (amended.pending, amended.quantity) == ("cancel", "12")
    refused = only(desk.report(VenueCancelRejected, "ord-1", code="venue.busy"))
    assert refused.pending is None


def test_an_amend_confirmed_after_the_cancel_still_tells_the_terms(desk: Desk) -> None:
    asked = desk.amend("ord-1", quantity="12")
    desk.cancel("ord-1")
    desk.report(VenueCanceled, "ord-1")
    late = only(desk.report(VenueReplaced, "ord-1", quantity="12", price="99", request_seq=asked.seq))
    assert (late.state, late.quantity, late.reserved) == ("canceled", "12", "0")


def test_an_old_amends_answer_does_not_undo_a_newer_one(desk: Desk) -> None:
    first = desk.amend("ord-1", quantity="12")
    desk.report(VenueReplaced, "ord-1", quantity="12", price="99", request_seq=first.seq)
    second = desk.amend("ord-1", quantity="8")
    desk.report(VenueReplaced, "ord-1", quantity="8", price="99", request_seq=second.seq)
    again = desk.report(VenueReplaced, "ord-1", quantity="12", price="99", request_seq=first.seq)
    assert not again.events
    assert desk.state.orders["ord-1"].quantity == "8"


def test_cancel_race_fill_wins(desk: Desk) -> None:
    desk.cancel("ord-1")
    assert kinds(desk.fill("ord-1", "10", "99")) == ["OrderFilled"]
    assert desk.state.ended["ord-1"].state == "filled"
    assert not desk.report(VenueCancelRejected, "ord-1", code="order.already_final").events


def test_cancel_race_cancel_wins_and_the_fill_before_it_comes_late(desk: Desk) -> None:
    desk.cancel("ord-1")
    ended = only(desk.report(VenueCanceled, "ord-1"))
    assert (ended.state, ended.reason, ended.reserved) == ("canceled", "requested", "0")
    late = desk.fill("ord-1", "4", "99")
    assert late.events[0].late is True  # type: ignore[union-attr]
    assert (only(late).state, only(late).filled_quantity, only(late).status) == ("canceled", "4", "canceled")
    assert late.positions[0].net_qty == "4"
    whole = only(desk.fill("ord-1", "6", "99"))
    assert (whole.state, whole.status, whole.reason) == ("filled", "filled", None)


def test_cancel_of_what_is_not_there_or_over(desk: Desk) -> None:
    assert desk.cancel("ord-8").events == (CancelRejected("ord-8", "order.not_found"),)
    desk.fill("ord-1", "10", "99")
    assert desk.cancel("ord-1").events == (CancelRejected("ord-1", "order.already_final"),)


def test_cancel_all_marks_and_each_cancel_follows_once(desk: Desk) -> None:
    desk.place(price="98", strategy_id="grid")
    desk.place(STOCK, price="98", strategy_id="grid")
    record = desk.send(CancelAll(command_id="all", account_id=ACCOUNT, strategy_id="grid"))
    assert record.events == (CancelRequested(found=("ord-2", "ord-3")),)
    assert not record.orders
    follow_ups = follow_ups_of(record)
    assert follow_ups == follow_ups_due(desk.state)
    assert [command.order_id for command in follow_ups] == ["ord-2", "ord-3"]
    assert kinds(desk.send(follow_ups[0])) == ["CancelRequested"]
    assert follow_ups_due(desk.state) == follow_ups[1:]
    assert kinds(desk.send(follow_ups[0])) == ["CommandRepeated"]


def test_who_cancels_all_again_and_again_is_promised_each_cancel_once(desk: Desk) -> None:
    desk.place(price="98")
    first = desk.send(CancelAll(command_id="all-1", account_id=ACCOUNT))
    again = [desk.send(CancelAll(command_id=f"all-{number}", account_id=ACCOUNT)) for number in range(2, 5)]
    assert [len(follow_ups_of(record)) for record in (first, *again)] == [2, 0, 0, 0]
    assert {(answer_of(record).details or {})["found"][0] for record in (first, *again)} == {"ord-1"}
    assert follow_ups_due(desk.state) == follow_ups_of(first)

    for command in follow_ups_of(first):
        assert kinds(desk.send(command)) == ["CancelRequested"]
    assert len(follow_ups_of(desk.send(CancelAll(command_id="all-5", account_id=ACCOUNT)))) == 2  # asked again


def test_selectors_narrow_and_what_cannot_be_canceled_is_told(desk: Desk) -> None:
    desk.place(price="98", strategy_id="grid")
    desk.place(price="97", strategy_id="other")
    desk.place(price="96")
    desk.fill("ord-4", "1")
    ids = ("ord-2", "ord-3", "ord-4", "ord-9", "ord-2")
    command = CancelAll(command_id="some", account_id=ACCOUNT, order_ids=ids, strategy_id="grid")
    event = desk.send(command).events[0]
    assert isinstance(event, CancelRequested)
    assert event.found == ("ord-2",)
    assert event.failed == (CancelFailure("ord-4", "order.already_final"), CancelFailure("ord-9", "order.not_found"))


def test_an_order_that_waits_for_the_open_is_amended_and_canceled_at_once() -> None:
    desk = Desk()
    desk.quotes[STOCK] = quote(STOCK, "99", "101", session_state="closed")
    desk.hours = {STOCK: Hours(desk.now + 10, desk.now + 20)}
    assert kinds(desk.place(STOCK, quantity="10")) == ["OrderAccepted"]
    amended = desk.amend("ord-1", quantity="20", price="98")
    assert kinds(amended) == ["OrderAmended"]
    assert (only(amended).quantity, only(amended).reserved, only(amended).state) == ("20", "980", "accepted")
    canceled = desk.cancel("ord-1")
    assert kinds(canceled) == ["OrderCanceled"]
    assert only(canceled).reserved == "0"


@pytest.mark.parametrize("terms", [("GTC", "DAY"), ("DAY", "GTC", "DAY")])
def test_a_waiting_order_that_becomes_one_for_the_day_ends_with_it(terms: tuple[str, ...]) -> None:
    desk = Desk()
    desk.quotes[STOCK] = quote(STOCK, "99", "101", session_state="closed")
    desk.hours = {STOCK: Hours(desk.now + 10, desk.now + 20)}
    desk.place(STOCK, quantity="10", time_in_force=terms[0])
    for wanted in terms[1:]:
        amended = only(desk.amend("ord-1", time_in_force=wanted))
        assert amended.expires_at == (desk.now + 20 if wanted == "DAY" else None)
    assert deadlines_of(desk.state)["day:ord-1"] == desk.now + 20


def test_a_fill_that_shrinks_the_position_cancels_reduce_only_orders_newest_first() -> None:
    desk = Desk()
    desk.hold("COIN.SIM", "10")
    desk.place(side="sell", price="105", quantity="4", reduce_only=True)
    desk.place(side="sell", price="106", quantity="4", reduce_only=True)
    desk.place(side="sell", price="101", quantity="5")
    record = desk.fill(list(desk.state.orders)[-1], "5", "101")
    mass = record.events[-1]
    assert isinstance(mass, CancelRequested)
    assert mass.reason == "reduce_only"
    (found,) = mass.found
    assert desk.state.orders[found].price == "106"
    assert isinstance(follow_ups_of(record)[0], CancelOrder)


def test_a_reduce_only_order_with_an_amend_under_way_gives_back_all_that_it_may_fill() -> None:
    desk = Desk()
    desk.hold("COIN.SIM", "10")
    desk.place(side="sell", price="105", quantity="4", reduce_only=True)
    desk.place(side="sell", price="106", quantity="4", reduce_only=True)
    newest = list(desk.state.orders)[-1]
    desk.amend(newest, quantity="6")
    desk.place(side="sell", price="101", quantity="5")
    record = desk.fill(list(desk.state.orders)[-1], "5", "101")
    assert record.events[-1] == CancelRequested(reason="reduce_only", found=(newest,))


def test_a_replace_that_nobody_asked_for_is_kept_and_told(desk: Desk) -> None:
    assert kinds(desk.report(VenueReplaced, "ord-1", quantity="5", price="99")) == ["ReportUnmatched"]
    assert desk.state.orders["ord-1"].quantity == "10"
    assert kinds(desk.report(VenueFilled, "ord-1", fill_id="f", price="99", quantity="-1")) == ["ReportUnmatched"]


@pytest.mark.parametrize(
    ("side", "fields", "taken"),
    [
        ("buy", {"quantity": "4"}, True),
        ("buy", {"quantity": "4", "price": "98"}, True),
        ("buy", {"quantity": "4", "price": "99.5"}, False),
        ("buy", {"quantity": "10"}, False),
        ("buy", {"quantity": "11"}, False),
        ("buy", {"price": "98"}, False),
        ("buy", {"quantity": "4", "time_in_force": "IOC"}, False),
        ("sell", {"quantity": "4"}, True),
        ("sell", {"quantity": "4", "price": "102"}, True),
        ("sell", {"quantity": "4", "price": "100.5"}, False),
    ],
)
def test_under_reducing_an_amend_may_only_ask_for_less(side: str, fields: dict[str, Any], taken: bool) -> None:
    desk = Desk()
    desk.place(side=side, quantity="10", price="99" if side == "buy" else "101")
    desk.acknowledge("ord-1")
    desk.controls = controls(Halt("h", "platform", "", "reducing"))
    event = desk.amend("ord-1", **fields).events[0]
    if taken:
        assert isinstance(event, AmendRequested)
    else:
        assert isinstance(event, AmendRejected)
        assert event.code == "risk.reducing_only"


def test_at_the_liquidation_level_an_amend_may_ask_for_less() -> None:
    desk = Desk()
    desk.hold(COIN, "500")
    desk.place(quantity="10", price="80")
    desk.acknowledge("ord-2")
    desk.quotes[COIN] = quote(COIN, "79", "81")
    assert kinds(desk.amend("ord-2", quantity="4")) == ["AmendRequested"]
