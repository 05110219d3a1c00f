"""SIGKILL of the bars processor at random points of one merged replay: its bars equal the expected ones, cell by cell."""

import asyncio
import csv
import os
import random
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from ops.runtime.timestamps import format_timestamp
from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.models.bars import BarDocument
from storage.models.market_data import Bar, Timeframe, Trade, decode_bar, encode
from storage.models.wire_bars import wire_bar
from storage.mongo.bars import Bars
from storage.mongo.connect import Store, connect
from storage.topics import BARS, DEAD_LETTERS, TRADES, Topics
from streams.feeds.replay.formats import FORMATS
from streams.feeds.replay.merge import merge_by_time
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.rows import Row, TradeRow
from streams.feeds.replay.session_filter import SessionName
from streams.feeds.replay.sources import ReplaySource, readings_of, rows_of
from tests.faults.report import Round, reported

pytestmark = [
    pytest.mark.faults,
    pytest.mark.kafka,
    pytest.mark.mongo,
    pytest.mark.data,
    pytest.mark.timeout(600),
]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 20 if os.environ.get("FAULTS") == "all" else 4
SEED = 20
GROUP, PARTITIONS = "market", {TRADES: 4, BARS: 4}
MILLISECOND = 1_000_000
FOUR_HOURS = 4 * 3_600_000 * MILLISECOND  # the expected bars of taq_multi are in New York's summer time
ALL_TIMEFRAMES: tuple[Timeframe, ...] = ("1m", "5m", "15m", "1h")


@dataclass(frozen=True)
class Recording:
    """A recorded file of trades; source symbol -> platform symbol; the name of its expected bars, and their clock."""

    path: str
    format: str
    symbols: Mapping[str, str]
    expected: str
    session: SessionName | None = None
    behind: int = 0


def _one(path: str, file_format: str, source: str, symbol: str, session: SessionName | None = None) -> Recording:
    name = path.rpartition("/")[2].partition(".")[0]
    suffix = "" if file_format != "taq" else f".{session or 'all'}"
    return Recording(path, file_format, {source: symbol}, name + suffix, session)


RECORDINGS = (
    _one("crypto/binance_spot_btcusdt_20240808.trades.csv.gz", "binance", "BTCUSDT", "BTCUSDT.BINANCE"),
    _one("crypto/binance_spot_ethusdt_20240808.trades.csv.gz", "binance", "ETHUSDT", "ETHUSDT.BINANCE"),
    _one("crypto/binance_spot_xrpeth_20191011_13.trades.csv.gz", "xrpeth", "XRPETH", "XRPETH.BINANCE"),
    _one("futures/binance_usdm_btcusdt_20240808.trades.csv.gz", "binance", "BTCUSDT", "BTCUSDT-PERP.BINANCE"),
    _one("futures/binance_coinm_btcusd_perp_20240808.trades.csv.gz", "binance", "BTCUSD_PERP", "BTCUSD-PERP.BINANCE"),
    _one("equity/taq_xxx_20180102.trades.csv.gz", "taq", "XXX", "XXX.US"),
    _one("equity/taq_xxx_20180102.trades.csv.gz", "taq", "XXX", "XXX-RTH.US", "rth"),
)


def recordings(data: Path) -> tuple[Recording, ...]:
    """All of them; the two that hold several symbols map each."""
    held = [
        ("equity/taq_multi_20140917.trades.csv.gz", "taq-multi", "taq_multi_20140917", FOUR_HOURS),
        ("prediction/betfair_1.181223994.ltp.csv.gz", "ltp", "betfair_1.181223994", 0),
    ]
    several = []
    for path, file_format, expected, behind in held:
        found = RecordedFile(data / path, FORMATS[file_format]).symbols()
        symbols = {source: f"{source}.TEST" for source in found}
        several.append(Recording(path, file_format, symbols, expected, None, behind))
    return (*RECORDINGS, *several)


def merged(data: Path, held: tuple[Recording, ...]) -> Iterator[TradeRow]:
    """Every trade of every recording, by event time."""
    sources = [ReplaySource(RecordedFile(data / one.path, FORMATS[one.format]), one.symbols) for one in held]
    rows: list[Iterator[Row]] = [
        rows_of(source, reading, one.session)
        for one, source, reading in zip(held, sources, readings_of(sources), strict=True)
    ]
    return (placed.row for placed in merge_by_time(rows) if isinstance(placed.row, TradeRow))


def message_of(row: TradeRow) -> Message:
    ts = format_timestamp(row.ts)
    trade = Trade(row.symbol, "TEST", row.trade_id, row.venue_seq, row.price, row.quantity, row.side, ts, ts)
    return Message(row.symbol.encode(), encode(trade), (("schema", b"trade.1"),))


def expected_cells(data: Path, held: tuple[Recording, ...]) -> dict[tuple[str, str, int], tuple[Decimal, ...]]:
    """(symbol, timeframe, start in ns) -> open, high, low, close, volume, notional, trades."""
    cells: dict[tuple[str, str, int], tuple[Decimal, ...]] = {}
    for one in held:
        for timeframe in ALL_TIMEFRAMES:
            path = data / "expected" / f"{one.expected}.{timeframe}.csv"
            if path.exists():
                cells.update(_cells_of(path, one, timeframe))
    return cells


