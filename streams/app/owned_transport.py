"""Kafka -> owners: the batch transport, beginning each partition where its owner says and only after it has said so.

All partitions are claimed at once, beside Faust: none waits for another, heartbeats go on, and what is claimed already is
worked on. Until its owner has answered, a partition is not fetched, and nothing that was fetched of it before counts.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from functools import partial
from typing import Any, Protocol, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from storage.log.port import LogUnavailable
from streams.app.batch_transport import BatchConsumer, BatchTransport, PartitionListener
from streams.app.pins import FaustIncompatible
from streams.app.same_loop import SameLoop

_ASK_SECONDS = 5.0
_FETCH_SECONDS = 0.1
# How long the broker holds a fetch that finds nothing. Faust's is 1.5 s, and a partition that is begun meanwhile waits for its
# end; but each of these fetches costs a millisecond, here and at the broker, so they are short only while partitions begin.
_FETCH_WAIT_MS = 500
_BEGINNING_FETCH_WAIT_MS = 100


class OwnedListener(PartitionListener, Protocol):
    """Hears where partitions begin and end, and says where to begin."""

    async def keeps(self, partitions: Collection[int]) -> None:
        """The group has given these partitions to this member and no others; `assigned` follows for each of them.

        Those that it had before stay claimed from `revoked` until this tells: most of them come back.
        """
        ...

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> int:
        """The offset from which records are to be handed over, once they may be. Cancelled when the assignment ends.

        Called at each seek, so also for a partition that is assigned already; the calls for several overlap.
        """
        ...

    def failed(self, error: BaseException) -> None:
        """A partition cannot be begun: the process must end."""
        ...


class OwnedThread(SameLoop):
    """Faust's consumer "thread", which can ask the group whether an assignment still stands."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, "_fetch_max_wait_ms"):
            raise FaustIncompatible("AIOKafkaConsumer has no _fetch_max_wait_ms: install the pinned requirements again")
        consumer._fetch_max_wait_ms = _BEGINNING_FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch; the broker holds the next ones shortly while partitions are being begun."""
        beginning = cast("OwnedConsumer", self.consumer).is_beginning
        wait_ms = _BEGINNING_FETCH_WAIT_MS if beginning else _FETCH_WAIT_MS
        self._ensure_consumer()._fetcher._fetch_max_wait_ms = wait_ms  # noqa: SLF001
        return await super().getmany(active_partitions, timeout)

    async def ask(self, tp: TP, generation: int, offset: int) -> bool:
        """Whether the group takes a commit of `offset` in that generation. Raises `KafkaError`."""
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001
        if coordinator.generation != generation:
            return False
        try:
            await consumer.commit({TopicPartition(*tp): OffsetAndMetadata(offset, "")})
        except (CommitFailedError, IllegalStateError):
            return False
        return bool(coordinator.generation == generation)  # else it was a commit of a later assignment


class OwnedConsumer(BatchConsumer):
    """The batch consumer of a topic whose partitions have owners."""

    def __init__(self, transport: "OwnedTransport", *arguments: Any, **options: Any) -> None:
        self._owned: OwnedListener = transport.owned
        self._begun: dict[TP, int] = {}  # the partitions that are handed out, and how many were begun before each
        self._begun_at_fetch: dict[TP, int] = {}
        self._beginnings: dict[TP, asyncio.Task[None]] = {}
        self._count = 0
        self._seeking = asyncio.Lock()
        super().__init__(transport, *arguments, **options)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return OwnedThread(self, beacon=self.beacon)

    async def still_mine(self, tp: TP, generation: int) -> bool:
        """Whether the assignment of that generation stands, by a commit of what is committed.

        Raises `LogUnavailable` when the group cannot be asked.
        """
        if generation != self._generation or self.should_stop:
            return False
        thread = cast("OwnedThread", self._thread)
        question = thread.ask(tp, generation, self._committed_offset[tp] or 0)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await asyncio.shield(asyncio.ensure_future(question))
        except (KafkaError, TimeoutError) as error:
            raise LogUnavailable(f"the group of {tp.topic} does not answer: {error!r}") from error

    @property
    def is_beginning(self) -> bool:
        """Whether partitions are being begun."""
        return bool(self._beginnings)

    def hold(self, tp: TP) -> None:
        """Hand out nothing more of this partition for now: its owner has no room."""
        if tp in self._begun:
            self.on_buffer_full(tp)

    def release(self, tp: TP) -> None:
        """Its owner has room again."""
        if tp in self._begun:
            self.on_buffer_drop(tp)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch once; what a partition had before it was last begun does not count."""
        async for tp, message in super().getmany(timeout):
            begun = self._begun.get(tp)
            if begun is not None and begun == self._begun_at_fetch.get(tp):
                yield tp, message
            elif begun is not None and self._generation is not None:  # it was begun during the fetch, which moved it on
                self._end({tp})
                self._begin(tp, self._generation)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        self._begun_at_fetch = dict(self._begun)
        wait = min(timeout, _FETCH_SECONDS) if self._beginnings else timeout
        return await super()._getmany(set(active_partitions or ()), wait)

    async def perform_seek(self) -> None:
        """Begin every assigned partition, all at once; returns before they have begun."""
        generation = self._generation
        self._end(self.assignment())
        async with self._seeking:
            await self._end_beginnings()
            assigned = await self.seek_all()
            if generation is not None and generation == self._generation:
                for tp in assigned:
                    self._begin(tp, generation)

    def _begin(self, tp: TP, generation: int) -> None:
        self._beginnings[tp] = task = asyncio.create_task(self._begin_one(tp, generation), name=f"beginning of {tp}")
        task.add_done_callback(partial(self._look, tp))

    async def _begin_one(self, tp: TP, generation: int) -> None:
        start = await self._owned.assigned(tp.topic, tp.partition, generation, self._committed_offset[tp])
        if generation != self._generation:
            return
        try:
            await self.seek_wait({tp: start})
        except IllegalStateError:  # a rebalance has taken it, and its end seeks
            return
        if generation == self._generation:
            self._batches.pop(tp, None)
            self._count += 1
            self._begun[tp] = self._count
            self.resume_partitions({tp})

    def _end(self, partitions: Collection[TP]) -> None:
        for tp in partitions:
            self._begun.pop(tp, None)
        self._buffered_partitions.difference_update(partitions)
        self.pause_partitions(partitions)

    async def _end_beginnings(self) -> None:
        tasks = list(self._beginnings.values())
        self._beginnings.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _look(self, tp: TP, task: "asyncio.Task[None]") -> None:
        if self._beginnings.get(tp) is task:
            del self._beginnings[tp]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._owned.failed(error)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A rebalance has given this member its partitions: those that it had and has no more end."""
        await self._owned.keeps({tp.partition for tp in assigned})
        await super().on_partitions_assigned(assigned, generation_id)

    async def hand_back(self) -> None:
        """Begin and hand out nothing more, let the owners finish, commit what they finished."""
        self._generation = None
        self._begun.clear()
        await self._end_beginnings()
        await super().hand_back()


class OwnedTransport(BatchTransport):
    """The batch transport for a topic whose partitions have owners. Its listener is an `OwnedListener`."""

    Consumer = OwnedConsumer

    @property
    def owned(self) -> OwnedListener:
        """The listener, as what it is."""
        return cast("OwnedListener", self.listener)
