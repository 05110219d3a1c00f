"""Reads best bids and offers from a CSV by its columns."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

from streams.feeds.replay.best_of_exchanges import BestOfExchanges
from streams.feeds.replay.cells import price_cell, size_cell, symbol_cell, time_cell
from streams.feeds.replay.columns import QuoteColumns
from streams.feeds.replay.fields import canonical_size, exact_time
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import QuoteRow, quoted
from streams.feeds.replay.table import Cells, Read, Table


def read_quotes(lines: Lines, columns: QuoteColumns, reading: Reading) -> Iterator[QuoteRow]:
    """The quotes in file order, one for each row: of one exchange's rows the best over all exchanges so far.

    Raises `MalformedFile` at the line that cannot be read, or where times are since a midnight that is not known.
    """
    if columns.since_midnight and reading.midnight is None:
        reason = "its times are since midnight, but of which day"
        raise MalformedFile(lines.name, 1, reason, "the date as YYYYMMDD in the file's name, or --date", columns.ts)
    table = Table(lines, _needed(columns))
    make = _quote_maker(table, columns, reading)
    if columns.exchange is None:
        return table.map(make)
    return table.map(_best_maker(table, columns.exchange, make))


def _needed(columns: QuoteColumns) -> list[str]:
    named = [columns.ts, columns.symbol, columns.bid, columns.bid_size, columns.ask, columns.ask_size]
    named += [columns.received, columns.exchange]
    return [name for name in named if name]


def _quote_maker(table: Table, columns: QuoteColumns, reading: Reading) -> Callable[[Cells, int], QuoteRow]:
    ts, symbol = _quote_time(table, columns, reading), symbol_cell(table, columns.symbol, reading.symbol)
    bid, ask = price_cell(table, columns.bid), price_cell(table, columns.ask)

    if columns.bid_size is None or columns.ask_size is None:
        return lambda cells, line: QuoteRow(ts(cells), symbol(cells), bid(cells), "0", ask(cells), "0", line)
    bid_size, ask_size = _size(table, columns.bid_size, columns.lot), _size(table, columns.ask_size, columns.lot)

    def make(cells: Cells, line: int) -> QuoteRow:
        best_bid = quoted(bid(cells), bid_size(cells))
        best_ask = quoted(ask(cells), ask_size(cells))
        return QuoteRow(ts(cells), symbol(cells), *best_bid, *best_ask, line)

    return make


def _best_maker(
    table: Table, exchange_column: str, make: Callable[[Cells, int], QuoteRow]
) -> Callable[[Cells, int], QuoteRow]:
    exchange = symbol_cell(table, exchange_column, "")
    books: dict[str, BestOfExchanges] = {}

    def make_best(cells: Cells, line: int) -> QuoteRow:
        row = make(cells, line)
        book = books.get(row.symbol)
        if book is None:
            book = books[row.symbol] = BestOfExchanges()
        return book.take(exchange(cells), row)

    return make_best


def _size(table: Table, column: str, lot: int) -> Read[str]:
    if lot == 1:
        return size_cell(table, column)

    @lru_cache(maxsize=65_536)
    def shares(text: str) -> str:
        return canonical_size(f"{Decimal(canonical_size(text)) * lot:f}")

    return table.cell(column, shares, f"a number of lots of {lot}")


def _quote_time(table: Table, columns: QuoteColumns, reading: Reading) -> Read[int]:
    if columns.since_midnight:
        midnight = reading.midnight or 0
        return table.cell(
            columns.ts,
            lambda text: midnight + exact_time(text, 1_000_000),
            "milliseconds since midnight, fractions allowed",
        )
    own = time_cell(table, columns.ts, columns.ts_unit)
    if columns.received is None:
        return own
    empty, skew = table.cell(columns.ts, lambda text: not text, ""), reading.skew
    received = time_cell(table, columns.received, "ns")
    return lambda cells: received(cells) + skew if empty(cells) else own(cells)
