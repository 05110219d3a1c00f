"""The recorded data: every expected bar and book, the rebuilt book against the best-quote stream, vendors' own bars."""

import csv
import gzip
import json
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli.bars import application
from streams.feeds.replay.fields import canonical_decimal, midnight_of_name
from streams.feeds.replay.formats import FORMATS
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.rows import QuoteRow, Row, TradeRow

pytestmark = pytest.mark.data

BINANCE = {
    "binance_spot_btcusdt_20240808": "crypto",
    "binance_spot_ethusdt_20240808": "crypto",
    "binance_usdm_btcusdt_20240808": "futures",
    "binance_coinm_btcusd_perp_20240808": "futures",
}
TRADE_FILES = {
    **{name: (f"{folder}/{name}.trades.csv.gz", "binance") for name, folder in BINANCE.items()},
    "binance_spot_xrpeth_20191011_13": ("crypto/binance_spot_xrpeth_20191011_13.trades.csv.gz", "xrpeth"),
    "taq_xxx_20180102": ("equity/taq_xxx_20180102.trades.csv.gz", "taq"),
    "taq_multi_20140917": ("equity/taq_multi_20140917.trades.csv.gz", "taq-multi"),
    "betfair_1.181223994": ("prediction/betfair_1.181223994.ltp.csv.gz", "ltp"),
}
TIMEFRAMES = {
    **dict.fromkeys(BINANCE, ("1m", "5m")),
    "binance_spot_xrpeth_20191011_13": ("1m", "5m", "15m", "1h"),
    "taq_xxx_20180102.all": ("1m", "5m", "15m", "1h"),
    "taq_xxx_20180102.rth": ("1m", "5m", "15m", "1h"),
    "taq_multi_20140917": ("1m", "5m", "1h"),
    "betfair_1.181223994": ("1m", "5m", "1h"),
}
EXPECTED = [f"{name}.{timeframe}" for name, timeframes in TIMEFRAMES.items() for timeframe in timeframes]
DEPTH_UPDATES = dict(zip(BINANCE, (3_449, 3_432, 6_547, 26_824), strict=True))  # 40,252 together
OTHER_FORMS = {name: (f"{folder}/{name}.raw.jsonl.gz", "binance-raw") for name, folder in BINANCE.items()}
OTHER_FORMS["betfair_1.181223994"] = ("prediction/betfair_1.181223994.mcm.jsonl.gz", "betfair-mcm")


def rows_of(data: Path, path: str, file_format: str) -> Iterator[Row]:
    file = RecordedFile(data / path, FORMATS[file_format])
    return file.rows(file.reading())


def cells(text: str) -> list[list[str | Decimal]]:
    """Header as text, every other cell as a decimal, but for symbols."""
    header, *rows = csv.reader(text.splitlines())
    first = 1 if header[0] == "symbol" else 0
    return [list(header), *([*row[:first], *map(Decimal, row[first:])] for row in rows)]


