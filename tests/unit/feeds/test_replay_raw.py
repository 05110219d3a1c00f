"""The raw Binance stream and Betfair's: trades, best quotes and books out of messages as they were received."""

import json
from typing import Any

import pytest

from streams.feeds.replay.betfair import read_market_changes
from streams.feeds.replay.binance_raw import read_raw
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import QuoteRow, Row, TradeRow

MS = 1_000_000


def read(*messages: Any, reading: Reading | None = None) -> list[Row]:
    texts = [message if isinstance(message, str) else f"1 {json.dumps(message)}\n" for message in messages]
    return list(read_raw(Lines("file.raw", texts), reading or Reading("X")))


def stream(**data: Any) -> dict[str, Any]:
    return {"stream": "s@x", "data": {"s": "S", **data}}


def trade(at: int, number: int, price: str = "10.50", maker: bool = False) -> dict[str, Any]:
    return stream(e="trade", E=at + 1, T=at, t=number, p=price, q="2.0", m=maker, M=True)


def ticker(update: int, bid: str, ask: str, **more: Any) -> dict[str, Any]:
    return stream(u=update, b=bid, B="1.0", a=ask, A="2.0", **more)


def depth(at: int, first: int, last: int, bids: list[list[str]], **more: Any) -> dict[str, Any]:
    return stream(e="depthUpdate", E=at, U=first, u=last, b=bids, a=[], **more)


def snapshot(last: int, bids: list[list[str]], asks: list[list[str]], **more: Any) -> dict[str, Any]:
    return {"lastUpdateId": last, "bids": bids, "asks": asks, **more}


def test_a_trade_is_read_by_the_exchanges_time() -> None:
    assert read(trade(5, 7, maker=True)) == [TradeRow(5 * MS, "S", "10.5", "2", "sell", "7", 7, 1)]


def test_what_has_no_exchange_time_happens_at_the_newest_before_it() -> None:
    rows = read(ticker(1, "9", "11"), trade(5, 7), ticker(2, "9.5", "11"), trade(4, 8), ticker(3, "9", "11"))
    assert [(row.ts, row.line) for row in rows] == [(5 * MS, 1), (5 * MS, 2), (5 * MS, 3), (4 * MS, 4), (5 * MS, 5)]
    assert rows[0] == QuoteRow(5 * MS, "S", "9", "1", "11", "2", 1)


def test_futures_quotes_have_their_own_time() -> None:
    assert read(ticker(1, "9", "11", e="bookTicker", E=8, T=7))[0].ts == 7 * MS


def test_each_depth_update_from_the_snapshot_on_makes_a_quote_with_levels() -> None:
    rows = read(
        depth(10, 1, 5, [["9.0", "1.0"]]),
        depth(11, 6, 8, [["9.5", "3"]]),
        snapshot(6, [["9.0", "2.0"], ["8.0", "1"]], [["10.0", "4.0"]]),
        ticker(9, "9.7", "10"),
        depth(12, 9, 12, [["9.5", "0.000"], ["7.0", "5"]]),
    )
    assert rows == [
        QuoteRow(11 * MS, "S", "9", "2", "10", "4", 3, (("9", "2"), ("8", "1")), (("10", "4"),),
                 b'{"bids":[["9","2"],["8","1"]],"asks":[["10","4"]]}'),
        QuoteRow(11 * MS, "S", "9.5", "3", "10", "4", 2, (("9.5", "3"), ("9", "2"), ("8", "1")), (("10", "4"),),
                 b'{"bids":[["9.5","3"],["9","2"],["8","1"]],"asks":[["10","4"]]}'),
        QuoteRow(11 * MS, "S", "9.7", "1", "10", "2", 4),
        QuoteRow(12 * MS, "S", "9", "2", "10", "4", 5, (("9", "2"), ("8", "1"), ("7", "5")), (("10", "4"),),
                 b'{"bids":[["9","2"],["8","1"],["7","5"]],"asks":[["10","4"]]}'),
    ]  # fmt: skip


def test_ten_levels_on_the_quote_and_fifty_beside_it() -> None:
    levels = [[str(1_000 - n), "1"] for n in range(80)]
    (row,) = (row for row in read(trade(1, 1), snapshot(6, levels, [])) if isinstance(row, QuoteRow))
    assert row.bids is not None
    assert [price for price, _ in row.bids] == [str(1_000 - n) for n in range(10)]
    assert row.depth is not None
    assert len(json.loads(row.depth)["bids"]) == 50
    assert (row.ask, row.ask_size, row.asks) == ("0", "0", ())


