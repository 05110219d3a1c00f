"""The best bid and offer over exchanges of one symbol, from each exchange's own best."""

from decimal import Decimal
from functools import lru_cache

from streams.feeds.replay.rows import QuoteRow

_Side = tuple[Decimal, Decimal, str, str]
_as_decimal = lru_cache(maxsize=65_536)(Decimal)
_NOTHING = ("0", "0")


class BestOfExchanges:
    """Highest bid and lowest offer, then the largest size, then the exchange that was there first (the consolidated
    tape's priority: price, size, time). An exchange's side with price or size 0 is no quote.
    """

    def __init__(self) -> None:
        self._bids: dict[str, _Side] = {}
        self._asks: dict[str, _Side] = {}

    def take(self, exchange: str, row: QuoteRow) -> QuoteRow:
        """The best over all exchanges after `row`, which replaces both sides of its exchange."""
        _put(self._bids, exchange, row.bid, row.bid_size, best_is_high=True)
        _put(self._asks, exchange, row.ask, row.ask_size, best_is_high=False)
        bid, bid_size = _best(self._bids)
        ask, ask_size = _best(self._asks)
        return QuoteRow(row.ts, row.symbol, bid, bid_size, ask, ask_size, row.line)


def _put(sides: dict[str, _Side], exchange: str, price: str, size: str, *, best_is_high: bool) -> None:
    known = sides.get(exchange)
    if known is not None and known[2] == price and known[3] == size:
        return
    sides.pop(exchange, None)
    number, amount = _as_decimal(price), _as_decimal(size)
    if number and amount:
        sides[exchange] = (number if best_is_high else -number, amount, price, size)


def _best(sides: dict[str, _Side]) -> tuple[str, str]:
    if not sides:
        return _NOTHING
    best = max(sides.values(), key=_priority)
    return best[2], best[3]


def _priority(side: _Side) -> tuple[Decimal, Decimal]:
    return side[0], side[1]
