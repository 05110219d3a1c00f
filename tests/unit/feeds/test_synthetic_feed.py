"""The runner of the synthetic feed: paced by the clock that it is given, through the publisher onto the log."""

import asyncio
from collections.abc import Sequence

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.memory import MemoryLog
from storage.models.market_data import Quote, Trade, decode_quote, decode_trade, encode
from storage.reference_data.builtin import load_builtin
from storage.topics import QUOTES, TRADES, Topics
from streams.feeds.port import FeedRecord
from streams.feeds.publisher import FeedPublisher
from streams.feeds.synthetic.feed import SyntheticFeed

REFERENCE = load_builtin()


class Over(Exception):
    """Ends an endless feed."""


def sleeper(clock: ManualClock, seconds: float):
    until = clock.monotonic() + seconds

    async def sleep(pause: float) -> None:
        if clock.monotonic() >= until:
            raise Over
        clock.advance(pause)
        await asyncio.sleep(0)

    return sleep


async def collected(seed: int, seconds: float = 3, **options: object) -> list[tuple[bytes, int, bytes | None]]:
    clock = ManualClock()
    found: list[FeedRecord] = []

    async def publish(records: Sequence[FeedRecord]) -> None:
        assert records
        found.extend(records)

    feed = SyntheticFeed(REFERENCE, clock, seed, sleep=sleeper(clock, seconds), **options)
    with pytest.raises(Over):
        await feed.run(publish)
    return [(encode(record.payload), record.line, record.depth) for record in found]


async def test_same_seed_and_clock_same_bytes() -> None:
    assert await collected(1) == await collected(1)
    assert await collected(1) != await collected(2)


async def test_a_choice_of_symbols_and_a_rate() -> None:
    records = await collected(1, 5, symbols=["EURUSD.OANDA", "BTCUSDT.BINANCE"], rate=200)
    symbols = {decode_quote(value).symbol for value, _, _ in records if b'"bid"' in value}
    assert symbols == {"EURUSD.OANDA", "BTCUSDT.BINANCE"}
    assert 800 < sum(b'"bid"' in value for value, _, _ in records) < 1_200


async def test_what_stands_on_the_log_is_what_was_made() -> None:
    clock, log = ManualClock(), MemoryLog(Topics())
    feed = SyntheticFeed(REFERENCE, clock, 5, sleep=sleeper(clock, 2))
    assert feed.name == "synthetic"
    assert set(feed.symbols) == set(REFERENCE.instruments)
    publisher = FeedPublisher(log, SystemIdentifiers(), "synthetic:5")
    with pytest.raises(Over):
        await feed.run(publisher)
    on_log: dict[str, list[Quote | Trade]] = {QUOTES: [], TRADES: []}
    for topic, decode in ((QUOTES, decode_quote), (TRADES, decode_trade)):
        for partition, (first, following) in (await log.bounds(topic)).items():
            async for batch in log.read(topic, partition, first, following):
                on_log[topic] += [decode(record.value or b"") for record in batch]
    assert {quote.symbol for quote in on_log[QUOTES]} == set(REFERENCE.instruments)
    assert (len(on_log[QUOTES]), len(on_log[TRADES])) == (publisher.counts.quotes, publisher.counts.trades)
    assert publisher.counts.repeats == 0
    assert publisher.counts.trades > 5


def test_what_cannot_be_published_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"no such symbol: NOPE\.US"):
        SyntheticFeed(REFERENCE, ManualClock(), 1, symbols=["NOPE.US"])
    with pytest.raises(ValueError, match="no symbol to publish"):
        SyntheticFeed(REFERENCE, ManualClock(), 1, symbols=[])
