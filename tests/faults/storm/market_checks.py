"""What the market's processors have made of the log, held against the log: bars, latest quotes, nothing dead."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

from ops.processes.platform import Platform
from storage.log.port import Bounds, Record
from storage.models.bars import BarDocument
from storage.models.market_data import TIMEFRAMES, decode_bar
from storage.mongo.bars import Bars
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.reference import load_reference
from storage.topics import BARS, DEAD_LETTERS, QUOTES, TRADES
from streams.market.bars.build import build_bars
from streams.market.bars.decoding import decode_trades
from streams.market.known_markets import KnownMarkets
from tests.faults.report import Wrong

GROUP = "market"
MANY = 1_000_000
LONGEST_SECONDS = 120.0
Cells = dict[tuple[str, str, int], tuple[Decimal, ...]]


async def market_at_rest(platform: Platform) -> dict[int, Bounds]:
    """Wait until the processors have committed all of quotes and trades; the bounds of trades. The feeds are over."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            if all([await _is_read(platform, topic) for topic in (QUOTES, TRADES)]):
                return await platform.log.bounds(TRADES)
            await asyncio.sleep(0.5)  # other processes are waited for


async def _is_read(platform: Platform, topic: str) -> bool:
    ends = {number: bound.next for number, bound in (await platform.log.bounds(topic)).items() if bound.next}
    committed = await platform.log.committed(GROUP, topic)
    return all(committed.get(number, 0) >= end for number, end in ends.items())


async def check_market(platform: Platform) -> list[Wrong]:
    """Bars equal a fold of the trades from zero, in the store and on the log; each latest quote is the log's last one."""
    reference = await load_reference(platform.store.database)
    markets = KnownMarkets(lambda: reference)
    folded: Cells = {}
    seen: set[str] = set()
    for records in (await _all_of(platform, TRADES)).values():
        prints, _, refused = decode_trades(records, markets.symbols)
        assert not refused
        seen |= {one.symbol for one in prints}
        folded |= {bar.key: _cells(bar) for bar in build_bars(prints, day_of=markets.day_of)}
    stored = {bar.key: _cells(bar) for bar in await _stored(platform, seen)}
    wrong = _differences("bars in the store", stored, folded)
    wrong += _differences("bars on the log", await _told(platform), folded)
    wrong += await _check_quotes(platform)
    if letters := sum(bound.next for bound in (await platform.log.bounds(DEAD_LETTERS)).values()):
        wrong.append(Wrong("otherwise", f"{letters} dead letters"))
    return wrong


def _differences(what: str, found: Cells, expected: Cells) -> list[Wrong]:
    missing, others = expected.keys() - found.keys(), found.keys() - expected.keys()
    differing = [key for key in expected.keys() & found.keys() if expected[key] != found[key]]
    return [
        *(Wrong("lost", f"{what}: no {key}") for key in sorted(missing)),
        *(Wrong("otherwise", f"{what}: {key} is of no trade") for key in sorted(others)),
        *(Wrong("otherwise", f"{what}: {key} is {found[key]}, not {expected[key]}") for key in sorted(differing)),
    ]


async def _check_quotes(platform: Platform) -> list[Wrong]:
    last = {
        (record.key or b"").decode(): record
        for records in (await _all_of(platform, QUOTES)).values()
        for record in records
    }
    stored = {quote.symbol: quote for quote in await LatestQuotes(platform.store.database).all()}
    return [
        Wrong("otherwise", f"the latest quote of {symbol} is not that of {record.offset}")
        for symbol, record in last.items()
        if symbol not in stored or stored[symbol].offset != record.offset or stored[symbol].value != record.value
    ]


async def _all_of(platform: Platform, topic: str) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = {}
    for number, bounds in (await platform.log.bounds(topic)).items():
        batches = platform.log.read(topic, number, bounds.first, bounds.next)
        found[number] = [record async for batch in batches for record in batch]
    return found


async def _stored(platform: Platform, symbols: Iterable[str]) -> list[BarDocument]:
    bars = Bars(platform.store.database)
    return [
        bar
        for symbol in symbols
        for timeframe in TIMEFRAMES
        for bar in await bars.range(symbol, timeframe, None, None, MANY)
    ]


async def _told(platform: Platform) -> Cells:
    """The last record of topic `bars` for each bar."""
    last: Cells = {}
    for records in (await _all_of(platform, BARS)).values():
        for record in records:
            bar = decode_bar(record.value or b"")
            start = int(dict(record.headers)["event-id"].split(b"/")[2])
            last[bar.symbol, bar.timeframe, start] = tuple(
                map(Decimal, (bar.o, bar.h, bar.l, bar.c, bar.v, bar.notional, bar.trades))
            )
    return last


def _cells(bar: BarDocument) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, bar.trades)))