def _cells_of(
    path: Path, one: Recording, timeframe: Timeframe
) -> Iterator[tuple[tuple[str, str, int], tuple[Decimal, ...]]]:
    with path.open() as file:
        for row in csv.DictReader(file):
            source = row.get("symbol") or row.get("selection_id")
            symbol = one.symbols[source] if source else next(iter(one.symbols.values()))
            names = ("open", "high", "low", "close", "volume", "notional", "trades")
            start = int(row["bar_start_ms"]) * MILLISECOND + one.behind
            yield (symbol, timeframe, start), tuple(Decimal(row[name]) for name in names)


def cells_of(bar: BarDocument) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, bar.trades)))


class Killed:
    """One replay on the log, and the worker that is killed and started again."""

    def __init__(self, broker: str, store_url: str, symbols: list[str]) -> None:
        self.name = f"kills-{uuid.uuid4().hex[:8]}"
        self.log = KafkaLog(broker, Topics(PARTITIONS, prefix=f"{self.name}-"))
        self.store: Store = connect(store_url, self.name)
        self._arguments = (broker, f"{self.name}-", store_url, self.name, ",".join(symbols))
        self._worker: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._worker = await asyncio.create_subprocess_exec(
            sys.executable, Path(__file__).with_name("processes.py"), *self._arguments,
            stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    async def folded(self, records: int) -> int:
        """Wait until this worker has folded so many records (or all there are, if it says so); how many it has."""
        assert self._worker
        assert self._worker.stdout
        total = 0
        while total < records:
            line = await asyncio.wait_for(self._worker.stdout.readline(), 60)
            assert line, "the worker has ended by itself"
            total = int(line.split()[1])
        return total

    async def end(self, how: str) -> int:
        assert self._worker
        getattr(self._worker, how)()
        await self._worker.communicate()
        return self._worker.returncode or 0

    async def committed(self) -> int:
        return sum((await self.log.committed(GROUP, TRADES)).values())

    async def until_committed(self, records: int) -> None:
        async with asyncio.timeout(120):
            while await self.committed() < records:  # noqa: ASYNC110  (it is the broker that knows)
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        if self._worker and self._worker.returncode is None:
            await self.end("kill")
        await self.store.client.drop_database(self.name)
        self.store.close()
        await self.log.close()


@pytest.fixture
async def run(kafka_address: str, mongo_url: str, shared_data: Path) -> AsyncIterator[Killed]:
    symbols = [symbol for one in recordings(shared_data) for symbol in one.symbols.values()]
    made = Killed(kafka_address, mongo_url, symbols)
    await made.log.start()
    await made.log.admin().create([TRADES, BARS, DEAD_LETTERS])
    yield made
    await made.close()


async def test_bars_equal_the_expected_ones_after_kills_at_random_points(run: Killed, shared_data: Path) -> None:
    held = recordings(shared_data)
    messages = [message_of(row) for row in merged(shared_data, held)]
    for start in range(0, len(messages), 20_000):
        await run.log.append_many(TRADES, messages[start : start + 20_000])

    with reported("bars of recorded trades", SEED) as found:
        await _killed_and_compared(run, shared_data, len(messages), found)


async def _killed_and_compared(run: Killed, shared_data: Path, count: int, found: Round) -> None:
    held, chance = recordings(shared_data), random.Random(SEED)  # noqa: S311
    for left in range(KILLS, 0, -1):
        await run.start()
        remaining = count - await run.committed()
        await run.folded(chance.randrange(1, max(2, 2 * remaining // (left + 1))))
        await asyncio.sleep(chance.random() * 0.05)
        found.add("SIGKILL market worker")
        await run.end("kill")

    await run.start()
    await run.until_committed(count)
    assert await run.end("terminate") == 0

    stored = {(bar.symbol, bar.timeframe, bar.start): bar async for bar in all_bars(run, held)}
    expected = expected_cells(shared_data, held)
    kinds = {(symbol, timeframe) for symbol, timeframe, _ in expected}
    assert {key: cells_of(bar) for key, bar in stored.items() if key[:2] in kinds} == expected
    assert await last_on_the_log(run) == {key: wire_bar(bar) for key, bar in stored.items()}
    assert (await run.log.bounds(DEAD_LETTERS))[0].next == 0


async def all_bars(run: Killed, held: tuple[Recording, ...]) -> AsyncIterator[BarDocument]:
    bars = Bars(run.store.database)
    for symbol in {symbol for one in held for symbol in one.symbols.values()}:
        for timeframe in (*ALL_TIMEFRAMES, "1d"):
            for bar in await bars.range(symbol, timeframe, None, None, 100_000):  # type: ignore[arg-type]
                yield bar


async def last_on_the_log(run: Killed) -> dict[tuple[str, str, int], Bar]:
    """The last record of topic `bars` for each bar."""
    last: dict[tuple[str, str, int], Bar] = {}
    for partition, bounds in (await run.log.bounds(BARS)).items():
        async for records in run.log.read(BARS, partition, bounds.first, bounds.next):
            for record in records:
                start = int(dict(record.headers)["event-id"].split(b"/")[2])
                bar = decode_bar(record.value or b"")
                last[bar.symbol, bar.timeframe, start] = bar
    return last
