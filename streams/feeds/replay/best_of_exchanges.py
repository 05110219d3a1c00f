"""The best bid and offer over exchanges of one symbol, from each exchange's own best."""

from decimal import Decimal
from functools import lru_cache

from storage.models.market_data import Level
from streams.feeds.replay.rows import NO_LEVEL, QuoteRow

_Quote = tuple[Decimal, Decimal, str, str]
_as_decimal = lru_cache(maxsize=65_536)(Decimal)


class BestOfExchanges:
    """Highest bid and lowest offer, then the largest size, then the exchange that was there first (the consolidated
    tape's priority: price, size, time). An exchange's side with price or size 0 is no quote.
    """

    def __init__(self) -> None:
        self._bids = _BestSide(best_is_high=True)
        self._asks = _BestSide(best_is_high=False)

    def take(self, exchange: str, row: QuoteRow) -> QuoteRow:
        """The best over all exchanges after `row`, which replaces both sides of its exchange."""
        bid, bid_size = self._bids.put(exchange, row.bid, row.bid_size)
        ask, ask_size = self._asks.put(exchange, row.ask, row.ask_size)
        return QuoteRow(row.ts, row.symbol, bid, bid_size, ask, ask_size, row.line)


class _BestSide:
    def __init__(self, *, best_is_high: bool) -> None:
        self._best_is_high = best_is_high
        self._quotes: dict[str, _Quote] = {}
        self._best = NO_LEVEL

    def put(self, exchange: str, price: str, size: str) -> Level:
        known = self._quotes.get(exchange)
        if known is None or known[2:] != (price, size):
            self._quotes.pop(exchange, None)  # what changes goes behind those of the same price and size
            number, amount = _as_decimal(price), _as_decimal(size)
            if number and amount:
                self._quotes[exchange] = (number if self._best_is_high else -number, amount, price, size)
            self._best = max(self._quotes.values(), key=_priority)[2:] if self._quotes else NO_LEVEL
        return self._best


def _priority(quote: _Quote) -> tuple[Decimal, Decimal]:
    return quote[0], quote[1]
