"""Which column of a CSV means what: the presets of the known formats and what a user says of a file of his own.

`--columns` is `name=column,...`: `ts` and `price` must be named for trades, `ts`, `bid` and `ask` for quotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from streams.feeds.replay.fields import NANOSECONDS_OF


@dataclass(frozen=True, slots=True)
class Good:
    """Only rows whose `column` reads `value` count; the others are marked corrected: skipped and counted."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Columns of a file of trades. Without `symbol` the file holds one symbol, without `quantity` it is 0, without
    `trade_id` the line stands for it. `side` holds buy or sell, `buyer_is_maker` true or false: one of them, or none.
    """

    ts: str
    price: str
    ts_unit: str = "ms"
    symbol: str | None = None
    quantity: str | None = None
    trade_id: str | None = None
    side: str | None = None
    buyer_is_maker: str | None = None
    good: Good | None = None


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """Columns of a file of best bids and offers. `received` is the recorder's clock (ns), for rows whose `ts` is empty.
    With `exchange` a row is one exchange's best; sizes are in lots of `lot`.
    """

    ts: str
    bid: str
    ask: str
    ts_unit: str = "ms"
    symbol: str | None = None
    bid_size: str | None = None
    ask_size: str | None = None
    received: str | None = None
    exchange: str | None = None
    lot: int = 1
    since_midnight: bool = False


Columns = TradeColumns | QuoteColumns

BINANCE = TradeColumns(
    ts="trade_time_ms",
    symbol="symbol",
    price="price",
    quantity="quantity",
    trade_id="trade_id",
    buyer_is_maker="buyer_is_maker",
)
BINANCE_QUOTES = QuoteColumns(
    ts="transaction_time_ms",
    received="recv_ts_ns",
    symbol="symbol",
    bid="bid_price",
    bid_size="bid_size",
    ask="ask_price",
    ask_size="ask_size",
)
TAQ = TradeColumns(ts="ts_ms", symbol="symbol", price="price", quantity="size", good=Good("correction", "0"))
TAQ_QUOTES = QuoteColumns(
    ts="ts_ms",
    symbol="symbol",
    bid="bid_price",
    bid_size="bid_size_lots",
    ask="ask_price",
    ask_size="ask_size_lots",
    exchange="exchange",
    lot=100,
)
TAQ_MULTI = TradeColumns(ts="local_us", ts_unit="us", symbol="symbol", price="price", quantity="size")
XRPETH = TradeColumns(ts="trade_time_ms", price="price", quantity="quantity", trade_id="trade_id", side="side")
OANDA_QUOTES = QuoteColumns(ts="ms_since_midnight_utc", bid="bid_price", ask="ask_price", since_midnight=True)
LTP = TradeColumns(ts="publish_time_ms", symbol="selection_id", price="last_traded_price")

_UNITS = (*NANOSECONDS_OF, "rfc3339")
_TRADE_NAMES = tuple(field.name for field in fields(TradeColumns) if field.name != "good")
_QUOTE_NAMES = ("ts", "bid", "ask", "ts_unit", "symbol", "bid_size", "ask_size")


def parse_columns(text: str) -> Columns:
    """The columns that a user names, e.g. `ts=time,price=px,quantity=qty,ts_unit=us`; quotes when `bid` is among them.

    Raises `ValueError`, naming the part, for one that is not `name=column`, an unknown or repeated name, a missing one,
    or a unit that is not s, ms, us, ns or rfc3339.
    """
    named: dict[str, str] = {}
    for part in text.split(","):
        name, separator, column = (piece.strip() for piece in part.partition("="))
        if not separator or not name or not column:
            raise ValueError(f"{part.strip()!r} is not name=column (such as ts=time)")
        if name in named:
            raise ValueError(f"{name} is named twice")
        named[name] = column
    quotes = "bid" in named or "ask" in named
    _check(named, _QUOTE_NAMES if quotes else _TRADE_NAMES, ("ts", "bid", "ask") if quotes else ("ts", "price"))
    return QuoteColumns(**named) if quotes else TradeColumns(**named)  # type: ignore[arg-type]


def _check(named: Mapping[str, str], known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    for name in named:
        if name not in known:
            raise ValueError(f"{name} is not one of {', '.join(known)}")
    for name in needed:
        if name not in named:
            raise ValueError(f"{name} is missing: name its column, such as {name}=...")
    if named.get("ts_unit", "ms") not in _UNITS:
        raise ValueError(f"ts_unit {named['ts_unit']!r} is not one of {', '.join(_UNITS)}")
    if "side" in named and "buyer_is_maker" in named:
        raise ValueError("side and buyer_is_maker both tell the aggressor: name one of them")