def bars_built(data: Path, path: str, file_format: str, expected: str) -> str:
    session = ["--session", "rth"] if ".rth." in expected else []
    timeframe = expected.rpartition(".")[2]
    arguments = ["build", str(data / path), "--format", file_format, "--timeframe", timeframe, *session]
    result = CliRunner().invoke(application, arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_every_expected_file_is_compared(shared_data: Path) -> None:
    there = {path.name.removesuffix(".csv") for path in (shared_data / "expected").iterdir()}
    assert there == {*EXPECTED, *(f"{name}.book_end_top20" for name in BINANCE)}


@pytest.mark.parametrize("expected", EXPECTED)
def test_bars_equal_the_expected_ones_in_every_cell(shared_data: Path, expected: str) -> None:
    path, file_format = TRADE_FILES[expected.rpartition(".")[0].removesuffix(".all").removesuffix(".rth")]
    wanted = (shared_data / "expected" / f"{expected}.csv").read_text()
    assert cells(bars_built(shared_data, path, file_format, expected)) == cells(wanted)


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_the_raw_streams_hold_the_same_trades(shared_data: Path, name: str) -> None:
    expected = f"{name}.1m"
    wanted = (shared_data / "expected" / f"{expected}.csv").read_text()
    assert cells(bars_built(shared_data, *OTHER_FORMS[name], expected)) == cells(wanted)


@pytest.mark.parametrize("name", TRADE_FILES)
def test_time_and_sequence_order_trades_as_the_file_does(shared_data: Path, name: str) -> None:
    keys: dict[str, tuple[int, int]] = {}
    for row in rows_of(shared_data, *TRADE_FILES[name]):
        assert isinstance(row, TradeRow)
        assert keys.get(row.symbol, (0, 0)) < (row.ts, row.venue_seq)
        keys[row.symbol] = (row.ts, row.venue_seq)


def tickers_and_updates(path: Path) -> tuple[list[tuple[int, tuple[str, ...]]], dict[int, int]]:
    """Best quotes by update id, and the last id of each depth update by line."""
    tickers, updates = [], {}
    with gzip.open(path, "rt") as stream:
        for number, text in enumerate(stream, 1):
            data = json.loads(text.partition(" ")[2]).get("data", {})
            if data.get("e") == "depthUpdate":
                updates[number] = data["u"]
            elif "B" in data:
                tickers.append((data["u"], tuple(canonical_decimal(data[field]) for field in "bBaA")))
    return sorted(tickers), updates


def expected_book(path: Path) -> list[tuple[str, Decimal, Decimal]]:
    with path.open() as stream:
        return [(row["side"], Decimal(row["price"]), Decimal(row["size"])) for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("name", "depth_updates"), DEPTH_UPDATES.items())
def test_the_book_agrees_with_the_best_quotes_after_every_update_and_ends_as_expected(
    shared_data: Path, name: str, depth_updates: int
) -> None:
    tickers, updates = tickers_and_updates(shared_data / OTHER_FORMS[name][0])
    ids = [update for update, _ in tickers]
    compared, depth = 0, b""
    for row in rows_of(shared_data, *OTHER_FORMS[name]):
        if isinstance(row, QuoteRow) and row.depth is not None and row.line in updates:
            _, best = tickers[bisect_right(ids, updates[row.line]) - 1]
            assert (row.bid, row.bid_size, row.ask, row.ask_size) == best, row.line
            compared, depth = compared + 1, row.depth
    assert compared == depth_updates
    sides = json.loads(depth)
    found = [(side, Decimal(price), Decimal(size)) for side in ("bid", "ask") for price, size in sides[f"{side}s"][:20]]
    assert found == expected_book(shared_data / "expected" / f"{name}.book_end_top20.csv")


@pytest.mark.parametrize(
    ("path", "bars"), [("fx/oanda_eurusd_20140506", 1_389), ("metals/oanda_xauusd_20140506", 1_385)]
)
def test_quotes_make_the_vendors_own_bars(shared_data: Path, path: str, bars: int) -> None:
    midnight = midnight_of_name(path) or 0
    minutes: dict[int, list[tuple[Decimal, Decimal]]] = {}
    for row in rows_of(shared_data, f"{path}.quotes.csv.gz", "oanda-quotes"):
        assert isinstance(row, QuoteRow)
        start = (row.ts - midnight) // 60_000_000_000 * 60_000
        minutes.setdefault(start, []).append((Decimal(row.bid), Decimal(row.ask)))
    with gzip.open(shared_data / f"{path}.vendor_1m_quote_bars.csv.gz", "rt") as stream:
        wanted = [[Decimal(cell) for cell in row if cell] for row in list(csv.reader(stream))[1:]]
    found = []
    for start, quotes in minutes.items():
        bid, ask = ([quote[side] for quote in quotes] for side in (0, 1))
        found.append([start, bid[0], max(bid), min(bid), bid[-1], 0, ask[0], max(ask), min(ask), ask[-1], 0])
    assert len(found) == bars
    assert found == wanted


def test_the_best_over_exchanges_is_that_of_their_newest_quotes(shared_data: Path) -> None:
    path = "equity/taq_xxx_20180102.quotes.csv.gz"
    newest: dict[str, tuple[Decimal, int, Decimal, int]] = {}
    with gzip.open(shared_data / path, "rt") as stream:
        for own, row in zip(csv.DictReader(stream), rows_of(shared_data, path, "taq-quotes"), strict=True):
            newest[own["exchange"]] = (
                Decimal(own["bid_price"]), int(own["bid_size_lots"]),
                Decimal(own["ask_price"]), int(own["ask_size_lots"]),
            )  # fmt: skip
            bid = max(((price, lots) for price, lots, _, _ in newest.values() if price and lots), default=(0, 0))
            ask = max(((-price, lots) for _, _, price, lots in newest.values() if price and lots), default=(0, 0))
            assert isinstance(row, QuoteRow)
            assert (Decimal(row.bid), Decimal(row.bid_size)) == (bid[0], bid[1] * 100)
            assert (Decimal(row.ask), Decimal(row.ask_size)) == (-ask[0], ask[1] * 100)
