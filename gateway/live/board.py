"""The board behind `GET /v1/quotes`: the hub's last frames, read without a database."""

import msgspec

from gateway.live.feeds import Feeds
from gateway.live.frames import Frame
from gateway.quote_board import BoardQuote
from ops.runtime.timestamps import parse_timestamp
from storage.models.market_data import FeedState
from storage.topics import QUOTE_STATES, QUOTES, Topics


class _TakenIn(msgspec.Struct):
    ts_in: str


class _FeedState(msgspec.Struct):
    feed_state: FeedState


_taken_in = msgspec.json.Decoder(_TakenIn).decode
_feed_state = msgspec.json.Decoder(_FeedState).decode


class Board:
    """See `gateway.quote_board.QuoteBoard`. A symbol whose state nobody has told yet is `live`."""

    def __init__(self, feeds: Feeds, topics: Topics) -> None:
        self._feeds, self._topics = feeds, topics

    def quote(self, symbol: str) -> BoardQuote | None:
        """See `QuoteBoard`."""
        frame = self._last(QUOTES, symbol)
        if frame is None:
            return None
        value = frame.value
        state = self._last(QUOTE_STATES, symbol)
        feed_state = _feed_state(state.value).feed_state if state is not None else "live"
        return BoardQuote(value, frame.seq, parse_timestamp(_taken_in(value).ts_in), feed_state)

    def _last(self, log_topic: str, symbol: str) -> Frame | None:
        key = symbol.encode()
        shard = self._feeds.shard(log_topic, self._topics.partition(log_topic, key))
        address = shard.addresses.get(key) if shard is not None else None
        return address.last if address is not None else None
