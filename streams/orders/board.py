"""The newest quote and feed state of every symbol, from which a decision's `Market` is built. Pure: fed by a tail.

Quotes come by the thousand and orders by the dozen, so bytes are kept and decoded when a decision first asks for them.
Of a quote and a state the newer one says which session it is (a closed venue sends no quotes, an open one no states), and a
quote that is newer than the state `stale` ends it. While the tail lags every symbol counts as stale.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.models.calendar_rules import next_change, session_state, sessions_of, trading_date
from storage.models.calendars import Calendar
from storage.models.controls import Controls
from storage.models.market_data import QuoteState, SessionState
from storage.models.order_records import UsedQuote
from storage.models.reading import UNREADABLE
from streams.orders.market import Hours, Market

_MOST_CHANGES = 64
Unreadable = Callable[[str, str], None]
"""Told of a symbol whose newest quote or state cannot be read, and why; once for each such record that was needed."""


class _Quote(msgspec.Struct):
    """What a decision wants of a quote; its levels are not decoded."""

    symbol: str
    last: str
    bid: str
    ask: str
    session_state: SessionState
    ts: str
    ts_in: str


class _Seen(NamedTuple):
    quote: _Quote
    moment: int
    taken_in: int


class _Told(NamedTuple):
    state: QuoteState
    moment: int


_decode_quote = msgspec.json.Decoder(_Quote).decode
_decode_state = msgspec.json.Decoder(QuoteState).decode


class MarketBoard:
    """`calendar_of(symbol)` names the calendar of a symbol, None for one that is not known.

    `fresh_until` (ns) is set by whoever feeds it: until then what is here counts as all that the log has.
    """

    def __init__(self, calendar_of: Callable[[str], Calendar | None], unreadable: Unreadable) -> None:
        self._calendar_of, self._unreadable = calendar_of, unreadable
        self._quotes: dict[bytes, bytes | _Seen | None] = {}
        self._states: dict[bytes, bytes | _Told | None] = {}
        self.fresh_until = 0

    def take_quote(self, key: bytes, value: bytes) -> None:
        """The next record of `quotes`, as it is."""
        self._quotes[key] = value

    def take_state(self, key: bytes, value: bytes) -> None:
        """The next record of `quote-states`, as it is."""
        self._states[key] = value

    def lags(self, now: int) -> bool:
        """Whether the log may have what is not here yet."""
        return now > self.fresh_until

    def market(self, now: int, controls: Controls, symbols: Iterable[str], asked: str | None = None) -> Market:
        """What is known at `now` (ns) of `symbols`, and the hours of `asked` if it is one of them and closed.

        A symbol without a quote, or whose newest one cannot be read, is left out.
        """
        quotes: dict[str, UsedQuote] = {}
        hours: dict[str, Hours] = {}
        lags = self.lags(now)
        for symbol in symbols:
            seen = self._quote(symbol)
            if seen is None:
                continue
            quotes[symbol] = used = self._used(symbol, seen, now, lags=lags)
            if symbol == asked and used.session_state != "open":
                hours[symbol] = self._hours(symbol, seen, now)
        return Market(now, controls, quotes, hours)

    def _quote(self, symbol: str) -> _Seen | None:
        key = symbol.encode()
        kept = self._quotes.get(key)
        if isinstance(kept, bytes):
            kept = self._quotes[key] = self._read_quote(symbol, kept)
        return kept

    def _read_quote(self, symbol: str, value: bytes) -> _Seen | None:
        try:
            quote = _decode_quote(value)
            seen = _Seen(quote, parse_timestamp(quote.ts), parse_timestamp(quote.ts_in))
        except (*UNREADABLE, ValueError) as error:
            self._unreadable(symbol, f"not a quote: {error}")
            return None
        if quote.symbol != symbol:
            self._unreadable(symbol, f"a quote of {quote.symbol!r} under the key of {symbol!r}")
            return None
        return seen

    def _state(self, symbol: str) -> _Told | None:
        key = symbol.encode()
        kept = self._states.get(key)
        if isinstance(kept, bytes):
            kept = self._states[key] = self._read_state(symbol, kept)
        return kept

    def _read_state(self, symbol: str, value: bytes) -> _Told | None:
        try:
            state = _decode_state(value)
            return _Told(state, parse_timestamp(state.ts))
        except (*UNREADABLE, ValueError) as error:
            self._unreadable(symbol, f"not a feed state: {error}")
            return None

    def _used(self, symbol: str, seen: _Seen, now: int, *, lags: bool) -> UsedQuote:
        quote, told = seen.quote, self._state(symbol)
        feed, session = "live", quote.session_state
        if told is not None and told.moment >= seen.taken_in:
            feed, session = told.state.feed_state, told.state.session_state
        age = max(now - seen.taken_in, 0) // NANOSECONDS_PER_MILLISECOND
        return UsedQuote(symbol, quote.bid, quote.ask, quote.last, "stale" if lags else feed, session, age)

    def _hours(self, symbol: str, seen: _Seen, now: int) -> Hours:
        """On the symbol's own clock: its newest quote's event time, gone on since that was taken in."""
        calendar = self._calendar_of(symbol)
        if calendar is None:
            return Hours(None, None)
        clock = seen.moment + max(now - seen.taken_in, 0)
        opens = next_open(calendar, clock)
        if opens is None:
            return Hours(None, None)
        ends = sessions_of(calendar, trading_date(calendar, opens)).close_at
        return Hours(now + opens - clock, now + ends - clock if ends is not None else None)


def next_open(calendar: Calendar, moment: int) -> int | None:
    """When regular trading begins next, `moment` itself if it is open then (ns); None where it does not."""
    for _ in range(_MOST_CHANGES):
        if session_state(calendar, moment) == "open":
            return moment
        change = next_change(calendar, moment)
        if change is None:
            return None
        moment = change
    return None
