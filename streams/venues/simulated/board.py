"""The market as the venue's owner sees it: the newest quote of each symbol, reference data, connector faults."""

from collections.abc import Callable, Mapping
from decimal import InvalidOperation
from typing import NamedTuple

from storage.models.reading import UNREADABLE
from storage.models.venues import ConnectorFault
from storage.reference import ReferenceData
from streams.venues.simulated.market import NO_FAULTS, FeedBook, Market
from streams.venues.simulated.rules import Rules
from streams.venues.simulated.schedule import can_move
from streams.venues.simulated.state import SymbolState


class RefusedQuote(NamedTuple):
    """A record of `quotes` that is no quote, by offset, and why; it gives no liquidity."""

    symbol: str
    offset: int
    value: bytes
    reason: str


class FeedBoard:
    """Builds the `Market` of a call. Quotes are kept as bytes until an order looks at them.

    `refused` has the last quote of each symbol that could not be read, until somebody takes it away.
    """

    def __init__(self, reference: ReferenceData, rules: Rules | None = None) -> None:
        self.reference = reference
        self.rules = rules or Rules()
        self.faults: Mapping[str, ConnectorFault] = NO_FAULTS
        self.refused: dict[str, RefusedQuote] = {}
        self._feeds: dict[str, FeedBook] = {}
        self._checked: dict[str, FeedBook] = {}

    def see(self, symbol: str, offset: int, value: bytes) -> FeedBook | None:
        """Take in a record of `quotes`; it replaces the symbol's book whole. None for one that is not newer."""
        known = self._feeds.get(symbol)
        if known is not None and known.offset >= offset:
            return None
        feed = self._feeds[symbol] = FeedBook(offset, value)
        return feed

    def newest(self, symbol: str) -> FeedBook | None:
        """The symbol's last quote."""
        return self._feeds.get(symbol)

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Let the quotes of these symbols go."""
        for symbol in [symbol for symbol in self._feeds if is_gone(symbol)]:
            del self._feeds[symbol]
            self._checked.pop(symbol, None)

    def take_refused(self) -> list[RefusedQuote]:
        """What was refused since the last call, the last quote of each symbol."""
        refused, self.refused = list(self.refused.values()), {}
        return refused

    def moves(self, state: SymbolState, feed: FeedBook) -> bool:
        """Whether a quote of the symbol may change something for the orders that are there."""
        if state.is_quiet:
            return False
        try:
            return can_move(state, feed)
        except (*UNREADABLE, InvalidOperation) as error:
            self._refuse(state.symbol, feed, error)
            return False

    def market(self, symbol: str, now: int, epoch: int = -1, feed: FeedBook | None = None) -> Market:
        """What a decision about `symbol` may look at, at `now` (ns): this quote, or else the newest."""
        instrument = self.reference.instruments.get(symbol)
        calendar = None if instrument is None else self.reference.calendar_of(symbol)
        readable = self._readable(symbol, feed or self._feeds.get(symbol))
        return Market(now, instrument, calendar, readable, self.faults, self.rules, epoch)

    def _readable(self, symbol: str, feed: FeedBook | None) -> FeedBook | None:
        if feed is None or self._checked.get(symbol) is feed:
            return feed
        try:
            feed.check()
        except (*UNREADABLE, InvalidOperation, ValueError) as error:
            self._refuse(symbol, feed, error)
            return None
        self._checked[symbol] = feed
        return feed

    def _refuse(self, symbol: str, feed: FeedBook, error: Exception) -> None:
        self.refused[symbol] = RefusedQuote(symbol, feed.offset, feed.value, f"not a quote: {error!r}")
        if self._feeds.get(symbol) is feed:
            del self._feeds[symbol]
