"""The synthetic stream: repeatable, consistent with itself, its instruments and their calendars, and alive on a Sunday."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from math import log
from random import Random

import pytest

from ops.runtime.timestamps import parse_timestamp
from storage.models.calendar_rules import session_state
from storage.models.instruments import ASSET_CLASSES, Instrument
from storage.models.market_data import Quote, Trade, encode
from storage.reference_data.builtin import load_builtin
from streams.feeds.port import FeedRecord
from streams.feeds.synthetic.price import PriceProcess
from streams.feeds.synthetic.profiles import PROFILES
from streams.feeds.synthetic.venues import SyntheticVenues

REFERENCE = load_builtin()
SYMBOLS = sorted(REFERENCE.instruments)
SECOND = 1_000_000_000


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


SUNDAY = moment("2026-11-22T15:00:00+00:00")
MONDAY = moment("2026-11-23T14:29:00+00:00")  # a minute before New York's open; Tokyo and Hong Kong are closed


def stream(
    began: int,
    seconds: int,
    *,
    seed: int = 7,
    symbols: Sequence[str] = SYMBOLS,
    step: float = 0.05,
    rate: float | None = None,
) -> Iterator[FeedRecord]:
    venues = SyntheticVenues(REFERENCE, symbols, seed, began, rate)
    for tick in range(1, round(seconds / step) + 1):
        yield from venues.advance(began + round(tick * step * SECOND))


def fingerprint(records: Iterator[FeedRecord]) -> list[tuple[bytes, int, bytes | None]]:
    return [(encode(record.payload), record.line, record.depth) for record in records]


def test_the_same_seed_gives_the_same_stream_and_another_another() -> None:
    first, again = fingerprint(stream(SUNDAY, 5)), fingerprint(stream(SUNDAY, 5))
    assert first == again
    assert len(first) > 100
    assert fingerprint(stream(SUNDAY, 5, seed=8)) != first


def test_how_often_it_is_asked_changes_nothing_but_when_it_was_taken_in() -> None:
    def without_taken_in(step: float) -> list[tuple[object, ...]]:
        return [(r.line, r.payload.symbol, r.payload.ts, r.depth) for r in stream(SUNDAY, 6, step=step)]

    assert without_taken_in(0.02) == without_taken_in(0.5)


def test_a_symbol_has_the_same_market_whoever_else_is_there() -> None:
    def of_bitcoin(symbols: Sequence[str]) -> list[str]:
        began = SUNDAY - SYMBOLS.index("BTCUSDT.BINANCE") if len(symbols) == 1 else SUNDAY
        records = stream(began, 5, symbols=symbols)
        return [
            r.payload.bid for r in records if isinstance(r.payload, Quote) and r.payload.symbol == "BTCUSDT.BINANCE"
        ]

    alone, among = of_bitcoin(["BTCUSDT.BINANCE"]), of_bitcoin(SYMBOLS)
    assert alone[:5] == among[:5]


class Checker:
    """Looks at one symbol's records in order."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.tick, self.lot = Decimal(instrument.tick_size), Decimal(instrument.lot_size)
        self.before: Quote | None = None
        self.trade: Trade | None = None

    def check(self, record: FeedRecord) -> None:
        if isinstance(record.payload, Trade):
            self.check_trade(record.payload)
        else:
            self.check_quote(record.payload, record.depth)
        calendar = REFERENCE.calendar_of(self.instrument.symbol)
        state = session_state(calendar, parse_timestamp(record.payload.ts))
        if isinstance(record.payload, Quote):
            assert record.payload.session_state == state
        else:
            assert state != "closed"

    def check_trade(self, trade: Trade) -> None:
        self.canonical(trade.price, self.tick)
        self.canonical(trade.quantity, self.lot)
        if self.trade is not None:
            assert trade.venue_seq > self.trade.venue_seq
            assert parse_timestamp(trade.ts) >= parse_timestamp(self.trade.ts)
        if self.instrument.asset_class == "index":
            assert (trade.quantity, trade.side) == ("0", None)
        else:
            assert Decimal(trade.quantity) >= Decimal(self.instrument.min_quantity)
            worth = Decimal(trade.quantity) * Decimal(trade.price) * Decimal(self.instrument.multiplier)
            assert worth >= Decimal(self.instrument.min_notional)
            if self.before is not None:
                price, size = (
                    (self.before.ask, self.before.ask_size)
                    if trade.side == "buy"
                    else (self.before.bid, self.before.bid_size)
                )
                assert trade.price == price
                assert Decimal(trade.quantity) <= Decimal(size)
        self.trade = trade

    def check_quote(self, quote: Quote, depth: bytes | None) -> None:
        if self.instrument.asset_class == "index":
            assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size, depth) == ("0", "0", "0", "0", None)
        else:
            assert Decimal(0) < Decimal(quote.bid) < Decimal(quote.ask)
            for price, size in ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size)):
                self.canonical(price, self.tick)
                self.canonical(size, self.lot)
                assert Decimal(size) > 0
        if self.trade is not None:
            assert quote.last == self.trade.price
        elif self.instrument.asset_class != "index":
            assert Decimal(quote.last) == (Decimal(quote.bid) + Decimal(quote.ask)) / 2
        assert quote.change_24h is not None
        assert abs(Decimal(quote.change_24h)) < 50
        self.check_depth(quote, depth)
        self.before = quote

    def check_depth(self, quote: Quote, depth: bytes | None) -> None:
        if depth is None:
            assert quote.bids is None
            assert quote.asks is None
            return
        levels = json.loads(depth)
        assert quote.bids is not None
        assert quote.asks is not None
        assert quote.bids[0] == (quote.bid, quote.bid_size)
        assert quote.asks[0] == (quote.ask, quote.ask_size)
        for shown, side, direction in ((quote.bids, levels["bids"], -1), (quote.asks, levels["asks"], 1)):
            assert [list(level) for level in shown] == side[:10]
            assert 1 <= len(side) <= 50
            prices = [Decimal(price) for price, _ in side]
            assert all((after - before) * direction > 0 for before, after in pairwise(prices))
            assert all(Decimal(size) > 0 for _, size in side)

    def canonical(self, text: str, step: Decimal) -> None:
        assert Decimal(text) % step == 0, (self.instrument.symbol, text)
        assert "E" not in text
        assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("began", [SUNDAY, MONDAY])
