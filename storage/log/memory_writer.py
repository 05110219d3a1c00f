"""The memory log's writer for one partition: on the log at once, acknowledged at the event loop's next turn."""

import asyncio
from collections.abc import Awaitable, Sequence

from ops.runtime.clock import Clock, milliseconds
from storage.log.memory_partition import MemoryPartition
from storage.log.port import AppendUnknown, Message
from storage.log.requests import check_size
from storage.topics import TopicSpec


class MemoryWriter:
    """See `storage.log.port.PartitionWriter`. Made by `MemoryLog.writer`."""

    def __init__(self, spec: TopicSpec, partition: MemoryPartition, clock: Clock) -> None:
        self._spec, self._partition, self._clock = spec, partition, clock
        self._closed = False

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        """See `PartitionWriter.append`."""
        for message in messages:
            check_size(self._spec, message)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[int]] = loop.create_future()
        if self._closed:
            done.set_exception(AppendUnknown(f"the writer of {self._spec.name}-{self._partition.number} was closed"))
            done.exception()  # whoever has given up on this writer need not look
            return done
        now = milliseconds(self._clock.now())
        offsets = [self._partition.append(message, now) for message in messages]
        loop.call_soon(_acknowledge, done, offsets)
        return done

    async def close(self) -> None:
        """See `PartitionWriter.close`."""
        self._closed = True


def _acknowledge(done: "asyncio.Future[list[int]]", offsets: list[int]) -> None:
    if not done.done():
        done.set_result(offsets)
