"""The recorded formats by name: how each is read, what it holds, and in whose time it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streams.feeds.replay import columns
from streams.feeds.replay.betfair import read_market_changes
from streams.feeds.replay.binance_raw import read_raw
from streams.feeds.replay.columns import Columns, QuoteColumns, TradeColumns
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.quotes_csv import read_quotes
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import Row
from streams.feeds.replay.trades_csv import read_trades

NEW_YORK = "America/New_York"
Read = Callable[[Lines, Reading], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """`local_zone`: the file's times are wall time of that zone. `symbol_column` names the symbol where the format may
    hold several of them; `names_symbols` is false where the rows do not say whose they are. `has_sequence`: trades
    carry the venue's own ids.
    """

    name: str
    read: Read
    has_trades: bool
    local_zone: str | None = None
    symbol_column: str | None = None
    names_symbols: bool = True
    has_sequence: bool = False


def of_columns(
    name: str, described: Columns, *, local_zone: str | None = None, symbol_column: str | None = None
) -> FileFormat:
    """A CSV format from its columns: a preset, or what a user says of a file of his own."""
    return FileFormat(
        name,
        _reader(described),
        has_trades=isinstance(described, TradeColumns),
        local_zone=local_zone,
        symbol_column=symbol_column,
        names_symbols=described.symbol is not None,
        has_sequence=isinstance(described, TradeColumns) and described.trade_id is not None,
    )


def _reader(described: Columns) -> Read:
    if isinstance(described, QuoteColumns):
        return lambda lines, reading: read_quotes(lines, described, reading)
    return lambda lines, reading: read_trades(lines, described, reading)


_ALL = (
    of_columns("binance", columns.BINANCE),
    of_columns("binance-quotes", columns.BINANCE_QUOTES),
    FileFormat("binance-raw", read_raw, has_trades=True, has_sequence=True),
    of_columns("taq", columns.TAQ),
    of_columns("taq-quotes", columns.TAQ_QUOTES),
    of_columns("taq-multi", columns.TAQ_MULTI, local_zone=NEW_YORK, symbol_column="symbol"),
    of_columns("xrpeth", columns.XRPETH),
    of_columns("oanda-quotes", columns.OANDA_QUOTES),
    of_columns("ltp", columns.LTP, symbol_column="selection_id"),
    FileFormat("betfair-mcm", read_market_changes, has_trades=True, symbol_column="selection_id"),
)
FORMATS: Mapping[str, FileFormat] = MappingProxyType({file_format.name: file_format for file_format in _ALL})
