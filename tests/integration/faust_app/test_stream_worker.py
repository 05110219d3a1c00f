"""A worker in this process over a real Kafka: what it says of itself, several processors of one group, idling for ever."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from ops.runtime.clock import SystemClock
from storage.log.kafka import KafkaLog
from storage.log.port import Message, Record
from storage.topics import QUOTES, TRADES, Topics
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker, WorkerFailed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(90)]
PARTITIONS = {TRADES: 1, QUOTES: 2, "quote-states": 2, "venue-requests": 2, "venue-reports": 2}


class Remembering:
    """Remembers the offsets that it made durable; holds them back while `open` is not set."""

    def __init__(self, topic: str, name: str = "remembering") -> None:
        self.topic, self.name = topic, name
        self.open = asyncio.Event()
        self.open.set()
        self.folded: list[tuple[int, int]] = []
        self.durable: list[tuple[int, int]] = []

    async def assign(self, partition: int, committed: int | None) -> None: ...
    async def revoke(self, partition: int) -> None: ...
    async def tick(self, now: int) -> None: ...

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        self.folded += [(partition, record.offset) for record in records]

    async def flush(self) -> None:
        if self.folded:
            await self.open.wait()
        self.durable += self.folded
        self.folded = []


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not reached():  # noqa: ASYNC110  (it is another process that knows)
            await asyncio.sleep(0.05)


def keyed(count: int) -> list[Message]:
    return [Message(str(number).encode(), b"{}") for number in range(count)]


@pytest.fixture
async def log(kafka_address: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(kafka_address, Topics(PARTITIONS, prefix=f"worker-{uuid.uuid4().hex[:8]}-"))
    await log.start()
    await log.admin().create([TRADES, QUOTES])
    yield log
    await log.close()


def options(log: KafkaLog) -> AppOptions:
    return AppOptions("market", log.bootstrap, log.topics.prefix)


async def test_all_processors_of_a_group_get_every_record_and_a_commit_waits_for_the_slowest(log: KafkaLog) -> None:
    trades, also_trades, quotes = Remembering(TRADES), Remembering(TRADES, "also"), Remembering(QUOTES)
    worker = StreamWorker(options(log), [trades, quotes, also_trades], log, SystemClock())
    also_trades.open.clear()
    stop = asyncio.Event()
    assert not worker.state.joined
    running = asyncio.create_task(worker.run(stop))
    await log.append_many(TRADES, keyed(100))
    await log.append_many(QUOTES, keyed(100))

    await until(lambda: len(trades.durable) == 100 and len(quotes.durable) == 100)
    assert worker.state.joined
    assert {(held.topic, held.partition) for held in worker.state.partitions} == {(TRADES, 0), (QUOTES, 0), (QUOTES, 1)}
    assert (worker.state.records, also_trades.durable) == (100, [])
    await asyncio.sleep(1.5)  # longer than the commit interval
    assert await log.committed("market", TRADES) == {}
    also_trades.open.set()
    await until(lambda: worker.state.records == 200)
    await until(lambda: {held.lag for held in worker.state.partitions} == {0})

    stop.set()
    await running
    assert also_trades.durable == trades.durable
    assert await log.committed("market", TRADES) == {0: 100}
    assert sum((await log.committed("market", QUOTES)).values()) == 100
    assert worker.state.partitions == ()


async def test_a_member_without_work_while_nobody_works_ends_so_that_it_joins_again(log: KafkaLog) -> None:
    holder = AIOKafkaConsumer(
        log.topics.on_broker(TRADES),
        bootstrap_servers=log.bootstrap,
        group_id=log.topics.on_broker("market"),
        client_id="a-member-that-sorts-first",
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        enable_auto_commit=False,
    )
    await log.append_many(TRADES, keyed(10))
    await holder.start()
    try:
        await until(lambda: bool(holder.assignment()))
        worker = StreamWorker(options(log), [Remembering(TRADES)], log, SystemClock(), idle_alarm_seconds=4.0)
        with pytest.raises(WorkerFailed, match=r"^group market: trades-0 has records that no"):
            await worker.run(asyncio.Event())
    finally:
        await holder.stop()
