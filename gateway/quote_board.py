"""The seam between the live hub and `GET /v1/quotes`: the hub's last frames, answered without a database."""

from dataclasses import dataclass
from typing import Protocol

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.market_data import FeedState


@dataclass(frozen=True, slots=True)
class BoardQuote:
    """The newest quote of a symbol: `value` is the record's JSON bytes as the feed encoded them, `seq` its offset,
    `taken_in` the `ts_in` in nanoseconds, `feed_state` what the staleness processor said last.
    """

    value: bytes
    seq: int
    taken_in: int
    feed_state: FeedState


GRACE_NANOSECONDS = 5_000_000_000
_OPEN = b'"session_state":"open"'


def shown_state(quote: BoardQuote, patience_seconds: int, now: int) -> FeedState:
    """What a client is told: what the staleness processor said last, but `stale` where it is silent itself: an open
    venue's quote that is older than the instrument's patience and 5 s cannot be called live. `now` in nanoseconds.
    """
    silent = now - quote.taken_in > patience_seconds * NANOSECONDS_PER_SECOND + GRACE_NANOSECONDS
    return "stale" if quote.feed_state == "live" and silent and _OPEN in quote.value else quote.feed_state


class QuoteBoard(Protocol):
    """Newest quotes by symbol, at most as old as the hub's tail."""

    def quote(self, symbol: str) -> BoardQuote | None: ...
