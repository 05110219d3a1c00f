"""A log whose tails of some topics share one reader: in a process that reads a topic twice, each record is fetched once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from storage.log.fed_tail import FedTail
from storage.log.port import (
    Bounds,
    Log,
    LogUnavailable,
    Message,
    PartitionWriter,
    Position,
    PositionLost,
    Record,
    Tail,
    TailClosed,
    TopicsAdmin,
)
from storage.log.requests import check_partitions
from storage.topics import Topics

_RETRY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class SharedTails:
    """`Log` over `log`: tails of the topics `shared` read what is new together and the rest alone. The rest of `log` as it is."""

    def __init__(self, log: Log, topics: Topics, shared: Collection[str]) -> None:
        self._log, self._topics = log, topics
        self._readers = {topic: _Reader(log, topic) for topic in shared}

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> Tail:
        """See `Log.tail`."""
        if topic in self._readers:
            spec = self._topics[topic]
            check_partitions(spec, start)
            return FedTail(self._log, spec, start, self._readers[topic])
        return self._log.tail(topic, start, growing=growing)

    async def start(self) -> None:
        """See `Log.start`."""
        await self._log.start()

    async def close(self) -> None:
        """See `Log.close`."""
        for reader in self._readers.values():
            reader.stop()
        await self._log.close()

    async def append(self, topic: str, message: Message) -> Position:
        """See `Log.append`."""
        return await self._log.append(topic, message)

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        """See `Log.append_many`."""
        return await self._log.append_many(topic, messages)

    async def writer(self, topic: str, partition: int) -> PartitionWriter:
        """See `Log.writer`."""
        return await self._log.writer(topic, partition)

    def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]:
        """See `Log.read`."""
        return self._log.read(topic, partition, start, stop)

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        """See `Log.bounds`."""
        return await self._log.bounds(topic)

    async def ends(self, topics: Collection[str]) -> dict[str, dict[int, int]]:
        """See `Log.ends`."""
        return await self._log.ends(topics)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `Log.committed`."""
        return await self._log.committed(group, topic)

    async def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Log.commit`."""
        await self._log.commit(group, topic, offsets)

    def admin(self) -> TopicsAdmin:
        """See `Log.admin`."""
        return self._log.admin()


class _Reader:
    """Reads all partitions of a topic from their ends on, while there are tails to feed."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log, self._topic = log, topic
        self._tails: list[FedTail] = []
        self._positions: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()

    async def begin(self, tail: FedTail, partition: int) -> None:
        """See `storage.log.fed_tail.Feeder`."""
        del partition
        async with self._beginning:
            if self._task is None or self._task.done():
                bounds = await self._log.bounds(self._topic)
                self._positions = {number: held.next for number, held in bounds.items()}
                self._task = asyncio.create_task(self._run(), name=f"shared reader of {self._topic}")
                self._task.add_done_callback(self._ended)
        if tail not in self._tails:
            self._tails.append(tail)

    def end(self, tail: FedTail) -> None:
        """See `storage.log.fed_tail.Feeder`."""
        if tail in self._tails:
            self._tails.remove(tail)
            if not self._tails and self._task is not None:
                self._task.cancel()
                self._task = None

    def stop(self) -> None:
        """End every tail that is fed."""
        for tail in list(self._tails):
            tail.end()

    async def _run(self) -> None:
        while True:
            try:
                async with self._log.tail(self._topic, self._positions) as tail:
                    while True:
                        await self._feed(tail)
            except LogUnavailable as error:
                _log.warning("reading %s again in %g s: %s", self._topic, _RETRY_SECONDS, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _feed(self, source: Tail) -> None:
        try:
            records = await source.batch()
        except PositionLost as error:  # whoever has not got what is lost is told when he reads it
            _log.warning("%s; read on from its end", error)
            self._positions[error.partition] = error.bounds.next
            await source.add(error.partition, error.bounds.next)
            for tail in self._tails:
                tail.reaches(error.partition, error.bounds.next)
            return
        partition = records[0].partition
        self._positions[partition] = records[-1].offset + 1
        for tail in self._tails:
            tail.feed(partition, records)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """The log was closed, or something happened that nobody expected: no tail gets anything any more."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, TailClosed):
            _log.error("the shared reader of %s has ended: %r", self._topic, error, exc_info=error)
        if self._task is task:
            for tail in list(self._tails):
                tail.end()
