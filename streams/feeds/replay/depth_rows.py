"""A book -> the quote row that its change makes: best bid and ask, ten levels, and the JSON of up to fifty."""

from storage.models.market_data import encode
from streams.feeds.replay.order_book import OrderBook, best_of
from streams.feeds.replay.rows import NO_LEVEL, QuoteRow

LEVELS_ON_QUOTE = 10
LEVELS_IN_HEADER = 50
_EMPTY = b'{"bids":[],"asks":[]}'


def depth_row(book: OrderBook, symbol: str, ts: int, line: int) -> QuoteRow:
    """The quote of a symbol right after a depth change."""
    bids, asks = book.top(LEVELS_IN_HEADER)
    return QuoteRow(
        ts,
        symbol,
        *best_of(bids),
        *best_of(asks),
        line,
        tuple(bids[:LEVELS_ON_QUOTE]),
        tuple(asks[:LEVELS_ON_QUOTE]),
        encode({"bids": bids, "asks": asks}),
    )


def lost_depth_row(symbol: str, ts: int, line: int) -> QuoteRow:
    """The quote of a symbol whose book is no longer known: nothing on either side until it is."""
    return QuoteRow(ts, symbol, *NO_LEVEL, *NO_LEVEL, line, (), (), _EMPTY)
