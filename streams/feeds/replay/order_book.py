"""An L2 order book kept from absolute level updates: price -> size, size 0 deletes. Pure.

Each side is an ascending list of prices found by bisection, plus a dict of sizes: a change of size (most updates)
touches the dict alone, and the best levels are a slice (docs/decisions/0021 has the figures).
"""

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from storage.models.market_data import Level
from streams.feeds.replay.rows import NO_LEVEL

_as_decimal = lru_cache(maxsize=65_536)(Decimal)


class BookSide:
    """The levels of one side. Prices and sizes are canonical decimal strings; equal prices are equal strings."""

    def __init__(self, *, best_is_high: bool) -> None:
        self._best_is_high = best_is_high
        self._sizes: dict[str, str] = {}
        self._numbers: list[Decimal] = []
        self._prices: list[str] = []

    def put(self, price: str, size: str) -> None:
        """Set a level's size; "0" deletes it, and deleting what is not there is no error."""
        known = price in self._sizes
        if size == "0":
            if known:
                self._delete(price)
            return
        if not known:
            self._insert(price)
        self._sizes[price] = size

    def top(self, count: int) -> list[Level]:
        """Up to `count` levels, best first."""
        prices = self._prices[: -count - 1 : -1] if self._best_is_high else self._prices[:count]
        sizes = self._sizes
        return [(price, sizes[price]) for price in prices]

    def __len__(self) -> int:
        return len(self._prices)

    def _insert(self, price: str) -> None:
        number = _as_decimal(price)
        place = bisect_left(self._numbers, number)
        self._numbers.insert(place, number)
        self._prices.insert(place, price)

    def _delete(self, price: str) -> None:
        del self._sizes[price]
        place = bisect_left(self._numbers, _as_decimal(price))
        del self._numbers[place]
        del self._prices[place]


class OrderBook:
    """Both sides of one symbol's book."""

    def __init__(self) -> None:
        self.bids = BookSide(best_is_high=True)
        self.asks = BookSide(best_is_high=False)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Put the changed levels of both sides, in their order."""
        for price, size in bids:
            self.bids.put(price, size)
        for price, size in asks:
            self.asks.put(price, size)

    def top(self, count: int) -> tuple[list[Level], list[Level]]:
        """Up to `count` best bids (highest first) and asks (lowest first)."""
        return self.bids.top(count), self.asks.top(count)


def best_of(levels: list[Level]) -> Level:
    """The first of levels that stand best first; "0" with size "0" where there is none."""
    return levels[0] if levels else NO_LEVEL
