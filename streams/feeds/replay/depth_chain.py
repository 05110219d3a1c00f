"""Binance's rule for keeping a local order book in step: buffer until a snapshot, then apply an unbroken chain. Pure.

Source: Binance, "How to manage a local order book correctly". On spot each update's `U` is the previous `u` + 1, on
futures its `pu` is the previous `u`. Updates that end at or before the snapshot's `lastUpdateId` are in it already.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple

from storage.models.market_data import Level
from streams.feeds.replay.order_book import OrderBook

BUFFERED_UPDATES = 10_000
Outcome = Literal["applied", "known", "held", "broken"]


class DepthUpdate(NamedTuple):
    """One delta: when it happened (ns), its line, the ids it spans, the last id before it (`previous`, futures only) and
    the levels it sets.
    """

    ts: int
    line: int
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
    """A book that is in step with its venue, or waits for a snapshot. While it waits, updates are held; beyond 10,000
    the oldest are dropped, and a snapshot that is older than what is left is then found broken.
    """

    def __init__(self) -> None:
        self.book = OrderBook()
        self._in_step = False
        self._last = -1
        self._joined = False
        self._held: deque[DepthUpdate] = deque(maxlen=BUFFERED_UPDATES)

    def update(self, update: DepthUpdate) -> Outcome:
        """Take one delta: `applied`; `known` (the snapshot has it already); `held` until a snapshot comes; or `broken`:
        what lies before it is missing, and the book is out of step from here to the next snapshot.
        """
        if not self._in_step:
            self._hold(update)
            return "held"
        if update.last <= self._last:
            return "known"
        if not (update.follows(self._last) if self._joined else update.reaches_back_to(self._last)):
            self._in_step = False
            self._hold(update)
            return "broken"
        self.book.apply(update.bids, update.asks)
        self._last, self._joined = update.last, True
        return "applied"

    def snapshot(self, last_update_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> list[DepthUpdate]:
        """Start anew from a snapshot. Returns the held updates, oldest first, to be taken by `update` now."""
        self.book = OrderBook()
        self.book.apply(bids, asks)
        self._in_step, self._last, self._joined = True, last_update_id, False
        held = list(self._held)
        self._held.clear()
        return held

    def _hold(self, update: DepthUpdate) -> None:
        if self._held and not update.follows(self._held[-1].last):
            self._held.clear()
        self._held.append(update)
