"""The newest quote and feed state of every symbol, from which a decision's `Market` is built. Pure: fed by a tail.

Of a quote and a state the newer one says which session it is (a closed venue sends no quotes, an open one no states), and a
quote that is newer than the state `stale` ends it. While the tail lags every symbol counts as stale.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.models.calendar_rules import next_change, session_state, sessions_of, trading_date
from storage.models.calendars import Calendar
from storage.models.controls import Controls
from storage.models.market_data import Quote, QuoteState
from storage.models.order_records import UsedQuote
from streams.orders.market import Hours, Market

_MOST_CHANGES = 64


class _Seen(NamedTuple):
    quote: Quote
    taken_in: int


class _State(NamedTuple):
    state: QuoteState
    moment: int


class MarketBoard:
    """`calendar_of(symbol)` names the calendar of a symbol, None for one that is not known."""

    def __init__(self, calendar_of: Callable[[str], Calendar | None]) -> None:
        self._calendar_of = calendar_of
        self._quotes: dict[str, _Seen] = {}
        self._states: dict[str, _State] = {}
        self.lagging = True

    def take_quote(self, quote: Quote) -> None:
        """The next quote of the log. Raises `ValueError` for a `ts_in` that is no time."""
        self._quotes[quote.symbol] = _Seen(quote, parse_timestamp(quote.ts_in))

    def take_state(self, state: QuoteState) -> None:
        """The next feed state of the log. Raises `ValueError` for a `ts` that is no time."""
        self._states[state.symbol] = _State(state, parse_timestamp(state.ts))

    def market(self, now: int, controls: Controls, symbols: Iterable[str]) -> Market:
        """What is known at `now` (ns) of `symbols`; those without a quote are left out."""
        quotes: dict[str, UsedQuote] = {}
        hours: dict[str, Hours] = {}
        for symbol in symbols:
            seen = self._quotes.get(symbol)
            if seen is None:
                continue
            quotes[symbol] = used = self._used(symbol, seen, now)
            if used.session_state != "open":
                hours[symbol] = self._hours(symbol, seen, now)
        return Market(now, controls, quotes, hours)

    def _used(self, symbol: str, seen: _Seen, now: int) -> UsedQuote:
        quote, told = seen.quote, self._states.get(symbol)
        feed, session = "live", quote.session_state
        if told is not None and told.moment >= seen.taken_in:
            feed, session = told.state.feed_state, told.state.session_state
        age = max(now - seen.taken_in, 0) // NANOSECONDS_PER_MILLISECOND
        return UsedQuote(symbol, quote.bid, quote.ask, quote.last, "stale" if self.lagging else feed, session, age)

    def _hours(self, symbol: str, seen: _Seen, now: int) -> Hours:
        """On the symbol's own clock: its newest quote's event time, gone on since that was taken in."""
        calendar = self._calendar_of(symbol)
        if calendar is None:
            return Hours(None, None)
        clock = parse_timestamp(seen.quote.ts) + max(now - seen.taken_in, 0)
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
