"""Reads the raw Binance stream: trades, best quotes and depth updates as received, with the REST depth snapshot.

Each line is the recorder's time in nanoseconds, a space, and the JSON. Only the exchange's times count: the recorder's
clock was behind. A message without one (spot `bookTicker`, a snapshot) happens at the newest exchange time before it
in the file, and what stands before the first such time waits for it.
"""

from collections.abc import Iterator

import msgspec

from storage.models.market_data import Level
from streams.feeds.replay.depth_chain import DepthUpdate, SynchronisedBook
from streams.feeds.replay.depth_rows import depth_row, lost_depth_row
from streams.feeds.replay.fields import canonical_decimal, canonical_size
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import QuoteRow, Row, TradeRow, quoted

_MILLISECOND = 1_000_000
_WAITING_LINES = 10_000


class _Data(msgspec.Struct, gc=False):
    s: str
    event: str = msgspec.field(name="e", default="bookTicker")
    sent: int = msgspec.field(name="E", default=0)
    happened: int = msgspec.field(name="T", default=0)
    first: int = msgspec.field(name="U", default=0)
    last: int = msgspec.field(name="u", default=0)
    previous: int | None = msgspec.field(name="pu", default=None)
    bids: str | list[Level] = msgspec.field(name="b", default="")
    asks: str | list[Level] = msgspec.field(name="a", default="")
    bid_size: str = msgspec.field(name="B", default="0")
    ask_size: str = msgspec.field(name="A", default="0")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    quantity: str = msgspec.field(name="q", default="")
    buyer_is_maker: bool = msgspec.field(name="m", default=False)


class _Message(msgspec.Struct, gc=False):
    data: _Data | None = None
    last_update_id: int | None = msgspec.field(name="lastUpdateId", default=None)
    sent: int = msgspec.field(name="E", default=0)
    happened: int = msgspec.field(name="T", default=0)
    symbol: str | None = None
    bids: list[Level] = []
    asks: list[Level] = []


_decode = msgspec.json.Decoder(_Message).decode


def read_raw(lines: Lines, reading: Reading) -> Iterator[Row]:
    """Trades, best quotes, and a quote with depth for each depth update from the snapshot on, in file order.

    Where the chain of updates is broken the book is empty until the file's next snapshot (counted in `reading.gaps`).
    Raises `MalformedFile` at a line that cannot be read, and at the end where a broken chain was never mended.
    """
    stream = _RawStream(lines.name, reading)
    for number, text in enumerate(lines.texts, 1):
        try:
            yield from stream.take(text, number)
        except (msgspec.DecodeError, ValueError) as error:
            expected = "the recorder's time in ns, a space and one JSON message of the stream"
            raise MalformedFile(lines.name, number, str(error), expected) from error
    yield from stream.end()


