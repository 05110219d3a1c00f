"""One synthetic instrument: price, book, trades and quotes that agree with each other. Pure, seeded; time is passed in."""

from decimal import Decimal
from math import ceil
from random import Random
from typing import Final, Literal, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.models.instruments import Instrument
from storage.models.market_data import Level, Quote, SessionState, Trade
from streams.feeds.replay.rolling_change import RollingChange
from streams.feeds.synthetic.book import BookSide, Sizes, depth_json
from streams.feeds.synthetic.price import PriceProcess
from streams.feeds.synthetic.profiles import PER_DOLLAR, Profile
from streams.feeds.synthetic.steps import Steps

SHOWN_LEVELS: Final = 10
NO_LEVEL: Final[Level] = ("0", "0")
_LEAST_ODDS: Final = Decimal("1.01")
_OPENED_BEFORE: Final = 23 * 3_600 * NANOSECONDS_PER_SECOND
_MOVE: Final[dict[SessionState, float]] = {"open": 1.0, "premarket": 0.5, "postmarket": 0.4, "closed": 0.15}
_WIDTH: Final[dict[SessionState, float]] = {"open": 1.0, "premarket": 3.0, "postmarket": 3.0, "closed": 4.0}
_TRADES: Final[dict[SessionState, float]] = {"open": 1.0, "premarket": 0.4, "postmarket": 0.3, "closed": 0.0}


class Update(NamedTuple):
    """One update: the trade, if it was one, the quote after it, and all levels of the book as JSON (None without depth)."""

    trade: Trade | None
    quote: Quote
    depth: bytes | None


class _Moment(NamedTuple):
    at: int
    ts: str
    taken_in: str
    state: SessionState


class SymbolMarket:
    """The market of one instrument. Each `update` is a trade against the book or a change of it, and the quote after it;
    an index has no book, its levels are prints without quantity.
    """

    def __init__(self, instrument: Instrument, profile: Profile, random: Random, began: int) -> None:
        self._instrument, self._profile, self._random = instrument, profile, random
        self._prices, self._quantities = Steps(instrument.tick_size), Steps(instrument.lot_size)
        self._start = self._prices.count(instrument.reference_price)
        self._price = PriceProcess(random, profile.volatility)
        self._floor = ceil(_LEAST_ODDS / self._prices.step) if instrument.asset_class == "prediction" else 1
        self._middle = float(self._start)
        self._least = self._least_lots()
        self._trade_sizes = self._sizes(profile.trade_notional)
        self._bids, self._asks = self._side(-1), self._side(1)
        self._last: str | None = None
        self._venue_seq = 0
        self._at = began
        self._change = RollingChange()
        day_before = max(self._floor, round(self._start * (1 + random.gauss(0, 0.01))))
        self._change.take(began - _OPENED_BEFORE, self._prices.text(day_before))
        if profile.levels:
            self._quote_around_middle("open")

    def _least_lots(self) -> int:
        """The least trade: minimum quantity and minimum notional, with room for the price to fall by half."""
        instrument = self._instrument
        worth = Decimal(instrument.reference_price) * Decimal(instrument.multiplier)
        notional = Decimal(instrument.min_notional) * 2 / worth
        return max(1, ceil(max(Decimal(instrument.min_quantity), notional) / Decimal(instrument.lot_size)))

    def _sizes(self, dollars: float) -> Sizes:
        instrument = self._instrument
        unit = float(Decimal(instrument.lot_size) * Decimal(instrument.multiplier))
        if instrument.tradable or instrument.asset_class == "index":  # an inverse contract is worth its multiplier
            unit *= float(instrument.reference_price) if instrument.asset_class != "prediction" else 1
        return Sizes(self._random, dollars * PER_DOLLAR.get(instrument.currency, 1) / unit, self._least)

    def _side(self, direction: int) -> BookSide:
        return BookSide(
            self._random,
            self._prices,
            self._quantities,
            self._sizes(self._profile.level_notional),
            direction=direction,
            levels=self._profile.levels,
            gap=max(1, round(self._profile.gap * self._start)),
            floor=self._floor,
        )

    def update(self, at: int, taken_in: str, state: SessionState) -> Update:
        """What happens at `at` (ns, not before the last), to be published at `taken_in` (RFC 3339)."""
        elapsed = max(0, at - self._at) / NANOSECONDS_PER_SECOND
        self._at = at
        factor = self._price.advance(elapsed, _MOVE[state])
        self._middle = max(self._floor + 1.0, self._start * factor)
        moment = _Moment(at, format_timestamp(at), taken_in, state)
        if not self._profile.levels:
            return self._index_print(moment)
        trade = None
        if self._random.random() < self._profile.trade_share * _TRADES[state]:
            trade = self._trade(moment)
        else:
            self._quote_around_middle(state)
        depth = depth_json(self._bids, self._asks) if self._profile.levels > 1 else None
        return Update(trade, self._quote(moment), depth)

    def _quote_around_middle(self, state: SessionState) -> None:
        usual = self._profile.spread * self._start * _WIDTH[state]
        spread = max(1, round(usual * (0.6 + 0.8 * self._random.random())))
        bid = max(self._floor, round(self._middle - spread / 2))
        self._bids.quote_at(bid)
        self._asks.quote_at(bid + spread)
        for side in (self._bids, self._asks):
            side.change_sizes(1 if self._profile.levels == 1 else 2)

    def _trade(self, moment: _Moment) -> Trade:
        """Somebody takes from the best level, mostly in the direction in which the price is going."""
        rising = self._middle * 2 > self._bids.best.ticks + self._asks.best.ticks
        buys = rising if self._random.random() < 0.7 else self._random.random() < 0.5
        side: Literal["buy", "sell"] = "buy" if buys else "sell"
        taken_from = self._asks if buys else self._bids
        price = taken_from.best.level[0]
        lots = min(self._trade_sizes.draw(), taken_from.best.lots)
        taken_from.take(lots)
        return self._printed(moment, price, self._quantities.text(lots), side)

    def _printed(self, moment: _Moment, price: str, quantity: str, side: Literal["buy", "sell"] | None) -> Trade:
        self._venue_seq = max(self._venue_seq + 1, moment.at // 1_000)
        self._last = price
        symbol, venue, number = self._instrument.symbol, self._instrument.venue, self._venue_seq
        return Trade(symbol, venue, str(number), number, price, quantity, side, moment.ts, moment.taken_in)

    def _index_print(self, moment: _Moment) -> Update:
        level = self._prices.text(round(self._middle))
        trade = self._printed(moment, level, "0", None) if moment.state == "open" else None
        return Update(trade, self._quote_of(moment, self._last or level, NO_LEVEL, NO_LEVEL), None)

    def _quote(self, moment: _Moment) -> Quote:
        bid, ask = self._bids.best, self._asks.best
        last = self._last or self._prices.middle(bid.ticks, ask.ticks)
        return self._quote_of(moment, last, bid.level, ask.level)

    def _quote_of(self, moment: _Moment, last: str, bid: Level, ask: Level) -> Quote:
        deep = self._profile.levels > 1
        return Quote(
            self._instrument.symbol,
            self._instrument.venue,
            last,
            bid[0],
            ask[0],
            bid[1],
            ask[1],
            moment.state,
            moment.ts,
            moment.taken_in,
            self._change.take(moment.at, last),
            tuple([level.level for level in self._bids.levels[:SHOWN_LEVELS]]) if deep else None,
            tuple([level.level for level in self._asks.levels[:SHOWN_LEVELS]]) if deep else None,
        )
