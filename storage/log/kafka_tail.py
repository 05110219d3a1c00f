"""The Kafka log's tail: a consumer without group, whose records are handed on as they are."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError

from storage.log.kafka_clients import FETCH_WAIT_MS, LONG_FETCH_WAIT_MS, consumer, fetch_when_taken, start, stop
from storage.log.port import BATCH_RECORDS, Bounds, LogUnavailable, PositionLost, Record, TailClosed
from storage.log.requests import check_partitions
from storage.topics import TopicSpec

_POLL_MS: Final = 1_000
_SHORT_POLL_MS: Final = 200
PACE_SECONDS: Final = 0.005
"""The least time between two fetches of a tail of several partitions while they bring few records: a fetch costs a
millisecond, here and at the broker, whatever it brings. Nothing that comes after a rest waits.
"""
BRISK_PACE_SECONDS: Final = 0.015
"""The same while each brings several: there is always a next record to wait for, and fetches are what the processor does."""
_SEVERAL_RECORDS: Final = 3
_BUSY_RECORDS: Final = 100


class KafkaTail:
    """Reads some partitions of one topic, for one task at a time. Made by `KafkaLog.tail`; open while entered.

    Entering raises `LogUnavailable`; a broker that goes away later is waited for. All partitions of the topic are
    assigned and those that are not wanted are paused, so that `add` does not disturb the others.
    """

    def __init__(
        self,
        bootstrap: str,
        spec: TopicSpec,
        name_on_broker: str,
        start: Mapping[int, int],
        bounds: Callable[[str], Awaitable[dict[int, Bounds]]],
        *,
        growing: bool = False,
    ) -> None:
        self._bootstrap, self._spec, self._bounds = bootstrap, spec, bounds
        self._topic_partitions = [TopicPartition(name_on_broker, number) for number in range(spec.partitions)]
        self._positions = dict(start)
        self._wait_ms = FETCH_WAIT_MS if growing else LONG_FETCH_WAIT_MS
        self._paced = len(start) > 1
        self._fetch_from = 0.0
        self._fetched: deque[list[Record]] = deque()
        self._consumer: AIOKafkaConsumer | None = None

    async def batch(self) -> Sequence[Record]:
        """See `Tail.batch`. Always gives the event loop a turn, so that a reader far behind does not hold it up."""
        await asyncio.sleep(0)
        while not self._fetched:
            if self._consumer is None:
                raise TailClosed("this tail is closed")
            await self._keep_pace()
            await self._fetch(self._consumer, _POLL_MS)
        records = self._fetched.popleft()
        self._positions[records[0].partition] = records[-1].offset + 1
        return records

    async def until(self, partition: int, end: int) -> AsyncIterator[Sequence[Record]]:
        """The records of `partition`, the only one of this tail, below `end`, which the log has reached.

        Goes by the consumer's position: the last records below `end` may have been compacted away.
        """
        reader = self._consumer
        while self._fetched or (reader is not None and await reader.position(self._topic_partitions[partition]) < end):
            if self._fetched:
                records = self._fetched.popleft()
                if below := [record for record in records if record.offset < end]:
                    yield below
            elif reader is not None:
                await self._fetch(reader, _SHORT_POLL_MS)

    def positions(self) -> dict[int, int]:
        """See `Tail.positions`."""
        return dict(self._positions)

    async def add(self, partition: int, offset: int) -> None:
        """See `Tail.add`. Takes effect when the fetch that is under way has ended."""
        check_partitions(self._spec, (partition,))
        self._positions[partition] = offset
        self._fetched = deque(records for records in self._fetched if records[0].partition != partition)
        if self._consumer is not None:
            self._consumer.seek(self._topic_partitions[partition], offset)
            self._consumer.resume(self._topic_partitions[partition])

    async def close(self) -> None:
        """End a `batch` that waits, and disconnect."""
        if self._consumer is not None:
            old, self._consumer = self._consumer, None
            self._fetched.clear()
            await stop(old)

    async def __aenter__(self) -> Self:
        reader = consumer(self._bootstrap, wait_ms=self._wait_ms)
        await start(reader, self._bootstrap)
        fetch_when_taken(reader)
        reader.assign(self._topic_partitions)
        for number, topic_partition in enumerate(self._topic_partitions):
            reader.seek(topic_partition, self._positions.get(number, 0))
            if number not in self._positions:
                reader.pause(topic_partition)
        self._consumer = reader
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _keep_pace(self) -> None:
        if self._paced and (rest := self._fetch_from - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(rest)

    async def _fetch(self, reader: AIOKafkaConsumer, wait_ms: int) -> None:
        try:
            found = await reader.getmany(timeout_ms=wait_ms, max_records=BATCH_RECORDS)
        except ConsumerStoppedError as error:
            raise TailClosed("this tail is closed") from error
        except OffsetOutOfRangeError as error:
            ((partition, offset),) = error.args[0].items()
            bounds = await self._bounds(self._spec.name)
            raise PositionLost(self._spec.name, partition.partition, offset, bounds[partition.partition]) from error
        except KafkaError as error:
            raise LogUnavailable(f"reading {self._spec.name} at {self._bootstrap} failed: {error!r}") from error
        if (count := sum(map(len, found.values()))) < _BUSY_RECORDS:
            pace = PACE_SECONDS if count < _SEVERAL_RECORDS else BRISK_PACE_SECONDS
            self._fetch_from = asyncio.get_running_loop().time() + pace
        if self._consumer is reader:
            self._fetched.extend(found.values())
