"""Last step on the road of a quote, `GET /v1/quotes`: the hub's last frames and what REST adds; never encoded again."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from gateway.http.calls import SignedCall
from gateway.http.query import QueryReader
from gateway.market.ports import ReferenceSource
from gateway.quote_board import BoardQuote, QuoteBoard, shown_state
from ops.runtime.errors import HubError
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import FeedState

MOST_SYMBOLS: Final = 500
MOST_DEPTH: Final = 50
RECORD_DEPTH: Final = 10
_SYMBOLS_PER_WEIGHT: Final = 10
_LEVELS: Final = b',"bids":'
_MILLISECOND: Final = 1_000_000
_CACHED_LENGTH: Final = 256


class LatestQuoteSource(Protocol):
    """The latest-quote documents (storage/mongo/latest_quotes.py), which keep up to 50 levels."""

    async def get_many(self, symbols: Iterable[str]) -> dict[str, LatestQuoteDocument]: ...


class _Levels(msgspec.Struct):
    """The depth part of a record or of a `depth` header; levels stay the raw JSON that they came as."""

    bids: list[msgspec.Raw] = []
    asks: list[msgspec.Raw] = []


_decode_levels: Final = msgspec.json.Decoder(_Levels).decode


def quotes_weight(raw_query: str) -> int:
    """1 and 1 more per 10 symbols, told by the commas of the raw query."""
    commas = raw_query.count(",") + raw_query.count("%2C") + raw_query.count("%2c")
    return 1 + min(commas + 1, MOST_SYMBOLS) // _SYMBOLS_PER_WEIGHT


class Quotes:
    """Answers quotes from the board; levels 11 to 50 from the latest-quote documents."""

    def __init__(self, board: QuoteBoard, latest: LatestQuoteSource, reference: ReferenceSource) -> None:
        self._board = board
        self._latest = latest
        self._reference = reference

    async def handle(self, call: SignedCall) -> bytes:
        """`data` of the answer. Raises `market.unknown_symbol` (all of them in `details.symbols`) or `market.no_quote`."""
        reader = QueryReader(call.query)
        symbols = _symbols(reader.required("symbols", "comma-separated symbols, e.g. AAPL.US,TSLA.US"), reader)
        depth = reader.whole("depth", 1, MOST_DEPTH, 0)
        reader.finish()
        self._refuse_unknown(symbols)
        documents = await self._latest.get_many(symbols) if depth > RECORD_DEPTH else {}
        shown, missing = [], []
        instruments = self._reference().instruments
        for symbol in symbols:
            quote, document = self._board.quote(symbol), documents.get(symbol)
            state = _state(quote, document, instruments[symbol].stale_after_seconds, call.now)
            item = rendered(quote, document, depth, state, call.now)
            if item is None:
                missing.append(symbol)
            else:
                shown.append(item)
        if not shown:
            raise HubError("market.no_quote", {"symbols": missing})
        without = msgspec.json.encode(missing) if missing else b"[]"
        return b'{"quotes":[%b],"without_quote":%b}' % (b",".join(shown), without)

    def _refuse_unknown(self, symbols: Sequence[str]) -> None:
        instruments = self._reference().instruments
        unknown = [symbol for symbol in symbols if symbol not in instruments]
        if unknown:
            raise HubError("market.unknown_symbol", {"symbols": unknown})


def _state(quote: BoardQuote | None, document: LatestQuoteDocument | None, patience: int, now: int) -> FeedState:
    """As the board has it; a document that the board knows nothing of is judged by its age alone."""
    if quote is None and document is not None:
        quote = BoardQuote(document.value, document.offset, document.taken_in, "live")
    return "stale" if quote is None else shown_state(quote, patience, now)


def rendered(
    quote: BoardQuote | None, document: LatestQuoteDocument | None, depth: int, state: FeedState, now: int
) -> bytes | None:
    """One quote as REST shows it, None when there is none.

    `depth` 0: without levels; 1 to 10: the record's own levels; above: the document's quote with the document's
    levels, so that both are of one time. `now` is nanoseconds since the epoch.
    """
    if depth > RECORD_DEPTH and document is not None and document.depth is not None:
        return _joined(document.value, document.depth, depth, (state, document.taken_in, document.offset), now)
    if quote is None:
        return None
    return _joined(quote.value, quote.value, depth, (state, quote.taken_in, quote.seq), now)


def _joined(value: bytes, levels: bytes, depth: int, about: tuple[FeedState, int, int], now: int) -> bytes:
    state, taken_in, seq = about
    age = max(0, now - taken_in) // _MILLISECOND
    return b'%b,"feed_state":"%b","age_ms":%d,"seq":%d%b}' % (
        _without_levels(value),
        state.encode(),
        age,
        seq,
        _cut_levels(levels, depth) if depth and _LEVELS[1:] in levels else b"",
    )


def _without_levels(value: bytes) -> bytes:
    """The record without its closing brace and without its levels, which stand last in the object."""
    at = value.find(_LEVELS)
    return value[:-1] if at < 0 else value[:at]


def _cut_levels(levels: bytes, depth: int) -> bytes:
    decoded = _decode_levels(levels)
    bids, asks = decoded.bids[:depth], decoded.asks[:depth]
    return b',"bids":[%b],"asks":[%b]' % (b",".join(map(bytes, bids)), b",".join(map(bytes, asks)))


def _symbols(text: str, reader: QueryReader) -> tuple[str, ...]:
    symbols = _split_before(text) if len(text) <= _CACHED_LENGTH else _split(text)
    if text and "" in symbols:
        reader.refuse("symbols", "an empty symbol", "symbols separated by single commas")
    if len(symbols) > MOST_SYMBOLS:
        reader.refuse("symbols", f"{len(symbols)} symbols", f"at most {MOST_SYMBOLS}")
    return symbols


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split(",")))


_split_before = lru_cache(maxsize=2048)(_split)
