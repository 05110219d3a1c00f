"""A processor that hangs makes its process not ready, and its heartbeat name the partition; one that works does neither."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.processes.checks import standing
from ops.runtime.clock import SystemClock
from storage.log.kafka import KafkaLog
from storage.log.port import Message, Record
from storage.topics import TRADES, Topics
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker
from streams.app.worker_state import WorkerState

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
FASTER = 20


class FastClock(SystemClock):
    """Half a minute takes a second and a half."""

    def monotonic(self) -> float:
        return time.monotonic() * FASTER


class Hanging:
    """A processor that never gets through partition 1."""

    name, topic = "hanging", TRADES

    async def assign(self, partition: int, committed: int | None) -> None: ...
    async def flush(self) -> None: ...
    async def tick(self, now: int) -> None: ...
    async def revoke(self, partition: int) -> None: ...

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        assert records
        if partition == 1:
            await asyncio.Event().wait()


async def test_the_partition_of_a_processor_that_hangs_is_named(kafka_address: str) -> None:
    topics = Topics({TRADES: 2}, prefix=f"hang-{uuid.uuid4().hex[:8]}-")
    log, clock, stop = KafkaLog(kafka_address, topics), FastClock(), asyncio.Event()
    await log.start()
    await log.admin().create([TRADES])
    keys = {topics.partition(TRADES, str(number).encode()): str(number).encode() for number in range(20)}
    worker = StreamWorker(AppOptions("hanging", kafka_address, topics.prefix), [Hanging()], log, clock)
    running = asyncio.create_task(worker.run(stop))
    try:
        await log.append_many(TRADES, [Message(keys[0], b"1")])
        state = await until(worker, lambda one: any(held.next_offset == 1 for held in one.partitions))
        assert (state.stalled, state.unseen, standing(state.stalled)) == ((), (), None)
        await log.append_many(TRADES, [Message(keys[1], b"1"), Message(keys[1], b"2")])
        state = await until(worker, lambda one: bool(one.stalled))
        assert standing(state.stalled) == "partitions that do not move while their log grows: trades-1"
        [told] = [one for one in state.progress if one.standing_seconds]
        assert (told.group, told.partition, told.position, told.end, told.lag) == ("hanging", 1, 0, 2, 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await log.close()
        client = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
        await client.start()
        await client.delete_topics([topics.on_broker(TRADES)])
        await client.close()


async def until(worker: StreamWorker, reached: Callable[[WorkerState], bool]) -> WorkerState:
    """The state, once it is so."""
    async with asyncio.timeout(60):
        while not reached(worker.state):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return worker.state
