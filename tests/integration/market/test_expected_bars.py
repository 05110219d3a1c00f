"""Every recorded trade file through memory log, runner, processor and store: equal in every cell to what is expected."""

import asyncio
import csv
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from ops.runtime.timestamps import format_timestamp
from storage.log.memory import MemoryLog
from storage.log.port import Message, Record
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.models.market_data import Trade, encode
from storage.mongo.bars import Bars
from storage.mongo.connect import connect
from storage.mongo.migrations import migrate
from storage.reference import ReferenceData
from storage.topics import DEAD_LETTERS, TRADES, Topics
from streams.app.memory_runner import MemoryRunner
from streams.feeds.replay.formats import FORMATS
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.rows import TradeRow
from streams.feeds.replay.session_filter import regular_hours
from streams.market.bars_processor import BarsProcessor
from streams.processor import Processor

pytestmark = pytest.mark.data

HOUR_MS = 3_600_000
FILES = {
    "binance_spot_btcusdt_20240808": ("crypto/binance_spot_btcusdt_20240808.trades.csv.gz", "binance"),
    "binance_spot_ethusdt_20240808": ("crypto/binance_spot_ethusdt_20240808.trades.csv.gz", "binance"),
    "binance_usdm_btcusdt_20240808": ("futures/binance_usdm_btcusdt_20240808.trades.csv.gz", "binance"),
    "binance_coinm_btcusd_perp_20240808": ("futures/binance_coinm_btcusd_perp_20240808.trades.csv.gz", "binance"),
    "binance_spot_xrpeth_20191011_13": ("crypto/binance_spot_xrpeth_20191011_13.trades.csv.gz", "xrpeth"),
    "taq_xxx_20180102.all": ("equity/taq_xxx_20180102.trades.csv.gz", "taq"),
    "taq_xxx_20180102.rth": ("equity/taq_xxx_20180102.trades.csv.gz", "taq"),
    "taq_multi_20140917": ("equity/taq_multi_20140917.trades.csv.gz", "taq-multi"),
    "betfair_1.181223994": ("prediction/betfair_1.181223994.ltp.csv.gz", "ltp"),
}


def rows(data: Path, name: str) -> Iterator[TradeRow]:
    path, file_format = FILES[name]
    recorded = RecordedFile(data / path, FORMATS[file_format])
    reading = recorded.reading()
    read = recorded.rows(reading)
    if name.endswith(".rth"):
        read = regular_hours(read, recorded.format, reading)
    return (row for row in read if isinstance(row, TradeRow))


def symbol_of(name: str, source: str) -> str:
    """A symbol for each source of each file, so that all files go through one log at once."""
    return f"{source.upper()}.F{list(FILES).index(name)}"


def messages(data: Path, name: str) -> list[Message]:
    now = format_timestamp(SystemClock().now())
    return [
        Message(
            symbol_of(name, row.symbol).encode(),
            encode(
                Trade(
                    symbol_of(name, row.symbol), "X", row.trade_id, row.venue_seq, row.price, row.quantity, row.side,
                    format_timestamp(row.ts), now,
                )
            ),
        )
        for row in rows(data, name)
    ]  # fmt: skip


def one_in_a_hundred_late(tape: Sequence[Message]) -> list[Message]:
    """Up to 1,000 records later than it was."""
    chance = random.Random(20_240_808)  # noqa: S311
    places = [
        (place + (chance.randint(1, 1_000) if chance.random() < 0.01 else 0), place) for place in range(len(tape))
    ]
    return [tape[place] for _, place in sorted(places)]


class Twice:
    """A processor that is handed each record twice, the second time in another batch."""

    def __init__(self, inner: Processor) -> None:
        self.name, self.topic = inner.name, inner.topic
        self.assign, self.flush, self.tick, self.revoke = inner.assign, inner.flush, inner.tick, inner.revoke
        self._inner = inner
        self._before: list[Record] = []

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        await self._inner.fold(partition, [record for record in records for _ in (1, 2)])
        await self._inner.fold(partition, records)