def test_a_broken_chain_empties_the_book_until_the_next_snapshot() -> None:
    reading = Reading("X")
    rows = read(
        depth(10, 1, 5, []),
        snapshot(5, [["9", "1"]], [["10", "1"]]),
        depth(11, 7, 8, [["9.5", "1"]]),
        depth(12, 9, 9, [["9.6", "1"]]),
        snapshot(8, [["9.5", "1"]], [["10", "1"]]),
        reading=reading,
    )
    assert [(row.line, row.bid) for row in rows if isinstance(row, QuoteRow)] == [
        (2, "9"),
        (3, "0"),
        (5, "9.5"),
        (4, "9.6"),
    ]
    assert rows[1] == QuoteRow(11 * MS, "S", "0", "0", "0", "0", 3, (), (), b'{"bids":[],"asks":[]}')
    assert reading.gaps == 1


def test_a_broken_chain_that_nothing_mends_is_an_error_after_all_else_was_read() -> None:
    rows: list[Row] = []
    messages = [depth(10, 1, 5, []), snapshot(5, [], []), depth(11, 7, 8, []), trade(12, 1)]
    texts = [f"1 {json.dumps(message)}" for message in messages]
    with pytest.raises(
        MalformedFile, match=r"file.raw, line 3: an update of S is missing before this one.*expected U ="
    ):
        rows.extend(read_raw(Lines("file.raw", texts), Reading("X")))
    assert isinstance(rows[-1], TradeRow)


FAULTS: list[tuple[Any, str]] = [
    ("x {}", "does not begin with a time in nanoseconds"),
    ("{}", "does not begin with a time in nanoseconds"),
    ("1 {", "truncated|Input data"),
    ("1 {}", "neither a stream message"),
    (stream(e="kline", E=1), "'kline' is not trade, bookTicker or depthUpdate"),
    (trade(1, 1, price="high"), "'high' is not a number"),
    (stream(e="trade", E=1, p="1", q="1", m=True), "a trade without id"),
    (stream(e="depthUpdate", E=1, U=1, u=1, b="1", a="2"), "levels .* are not lists"),
    (stream(e="bookTicker", E=1, u=1, b=[], B="1", a=[], A="1"), "is not a price"),
]


@pytest.mark.parametrize(("message", "reason"), FAULTS)
def test_a_message_that_cannot_be_read_is_named_by_its_line(message: Any, reason: str) -> None:
    with pytest.raises(MalformedFile, match=f"file.raw, line 2: .*({reason})"):
        read(trade(1, 1), message)


def test_a_stream_without_any_exchange_time_is_refused() -> None:
    with pytest.raises(MalformedFile, match="line 1: no message of the file carries an exchange time"):
        read(ticker(1, "9", "11"), ticker(2, "9", "11"))


def test_a_snapshot_of_nobody_in_a_stream_of_two_is_refused() -> None:
    other = {"stream": "t@x", "data": {"s": "T", "e": "trade", "E": 1, "T": 1, "t": 1, "p": "1", "q": "1", "m": True}}
    with pytest.raises(MalformedFile, match="a snapshot without symbol in a stream of S, T"):
        read(trade(1, 1), other, snapshot(5, [], []))
    assert len(read(trade(1, 1), other, snapshot(5, [], [], symbol="T"))) == 3


def test_betfair_changes_make_trades_and_books_of_each_selection() -> None:
    lines = [
        '{"op":"mcm","pt":5,"mc":[{"id":"1.1","img":true,"rc":[{"id":7,"atb":[[1.010,228.55]],"atl":[[2,3]]}]}]}',
        '{"op":"mcm","pt":6,"mc":[{"id":"1.1","rc":[{"id":7,"ltp":1.5,"atb":[[1.01,0],[1.4,2]]},{"id":8,"ltp":16}]}]}',
        '{"op":"mcm","pt":7,"mc":[{"id":"1.1","marketDefinition":{"status":"OPEN"}}]}',
        '{"op":"mcm","pt":8,"mc":[{"id":"1.1","img":true,"rc":[{"id":7,"atl":[[3,1]]}]}]}',
    ]
    rows = list(read_market_changes(Lines("f.mcm", lines), Reading("X")))
    assert [
        (row.ts, row.symbol, row.price, row.quantity, row.venue_seq) for row in rows if isinstance(row, TradeRow)
    ] == [
        (6 * MS, "7", "1.5", "0", 1),
        (6 * MS, "8", "16", "0", 2),
    ]
    assert [(row.line, row.bid, row.bid_size, row.ask, row.ask_size) for row in rows if isinstance(row, QuoteRow)] == [
        (1, "1.01", "228.55", "2", "3"),
        (2, "1.4", "2", "2", "3"),
        (4, "0", "0", "3", "1"),
    ]
    with pytest.raises(MalformedFile, match=r"f.mcm, line 1: .*pt"):
        list(read_market_changes(Lines("f.mcm", ["{}"]), Reading("X")))
