from typing import Any

import pytest

from ops.runtime.timestamps import parse_timestamp
from storage.models.calendars import Calendar, Segment
from storage.models.controls import Controls
from storage.models.market_data import FeedState, Quote, QuoteState, SessionState, encode
from storage.models.order_records import UsedQuote
from streams.orders.board import MarketBoard, next_open

WEEK = Calendar(
    name="NINE-TO-FIVE",
    timezone="UTC",
    weekly={
        day: (
            Segment(state="premarket", start_minute=480, end_minute=540),
            Segment(state="open", start_minute=540, end_minute=1020),
        )
        for day in range(5)
    },
)
FRIDAY_CLOSE, MONDAY_OPEN = "2024-08-09T17:00:00Z", "2024-08-12T09:00:00Z"
SYMBOL = "ACME.US"


def quote(ts_in: str, **changes: Any) -> Quote:
    fields = {
        "symbol": SYMBOL,
        "venue": "XNAS",
        "last": "10",
        "bid": "9",
        "ask": "11",
        "bid_size": "1",
        "ask_size": "1",
    }
    return Quote(**{**fields, "session_state": "open", "ts": ts_in, "ts_in": ts_in, **changes})


def state(ts: str, feed: FeedState, session: SessionState = "open") -> QuoteState:
    return QuoteState(SYMBOL, feed, session, ts, ts)


def used(board: MarketBoard, now: str) -> UsedQuote:
    return board.market(parse_timestamp(now), Controls(), [SYMBOL, "NONE.US"]).quotes[SYMBOL]


class Board(MarketBoard):
    """A board that is given structs, and says what it could not read."""

    def __init__(self, calendar: Calendar | None = None) -> None:
        self.unreadable: list[str] = []
        super().__init__(
            lambda symbol: calendar if symbol == SYMBOL else None, lambda symbol, why: self.unreadable.append(why)
        )
        self.fresh_until = parse_timestamp("2100-01-01T00:00:00Z")

    def see(self, seen: Quote | QuoteState) -> None:
        (self.take_quote if isinstance(seen, Quote) else self.take_state)(seen.symbol.encode(), encode(seen))


@pytest.fixture
def board() -> Board:
    return Board(WEEK)


def test_a_quote_is_live_and_has_an_age(board: Board) -> None:
    board.see(quote("2024-08-09T12:00:00Z"))
    seen = used(board, "2024-08-09T12:00:01.2345Z")
    assert (seen.bid, seen.ask, seen.last, seen.feed_state, seen.age_ms) == ("9", "11", "10", "live", 1_234)
    assert board.market(0, Controls(), ["NONE.US"]).quotes == {}


def test_the_newer_of_quote_and_state_counts(board: Board) -> None:
    board.see(quote("2024-08-09T12:00:00Z"))
    board.see(state("2024-08-09T12:00:30Z", "stale"))
    assert used(board, "2024-08-09T12:00:31Z").feed_state == "stale"
    board.see(quote("2024-08-09T12:00:40Z"))
    assert used(board, "2024-08-09T12:00:41Z").feed_state == "live"
    board.see(state(FRIDAY_CLOSE, "closed", "closed"))
    closed = used(board, "2024-08-09T17:00:01Z")
    assert (closed.feed_state, closed.session_state) == ("closed", "closed")


def test_everything_is_stale_while_the_tail_lags(board: Board) -> None:
    board.see(quote("2024-08-09T12:00:00Z"))
    board.fresh_until = parse_timestamp("2024-08-09T12:00:00Z")
    assert used(board, "2024-08-09T12:00:00Z").feed_state == "live"
    assert used(board, "2024-08-09T12:00:00.000000001Z").feed_state == "stale"
    assert MarketBoard(lambda _: None, lambda *_: None).lags(1)


def test_a_closed_symbol_has_the_hours_of_its_next_day(board: Board) -> None:
    board.see(quote("2024-08-09T16:59:59Z"))
    board.see(state(FRIDAY_CLOSE, "closed", "closed"))
    market = board.market(parse_timestamp("2024-08-10T12:00:00Z"), Controls(), [SYMBOL], SYMBOL)
    hours = market.hours[SYMBOL]
    assert hours == (parse_timestamp(MONDAY_OPEN), parse_timestamp("2024-08-12T17:00:00Z"))


def test_a_replay_has_its_own_clock(board: Board) -> None:
    """Recorded on Friday 16:00, taken in two years later: the open of Monday is 65 hours on, by the wall's clock."""
    board.see(quote("2026-01-01T00:00:00Z", ts="2024-08-09T16:00:00Z", session_state="closed"))
    now = parse_timestamp("2026-01-01T01:00:00Z")
    hours = board.market(now, Controls(), [SYMBOL], SYMBOL).hours[SYMBOL]
    assert hours.opens_at == now + (parse_timestamp(MONDAY_OPEN) - parse_timestamp(FRIDAY_CLOSE))


def test_without_a_calendar_there_are_no_hours() -> None:
    board = Board()
    board.see(quote("2024-08-09T16:59:59Z", session_state="closed"))
    assert board.market(parse_timestamp(FRIDAY_CLOSE), Controls(), [SYMBOL], SYMBOL).hours[SYMBOL] == (None, None)
    assert board.market(parse_timestamp(FRIDAY_CLOSE), Controls(), [SYMBOL]).hours == {}


def test_the_premarket_is_no_open() -> None:
    assert next_open(WEEK, parse_timestamp("2024-08-12T08:30:00Z")) == parse_timestamp(MONDAY_OPEN)
    assert next_open(WEEK, parse_timestamp("2024-08-12T10:00:00Z")) == parse_timestamp("2024-08-12T10:00:00Z")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"a":' * 100_000,
        encode(quote("2024-08-09T12:00:00")),
        encode(quote("2024-08-09T12:00:00Z", ts="today")),
        encode(quote("2024-08-09T12:00:00Z", symbol="OTHER.US")),
    ],
)
def test_what_is_no_quote_counts_as_none_and_is_told_once(board: Board, value: bytes) -> None:
    board.see(quote("2024-08-09T12:00:00Z"))
    board.take_quote(SYMBOL.encode(), value)
    for _ in range(2):
        assert board.market(0, Controls(), [SYMBOL]).quotes == {}
    assert len(board.unreadable) == 1
    board.see(quote("2024-08-09T12:00:01Z"))
    assert used(board, "2024-08-09T12:00:01Z").feed_state == "live"


def test_what_is_no_state_counts_as_none(board: Board) -> None:
    board.see(quote("2024-08-09T12:00:00Z"))
    board.take_state(SYMBOL.encode(), b"[]")
    assert used(board, "2024-08-09T12:00:01Z").feed_state == "live"
    assert board.unreadable == ["not a feed state: Expected `object`, got `array`"]
