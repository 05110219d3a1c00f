"""The market-data records. Their JSON is the Kafka value and, byte for byte, the WebSocket `data` object.

msgspec structs, not pydantic (docs/decisions/0002): a trade is decoded once a process and this is the hot road.
Readers accept unknown fields. Prices, quantities and notionals are decimal strings (`-?\\d+(\\.\\d+)?`), times are
RFC 3339 UTC text with up to nanoseconds: `ts` is the venue's event time, `ts_in` when we took it in.
"""

from typing import Literal

import msgspec

SessionState = Literal["open", "premarket", "postmarket", "closed"]
FeedState = Literal["live", "stale", "closed"]
Timeframe = Literal["1m", "5m", "15m", "1h", "1d"]
TIMEFRAMES: tuple[Timeframe, ...] = ("1m", "5m", "15m", "1h", "1d")
Level = tuple[str, str]


class Quote(msgspec.Struct, frozen=True, omit_defaults=True):
    """Best bid, ask and last of a symbol. A side without price is "0" with size "0"; without trades `last` is the mid.

    `bids`/`asks` are up to ten `[price, size]` levels, best first, absent for a feed without depth; they stand last
    in the object so that a reader can cut them off. Levels 11 to 50 travel in the header `depth` of the record that
    a depth change made (JSON `{"bids": [...], "asks": [...]}`, all levels from the best).
    """

    symbol: str
    venue: str
    last: str
    bid: str
    ask: str
    bid_size: str
    ask_size: str
    session_state: SessionState
    ts: str
    ts_in: str
    change_24h: str | None = None
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None


class QuoteState(msgspec.Struct, frozen=True):
    """Whether a symbol's quotes can be relied on; written only by the staleness processor. `since` and `ts` are times."""

    symbol: str
    feed_state: FeedState
    session_state: SessionState
    since: str
    ts: str


class Correction(msgspec.Struct, frozen=True):
    """The earlier print (by its `venue_seq`) that a trade record takes back out, or replaces by itself."""

    kind: Literal["cancel", "replace"]
    venue_seq: int


class Trade(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public trade. `venue_seq` is the venue's sequence or trade id, else the line of the file; `side` the aggressor's.

    With `correction`, `ts` is the event time of the print that is corrected (docs/decisions/0025).
    """

    symbol: str
    venue: str
    trade_id: str
    venue_seq: int
    price: str
    quantity: str
    side: Literal["buy", "sell"] | None
    ts: str
    ts_in: str
    correction: Correction | None = None


class Bar(msgspec.Struct, frozen=True):
    """One bar: start `t` (left-closed), prices, exact volume `v` and `notional` (no multiplier), `vwap` null without volume.

    `revision` counts the changes made after the bar was first final.
    """

    symbol: str
    timeframe: Timeframe
    t: str
    o: str
    h: str
    l: str
    c: str
    v: str
    vwap: str | None
    notional: str
    trades: int
    final: bool
    revision: int


encode = msgspec.json.Encoder().encode
decode_quote = msgspec.json.Decoder(Quote).decode
decode_quote_state = msgspec.json.Decoder(QuoteState).decode
decode_trade = msgspec.json.Decoder(Trade).decode
decode_bar = msgspec.json.Decoder(Bar).decode
