"""The engine as an owner takes it, its reports as commands of the order core, and a reader that falls behind."""

from typing import NamedTuple

import pytest

from ops.runtime.clock import ManualClock
from storage.models.order_commands import decode_command, encode_command
from storage.models.venues import VenueRecord, encode
from streams.owner.rules import Moment, Rules
from streams.venues.commands import command_of
from streams.venues.port import VenueDisconnected
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.connection import REPORTS_AT_MOST, SimulatedExchange
from streams.venues.simulated.decide import Command, Elapsed, QuoteMoved, Unreadable
from streams.venues.simulated.owner_rules import SimulatedVenueRules
from streams.venues.simulated.state import SymbolState
from streams.venues.simulated.venue import SimulatedVenue


class LogRecord(NamedTuple):
    offset: int
    key: bytes
    value: bytes


@pytest.fixture
def rules(reference) -> SimulatedVenueRules:
    rules: Rules[SymbolState, Command, VenueRecord] = SimulatedVenueRules(FeedBoard(reference))
    return rules


def own(rules, command, ts, state):
    """What an owner does with a command."""
    decision = rules.decide(state, command, Moment(ts, 17, None, 0))
    if decision is not None:
        rules.evolve(state, rules.read(LogRecord(0, rules.key(command), decision.value)))
    return decision


def quote_value(desk, **prices) -> bytes:
    desk.quote(**prices)
    return desk.venue.board.market(desk.symbol, desk.now).feed.value


def test_requests_and_quotes_become_records_under_the_epoch(rules, desk):
    state = rules.new_state(b"BTC.X")
    assert rules.quotes_seen([LogRecord(1, b"BTC.X", quote_value(desk))]) == []
    request = rules.decode(LogRecord(5, b"BTC.X", encode(desk.submission("o1", "buy", "1", "100"))))
    record = own(rules, request, desk.now, state).event
    assert (record.epoch, record.cause.offset, record.used_quote) == (17, 5, 1)
    batch = [
        LogRecord(2, b"BTC.X", quote_value(desk, bid="90", ask="100", size="0.25")),
        LogRecord(3, b"BTC.X", quote_value(desk, bid="90", ask="101")),
        LogRecord(4, b"BTC.X", quote_value(desk, bid="90", ask="99", size="0.5")),
        LogRecord(4, b"BTC.X", quote_value(desk, bid="90", ask="99", size="0.5")),
    ]
    moved = rules.quotes_seen(batch)
    assert [command.feed.offset for command in moved] == [2, 4]
    records = [own(rules, command, desk.now, state).event for command in moved]
    assert [record.reports[0].fill.quantity for record in records] == ["0.25", "0.5"]
    assert own(rules, QuoteMoved("BTC.X", moved[0].feed), desk.now, state) is None


def test_what_cannot_be_read_is_refused_on_the_log(rules, desk):
    state = rules.new_state(b"BTC.X")
    bad = rules.decode(LogRecord(5, b"BTC.X", b'{"kind":"submit"}'))
    other = rules.decode(LogRecord(6, b"ABC.US", encode(desk.submission("o1", "buy", "1"))))
    assert isinstance(bad, Unreadable)
    assert isinstance(other, Unreadable)
    record = own(rules, bad, desk.now, state).event
    assert "order_id" in record.refused
    assert (record.seq, record.cause.offset, record.reports) == (1, 5, ())


def test_what_is_due_is_asked_for_and_survives_a_take_over(rules, desk, reference):
    state = rules.new_state(b"BTC.X")
    slow = desk.submission("o1", "buy", "1", "95", client_order_id="sim:slow:50:a")
    own(rules, rules.decode(LogRecord(0, b"BTC.X", encode(slow))), desk.now, state)
    assert rules.due(desk.now) == []
    heir = SimulatedVenueRules(FeedBoard(reference))
    state = heir.restore(b"BTC.X", rules.snapshot(state))
    later = desk.now + 50_000_000
    assert heir.due(later) == [Elapsed("BTC.X")]
    assert [report.kind for report in own(heir, Elapsed("BTC.X"), later, state).event.reports] == ["acknowledged"]
    assert heir.due(later) == []
    assert own(heir, Elapsed("BTC.X"), later, state) is None


def test_every_report_becomes_a_command_of_the_account(desk):
    desk.quote()
    desk.submit("o1", price="101", quantity="1")
    desk.submit("o2", price="90")
    desk.amend("o2", price="91")
    desk.amend("o2", price="91.001")
    desk.cancel("o2")
    desk.cancel("o2")
    desk.submit("o3", price="90.001")
    desk.submit("o4", price="90", client_order_id="sim:timeout-then-reject:1")
    desk.query("o1")
    desk.submit("o5", price="90", time_in_force="DAY")
    desk.tick(24 * 3600)
    commands = [command_of(report) for report in desk.reports]
    assert [decode_command(encode_command(command)) for command in commands] == commands
    assert [command.command_id for command in commands] == [report.report_id for report in desk.reports]
    kinds = {report.kind: type(command_of(report)).__name__ for report in desk.reports}
    assert kinds == {
        "acknowledged": "VenueAcknowledged",
        "filled": "VenueFilled",
        "replaced": "VenueReplaced",
        "replace_rejected": "VenueReplaceRejected",
        "canceled": "VenueCanceled",
        "cancel_rejected": "VenueCancelRejected",
        "rejected": "VenueRejected",
        "unknown": "VenueUnknown",
        "reconciled": "Reconcile",
        "expired": "VenueExpired",
    }
    replaced = next(command_of(report) for report in desk.reports if report.kind == "replaced")
    assert (replaced.request_seq, replaced.quantity, replaced.price) == (3, "1", "91")


async def test_a_reader_that_falls_behind_is_disconnected_and_can_reconcile(desk, reference):
    exchange = SimulatedExchange(SimulatedVenue(reference), ManualClock())
    connection = exchange.connect("sim-a")
    for number in range(REPORTS_AT_MOST + 1):
        await connection.submit(desk.submission("o1", "buy", "1", "90", account_id=f"a{number}"))
    stream = connection.reports()
    with pytest.raises(VenueDisconnected, match="sim-a"):
        await anext(stream)
    assert [order.order_id for order in await exchange.connect("sim-a").open_orders()] == ["o1"]