def reference_of(symbols: set[str]) -> Callable[[], ReferenceData]:
    calendar = Calendar(name="ALWAYS", timezone="UTC", always_open=True)
    instruments = [
        Instrument(
            symbol=symbol, venue="X", asset_class="crypto", calendar="ALWAYS", currency="USD", price_precision=8,
            qty_precision=8, tick_size="1", lot_size="1", min_quantity="1", max_quantity="1", min_notional="1",
            multiplier="1", initial_margin_rate="1", maintenance_margin_rate="1", reference_price="1",
        )
        for symbol in symbols
    ]  # fmt: skip
    data = ReferenceData.of(instruments, [calendar])
    return lambda: data


async def run(tapes: Sequence[Sequence[Message]], bars: Bars, wrap: Callable[[Processor], Processor]) -> int:
    """All tapes at once through the runner; how many dead letters there were."""
    clock = SystemClock()
    log = MemoryLog(Topics(), clock)
    symbols = {message.key.decode() for tape in tapes for message in tape}
    processor = BarsProcessor(bars=bars, log=log, clock=clock, metrics=Metrics(), reference=reference_of(symbols))
    runner, stop = MemoryRunner(log, [wrap(processor)], clock), asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    for tape in tapes:
        for begin in range(0, len(tape), 2_000):
            await log.append_many(TRADES, tape[begin : begin + 2_000])
    ends = {number: bounds.next for number, bounds in (await log.bounds(TRADES)).items()}
    while runner.positions()["bars"] != ends:
        await asyncio.wait({running}, timeout=0.05)
        if running.done():
            running.result()
    stop.set()
    await running
    return (await log.bounds(DEAD_LETTERS))[0].next


def expected(data: Path, name: str) -> Iterator[tuple[str, dict[tuple[str, int], list[str]]]]:
    """For each timeframe the cells by (symbol, start in ms, UTC)."""
    for path in sorted((data / "expected").glob(f"{name}.*.csv")):
        timeframe = path.name.removesuffix(".csv").rpartition(".")[2]
        if timeframe == "book_end_top20":
            continue
        with path.open() as file:
            table = list(csv.DictReader(file))
        found = {}
        for row in table:
            source = row.pop("symbol", None) or row.pop("selection_id", None) or single_source(data, name)
            start = int(row.pop("bar_start_ms"))
            found[symbol_of(name, source), start] = list(row.values())
        yield timeframe, found


@lru_cache
def single_source(data: Path, name: str) -> str:
    path, file_format = FILES[name]
    return RecordedFile(data / path, FORMATS[file_format]).symbols()[0]


async def check(bars: Bars, data: Path) -> int:
    """Compare every file; how many bars there were."""
    count = 0
    for name in FILES:
        for timeframe, cells in expected(data, name):
            kept = {}
            for symbol in {symbol for symbol, _ in cells}:
                for bar in await bars.range(symbol, timeframe, None, None, 1_000_000):  # type: ignore[arg-type]
                    kept[symbol, bar.start // 1_000_000] = [
                        bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, str(bar.trades),
                    ]  # fmt: skip
            assert kept == cells, f"{name} {timeframe}"
            count += len(kept)
    return count


@pytest.mark.parametrize(
    ("wrap", "order"),
    [(lambda inner: inner, list), (Twice, list), (lambda inner: inner, one_in_a_hundred_late)],
    ids=["as-recorded", "each-record-twice", "one-in-100-late"],
)
async def test_every_trade_file_equals_what_is_expected_in_every_cell(
    shared_data: Path,
    wrap: Callable[[Processor], Processor],
    order: Callable[[Sequence[Message]], list[Message]],
) -> None:
    tapes = [order(messages(shared_data, name)) for name in FILES]
    bars = Bars(connect("mongomock://", "bars").database)
    assert await run(tapes, bars, wrap) == 0
    assert await check(bars, shared_data) == 8_616


@pytest.mark.mongo
async def test_the_same_on_a_real_store(shared_data: Path, mongo_url: str) -> None:
    store = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    try:
        await migrate(store.database, SystemClock())
        bars = Bars(store.database)
        assert await run([messages(shared_data, name) for name in FILES], bars, lambda inner: inner) == 0
        assert await check(bars, shared_data) == 8_616
    finally:
        await store.client.drop_database(store.database.name)
        store.close()
