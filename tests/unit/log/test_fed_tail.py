"""A fed tail delivers what a tail of the log would, whoever feeds it, and however much or little of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from storage.log import fed_tail
from storage.log.fed_tail import FedTail
from storage.log.memory import MemoryLog
from storage.log.port import Bounds, LogUnavailable, Message, Record, TailClosed
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.owner.own_records import OwnRecords

TOPICS = Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1})


class CountingLog(MemoryLog):
    """Notes what is read."""

    def __init__(self, topics: Topics = TOPICS) -> None:
        super().__init__(topics)
        self.reads: list[tuple[int, int]] = []

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        self.reads.append((start, stop))
        async for records in super().read(topic, partition, start, stop):
            yield records


class AwayLog(MemoryLog):
    """Cannot be asked how far it reaches while it is `away`."""

    def __init__(self) -> None:
        super().__init__(TOPICS)
        self.away = False

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        if self.away:
            raise LogUnavailable("the log is away")
        return await super().bounds(topic)


class Place:
    def __init__(self) -> None:
        self.log = CountingLog()
        self.own = OwnRecords(self.log, TOPICS[ORDER_EVENTS])

    async def append(self, value: int) -> None:
        """By the owner: told once it stands."""
        message = Message(b"a", b"%d" % value, (("epoch", b"0"),))
        position = await self.log.append(ORDER_EVENTS, message)
        self.own.stands(0, position.offset, message, 5_000_000)

    async def append_by_another(self, value: int) -> int:
        return (await self.log.append(ORDER_EVENTS, Message(b"a", b"%d" % value))).offset


async def take(tail: FedTail, count: int) -> list[int]:
    values: list[int] = []
    async with asyncio.timeout(5):
        while len(values) < count:
            values += [int(record.value or b"") for record in await tail.batch()]
    return values


async def test_what_the_owner_appends_is_not_read_from_the_log() -> None:
    place = Place()
    async with place.own.tail(0, 0) as tail:
        for value in range(3):
            await place.append(value)
        assert await take(tail, 3) == [0, 1, 2]
        assert tail.positions() == {0: 3}
    assert place.log.reads == []


async def test_a_record_of_the_owner_looks_like_one_of_the_log() -> None:
    place = Place()
    async with place.own.tail(0, 0) as tail:
        await place.append(7)
        [fed] = await tail.batch()
    [read] = [record async for records in place.log.read(ORDER_EVENTS, 0, 0, 1) for record in records]
    assert (fed.topic, fed.partition, fed.offset, fed.key, fed.value) == (
        read.topic, read.partition, read.offset, read.key, read.value,
    )  # fmt: skip
    assert tuple(fed.headers) == tuple(read.headers)
    assert fed.timestamp == 5


async def test_what_lay_there_and_what_others_write_between_is_read_from_the_log() -> None:
    place = Place()
    await place.append(0)
    async with place.own.tail(0, 0) as tail:
        assert await take(tail, 1) == [0]
        await place.append_by_another(1)
        await place.append(2)
        await place.append(3)
        assert await take(tail, 3) == [1, 2, 3]
        await place.append(4)
        assert await take(tail, 1) == [4]
    assert place.log.reads == [(0, 1), (1, 4)]


async def test_what_an_unknown_append_has_left_is_read_once_the_next_claim_stands() -> None:
    place = Place()
    async with place.own.tail(0, 0) as tail:
        await place.append_by_another(0)
        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        place.own.claimed(0, await place.append_by_another(1))
        assert [int(record.value or b"") for record in await waiting] == [0, 1]


async def test_who_is_slow_reads_from_the_log_what_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fed_tail, "HELD_RECORDS", 4)
    place = Place()
    async with place.own.tail(0, 0) as tail:
        for value in range(20):
            await place.append(value)
        assert await take(tail, 20) == list(range(20))
        await place.append(20)
        assert await take(tail, 1) == [20]
    assert place.log.reads == [(4, 20)]


async def test_another_offset_may_be_chosen_and_the_end_is_told() -> None:
    place = Place()
    for value in range(5):
        await place.append(value)
    tail = place.own.tail(0, 3)
    async with tail:
        assert await take(tail, 2) == [3, 4]
        await tail.add(0, 1)
        assert await take(tail, 4) == [1, 2, 3, 4]
        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0)
        tail.end()
        with pytest.raises(TailClosed):
            await waiting
    await place.append(5)


class SlowLog(CountingLog):
    """Its reads wait until they are let go on."""

    def __init__(self, topics: Topics) -> None:
        super().__init__(topics)
        self.go_on = asyncio.Event()

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        await self.go_on.wait()
        async for records in super().read(topic, partition, start, stop):
            yield records


async def test_partitions_are_added_and_moved_while_somebody_waits_for_what_is_read() -> None:
    topics = Topics({ORDER_COMMANDS: 2, ORDER_EVENTS: 2})
    log = SlowLog(topics)
    own = OwnRecords(log, topics[ORDER_EVENTS])
    keys = {topics.partition(ORDER_EVENTS, key): key for key in (b"%d" % number for number in range(20))}
    for value in range(6):
        for partition in (0, 1):
            await log.append(ORDER_EVENTS, Message(keys[partition], b"%d" % (10 * partition + value)))
    async with own.tail(0, 0) as tail:
        waiting = asyncio.create_task(tail.batch())
        await asyncio.sleep(0.001)
        await tail.add(1, 4)
        await tail.add(0, 3)
        log.go_on.set()
        found = [int(record.value or b"") for record in await waiting]
        async with asyncio.timeout(5):
            while len(found) < 5:
                found += [int(record.value or b"") for record in await tail.batch()]
        assert sorted(found) == [3, 4, 5, 14, 15]
        assert tail.positions() == {0: 6, 1: 6}


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_is_fed_everything_comes_once_and_in_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fed_tail, "HELD_RECORDS", 5)
    chance = random.Random(seed)  # noqa: S311
    place = Place()
    for value in range(chance.randrange(4)):
        await place.append(value)
    total = 200
    came: list[int] = []

    async def read(tail: FedTail) -> None:
        while len(came) < total:
            came.extend([int(record.value or b"") for record in await tail.batch()])
            if chance.random() < 0.1:
                await asyncio.sleep(0.001)

    async with place.own.tail(0, 0) as tail:
        reading = asyncio.create_task(read(tail))
        for value in range((await place.log.bounds(ORDER_EVENTS))[0].next, total - 1):
            await (place.append(value) if chance.random() < 0.9 else place.append_by_another(value))
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        await place.append(total - 1)
        async with asyncio.timeout(5):
            await reading
    assert came == list(range(total))


async def test_a_partition_that_was_added_while_the_log_was_away_is_read_once_it_is_back() -> None:
    log = AwayLog()
    tail = FedTail(log, TOPICS[ORDER_EVENTS], {}, OwnRecords(log, TOPICS[ORDER_EVENTS]))
    await log.append(ORDER_EVENTS, Message(b"a", b"7"))
    async with tail:
        log.away = True
        await tail.add(0, 0)
        with pytest.raises(LogUnavailable):
            await tail.batch()
        log.away = False
        assert await take(tail, 1) == [7]
