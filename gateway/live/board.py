"""The board behind `GET /v1/quotes`: the hub's last frames, read without a database."""

from typing import NamedTuple

import msgspec

from gateway.live.feeds import Feeds
from gateway.live.frames import Frame
from gateway.quote_board import BoardQuote
from ops.runtime.timestamps import parse_timestamp
from storage.models.market_data import FeedState
from storage.models.reading import UNREADABLE
from storage.topics import QUOTE_STATES, QUOTES, Topics


class _TakenIn(msgspec.Struct):
    ts_in: str


class _FeedState(msgspec.Struct):
    feed_state: FeedState


class _Read(NamedTuple):
    """What was read out of two frames, for as long as they are the last ones of their symbol."""

    frame: Frame
    state: Frame | None
    quote: BoardQuote | None


_taken_in = msgspec.json.Decoder(_TakenIn).decode
_feed_state = msgspec.json.Decoder(_FeedState).decode


class Board:
    """See `gateway.quote_board.QuoteBoard`. A symbol whose state nobody has told yet is `live`; one whose newest
    record is no quote has none.
    """

    def __init__(self, feeds: Feeds, topics: Topics) -> None:
        self._feeds, self._topics = feeds, topics
        self._read: dict[str, _Read] = {}

    def quote(self, symbol: str) -> BoardQuote | None:
        """See `QuoteBoard`."""
        frame = self._last(QUOTES, symbol)
        if frame is None:
            return None
        state = self._last(QUOTE_STATES, symbol)
        read = self._read.get(symbol)
        if read is None or read.frame is not frame or read.state is not state:
            read = self._read[symbol] = _Read(frame, state, self._quote_of(frame, state))
        return read.quote

    def _quote_of(self, frame: Frame, state: Frame | None) -> BoardQuote | None:
        try:
            taken_in = parse_timestamp(_taken_in(frame.value).ts_in)
        except (*UNREADABLE, ValueError):
            return None  # the quote processor makes a dead letter of it; here it must not take other symbols' answers along
        return BoardQuote(frame.value, frame.seq, taken_in, self._feed_state(state))

    def _feed_state(self, state: Frame | None) -> FeedState:
        if state is None:
            return "live"
        try:
            return _feed_state(state.value).feed_state
        except UNREADABLE:
            return "stale"  # what cannot be read says at least that the feed cannot be relied on

    def _last(self, log_topic: str, symbol: str) -> Frame | None:
        key = symbol.encode()
        shard = self._feeds.shard(log_topic, self._topics.partition(log_topic, key))
        address = shard.addresses.get(key) if shard is not None else None
        return address.last if address is not None else None
