"""When a symbol's quotes are live, stale or closed. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from ops.runtime.timestamps import format_timestamp
from storage.models.market_data import FeedState, QuoteState, SessionState

SessionOf = Callable[[str, int], SessionState]


@dataclass(slots=True)
class Watched:
    """One symbol: its newest quote's event time and `ts_in` (ns), and the state that was announced last (None: none)."""

    symbol: str
    quote_ts: int
    taken_in: int
    announced: QuoteState | None = None

    def clock(self, now: int) -> int:
        """The symbol's own time: its newest quote's event time, gone on since that was taken in. A live feed's is the
        wall clock's; a replay that is not shifted to now carries its own.
        """
        return self.quote_ts + max(0, now - self.taken_in)


def verdict(watched: Watched, now: int, patience: int, session_of: SessionOf) -> QuoteState | None:
    """The state to announce at `now` (ns), None when the announced one still holds.

    Stale: no quote for longer than `patience` (ns), all of it while the venue was open, so that the first moments
    after an opening are no silence. Closed: while the venue is. `since` is kept while the feed state stays.
    """
    clock = watched.clock(now)
    session = session_of(watched.symbol, clock)
    feed = _feed_state(watched, now, patience, session, session_of)
    announced = watched.announced
    if announced is not None and (announced.feed_state, announced.session_state) == (feed, session):
        return None
    moment = format_timestamp(now)
    since = announced.since if announced is not None and announced.feed_state == feed else moment
    return QuoteState(watched.symbol, feed, session, since, moment)


def _feed_state(watched: Watched, now: int, patience: int, session: SessionState, session_of: SessionOf) -> FeedState:
    if session == "closed":
        return "closed"
    silent = session == "open" and now - watched.taken_in > patience
    if silent and session_of(watched.symbol, watched.clock(now) - patience) == "open":
        return "stale"
    return "live"
