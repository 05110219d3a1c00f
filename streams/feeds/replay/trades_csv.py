"""Reads trades from a CSV by its columns."""

from collections.abc import Callable, Iterator

from streams.feeds.replay.cells import price_cell, size_cell, symbol_cell, time_cell
from streams.feeds.replay.columns import Good, TradeColumns
from streams.feeds.replay.fields import side_of, side_of_maker, whole_number
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import Side, TradeRow
from streams.feeds.replay.table import Cells, Read, Table, constant

_Identity = Callable[[Cells, int], tuple[str, int]]
_MakeTrade = Callable[[Cells, int], TradeRow]


def read_trades(lines: Lines, columns: TradeColumns, reading: Reading) -> Iterator[TradeRow]:
    """The trades in file order; rows marked corrected are left out and counted in `reading`.

    Raises `MalformedFile` at the line that cannot be read.
    """
    table = Table(lines, _needed(columns))
    make = _trade_maker(table, columns, reading)
    if columns.good is None:
        return table.map(make)
    kept = table.map(_good_only(table, columns.good, reading, make))
    return (row for row in kept if row is not None)


def _needed(columns: TradeColumns) -> list[str]:
    named = [columns.ts, columns.symbol, columns.price, columns.quantity, columns.trade_id, columns.side]
    named += [columns.buyer_is_maker, columns.good.column if columns.good else None]
    return [name for name in named if name]


def _trade_maker(table: Table, columns: TradeColumns, reading: Reading) -> _MakeTrade:
    ts = time_cell(table, columns.ts, columns.ts_unit)
    symbol = symbol_cell(table, columns.symbol, reading.symbol)
    price, quantity = price_cell(table, columns.price), size_cell(table, columns.quantity)
    side, identity = _side_cell(table, columns), _identity(table, columns.trade_id, reading.sequence_base)

    def make(cells: Cells, line: int) -> TradeRow:
        trade_id, venue_seq = identity(cells, line)
        return TradeRow(ts(cells), symbol(cells), price(cells), quantity(cells), side(cells), trade_id, venue_seq, line)

    return make


def _good_only(table: Table, good: Good, reading: Reading, make: _MakeTrade) -> Callable[[Cells, int], TradeRow | None]:
    mark = table.cell(good.column, str, f"{good.value} for a good row")

    def make_good(cells: Cells, line: int) -> TradeRow | None:
        if mark(cells) != good.value:
            reading.corrected += 1
            return None
        return make(cells, line)

    return make_good


def _side_cell(table: Table, columns: TradeColumns) -> Read[Side | None]:
    if columns.side:
        return table.cell(columns.side, side_of, "buy or sell")
    if columns.buyer_is_maker:
        return table.cell(columns.buyer_is_maker, side_of_maker, "true or false")
    return constant(None)


def _identity(table: Table, column: str | None, sequence_base: int) -> _Identity:
    """(trade id, venue_seq). Ids order trades of equal time only if they are numbers, and the first row says whether
    they are: one file never mixes ids and lines.
    """
    if column is None:
        return lambda _cells, line: (str(line), sequence_base + line)
    text = table.cell(column, _not_empty, "a trade id")
    number = table.cell(column, whole_number, "a whole number, as the first row has")
    numeric: bool | None = None

    def read(cells: Cells, line: int) -> tuple[str, int]:
        nonlocal numeric
        trade_id = text(cells)
        if numeric is None:
            numeric = _is_number(trade_id)
        return trade_id, number(cells) if numeric else sequence_base + line

    return read


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("the trade id is empty")
    return text


def _is_number(text: str) -> bool:
    try:
        whole_number(text)
    except ValueError:
        return False
    return True
