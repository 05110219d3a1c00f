"""The seam between the live hub and `GET /v1/quotes`: the hub's last frames, answered without a database."""

from dataclasses import dataclass
from typing import Protocol

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


class QuoteBoard(Protocol):
    """Newest quotes by symbol, at most as old as the hub's tail."""

    def quote(self, symbol: str) -> BoardQuote | None: ...
