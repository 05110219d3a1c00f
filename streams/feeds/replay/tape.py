"""Rows of one symbol -> the records that the platform publishes. Pure; times and session state are handed in."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from ops.runtime.timestamps import format_timestamp
from storage.models.market_data import Level, Quote, SessionState, Trade
from streams.feeds.replay.rolling_change import RollingChange
from streams.feeds.replay.rows import NO_LEVEL, QuoteRow, TradeRow

SessionAt = Callable[[int], SessionState]


class SymbolTape:
    """What is known of one symbol while its rows go by: last price, best quote, ten levels, the last 24 hours.

    `bid` and `ask` are the newest of book and best-quote rows, `bids` and `asks` come from depth rows alone. `last` is
    the last trade's price, or the mid (of one side alone: that side) while there was none.
    """

    def __init__(self, symbol: str, venue: str, session_at: SessionAt) -> None:
        self.symbol, self.venue = symbol, venue
        self._session_at = session_at
        self._last: str | None = None
        self._change = RollingChange()
        self._bid, self._ask = NO_LEVEL, NO_LEVEL
        self._bids: tuple[Level, ...] | None = None
        self._asks: tuple[Level, ...] | None = None
        self._quoted = False

    def trade(self, row: TradeRow, ts: int, taken_in: str) -> Trade:
        """The trade, published as of `ts` (ns) and taken in at `taken_in` (RFC 3339)."""
        self._last = row.price
        return Trade(
            self.symbol,
            self.venue,
            row.trade_id,
            row.venue_seq,
            row.price,
            row.quantity,
            row.side,
            format_timestamp(ts),
            taken_in,
        )

    def quote_of_trade(self, ts: int, taken_in: str) -> Quote | None:
        """The quote that a trade moves: only of a symbol without recorded quotes so far, whose `last` nothing else
        would carry.
        """
        return None if self._quoted else self._quote(ts, taken_in)

    def quote(self, row: QuoteRow, ts: int, taken_in: str) -> Quote:
        """The quote after `row`."""
        self._quoted = True
        self._bid, self._ask = (row.bid, row.bid_size), (row.ask, row.ask_size)
        if row.bids is not None:
            self._bids, self._asks = row.bids, row.asks
        return self._quote(ts, taken_in)

    def _quote(self, ts: int, taken_in: str) -> Quote:
        last = self._last or _middle(self._bid[0], self._ask[0])
        change = self._change.take(ts, last)
        bid, ask = self._bid, self._ask
        return Quote(
            self.symbol,
            self.venue,
            last,
            bid[0],
            ask[0],
            bid[1],
            ask[1],
            self._session_at(ts),
            format_timestamp(ts),
            taken_in,
            change,
            self._bids,
            self._asks,
        )


@lru_cache(maxsize=16_384)
def _middle(bid: str, ask: str) -> str:
    if "0" in (bid, ask):
        return ask if bid == "0" else bid
    text = f"{(Decimal(bid) + Decimal(ask)) / 2:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
