"""CSV readers: every row exactly, every fault by line and column, what came before it not lost."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.replay import columns as presets
from streams.feeds.replay.columns import Columns, QuoteColumns, TradeColumns, parse_columns
from streams.feeds.replay.formats import FORMATS, of_columns
from streams.feeds.replay.lines import Lines
from streams.feeds.replay.problems import MalformedFile, UnreadableFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.recorded_file import RecordedFile, symbol_in_name
from streams.feeds.replay.rows import QuoteRow, Row, TradeRow

OWN = TradeColumns(ts="t", ts_unit="ns", symbol="s", price="p", quantity="q", trade_id="i", side="b")
prices = st.decimals(min_value="0.00000001", max_value="1000000", places=8).map(lambda number: f"{number:f}")
trimmed = prices.map(lambda text: text.rstrip("0").rstrip("."))


def read(text: str, described: Columns, reading: Reading | None = None) -> list[Row]:
    lines = Lines("file.csv", text.splitlines(keepends=True))
    return list(of_columns("own", described).read(lines, reading or Reading("X")))


trades = st.builds(
    TradeRow,
    ts=st.integers(0, 2**60),
    symbol=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='",'), min_size=1, max_size=9),
    price=trimmed,
    quantity=trimmed,
    side=st.sampled_from(["buy", "sell"]),
    trade_id=st.integers(0, 2**62).map(str),
    venue_seq=st.just(0),
    line=st.just(0),
)


@given(st.lists(trades, max_size=20))
def test_trades_that_were_written_are_read_as_they_were(rows: Sequence[TradeRow]) -> None:
    text = "t,s,p,q,i,b\n" + "".join(
        f"{row.ts},{row.symbol},{row.price},{row.quantity},{row.trade_id},{row.side}\n" for row in rows
    )
    expected = [
        TradeRow(row.ts, row.symbol, row.price, row.quantity, row.side, row.trade_id, int(row.trade_id), place)
        for place, row in enumerate(rows, 2)
    ]
    assert read(text, OWN) == expected


@given(st.lists(st.tuples(st.integers(0, 2**60), trimmed, trimmed, trimmed, trimmed), max_size=20))
def test_quotes_that_were_written_are_read_as_they_were(rows: Sequence[tuple[int, str, str, str, str]]) -> None:
    described = QuoteColumns(ts="t", ts_unit="ns", bid="b", bid_size="bs", ask="a", ask_size="as")
    text = "t,b,bs,a,as\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    assert read(text, described) == [QuoteRow(row[0], "X", *row[1:], line) for line, row in enumerate(rows, 2)]


def test_without_ids_the_line_stands_for_the_trade() -> None:
    text = "ts,price\n1,10\n\n2,11\n"
    described = TradeColumns(ts="ts", price="price")
    assert [(row.trade_id, row.venue_seq, row.line) for row in read(text, described)] == [("2", 2, 2), ("4", 4, 4)]
    shifted = read(text, described, Reading("X", sequence_base=1_000))
    assert [(row.trade_id, row.venue_seq) for row in shifted] == [("2", 1_002), ("4", 1_004)]


def test_ids_that_are_no_numbers_leave_the_order_to_the_lines() -> None:
    rows = read("ts,price,id\n1,10,a-1\n2,11,7\n", TradeColumns(ts="ts", price="price", trade_id="id"))
    assert [(row.trade_id, row.venue_seq) for row in rows] == [("a-1", 2), ("7", 3)]


def test_a_file_does_not_mix_ids_and_lines() -> None:
    with pytest.raises(MalformedFile, match=r"line 3, column id: 'a-1'.*as the first row has"):
        read("ts,price,id\n1,10,7\n2,11,a-1\n", TradeColumns(ts="ts", price="price", trade_id="id"))


def test_rows_marked_corrected_are_left_out_and_counted() -> None:
    reading = Reading("X")
    text = "ts_ms,exchange,symbol,sale_condition,price,size,correction\n1,P,XXX,F,10,2,0\n2,P,XXX,F,99,2,1\n3,P,XXX,F,11,2,0\n"
    assert [row.price for row in read(text, presets.TAQ, reading)] == ["10", "11"]
    assert reading.corrected == 1


def test_the_maker_tells_the_aggressor() -> None:
    head = "recv_ts_ns,event_time_ms,trade_time_ms,symbol,trade_id,price,quantity,buyer_is_maker\n"
    rows = read(head + "1,2,3,S,4,5.0,6,true\n1,2,3,S,5,5.0,6,false\n", presets.BINANCE)
    assert rows == [
        TradeRow(3_000_000, "S", "5", "6", "sell", "4", 4, 2),
        TradeRow(3_000_000, "S", "5", "6", "buy", "5", 5, 3),
    ]


def test_quotes_without_exchange_time_take_the_recorders_clock_set_right() -> None:
    head = "recv_ts_ns,event_time_ms,transaction_time_ms,symbol,update_id,bid_price,bid_size,ask_price,ask_size\n"
    text = head + "1000,,,S,1,10,1,11,2\n2000,5,4,S,2,10,1,11,2\n"
    assert [row.ts for row in read(text, presets.BINANCE_QUOTES, Reading("X", skew=7))] == [1_007, 4_000_000]


def test_fractions_of_milliseconds_since_midnight_are_real() -> None:
    rows = read(
        "ms_since_midnight_utc,bid_price,ask_price\n808.0672,1.10,1.2\n", presets.OANDA_QUOTES, Reading("X", 10**18)
    )
    assert rows == [QuoteRow(10**18 + 808_067_200, "X", "1.1", "0", "1.2", "0", 2)]


def test_since_midnight_of_no_day_is_refused() -> None:
    with pytest.raises(MalformedFile, match="of which day"):
        read("ms_since_midnight_utc,bid_price,ask_price\n", presets.OANDA_QUOTES, Reading("X", None))


def test_the_best_of_exchanges_by_price_size_and_time() -> None:
    head = "ts_ms,exchange,symbol,bid_price,bid_size_lots,ask_price,ask_size_lots\n"
    rows = [
        "1,N,S,10,1,12,1",
        "2,P,S,11,1,11.5,2",
        "3,T,S,11,3,11.5,2",
        "4,T,S,11,1,0,0",
        "5,P,S,0,0,0,0",
        "6,T,S,10,0,13,1",
    ]
    best = [(row.bid, row.bid_size, row.ask, row.ask_size) for row in read(head + "\n".join(rows), presets.TAQ_QUOTES)]
    assert best == [
        ("10", "100", "12", "100"),
        ("11", "100", "11.5", "200"),
        ("11", "300", "11.5", "200"),
        ("11", "100", "11.5", "200"),
        ("11", "100", "12", "100"),
        ("10", "100", "12", "100"),
    ]


@given(st.lists(st.tuples(st.sampled_from("ABC"), *[st.integers(0, 3)] * 4), min_size=1, max_size=40))
def test_the_best_of_exchanges_is_the_best_of_their_newest(rows: Sequence[tuple[str, int, int, int, int]]) -> None:
    head = "ts_ms,exchange,symbol,bid_price,bid_size_lots,ask_price,ask_size_lots\n"
    text = head + "".join(f"1,{row[0]},S,{','.join(map(str, row[1:]))}\n" for row in rows)
    newest: dict[str, tuple[int, int, int, int]] = {}
    for row, best in zip(rows, read(text, presets.TAQ_QUOTES), strict=True):
        newest[row[0]] = row[1:]
        bid = max(((price, size) for price, size, _, _ in newest.values() if price and size), default=(0, 0))
        ask = max(((-price, size) for _, _, price, size in newest.values() if price and size), default=(0, 0))
        assert (int(best.bid), int(best.bid_size)) == (bid[0], bid[1] * 100)
        assert (int(best.ask), int(best.ask_size)) == (-ask[0], ask[1] * 100)


FAULTS = {
    "": r"file.csv, line 1: the file is empty; expected a header line with t, s, p",
    "t,s,p,q,i\n": r"line 1, column b: the header has no such column \(it has t, s, p, q, i\)",
    "1,X,5,6,7,buy\n": r"line 1, column t: the header has no such column",
    "t,s,p,q,i,b\n1,X,5,6,7,buy\n1,X,5,6\n": r"line 3: 4 cells where the header has 6; expected 6 cells",
    "t,s,p,q,i,b\n1,X,5,6,7,buy\n1,X,5,6,7,buy,1\n": r"line 3: 7 cells",
    "t,s,p,q,i,b\n1,X,five,6,7,buy\n": r"line 2, column p: 'five' is not a number; expected a decimal number such as",
    "t,s,p,q,i,b\n1,X,5,-6,7,buy\n": r"line 2, column q: '-6' is negative; expected a decimal number that is not negative",
    "t,s,p,q,i,b\nnow,X,5,6,7,buy\n": r"line 2, column t: 'now' is not a time; expected a time in ns",
    "t,s,p,q,i,b\n1, ,5,6,7,buy\n": r"line 2, column s: the symbol is empty",
    "t,s,p,q,i,b\n1,X,5,6,,buy\n": r"line 2, column i: the trade id is empty",
    "t,s,p,q,i,b\n1,X,5,6,7,up\n": r"line 2, column b: 'up' is not a side; expected buy or sell",
    't,s,p,q,i,b\n1,X,"5"0,6,7,buy\n': r"line 2: not CSV",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_named_by_file_line_and_column(text: str) -> None:
    with pytest.raises(MalformedFile, match=FAULTS[text]):
        read(text, OWN)


def until_fault(file: RecordedFile) -> tuple[list[Row], MalformedFile]:
    rows: list[Row] = []
    try:
        for row in file.rows(file.reading()):
            rows.append(row)  # noqa: PERF402  (extend would not promise the rows before the fault)
    except MalformedFile as fault:
        return rows, fault
    pytest.fail("the file was read to its end")


def test_what_came_before_a_fault_is_delivered(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("t,s,p,q,i,b\n1,X,5,6,7,buy\n2,X,5,6,8,buy\n3,X,bad,6,9,buy\n")
    file = RecordedFile(path, of_columns("own", OWN))
    rows, fault = until_fault(file)
    assert [row.ts for row in rows] == [1, 2]
    assert (fault.file, fault.line, fault.column) == ("own.csv", 4, "p")
    assert file.symbols() == ("X",)


def test_a_gzip_that_ends_early_delivers_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    packed = gzip.compress(("t,s,p,q,i,b\n" + "".join(f"{n},X,{n},6,{n * 7919},buy\n" for n in range(9_000))).encode())
    path.write_bytes(packed[: len(packed) // 2])
    rows, fault = until_fault(RecordedFile(path, of_columns("own", OWN)))
    assert [row.ts for row in rows] == list(range(len(rows)))
    assert 1_000 < len(rows) < 9_000
    assert str(fault) == f"cut.csv.gz, line {len(rows) + 2}: the gzip stream ends early; expected a whole file"


def test_damaged_and_foreign_bytes(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"t,s,p,q,i,b\n" * 50_000))
    packed[len(packed) // 2] ^= 0xFF
    damaged, foreign = tmp_path / "damaged.csv.gz", tmp_path / "foreign.csv"
    damaged.write_bytes(packed)
    foreign.write_bytes(b"t,s,p,q,i,b\n1,\xff\xfe,5,6,7,buy\n")
    for path, reason in ((damaged, "damaged"), (foreign, "not UTF-8")):
        file = RecordedFile(path, of_columns("own", TradeColumns(ts="t", price="p")))
        with pytest.raises(MalformedFile, match=f"{path.name}, line .*({reason}|not a time)"):
            list(file.rows(file.reading()))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.csv", "no such file"), (tmp_path, "is a directory")):
        file = RecordedFile(path, FORMATS["binance"])
        with pytest.raises(UnreadableFile, match=f"{path}: {reason}"):
            file.rows(file.reading())


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes("ts,price\r\n1,10\r\n2,11\r\n".encode("utf-8-sig"))
    file = RecordedFile(path, of_columns("own", TradeColumns(ts="ts", price="price")))
    assert [(row.price, row.line) for row in file.rows(file.reading())] == [("10", 2), ("11", 3)]


def test_columns_of_a_users_own_file() -> None:
    assert parse_columns("ts=time, symbol=sym,price=px,quantity=qty,ts_unit=us") == TradeColumns(
        ts="time", symbol="sym", price="px", quantity="qty", ts_unit="us"
    )
    assert parse_columns("ts=t,bid=b,ask=a") == QuoteColumns(ts="t", bid="b", ask="a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ts", "not name=column"),
        ("ts=t,price=", "not name=column"),
        ("ts=t,prise=p", "prise is not one of ts, price"),
        ("price=p", "ts is missing"),
        ("ts=t", "price is missing"),
        ("ts=t,bid=b", "ask is missing"),
        ("ts=t,price=p,ts=u", "ts is named twice"),
        ("ts=t,price=p,ts_unit=min", "ts_unit 'min' is not one of s, ms, us, ns, rfc3339"),
        ("ts=t,price=p,side=a,buyer_is_maker=b", "name one of them"),
    ],
)
def test_columns_that_are_not_well_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_columns(text)


def test_whose_rows_a_file_holds_that_does_not_say() -> None:
    assert symbol_in_name("oanda_eurusd_20140506.quotes.csv.gz") == "EURUSD"
    assert symbol_in_name("binance_spot_xrpeth_20191011_13.trades.csv.gz") == "XRPETH"
    assert symbol_in_name("my-ticks.csv") == "MY-TICKS"
