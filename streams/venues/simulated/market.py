"""What the engine looks at besides its own state, built before each call: the time, the instrument, the feed's book."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from ops.runtime.timestamps import parse_timestamp
from storage.models.calendar_rules import next_change, session_state, sessions_of, trading_date, trading_date_bounds
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.models.market_data import Level
from storage.models.venues import ConnectorFault, Side
from streams.venues.simulated.amounts import ZERO, amount
from streams.venues.simulated.rules import Rules

Depth = tuple[tuple[Decimal, Decimal], ...]
_SIDES: Final[tuple[Side, Side]] = ("buy", "sell")
NO_QUOTE: Final = -1
NO_FAULTS: Final[Mapping[str, ConnectorFault]] = MappingProxyType({})


class _Best(msgspec.Struct):
    last: str
    bid: str
    ask: str


class _Book(msgspec.Struct):
    bid: str
    ask: str
    bid_size: str
    ask_size: str
    ts: str
    ts_in: str
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


_decode_best = msgspec.json.Decoder(_Best).decode
_decode_book = msgspec.json.Decoder(_Book).decode


class FeedBook:
    """The feed's book as one record of `quotes` shows it, decoded only as far as it is asked: most quotes touch no order.

    A side without price gives nothing. A price with size "0" is a feed without sizes: it gives `unsized` at that price.
    Raises `msgspec.MsgspecError` or `decimal.InvalidOperation`, when asked, for a value that is no quote.
    """

    __slots__ = ("_best", "_book", "_depth", "offset", "value")

    def __init__(self, offset: int, value: bytes) -> None:
        self.offset = offset
        self.value = value
        self._best: tuple[Decimal, Decimal, Decimal] | None = None
        self._book: _Book | None = None
        self._depth: dict[Side, Depth] = {}

    @property
    def best(self) -> tuple[Decimal, Decimal, Decimal]:
        """(bid, ask, last), each 0 where there is none."""
        if self._best is None:
            fields = _decode_best(self.value)
            self._best = amount(fields.bid), amount(fields.ask), amount(fields.last)
        return self._best

    @property
    def book(self) -> _Book:
        """All fields that matter here."""
        if self._book is None:
            self._book = _decode_book(self.value)
        return self._book

    def check(self) -> None:
        """Raises `msgspec.MsgspecError`, `decimal.InvalidOperation` or `ValueError` for a value that is no quote."""
        parse_timestamp(self.book.ts)
        parse_timestamp(self.book.ts_in)
        numbers = (*self.best, *(number for side in _SIDES for level in self.depth(side, ZERO) for number in level))
        if not all(number.is_finite() and number >= 0 for number in numbers):
            raise ValueError("a price or size is negative or no number")

    def depth(self, side: Side, unsized: Decimal) -> Depth:
        """The levels that rest on `side` ("sell": the asks), best first: the best price, then what is worse of the depth."""
        known = self._depth.get(side)
        if known is None:
            known = self._depth[side] = self._levels(side)
        return known if not known or known[0][1] else ((known[0][0], unsized), *known[1:])

    def _levels(self, side: Side) -> Depth:
        book = self.book
        price, size, deeper = (
            (book.ask, book.ask_size, book.asks) if side == "sell" else (book.bid, book.bid_size, book.bids)
        )
        best = amount(price)
        if best <= 0:
            return ()
        worse = ((amount(level[0]), amount(level[1])) for level in deeper)
        return (
            (best, amount(size)),
            *(level for level in worse if (level[0] > best if side == "sell" else level[0] < best)),
        )


@dataclass(frozen=True, slots=True)
class Market:
    """The value that `decide` is given: `now` in ns; `instrument` and `calendar` None for an unknown symbol; the newest
    record of the feed, None before the first; the connectors' faults (absent: none); the epoch that records carry.
    """

    now: int
    instrument: Instrument | None = None
    calendar: Calendar | None = None
    feed: FeedBook | None = None
    faults: Mapping[str, ConnectorFault] = field(default_factory=lambda: NO_FAULTS)
    rules: Rules = field(default_factory=Rules)
    epoch: int = -1

    @property
    def quote(self) -> int:
        """The offset of the quote that is looked at, -1 without."""
        return NO_QUOTE if self.feed is None else self.feed.offset

    def fault(self, connector: str) -> ConnectorFault:
        """What the connector suffers from."""
        return self.faults.get(connector, "none")

    def is_silent(self, connector: str) -> bool:
        """Whether no report comes through the connector at present."""
        return self.faults.get(connector) in ("timeout", "down")

    @property
    def clock(self) -> int:
        """The symbol's own time: its newest quote's event time, gone on since that was taken in."""
        if self.feed is None:
            return self.now
        book = self.feed.book
        return parse_timestamp(book.ts) + max(0, self.now - parse_timestamp(book.ts_in))

    @property
    def is_open(self) -> bool:
        """Whether orders match now: in regular sessions."""
        return self.calendar is not None and session_state(self.calendar, self.clock) == "open"

    def opens_at(self) -> int:
        """The earliest moment (ns, our clock) at which a closed session may be open."""
        changes = None if self.calendar is None else next_change(self.calendar, self.clock)
        return self.now if changes is None else self.now + changes - self.clock

    def day_over_at(self) -> int:
        """When a DAY order that comes now expires (ns, the symbol's clock): the next end of a day's last open session."""
        calendar, moment = self.calendar, self.clock
        if calendar is None:
            return moment
        probe = moment
        while True:
            close_at = sessions_of(calendar, trading_date(calendar, probe)).close_at
            if close_at is not None and close_at > moment:
                return close_at
            probe = trading_date_bounds(calendar, probe)[1]

    @property
    def unsized(self) -> Decimal:
        """What a feed without sizes gives at its price: as much as one order may ask for."""
        return ZERO if self.instrument is None else amount(self.instrument.max_quantity)