class _Market:
    """One symbol of the stream."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.book = SynchronisedBook()
        self.broken_at: int | None = None


class _RawStream:
    def __init__(self, name: str, reading: Reading) -> None:
        self._name, self._reading = name, reading
        self._markets: dict[str, _Market] = {}
        self._newest = 0
        self._waiting: list[tuple[_Message, int]] = []

    def take(self, text: str, line: int) -> Iterator[Row]:
        """The rows that one line makes."""
        received, separator, body = text.partition(" ")
        if not separator or not received.isdigit():
            raise ValueError("the line does not begin with a time in nanoseconds and a space")
        message = _decode(body)
        if message.data is None and message.last_update_id is None:
            raise ValueError("neither a stream message (data) nor a depth snapshot (lastUpdateId)")
        if message.data is not None and message.data.s not in self._markets:
            self._markets[message.data.s] = _Market(message.data.s)
        self._newest = max(self._newest, _time_of(message))
        if self._newest == 0:
            self._wait(message, line)
            return
        if self._waiting:
            for earlier in self._released():
                yield from self._rows(*earlier)
        yield from self._rows(message, line)

    def end(self) -> Iterator[Row]:
        """Nothing more comes. Raises `MalformedFile` for what was never resolved."""
        if self._waiting:
            reason = "no message of the file carries an exchange time"
            raise MalformedFile(self._name, self._waiting[0][1], reason, "trade or depthUpdate messages among them")
        for market in self._markets.values():
            if market.broken_at is not None:
                reason = (
                    f"an update of {market.symbol} is missing before this one, and no later snapshot mends the book"
                )
                expected = "U = the previous u + 1 (spot) or pu = the previous u (futures)"
                raise MalformedFile(self._name, market.broken_at, reason, expected)
        return iter(())

    def _wait(self, message: _Message, line: int) -> None:
        if len(self._waiting) >= _WAITING_LINES:
            raise ValueError(f"none of the first {_WAITING_LINES} messages carries an exchange time")
        self._waiting.append((message, line))

    def _released(self) -> list[tuple[_Message, int]]:
        released, self._waiting = self._waiting, []
        return released

    def _rows(self, message: _Message, line: int) -> Iterator[Row]:
        data = message.data
        if data is None:
            yield from self._snapshot(message, line)
        elif data.event == "trade":
            yield _trade(data, line)
        elif data.event == "bookTicker":
            yield _best_quote(data, self._time(data.happened or data.sent), line)
        elif data.event == "depthUpdate":
            yield from self._depth(data, line)
        else:
            raise ValueError(f"{data.event!r} is not trade, bookTicker or depthUpdate")

    def _time(self, milliseconds: int) -> int:
        return (milliseconds or self._newest) * _MILLISECOND

    def _snapshot(self, message: _Message, line: int) -> Iterator[Row]:
        market = self._market_of(message.symbol)
        held = market.book.snapshot(message.last_update_id or 0, _levels(message.bids), _levels(message.asks))
        market.broken_at = None
        yield depth_row(market.book.book, market.symbol, self._time(message.happened or message.sent), line)
        for update in held:
            yield from self._update(market, update)

    def _depth(self, data: _Data, line: int) -> Iterator[Row]:
        ts, bids, asks = self._time(data.happened or data.sent), _levels(data.bids), _levels(data.asks)
        update = DepthUpdate(ts, line, data.first, data.last, data.previous, bids, asks)
        yield from self._update(self._markets[data.s], update)

    def _update(self, market: _Market, update: DepthUpdate) -> Iterator[Row]:
        outcome = market.book.update(update)
        if outcome == "applied":
            yield depth_row(market.book.book, market.symbol, update.ts, update.line)
        elif outcome == "broken":
            self._reading.gaps += 1
            market.broken_at = update.line
            yield lost_depth_row(market.symbol, update.ts, update.line)

    def _market_of(self, symbol: str | None) -> _Market:
        if symbol is None and len(self._markets) == 1:
            return next(iter(self._markets.values()))
        if symbol is None:
            raise ValueError(f"a snapshot without symbol in a stream of {', '.join(sorted(self._markets)) or 'none'}")
        return self._markets.setdefault(symbol, _Market(symbol))


def _time_of(message: _Message) -> int:
    data = message.data
    if data is None:
        return message.happened or message.sent
    return data.happened or data.sent


def _trade(data: _Data, line: int) -> TradeRow:
    if data.trade_id < 0 or not data.happened:
        raise ValueError("a trade without id (t) or time (T)")
    return TradeRow(
        data.happened * _MILLISECOND,
        data.s,
        canonical_decimal(data.price),
        canonical_size(data.quantity),
        "sell" if data.buyer_is_maker else "buy",
        str(data.trade_id),
        data.trade_id,
        line,
    )


def _best_quote(data: _Data, ts: int, line: int) -> QuoteRow:
    if not isinstance(data.bids, str) or not isinstance(data.asks, str):
        raise ValueError("a bookTicker whose bid (b) or ask (a) is not a price")  # noqa: TRY004  (bad data, not a bug)
    bid = quoted(canonical_decimal(data.bids), canonical_size(data.bid_size))
    ask = quoted(canonical_decimal(data.asks), canonical_size(data.ask_size))
    return QuoteRow(ts, data.s, *bid, *ask, line)


def _levels(levels: str | list[Level]) -> list[Level]:
    if isinstance(levels, str):
        raise ValueError("a depth message whose levels (b, a) are not lists")  # noqa: TRY004  (bad data, not a bug)
    return [(canonical_decimal(price), canonical_size(size)) for price, size in levels]
