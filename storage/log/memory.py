"""The log in memory: the fast path of the local profile (append -> socket) and the log of the tests.

Nothing outlives the process. Retention is by records for each partition (see `memory_partition`); keys are not compacted.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from ops.runtime.clock import Clock, SystemClock, milliseconds
from storage.log.memory_partition import PATIENCE_SECONDS, MemoryPartition, MemoryRecord
from storage.log.memory_tail import MemoryTail
from storage.log.memory_writer import MemoryWriter
from storage.log.port import BATCH_RECORDS, Bounds, ExistingTopic, LogUnavailable, Message, Position
from storage.log.requests import check_partitions, check_size
from storage.topics import Topics, TopicSpec

_APPENDED_AT_ONCE: Final = 500


class MemoryLog:
    """See `storage.log.port.Log`. Ready as soon as it is made; `clock` gives the records' timestamps, `patience_seconds`
    is how long an append waits for a tail that does not move (see `memory_partition`).
    """

    def __init__(self, topics: Topics, clock: Clock | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._topics = topics
        self._clock = clock or SystemClock()
        self._partitions = {spec.name: _partitions_of(spec, patience_seconds) for spec in topics}
        self._tails: weakref.WeakSet[MemoryTail] = weakref.WeakSet()
        self._writers: weakref.WeakSet[MemoryWriter] = weakref.WeakSet()
        self._commits: dict[tuple[str, str], dict[int, int]] = {}
        self._admin = MemoryTopicsAdmin(topics)
        self._closed = False

    async def start(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """End every tail; nothing can be appended any more."""
        self._closed = True
        for tail in list(self._tails):
            tail.close()
        for writer in list(self._writers):
            await writer.close()

    async def append(self, topic: str, message: Message) -> Position:
        """See `Log.append`. Gives the event loop a turn, as every append to a real log does."""
        self._check_open()
        check_size(self._topics[topic], message)
        position = await self._put(topic, message)
        await asyncio.sleep(0)
        return position

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        """See `Log.append_many`. Tails run after each few hundred messages."""
        self._check_open()
        spec = self._topics[topic]
        for message in messages:
            check_size(spec, message)
        positions: list[Position] = []
        for message in messages:
            positions.append(await self._put(topic, message))
            if len(positions) % _APPENDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return positions

    async def writer(self, topic: str, partition: int) -> MemoryWriter:
        """See `Log.writer`."""
        self._check_open()
        spec = self._topics[topic]
        check_partitions(spec, (partition,))
        writer = MemoryWriter(spec, self._partitions[topic][partition], self._clock)
        self._writers.add(writer)
        return writer

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> MemoryTail:  # noqa: ARG002
        """See `Log.tail`."""
        spec = self._topics[topic]
        check_partitions(spec, start)
        tail = MemoryTail(spec, self._partitions[topic], start)
        self._tails.add(tail)
        return tail

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        """See `Log.read`."""
        check_partitions(self._topics[topic], (partition,))
        source = self._partitions[topic][partition]
        end = min(stop, source.bounds.next)
        source.read(start, 0)
        while start < end:
            records = source.read(start, min(BATCH_RECORDS, end - start))
            start += len(records)
            yield records
            await asyncio.sleep(0)

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        """See `Log.bounds`."""
        return {partition.number: partition.bounds for partition in self._partitions[topic]}

    async def ends(self, topics: Collection[str]) -> dict[str, dict[int, int]]:
        """See `Log.ends`."""
        return {topic: {number: held.next for number, held in (await self.bounds(topic)).items()} for topic in topics}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `Log.committed`."""
        return dict(self._commits.get((group, topic), {}))

    async def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Log.commit`."""
        check_partitions(self._topics[topic], offsets)
        self._commits.setdefault((group, topic), {}).update(offsets)

    def admin(self) -> "MemoryTopicsAdmin":
        """See `Log.admin`."""
        return self._admin

    async def _put(self, topic: str, message: Message) -> Position:
        number = self._topics.partition(topic, message.key)
        partition = self._partitions[topic][number]
        if partition.crowded:
            await partition.wait_for_room()
        return Position(number, partition.append(message, milliseconds(self._clock.now())))

    def _check_open(self) -> None:
        if self._closed:
            raise LogUnavailable("the log was closed")


def _partitions_of(spec: TopicSpec, patience: float) -> list[MemoryPartition]:
    return [MemoryPartition(spec.name, number, spec.memory_records, patience) for number in range(spec.partitions)]


class MemoryTopicsAdmin:
    """See `TopicsAdmin`. The partitions are there from the start; what is made is that this log's identity is known."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._made: set[str] = set()

    async def existing(self) -> dict[str, ExistingTopic]:
        """The topics that were created since this process started."""
        return {name: ExistingTopic(self._topics[name].partitions) for name in self._made}

    async def create(self, topics: Sequence[str]) -> None:
        """Remember that they were created."""
        self._made.update(topics)

    async def update(self, topic: str) -> None:
        """A topic in memory has no settings but those of its spec."""
