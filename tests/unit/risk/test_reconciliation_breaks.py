"""A report that fits nothing: kept, told, asked after, and over when venue and core agree again."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.order_commands import (
    FoundFill,
    Reconcile,
    SettleBreak,
    VenueCanceled,
    VenueFilled,
    VenueRejected,
    VenueUnknown,
)
from storage.models.order_events import BreakSettled, CommandDenied, ReportUnmatched
from storage.models.order_records import OrderRecord
from storage.models.venues import QueryRequest
from streams.orders import breaks
from streams.orders.relays import relayed_header
from streams.orders.snapshot import restore, snapshot
from streams.orders.venue_requests import requests_of
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import ACCOUNT, COIN, TENANT, Desk, kinds

LATER = "2023-11-14T23:00:00Z"


@pytest.fixture
def desk() -> Desk:
    """One order, ord-1: buy 10 at 99, acknowledged."""
    desk = Desk()
    desk.place(quantity="10")
    desk.acknowledge("ord-1")
    return desk


def told(record: OrderRecord) -> list[tuple[str, str]]:
    return [(one.code, one.state) for one in signals_of(record)]


RAISED, CLEARED = [("reconciliation.break", "raised")], [("reconciliation.break", "cleared")]


def settle(desk: Desk, order_id: str) -> OrderRecord:
    name = f"settle-{len(desk.records)}"
    return desk.send(SettleBreak(command_id=name, account_id=ACCOUNT, order_id=order_id, reference="ticket 7"))


def test_a_report_that_fits_nothing_asks_the_venue_for_its_order_and_the_answer_ends_the_break(desk: Desk) -> None:
    record = desk.report(VenueRejected, "ord-1", code="x")
    assert kinds(record) == ["ReportUnmatched"]
    assert told(record) == RAISED
    assert relayed_header(record) == ("relay", b"venue,risk")
    (request,) = requests_of(record, TENANT)
    assert request == QueryRequest("ord-1", record.seq, TENANT, ACCOUNT, "sim-a", COIN)
    again = desk.report(VenueRejected, "ord-1", code="x")
    assert told(again) == []
    assert requests_of(again, TENANT)
    agreed = desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="0", quantity="10", price="99")
    assert told(agreed) == CLEARED
    assert signals_of(agreed)[0].signal_id == signals_of(record)[0].signal_id
    assert told(desk.report(VenueRejected, "ord-1", code="x")) == RAISED


def test_an_order_that_is_not_known_here_is_asked_after_where_its_report_came_from(desk: Desk) -> None:
    place = {"symbol": COIN, "connector": "sim-b"}
    record = desk.report(VenueFilled, "ord-77", fill_id="f", price="1", quantity="1", **place)
    assert requests_of(record, "") == (QueryRequest("ord-77", record.seq, "", ACCOUNT, "sim-b", COIN),)
    dealt = (FoundFill("f", "1", "1"),)
    for difference in ({"outcome": "open"}, {"outcome": "canceled", "fills": dealt}, {"outcome": "filled"}):
        answer = desk.report(Reconcile, "ord-77", **place, **difference)
        assert (kinds(answer), told(answer), requests_of(answer, "")) == (["ReportUnmatched"], [], ())
    assert told(desk.report(Reconcile, "ord-77", outcome="not_found", **place)) == CLEARED
    assert not desk.report(Reconcile, "ord-77", outcome="not_found", **place).events


def test_a_report_that_names_no_place_is_kept_and_cannot_be_asked_after(desk: Desk) -> None:
    assert requests_of(desk.report(VenueCanceled, "ord-77"), TENANT) == ()


@pytest.mark.parametrize("fields", [{"outcome": "open", "filled_quantity": "2"}, {"outcome": "not_found"}])
def test_a_break_stays_while_they_differ_or_it_is_too_early_to_say(desk: Desk, fields: dict[str, Any]) -> None:
    desk.report(VenueRejected, "ord-1", code="x")
    assert told(desk.report(Reconcile, "ord-1", **fields)) == []
    fill = (FoundFill("f1", "99", "2"),)
    assert told(desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="2", fills=fill)) == CLEARED


def test_an_answer_that_settles_the_order_ends_its_break_too(desk: Desk) -> None:
    desk.report(VenueRejected, "ord-1", code="x")
    record = desk.report(Reconcile, "ord-1", outcome="not_found", venue_ts=LATER)
    assert kinds(record) == ["OrderCanceled", "BreakSettled"]


def test_a_difference_that_is_resolved_together_with_an_unknown_order_is_told_once(desk: Desk) -> None:
    desk.amend("ord-1", quantity="5")
    desk.report(VenueUnknown, "ord-1", code="venue.timeout", request="amend")
    record = desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="3")
    assert told(record) == [("reconciliation.break", "raised"), ("order.unknown", "cleared")]
    again = desk.report(Reconcile, "ord-1", outcome="open", filled_quantity="3")
    assert told(again) == []


def test_an_operator_ends_what_nobody_else_can(desk: Desk) -> None:
    desk.report(VenueCanceled, "ord-77")
    record = settle(desk, "ord-77")
    event = record.events[0]
    assert isinstance(event, BreakSettled)
    assert (event.outcome, event.reference, record.account) == ("operator", "ticket 7", None)
    assert told(record) == CLEARED
    assert isinstance(settle(desk, "ord-77").events[0], CommandDenied)


def test_so_many_breaks_stand_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaks, "MOST_BREAKS", 2)
    for number in range(4):
        desk.report(VenueCanceled, f"ord-{number + 70}")
    states = [[state for _, state in told(record)] for record in desk.records[-4:]]
    assert states == [["raised"], ["raised"], ["cleared", "raised"], ["cleared", "raised"]]
    assert list(desk.state.breaks) == ["ord-72", "ord-73"]


REPORTS = st.one_of(
    st.just((VenueRejected, {"code": "x"})),
    st.just((VenueCanceled, {})),
    st.builds(
        lambda outcome, filled: (Reconcile, {"outcome": outcome, "filled_quantity": filled, "venue_ts": LATER}),
        st.sampled_from(("open", "filled", "canceled", "rejected", "expired", "not_found")),
        st.sampled_from((None, "0", "1", "10")),
    ),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(("ord-1", "ord-7")), REPORTS), max_size=14), st.integers(0, 14))
def test_breaks_rise_and_end_in_turn_however_the_records_are_cut(
    reports: list[tuple[str, tuple[type, dict[str, Any]]]], cut: int
) -> None:
    desk = Desk()
    desk.place(quantity="10")
    for number, (order_id, (kind, fields)) in enumerate(reports):
        if number == cut:
            desk.state = restore(snapshot(desk.state))
        desk.report(kind, order_id, symbol=COIN, connector="sim-a", **fields)
    for order_id in ("ord-1", "ord-7"):
        signals = [one for record in desk.records for one in signals_of(record) if one.signal_id.endswith(order_id)]
        states = [one.state for one in signals if one.code == "reconciliation.break"]
        assert states == (["raised", "cleared"] * len(states))[: len(states)]
        assert (order_id in desk.state.breaks) == (len(states) % 2 == 1)
    for record in desk.records:
        asks = [event for event in record.events if isinstance(event, ReportUnmatched) and event.connector]
        assert bool(asks) == any(isinstance(one, QueryRequest) for one in requests_of(record, ""))
