from typing import Any

import pytest

from storage.models.order_commands import (
    FoundFill,
    Reconcile,
    VenueAcknowledged,
    VenueCanceled,
    VenueExpired,
    VenueFilled,
    VenueRejected,
    VenueUnknown,
)
from storage.models.order_events import OrderResolved, ReportUnmatched
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import ACCOUNT, SECOND, Desk, kinds, only


@pytest.fixture
def desk() -> Desk:
    """One order, ord-1: buy 10 at 99, sent."""
    desk = Desk()
    desk.place(quantity="10")
    return desk


def test_a_fill_before_the_acknowledgement_acknowledges(desk: Desk) -> None:
    record = desk.fill("ord-1", "4", "98.5", fee="0.1")
    assert kinds(record) == ["OrderAcknowledged", "OrderFilled"]
    order = only(record)
    assert (order.state, order.status, order.avg_price, order.fees) == (
        "partially_filled",
        "partially_filled",
        "98.5",
        "0.1",
    )
    assert (order.filled_quantity, order.remaining_quantity, order.reserved) == ("4", "6", "59.4")
    late = desk.acknowledge("ord-1")
    assert not late.events
    assert only(late).venue_order_id == "v-ord-1"
    assert not desk.acknowledge("ord-1").orders


def test_a_fill_counts_once_whatever_brings_it(desk: Desk) -> None:
    first = desk.fill("ord-1", "4", fill_id="f1")
    again = desk.fill("ord-1", "4", fill_id="f1")
    assert kinds(again) == ["CommandRepeated"]
    assert again.events[0].answer.seq == first.seq  # type: ignore[union-attr]
    assert not again.orders
    assert again.account is None
    assert desk.state.orders["ord-1"].filled_quantity == "4"


def test_a_rejected_order_frees_its_margin(desk: Desk) -> None:
    record = desk.report(VenueRejected, "ord-1", code="venue.rejected", upstream_code="E17")
    order = only(record)
    assert (order.state, order.status, order.reason, order.upstream_code) == (
        "rejected",
        "rejected",
        "venue.rejected",
        "E17",
    )
    assert record.account is not None
    assert (record.account.reserved, record.account.open_orders) == ("0", 0)


def test_an_expired_order_is_canceled_with_the_reason_expired(desk: Desk) -> None:
    order = only(desk.report(VenueExpired, "ord-1"))
    assert (order.state, order.status, order.reason) == ("expired", "canceled", "expired")
    late = only(desk.fill("ord-1", "10"))
    assert late.state == "filled"


def test_the_venues_own_cancel_tells_its_reason(desk: Desk) -> None:
    desk.acknowledge("ord-1")
    assert only(desk.report(VenueCanceled, "ord-1", code="venue.self_trade")).reason == "venue.self_trade"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (VenueAcknowledged, {}),
        (VenueRejected, {"code": "x"}),
        (VenueFilled, {"fill_id": "f", "price": "1", "quantity": "1"}),
        (VenueCanceled, {}),
        (VenueExpired, {}),
        (VenueUnknown, {"code": "x"}),
        (Reconcile, {"outcome": "open"}),
    ],
)
def test_a_report_that_fits_nothing_is_kept_whole_and_raises_a_signal(
    desk: Desk, kind: type, fields: dict[str, Any]
) -> None:
    before = desk.account
    record = desk.report(kind, "ord-77", **fields)
    event = record.events[0]
    assert isinstance(event, ReportUnmatched)
    assert (event.reason, event.report["order_id"]) == ("order.not_found", "ord-77")
    assert (record.orders, record.positions, record.account) == ((), (), None)
    (signal,) = signals_of(record)
    assert (signal.code, signal.state, signal.severity) == ("reconciliation.break", "raised", "critical")
    assert desk.account == before


def test_contradictions_change_nothing(desk: Desk) -> None:
    desk.fill("ord-1", "4")
    assert kinds(desk.report(VenueRejected, "ord-1", code="x")) == ["ReportUnmatched"]
    desk.fill("ord-1", "6")
    assert kinds(desk.fill("ord-1", "1")) == ["ReportUnmatched"]
    assert not desk.report(VenueCanceled, "ord-1").events
    assert desk.state.positions["COIN.SIM"].net_qty == "10"


def test_an_unknown_order_is_uncertain_until_it_is_resolved_and_signalled_under_one_id(desk: Desk) -> None:
    record = desk.report(VenueUnknown, "ord-1", code="venue.timeout")
    order = only(record)
    assert (order.state, order.status, order.uncertain, order.reserved) == ("unknown", "new", True, "99")
    (raised,) = signals_of(record)
    found = desk.report(Reconcile, "ord-1", outcome="open", quantity="10", price="99", venue_order_id="v1")
    assert kinds(found) == ["OrderResolved"]
    assert (only(found).state, only(found).uncertain, only(found).venue_order_id) == ("acknowledged", False, "v1")
    (cleared,) = signals_of(found)
    assert (raised.code, raised.state) == ("order.unknown", "raised")
    assert (cleared.signal_id, cleared.state) == (raised.signal_id, "cleared")
    assert raised.symbol == cleared.symbol == "COIN.SIM"


