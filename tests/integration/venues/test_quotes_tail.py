"""The quotes of the partitions that are owned here: seeded, read on, left, found again after what was lost."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from storage.log.memory import MemoryLog
from storage.log.port import LogUnavailable, Message, Record
from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.failures import StoreUnavailable
from storage.topics import QUOTES, Topics
from streams.venues.quotes_tail import TAKEN_AT_ONCE, QuotesTail

TOPICS = Topics(dict.fromkeys(("quotes", "quote-states", "venue-requests", "venue-reports"), 2))
SYMBOLS = [["b", "c", "e"], ["d", "f"]]


class Documents:
    """Latest quotes; `fails` is how often the store is away first."""

    def __init__(self, *documents: LatestQuoteDocument, fails: int = 0) -> None:
        self.documents, self.fails = {document.symbol: document for document in documents}, fails

    async def get_many(self, symbols: Iterable[str]) -> dict[str, LatestQuoteDocument]:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("away")
        return {symbol: self.documents[symbol] for symbol in symbols if symbol in self.documents}


class Reader:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.seeds: list[str] = []
        self.taken: list[tuple[int, int]] = []
        self.largest = 0

    def symbols(self, partition: int) -> list[str]:
        return SYMBOLS[partition]

    def seed(self, quote: LatestQuoteDocument) -> None:
        self.seeds.append(quote.symbol)

    def take(self, partition: int, records: Sequence[Record]) -> None:
        assert all(record.partition == partition for record in records)
        self.largest = max(self.largest, len(records))
        self.taken += [(partition, record.offset) for record in records]

    def offsets(self, partition: int) -> list[int]:
        return [offset for number, offset in self.taken if number == partition]


class World:
    def __init__(self, documents: Documents | None = None, log: MemoryLog | None = None) -> None:
        self.log = log or MemoryLog(TOPICS)
        self.reader = Reader()
        self.tail = QuotesTail(self.log, documents or Documents(), quote_group="market", retry_seconds=0.001)

    async def publish(self, partition: int, number: int) -> None:
        symbol = SYMBOLS[partition][0].encode()
        assert TOPICS.partition(QUOTES, symbol) == partition
        await self.log.append_many(QUOTES, [Message(symbol, b"{}")] * number)

    @asynccontextmanager
    async def running(self, *partitions: int) -> AsyncIterator[None]:
        for partition in partitions:
            self.tail.follow(partition)
        task = asyncio.create_task(self.tail.run(self.reader))
        try:
            async with asyncio.timeout(5):
                await self.tail.catch_up()
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_only_what_is_followed_is_read_and_catching_up_waits_for_the_end():
    world = World()
    await world.publish(0, 30)
    await world.publish(1, 700)
    async with world.running(1):
        assert world.reader.offsets(1) == list(range(700))
        assert world.reader.offsets(0) == []
        assert world.reader.largest == TAKEN_AT_ONCE
        world.tail.follow(0)
        await world.publish(1, 3)
        await world.tail.catch_up()
        assert world.reader.offsets(0) == list(range(30))
        assert world.reader.offsets(1)[-1] == 702
        world.tail.leave(1)
        await world.publish(1, 5)
        await world.publish(0, 5)
        await world.tail.catch_up()
        assert world.reader.offsets(0) == list(range(35))
        assert world.reader.offsets(1)[-1] == 702
        assert await world.tail.behind() == 0


async def test_reading_begins_where_documents_end_and_documents_of_another_log_are_no_seeds():
    documents = Documents(
        LatestQuoteDocument("b", 0, 19, b"{}", 0),
        LatestQuoteDocument("c", 0, 500, b"{}", 0),
        LatestQuoteDocument("e", 1, 3, b"{}", 0),
        LatestQuoteDocument("d", 1, 0, b"{}", 0),
        fails=3,
    )
    world = World(documents)
    await world.publish(0, 30)
    await world.publish(1, 1)
    await world.log.commit("market", QUOTES, {0: 20})
    async with world.running(0):
        assert world.reader.seeds == ["b"]
        assert world.reader.offsets(0) == list(range(20, 30))
        world.tail.follow(1)
        await world.tail.catch_up()
        assert world.reader.seeds == ["b", "d"]
        assert world.reader.offsets(1) == [0]


async def test_a_partition_that_comes_back_is_seeded_anew():
    world = World(Documents(LatestQuoteDocument("b", 0, 0, b"{}", 0)))
    await world.publish(0, 4)
    async with world.running(0):
        world.tail.leave(0)
        await world.tail.catch_up()
        await world.log.commit("market", QUOTES, {0: 3})
        world.tail.follow(0)
        await world.tail.catch_up()
        assert world.reader.seeds == ["b", "b"]
        assert world.reader.offsets(0) == [0, 1, 2, 3, 3]


class Losing(MemoryLog):
    """Answers with an offset that is gone already when it is asked how far it reaches."""

    def __init__(self) -> None:
        super().__init__(TOPICS, patience_seconds=0.01)
        self.away = 0

    async def bounds(self, topic):
        if self.away:
            self.away -= 1
            raise LogUnavailable("away")
        return await super().bounds(topic)


async def test_what_the_log_has_dropped_is_passed_over():
    world = World(log=Losing())
    async with world.running(0):
        await world.tail.catch_up()
        reading = world.log._partitions[QUOTES][0]
        for _ in range(52_000):
            reading.append(Message(b"b", b"{}"), 0)
        await world.tail.catch_up()
        offsets = world.reader.offsets(0)
        assert offsets[0] == reading.bounds.first > 0
        assert offsets[-1] == 51_999
        assert offsets == list(range(offsets[0], 52_000))


async def test_a_log_that_is_away_is_waited_for():
    log = Losing()
    world = World(log=log)
    await world.publish(0, 2)
    world.tail.follow(0)
    task = asyncio.create_task(world.tail.run(world.reader))
    log.away = 1
    with pytest.raises(LogUnavailable):
        await world.tail.catch_up()
    log.away = 3
    async with asyncio.timeout(5):
        while world.reader.offsets(0) != [0, 1]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await log.close()
    await task
