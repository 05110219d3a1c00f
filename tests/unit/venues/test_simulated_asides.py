"""What the venue's rules give to their owner besides requests: what is due, what was not seen yet, and what is let go."""

from typing import NamedTuple

import pytest

from storage.models.venues import CheckConnector, ConnectorCheck, VenueRecord, encode
from streams.owner.rules import Moment
from streams.venues.simulated.agenda import Agenda
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.decide import Elapsed, QuoteMoved, Unreadable
from streams.venues.simulated.owner_rules import LOOK_AGAIN, NO_SYMBOL, SimulatedVenueRules

SECOND = 1_000_000_000
SYMBOL = b"BTC.X"


class LogRecord(NamedTuple):
    offset: int
    key: bytes
    value: bytes


@pytest.fixture
def rules(reference) -> SimulatedVenueRules:
    return SimulatedVenueRules(FeedBoard(reference))


def own(rules, state, command, ts) -> VenueRecord | None:
    decision = rules.decide(state, command, Moment(ts, 17, None, 0))
    if decision is not None:
        rules.evolve(state, decision.event)
    return None if decision is None else decision.event


def ask(rules, state, desk, offset=0, **fields) -> VenueRecord:
    request = desk.submission(fields.pop("order_id", f"o{offset}"), "buy", "1", **fields)
    return own(rules, state, rules.decode(LogRecord(offset, SYMBOL, encode(request))), desk.now)


def value(desk, **prices) -> bytes:
    desk.quote(**prices)
    return desk.venue.board.newest(desk.symbol).value


def test_an_agenda_gives_each_symbol_once_at_its_earliest_time():
    agenda = Agenda()
    agenda.look("a", 5)
    agenda.look("b", 3)
    agenda.look("a", 9)
    agenda.look("c", 4)
    agenda.drop("c")
    assert agenda.take(2) == []
    assert agenda.take(5) == ["b", "a"]
    assert agenda.take(10) == []
    agenda.look("a", 11)
    agenda.look("a", 10)
    assert agenda.take(10) == ["a"]
    assert agenda.take(11) == []


def test_what_is_due_is_given_once_and_again_only_when_nothing_came_of_it(rules, desk):
    state = rules.new_state(SYMBOL)
    ask(rules, state, desk, price="95", client_order_id="sim:slow:50:1")
    assert rules.due(desk.now) == []
    later = desk.now + 50_000_000
    assert rules.due(later - 1) == []
    assert rules.due(later) == [Elapsed("BTC.X")]
    assert rules.due(later + 10_000_000) == []
    assert rules.due(later + LOOK_AGAIN) == [Elapsed("BTC.X")]
    assert own(rules, state, Elapsed("BTC.X"), later + LOOK_AGAIN) is not None
    assert rules.due(later + 5 * LOOK_AGAIN) == []


def test_a_symbol_that_waits_for_its_connector_is_looked_at_again_when_that_answers(rules, desk):
    state = rules.new_state(SYMBOL)
    rules.board.faults = {"sim-a": "timeout"}
    ask(rules, state, desk, price="95")
    assert rules.due(desk.now) == []
    rules.board.faults = {}
    rules.look_again()
    assert rules.due(desk.now) == [Elapsed("BTC.X")]


def test_what_is_taken_over_is_shown_its_newest_quote_once(rules, desk, reference):
    state = rules.new_state(SYMBOL)
    rules.quotes_seen([LogRecord(1, SYMBOL, value(desk))])
    ask(rules, state, desk, price="100")
    snapshot = rules.snapshot(state)
    heir = SimulatedVenueRules(FeedBoard(reference))
    heir.quotes_seen([LogRecord(2, SYMBOL, value(desk, ask="99"))])
    state = heir.restore(SYMBOL, snapshot)
    [shown] = heir.due(desk.now)
    assert isinstance(shown, QuoteMoved)
    record = own(heir, state, shown, desk.now)
    assert [report.kind for report in record.reports] == ["filled"]
    assert heir.due(desk.now) == []


def test_what_is_let_go_is_forgotten_and_others_stay(rules, desk):
    kept, gone = rules.new_state(SYMBOL), rules.new_state(b"ABC.US")
    rules.quotes_seen([LogRecord(1, SYMBOL, value(desk)), LogRecord(2, b"ABC.US", b"{}")])
    ask(rules, kept, desk, price="95", client_order_id="sim:slow:50:1")
    rules.let_go(lambda symbol: symbol == gone.symbol)
    assert rules.board.newest("ABC.US") is None
    assert rules.board.newest("BTC.X") is not None
    assert [command.symbol for command in rules.due(desk.now)] == ["BTC.X"]
    rules.let_go(lambda _: True)
    assert rules.due(desk.now + SECOND) == []
    assert rules.quotes_seen([LogRecord(3, SYMBOL, value(desk, ask="90"))]) == []


def test_a_quote_of_before_a_partition_came_back_does_not_keep_a_newer_one_out(rules, desk):
    rules.quotes_seen([LogRecord(90, SYMBOL, value(desk))])
    rules.let_go(lambda _: True)
    rules.quotes_seen([LogRecord(5, SYMBOL, value(desk, ask="90"))])
    assert rules.board.newest("BTC.X").offset == 5


@pytest.mark.parametrize("key", [b"", None, b"\xff", b"x" * 101])
def test_a_request_under_a_key_that_is_no_symbol_is_refused_somewhere(rules, desk, key):
    command = rules.decode(LogRecord(3, key, encode(desk.submission("o1", "buy", "1"))))
    assert isinstance(command, Unreadable)
    assert rules.key(command) == NO_SYMBOL.encode()
    record = own(rules, rules.new_state(rules.key(command)), command, desk.now)
    assert (record.cause.offset, record.reports) == (3, ())


@pytest.mark.parametrize("bad", [b"", b"[" * 100_000, b'"\xff"', b'{"kind": "' + b"x" * 100_000 + b'"}'])
def test_what_is_no_request_is_refused_in_a_few_words(rules, bad):
    command = rules.decode(LogRecord(3, SYMBOL, bad))
    assert isinstance(command, Unreadable)
    assert len(command.reason) <= 500


def test_a_check_is_answered_by_the_connectors_fault_and_may_be_repeated(rules, desk):
    rules.board.faults = {"sim-b": "down"}
    state = rules.new_state(b"sim-b")
    command = rules.decode(LogRecord(3, b"sim-b", encode(CheckConnector("job-1", "sim-b"))))
    assert rules.key(command) == b"sim-b"
    first = own(rules, state, command, desk.now)
    assert first.checked == ConnectorCheck(
        "job-1", "sim-b", "down", first.ts, "connector.unavailable", "SIM_CONNECTOR_DOWN"
    )
    rules.board.faults = {}
    assert own(rules, state, command, desk.now).checked == ConnectorCheck("job-1", "sim-b", "up", first.ts)
    assert rules.restore(b"sim-b", rules.snapshot(state)).seq == 2