def test_books_trades_and_sessions_agree(began: int, seed: int) -> None:
    checkers = {symbol: Checker(REFERENCE.instruments[symbol]) for symbol in SYMBOLS}
    lines = []
    for record in stream(began, 75, seed=seed, step=0.2):
        checkers[record.payload.symbol].check(record)
        lines.append(record.line)
    assert lines == list(range(1, len(lines) + 1))
    assert all(checker.before is not None for checker in checkers.values())
    assert checkers["BTCUSDT.BINANCE"].before.bids is not None
    assert checkers["EURUSD.OANDA"].before.bids is None


def test_on_a_sunday_all_seven_classes_move_within_ten_seconds_and_closed_venues_do_not_trade() -> None:
    seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    states: dict[str, set[str]] = defaultdict(set)
    trades: Counter[str] = Counter()
    for record in stream(SUNDAY, 10):
        asset_class = REFERENCE.instruments[record.payload.symbol].asset_class
        if isinstance(record.payload, Trade):
            trades[asset_class] += 1
        else:
            quote = record.payload
            seen[quote.symbol].add((quote.bid, quote.ask, quote.last))
            states[asset_class].add(quote.session_state)
    moving = {REFERENCE.instruments[symbol].asset_class for symbol, values in seen.items() if len(values) > 1}
    assert moving == set(ASSET_CLASSES)
    assert set(seen) == set(SYMBOLS)
    assert set(trades) == {"crypto", "futures", "prediction", "index"}
    assert states["equity"] == states["fx"] == states["metals"] == {"closed"}


def test_the_open_is_quoted_at_the_open() -> None:
    opening = MONDAY + 60 * SECOND
    quotes = [r.payload for r in stream(MONDAY, 70, symbols=["AAPL.US"]) if isinstance(r.payload, Quote)]
    first_open = next(quote for quote in quotes if quote.session_state == "open")
    assert parse_timestamp(first_open.ts) == opening
    assert {quote.session_state for quote in quotes if parse_timestamp(quote.ts) < opening} == {"premarket"}


def test_a_rate_is_kept_whatever_the_session() -> None:
    quotes = sum(isinstance(record.payload, Quote) for record in stream(SUNDAY, 20, rate=500))
    assert 8_500 < quotes < 11_500


def test_a_slow_rate_is_slow() -> None:
    quotes = Counter(r.payload.ts for r in stream(SUNDAY, 600, rate=0.5, step=5) if isinstance(r.payload, Quote))
    assert len(SYMBOLS) < sum(quotes.values()) < 500


def test_what_a_sleeping_machine_missed_is_left_out() -> None:
    venues = SyntheticVenues(REFERENCE, SYMBOLS, 7, SUNDAY)
    venues.advance(SUNDAY + SECOND)
    woken = venues.advance(SUNDAY + 3_600 * SECOND)
    assert 0 < len(woken) < 500
    assert all(parse_timestamp(record.payload.ts) >= SUNDAY + 3_599 * SECOND for record in woken)


def test_a_clock_that_is_set_back_does_not_silence_it() -> None:
    venues = SyntheticVenues(REFERENCE, SYMBOLS, 7, SUNDAY)
    last = venues.advance(SUNDAY + 5 * SECOND)[-1]
    back = SUNDAY - 3_600 * SECOND
    again = venues.advance(back + SECOND)
    assert {record.payload.symbol for record in again} == set(SYMBOLS)
    assert again[0].line == last.line + 1
    sequences = [
        r.payload.venue_seq for r in again if isinstance(r.payload, Trade) and r.payload.symbol == "BTCUSDT.BINANCE"
    ]
    assert all(sequence > SUNDAY // 1_000 for sequence in sequences)


@pytest.mark.parametrize("seed", range(5))
def test_a_price_has_calm_and_busy_spells_and_does_not_wander_off_in_a_week(seed: int) -> None:
    process = PriceProcess(Random(seed), PROFILES["crypto"].volatility)  # noqa: S311
    factors = [process.advance(10, 1) for _ in range(7 * 8_640)]
    assert min(factors) > 0.7
    assert max(factors) < 1.4
    moves = [abs(log(after / before)) for before, after in pairwise(factors)]
    hours = [sum(moves[start : start + 30]) for start in range(0, len(moves) - 30, 30)]
    assert max(hours) > 2.5 * sorted(hours)[len(hours) // 2]  # a walk with one volatility stays below 1.7


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SyntheticVenues(REFERENCE, SYMBOLS, 7, SUNDAY, rate)
