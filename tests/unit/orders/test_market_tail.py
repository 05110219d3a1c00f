"""Quotes and feed states reach the board, and the board is fresh only while nothing can be missing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.timestamps import format_timestamp
from storage.log.memory import MemoryLog
from storage.log.port import Bounds, LogUnavailable, Message, PositionLost, Tail
from storage.models.controls import Controls
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.order_records import UsedQuote
from storage.mongo.failures import StoreUnavailable
from storage.topics import QUOTE_STATES, QUOTES, Topics
from streams.orders.board import MarketBoard
from streams.orders.market_tail import MarketTail

GROUP = "market"
SYMBOLS = ("A.X", "B.X", "C.X", "D.X")


class Documents:
    """The latest-quote documents."""

    def __init__(self) -> None:
        self.held: list[LatestQuoteDocument] = []
        self.asked = 0
        self.away = False

    async def all(self) -> Sequence[LatestQuoteDocument]:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return self.held


class LostTail:
    """A tail whose position is gone when it is first asked."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    async def __aenter__(self) -> "LostTail":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def batch(self) -> Any:
        raise PositionLost(self._topic, 0, 0, Bounds(5, 9))


class FlakyLog(MemoryLog):
    """A log that can be away, and lose positions."""

    away = False
    losing = 0

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        if self.away:
            raise LogUnavailable("the log is away")
        return await super().bounds(topic)

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> Tail:
        if self.losing and topic == QUOTES:
            self.losing -= 1
            return LostTail(topic)
        return super().tail(topic, start)


class Place:
    def __init__(self) -> None:
        names = ("quotes", "quote-states", "venue-requests", "venue-reports")
        self.clock = ManualClock()
        self.log = FlakyLog(Topics(dict.fromkeys(names, 2)), self.clock)
        self.documents = Documents()
        self.board = MarketBoard(lambda _: None, lambda *_: None)
        self.tail = MarketTail(
            self.log,
            self.board,
            self.documents,
            self.clock,
            quote_group=GROUP,
            look_seconds=0.001,
            retry_seconds=0.001,
        )

    def value(self, symbol: str, bid: str) -> bytes:
        now = format_timestamp(self.clock.now())
        told = {"symbol": symbol, "venue": "X", "last": bid, "bid": bid, "ask": bid, "bid_size": "1", "ask_size": "1"}
        return json.dumps({**told, "session_state": "open", "ts": now, "ts_in": now}).encode()

    async def quote(self, symbol: str, bid: str) -> int:
        return (await self.log.append(QUOTES, Message(symbol.encode(), self.value(symbol, bid)))).offset

    async def state(self, symbol: str, feed: str) -> None:
        now = format_timestamp(self.clock.now())
        told = {"symbol": symbol, "feed_state": feed, "session_state": "open", "since": now, "ts": now}
        await self.log.append(QUOTE_STATES, Message(symbol.encode(), json.dumps(told).encode()))

    def seen(self) -> dict[str, UsedQuote]:
        return dict(self.board.market(self.clock.now(), Controls(), SYMBOLS).quotes)

    def bids(self) -> dict[str, str]:
        return {symbol: quote.bid for symbol, quote in self.seen().items()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.tail.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  (a board tells nobody)
            await asyncio.sleep(0.001)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_everything_that_was_there_is_read_before_it_is_ready(place: Place) -> None:
    for number in range(50):
        for symbol in SYMBOLS:
            await place.quote(symbol, str(number))
    await place.state("A.X", "stale")
    assert place.board.lags(place.clock.now())
    async with place.running():
        await asyncio.wait_for(place.tail.ready(), 5)
        assert place.bids() == dict.fromkeys(SYMBOLS, "49")
        assert [quote.feed_state for quote in place.seen().values()] == ["stale", "live", "live", "live"]
        assert await place.tail.check() is None
        await place.quote("A.X", "50")
        await until(lambda: place.bids()["A.X"] == "50")
    assert place.board.lags(place.clock.now())


async def test_the_documents_are_its_seed_and_the_committed_offsets_its_start(place: Place) -> None:
    offset = await place.quote("A.X", "1")
    await place.quote("A.X", "2")
    partition = place.log._topics.partition(QUOTES, b"A.X")
    await place.log.commit(GROUP, QUOTES, {partition: offset + 2})
    place.documents.held = [
        LatestQuoteDocument("A.X", partition, offset + 1, place.value("A.X", "3"), 0),
        LatestQuoteDocument("B.X", 0, 1_000_000, place.value("B.X", "9"), 0),
        LatestQuoteDocument("C.X", 77, 0, place.value("C.X", "9"), 0),
    ]
    async with place.running():
        await place.tail.ready()
        assert place.bids() == {"A.X": "3"}


async def test_a_process_that_was_paused_finds_every_symbol_stale(place: Place) -> None:
    await place.quote("A.X", "1")
    async with place.running():
        await place.tail.ready()
        place.clock.advance(1.001)  # nothing ran meanwhile
        assert place.seen()["A.X"].feed_state == "stale"
        assert await place.tail.check() == "quotes lag: every symbol counts as stale"
        await until(lambda: place.seen()["A.X"].feed_state == "live")


async def test_while_the_log_is_away_everything_is_stale_and_then_it_goes_on(place: Place) -> None:
    await place.quote("A.X", "1")
    async with place.running():
        await place.tail.ready()
        place.log.away = True
        await until(lambda: place.seen()["A.X"].feed_state == "stale")
        await place.quote("A.X", "2")
        place.log.away = False
        await until(lambda: place.seen()["A.X"].feed_state == "live")
        assert place.bids() == {"A.X": "2"}
        assert place.documents.asked == 1


async def test_a_lost_position_seeds_anew(place: Place) -> None:
    await place.quote("A.X", "1")
    place.log.losing = 2
    async with place.running():
        await place.tail.ready()
        assert place.documents.asked == 3
        assert place.bids() == {"A.X": "1"}


async def test_a_store_that_is_away_is_waited_for(place: Place) -> None:
    place.documents.away = True
    async with place.running():
        await until(lambda: place.documents.asked > 2)
        assert place.board.lags(place.clock.now())
        place.documents.away = False
        await asyncio.wait_for(place.tail.ready(), 5)


async def test_it_ends_with_the_log(place: Place) -> None:
    task = asyncio.create_task(place.tail.run())
    await place.tail.ready()
    await place.log.close()
    await asyncio.wait_for(task, 5)
    assert place.board.lags(place.clock.now())
