"""Reads Betfair's Exchange Stream market-change messages: last traded prices and the books of every selection.

A change of `ltp` is a trade without quantity, as in the `ltp` format. `atb` (to back) is the bid side and `atl` (to lay)
the ask side of a selection's book in decimal odds; `img` starts a market's books anew.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from storage.models.market_data import Level
from streams.feeds.replay.depth_rows import depth_row
from streams.feeds.replay.fields import canonical_decimal, canonical_size
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.order_book import OrderBook
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import Row, TradeRow

_MILLISECOND = 1_000_000


class _Runner(msgspec.Struct, gc=False):
    id: int
    ltp: Any = None
    atb: list[tuple[Any, Any]] = []
    atl: list[tuple[Any, Any]] = []


class _Market(msgspec.Struct, gc=False):
    img: bool = False
    rc: list[_Runner] = []


class _Message(msgspec.Struct, gc=False):
    pt: int
    mc: list[_Market] = []


_decode = msgspec.json.Decoder(_Message, float_hook=str).decode


def read_market_changes(lines: Lines, reading: Reading) -> Iterator[Row]:
    """The trades and quotes of every selection in file order. Raises `MalformedFile` at a line that cannot be read."""
    books: dict[str, OrderBook] = {}
    traded = reading.sequence_base
    for number, text in enumerate(lines.texts, 1):
        try:
            for row in _rows(_decode(text), number, books):
                if isinstance(row, TradeRow):
                    traded += 1
                    yield msgspec.structs.replace(row, venue_seq=traded, trade_id=str(traded))
                else:
                    yield row
        except (msgspec.DecodeError, ValueError) as error:
            raise MalformedFile(lines.name, number, str(error), "one market-change message in JSON") from error


def _rows(message: _Message, line: int, books: dict[str, OrderBook]) -> Iterator[Row]:
    ts = message.pt * _MILLISECOND
    for market in message.mc:
        if market.img:
            books.clear()
        for runner in market.rc:
            yield from _runner_rows(runner, ts, line, books)


def _runner_rows(runner: _Runner, ts: int, line: int, books: dict[str, OrderBook]) -> Iterator[Row]:
    symbol = str(runner.id)
    if runner.ltp is not None:
        yield TradeRow(ts, symbol, canonical_decimal(str(runner.ltp)), "0", None, "", 0, line)
    if runner.atb or runner.atl:
        book = books.setdefault(symbol, OrderBook())
        book.apply(_levels(runner.atb), _levels(runner.atl))
        yield depth_row(book, symbol, ts, line)


def _levels(levels: list[tuple[Any, Any]]) -> list[Level]:
    return [(canonical_decimal(str(price)), canonical_size(str(size))) for price, size in levels]