def test_an_unknown_order_keeps_the_status_that_it_had(desk: Desk) -> None:
    desk.fill("ord-1", "4")
    desk.cancel("ord-1")
    order = only(desk.report(VenueUnknown, "ord-1", code="venue.timeout", request="cancel"))
    assert (order.state, order.status, order.pending) == ("unknown", "partially_filled", "cancel")
    lost = desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="4")
    assert kinds(lost) == ["OrderResolved", "CancelRejected"]
    assert (desk.state.orders["ord-1"].state, desk.state.orders["ord-1"].pending) == ("partially_filled", None)


@pytest.mark.parametrize("kind", ["fill", "acknowledge", "reject", "cancel", "expire"])
def test_any_report_resolves_an_unknown_order(desk: Desk, kind: str) -> None:
    desk.report(VenueUnknown, "ord-1", code="venue.timeout")
    record = {
        "fill": lambda: desk.fill("ord-1", "10"),
        "acknowledge": lambda: desk.acknowledge("ord-1"),
        "reject": lambda: desk.report(VenueRejected, "ord-1", code="x"),
        "cancel": lambda: desk.report(VenueCanceled, "ord-1"),
        "expire": lambda: desk.report(VenueExpired, "ord-1"),
    }[kind]()
    assert kinds(record)[0] == "OrderResolved"
    assert not only(record).uncertain
    assert record.events[0].unknown_seq == record.seq - 1  # type: ignore[union-attr]


def test_a_doubt_about_what_was_answered_is_none(desk: Desk) -> None:
    desk.acknowledge("ord-1")
    assert not desk.report(VenueUnknown, "ord-1", code="venue.timeout").events
    assert not desk.report(VenueUnknown, "ord-1", code="venue.timeout", request="cancel").events
    desk.amend("ord-1", quantity="5")
    assert kinds(desk.report(VenueUnknown, "ord-1", code="venue.timeout", request="amend")) == ["OrderUnknown"]
    assert not desk.report(VenueUnknown, "ord-1", code="venue.timeout", request="amend").events


def test_not_found_settles_an_order_only_when_its_request_can_no_longer_arrive(desk: Desk) -> None:
    """By the time at which the venue looked, not by when its answer came."""
    desk.report(VenueUnknown, "ord-1", code="venue.timeout")
    desk.now += 60 * SECOND
    for looked in (None, "soon", "2023-11-14T22:13:20.5Z", "2023-11-14T22:13:23Z"):
        assert not desk.report(Reconcile, "ord-1", outcome="not_found", venue_ts=looked).events
    record = desk.report(Reconcile, "ord-1", outcome="not_found", venue_ts="2023-11-14T22:13:23.000000001Z")
    assert kinds(record) == ["OrderResolved", "OrderRejected"]
    assert only(record).reason == "venue.request_lost"


def test_an_order_that_the_venue_had_and_lost_is_canceled(desk: Desk) -> None:
    desk.acknowledge("ord-1")
    assert not desk.report(Reconcile, "ord-1", outcome="not_found", venue_ts="2023-11-14T22:13:21Z").events
    order = only(desk.report(Reconcile, "ord-1", outcome="not_found", venue_ts="2023-11-14T22:14:00Z"))
    assert (order.state, order.reason) == ("canceled", "venue.lost")


def test_reconciling_counts_only_the_fills_that_are_new(desk: Desk) -> None:
    desk.fill("ord-1", "4", "99", fill_id="f1")
    found = (FoundFill("f1", "99", "4"), FoundFill("f2", "98", "5", fee="0.5"))
    record = desk.report(Reconcile, "ord-1", outcome="canceled", fills=found, filled_quantity="9")
    assert kinds(record) == ["OrderFilled", "OrderCanceled"]
    assert (only(record).filled_quantity, only(record).state, only(record).avg_price) == (
        "9",
        "canceled",
        "98.444444444444",
    )
    assert record.positions[0].net_qty == "9"
    missing = desk.report(Reconcile, "ord-1", outcome="canceled", fills=(*found, FoundFill("f3", "98", "1")))
    assert only(missing).state == "filled"


def test_a_difference_is_told_and_signalled(desk: Desk) -> None:
    record = desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="2")
    event = record.events[0]
    assert isinstance(event, OrderResolved)
    assert event.difference == "2"
    assert [signal.code for signal in signals_of(record)] == ["reconciliation.break"]


def test_an_ended_order_that_the_venue_has_open_is_a_break(desk: Desk) -> None:
    desk.report(VenueCanceled, "ord-1")
    assert kinds(desk.report(Reconcile, "ord-1", outcome="open")) == ["ReportUnmatched"]


def test_fills_go_to_cash_position_and_fees_to_the_last_digit(desk: Desk) -> None:
    desk.fill("ord-1", "10", "99", fee="0.99")
    desk.place(side="sell", price="101", quantity="4")
    record = desk.report(
        VenueFilled, list(desk.state.orders)[-1], fill_id="x", price="101.33333333", quantity="4", fee="0.123456785"
    )
    position, account = record.positions[0], record.account
    assert account is not None
    assert (position.net_qty, position.avg_price, position.realized_pnl) == ("6", "99", "9.33333332")
    assert (position.mark_price, position.notional, position.unrealized_pnl) == ("100", "600", "6")
    assert (position.margin, position.maintenance_margin, position.fees) == ("60", "30", "1.11345678")
    assert (account.cash, account.fees, account.realized_pnl) == ("10008.21987654", "1.11345678", "9.33333332")
    assert (account.equity, account.available_margin) == ("10014.21987654", "9954.21987654")
    assert account.risk_ratio == "0.00299574"
    assert account.account_id == ACCOUNT
