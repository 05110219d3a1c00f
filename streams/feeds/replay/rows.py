"""What a reader makes of one line: a trade or a quote in the source's own symbol, exact, not yet of this platform.

Times are nanoseconds since the epoch as the file states them (for a file in local time: local time, as if it were
UTC). Prices and sizes are canonical decimal strings. `line` counts from 1, the header included.
"""

from typing import Literal

import msgspec

from storage.models.market_data import Level

Side = Literal["buy", "sell"]


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One public trade. `venue_seq` orders trades of equal time: the trade id where it is a number, else the line."""

    ts: int
    symbol: str
    price: str
    quantity: str
    side: Side | None
    trade_id: str
    venue_seq: int
    line: int


class QuoteRow(msgspec.Struct, frozen=True):
    """Best bid and ask; a side without price is "0" with size "0", a source without sizes says "0" for both.

    A row that a depth change made also carries the ten best levels a side and the JSON of up to fifty (`depth`).
    """

    ts: int
    symbol: str
    bid: str
    bid_size: str
    ask: str
    ask_size: str
    line: int
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None
    depth: bytes | None = None


Row = TradeRow | QuoteRow
NO_LEVEL: Level = ("0", "0")


def quoted(price: str, size: str) -> Level:
    """One side of a quote of a source that states sizes: a price without size, or a size without price, is no quote."""
    return NO_LEVEL if price == "0" or size == "0" else (price, size)
