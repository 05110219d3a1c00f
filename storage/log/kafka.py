"""The log on Kafka: one idempotent producer for single appends, one for batches, consumers without group for reading."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from storage.log.kafka_admin import KafkaTopicsAdmin
from storage.log.kafka_clients import START_SECONDS, Compression, admin_client, consumer, start, stop, unavailable
from storage.log.kafka_producer import IdempotentProducer
from storage.log.kafka_tail import KafkaTail
from storage.log.kafka_writer import KafkaWriter
from storage.log.port import (
    AppendUnknown,
    Bounds,
    LogUnavailable,
    Message,
    Position,
    PositionLost,
    Record,
)
from storage.log.requests import check_partitions, check_size
from storage.topics import Topics

_RETRY_SECONDS: Final = 0.2
Result = TypeVar("Result")


class KafkaLog:
    """See `storage.log.port.Log`. `bootstrap` is `host:port[,host:port]`; `append_seconds` is how long an append may take
    before it raises `AppendUnknown` (a broker that restarts takes 12-15 s). Topics and groups are named by
    `Topics.on_broker`, so `Record.topic` is the name on the broker.
    """

    def __init__(
        self, bootstrap: str, topics: Topics, compression: Compression = "zstd", append_seconds: float = 60.0
    ) -> None:
        self.bootstrap, self.topics = bootstrap, topics
        self._compression, self._append_seconds = compression, append_seconds
        self._single = IdempotentProducer(bootstrap, compression)
        self._batched = IdempotentProducer(bootstrap, compression)
        self._watcher: AIOKafkaConsumer | None = None
        self._tails: weakref.WeakSet[KafkaTail] = weakref.WeakSet()
        self._writers: weakref.WeakSet[KafkaWriter] = weakref.WeakSet()

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable` within about ten seconds."""
        watcher = consumer(self.bootstrap)
        await start(watcher, self.bootstrap)
        self._watcher = watcher
        try:
            await self._single.start()
            await self._batched.start()
        except LogUnavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """End every tail, flush both producers (for up to ten seconds each) and disconnect."""
        for tail in list(self._tails):
            await tail.close()
        await asyncio.gather(*(writer.close() for writer in list(self._writers)))
        await asyncio.gather(self._single.close(), self._batched.close())
        if self._watcher is not None:
            old, self._watcher = self._watcher, None
            await stop(old)

    async def append(self, topic: str, message: Message) -> Position:
        """See `Log.append`."""
        spec = self.topics[topic]
        check_size(spec, message)
        partition = self.topics.partition(topic, message.key)
        try:
            async with asyncio.timeout(self._append_seconds):
                return Position(partition, await self._single.send(self.topics.on_broker(topic), partition, message))
        except TimeoutError as error:
            raise self._timed_out(topic) from error

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        """See `Log.append_many`. All partitions at once, each in order."""
        indexes: dict[int, list[int]] = {}
        spec = self.topics[topic]
        for index, message in enumerate(messages):
            check_size(spec, message)
            indexes.setdefault(self.topics.partition(topic, message.key), []).append(index)
        name = self.topics.on_broker(topic)
        sends = [
            self._batched.send_all(name, partition, [messages[index] for index in chosen])
            for partition, chosen in indexes.items()
        ]
        try:
            async with asyncio.timeout(self._append_seconds):
                results = await asyncio.gather(*sends, return_exceptions=True)
        except TimeoutError as error:
            raise self._timed_out(topic) from error
        if failures := [result for result in results if isinstance(result, BaseException)]:
            raise _of_all(failures, len(results))
        acknowledged = [result for result in results if not isinstance(result, BaseException)]
        positions: list[Position] = [Position(-1, -1)] * len(messages)
        for (partition, chosen), offsets in zip(indexes.items(), acknowledged, strict=True):
            for index, offset in zip(chosen, offsets, strict=True):
                positions[index] = Position(partition, offset)
        return positions

    async def writer(self, topic: str, partition: int) -> KafkaWriter:
        """See `Log.writer`. Opens a connection for each call."""
        spec = self.topics[topic]
        check_partitions(spec, (partition,))
        writer = KafkaWriter(
            self.bootstrap,
            compression=self._compression,
            spec=spec,
            name_on_broker=self.topics.on_broker(topic),
            partition=partition,
            append_seconds=self._append_seconds,
        )
        await writer.start()
        self._writers.add(writer)
        return writer

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> KafkaTail:
        """See `Log.tail`."""
        spec = self.topics[topic]
        check_partitions(spec, start)
        tail = KafkaTail(self.bootstrap, spec, self.topics.on_broker(topic), start, self.bounds, growing=growing)
        self._tails.add(tail)
        return tail

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        """See `Log.read`. Opens a connection for each call."""
        check_partitions(self.topics[topic], (partition,))
        bounds = (await self.bounds(topic))[partition]
        if not bounds.first <= start <= bounds.next:
            raise PositionLost(topic, partition, start, bounds)
        end = min(stop, bounds.next)
        if start >= end:
            return
        async with self.tail(topic, {partition: start}, growing=True) as tail:
            async for records in tail.until(partition, end):
                yield records

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        """See `Log.bounds`. Raises `LogUnavailable`."""
        if self._watcher is None:
            raise LogUnavailable(f"the log at {self.bootstrap} is not open")
        partitions = self._partitions(topic)
        try:
            oldest, after = await asyncio.gather(
                self._watcher.beginning_offsets(partitions), self._watcher.end_offsets(partitions)
            )
        except KafkaError as error:
            raise LogUnavailable(
                f"the bounds of {topic} cannot be read at {self.bootstrap} ({error!r}); does the topic exist?"
            ) from error
        return {partition.partition: Bounds(oldest[partition], after[partition]) for partition in partitions}

    async def ends(self, topics: Collection[str]) -> dict[str, dict[int, int]]:
        """See `Log.ends`. Raises `LogUnavailable`."""
        if self._watcher is None:
            raise LogUnavailable(f"the log at {self.bootstrap} is not open")
        partitions = {topic: self._partitions(topic) for topic in topics}
        try:
            found = await self._watcher.end_offsets([one for those in partitions.values() for one in those])
        except KafkaError as error:
            raise LogUnavailable(
                f"the ends of {', '.join(topics)} cannot be read at {self.bootstrap} ({error!r}); do the topics exist?"
            ) from error
        return {topic: {one.partition: found[one] for one in those} for topic, those in partitions.items()}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `Log.committed`. Raises `LogUnavailable`."""
        partitions = self._partitions(topic)
        async with admin_client(self.bootstrap) as client:
            found = await self._of_coordinator(
                lambda: client.list_consumer_group_offsets(self.topics.on_broker(group), partitions=partitions)
            )
        return {partition.partition: held.offset for partition, held in found.items() if held.offset >= 0}

    async def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Log.commit`. Raises `LogUnavailable`, also when the group has running members."""
        check_partitions(self.topics[topic], offsets)
        name = self.topics.on_broker(topic)
        member = consumer(self.bootstrap, self.topics.on_broker(group))
        await start(member, self.bootstrap)
        try:
            wanted = {TopicPartition(name, number): offset for number, offset in offsets.items()}
            member.assign(list(wanted))
            member.pause(*wanted)
            await self._of_coordinator(lambda: member.commit(wanted))
        except CommitFailedError as error:
            raise LogUnavailable(f"offsets of {group} cannot be stored while it has running members") from error
        finally:
            await stop(member)

    def admin(self) -> KafkaTopicsAdmin:
        """See `Log.admin`."""
        return KafkaTopicsAdmin(self.bootstrap, self.topics)

    async def _of_coordinator(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Ask again while the broker is still choosing the group's coordinator (as it does at a group's first use)."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        return await ask()
                    except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
                        await asyncio.sleep(_RETRY_SECONDS)
        except CommitFailedError:
            raise
        except (KafkaError, TimeoutError) as error:
            raise unavailable(self.bootstrap, error) from error

    def _partitions(self, topic: str) -> list[TopicPartition]:
        name = self.topics.on_broker(topic)
        return [TopicPartition(name, number) for number in range(self.topics[topic].partitions)]

    def _timed_out(self, topic: str) -> AppendUnknown:
        return AppendUnknown(
            f"append to {topic} at {self.bootstrap} was not acknowledged within {self._append_seconds:g} s"
        )


def _of_all(failures: Sequence[BaseException], sends: int) -> BaseException:
    """What an append to several partitions comes to: that nothing was appended is true only if it is for each of them."""
    for failure in failures:
        if not isinstance(failure, LogUnavailable):
            return failure
    return failures[0] if len(failures) == sends else AppendUnknown(f"a part was appended; then: {failures[0]}")
