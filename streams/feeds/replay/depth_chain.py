"""Binance's rule for keeping a local order book in step: buffer until a snapshot, then apply an unbroken chain. Pure.

Source: Binance, "How to manage a local order book correctly". On spot each update's `U` is the previous `u` + 1, on
futures its `pu` is the previous `u`. Updates that end at or before the snapshot's `lastUpdateId` are in it already.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from storage.models.market_data import Level
from streams.feeds.replay.order_book import OrderBook

BUFFERED_UPDATES = 10_000


class DepthUpdate(NamedTuple):
    """One delta: the ids it spans, the last id before it (`previous`, futures only) and the levels it sets."""

    first: int
    last: int
    previous: int | None
    bids: Sequence[Level]
    asks: Sequence[Level]

    def follows(self, last: int) -> bool:
        """Whether nothing is missing between id `last` and this update."""
        return self.previous == last if self.previous is not None else self.first == last + 1

    def reaches_back_to(self, last: int) -> bool:
        """Whether this update begins at or before what comes right after `last`."""
        return self.previous <= last if self.previous is not None else self.first <= last + 1


class SynchronisedBook:
    """A book that is whole (`in_step`) or waits for a snapshot. While it waits, updates are buffered; beyond 10,000
    the oldest are dropped, and a snapshot that is older than what is left is then refused.
    """

    def __init__(self) -> None:
        self.book = OrderBook()
        self.in_step = False
        self._last = -1
        self._joined = False
        self._held: deque[DepthUpdate] = deque(maxlen=BUFFERED_UPDATES)

    def update(self, update: DepthUpdate) -> bool:
        """Take one delta. False where it breaks the chain: the book is out of step from here to the next snapshot."""
        if self.in_step:
            return self._apply(update)
        if self._held and not update.follows(self._held[-1].last):
            self._held.clear()
        self._held.append(update)
        return True

    def snapshot(self, last_update_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> bool:
        """Start from a snapshot and what was held. False where what lies between the two is missing."""
        self.book = OrderBook()
        self.book.apply(bids, asks)
        self._last, self._joined, self.in_step = last_update_id, False, True
        held = list(self._held)
        self._held.clear()
        for place, update in enumerate(held):
            if not self._apply(update):
                self._held.extend(held[place + 1 :])
                return False
        return True

    def _apply(self, update: DepthUpdate) -> bool:
        if update.last <= self._last:
            return True
        fits = update.follows(self._last) if self._joined else update.reaches_back_to(self._last)
        if not fits:
            self.in_step = False
            self._held.append(update)
            return False
        self.book.apply(update.bids, update.asks)
        self._last, self._joined = update.last, True
        return True
