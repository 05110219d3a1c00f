"""The memory log's tail: a reader that is woken by the append itself and takes what is there in one batch."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from storage.log.memory_partition import Cursor, MemoryPartition, MemoryRecord
from storage.log.port import BATCH_RECORDS, PositionLost, TailClosed
from storage.log.requests import check_partitions
from storage.topics import TopicSpec


class MemoryTail:
    """Reads some partitions of one topic, for one task at a time. Made by `MemoryLog.tail`; open while entered."""

    def __init__(self, spec: TopicSpec, partitions: Sequence[MemoryPartition], start: Mapping[int, int]) -> None:
        self._spec, self._partitions = spec, partitions
        self._cursors = {number: Cursor(self, partitions[number], offset) for number, offset in start.items()}
        self._ready: deque[Cursor] = deque()
        self._wake_up: asyncio.Future[None] | None = None
        self._open = False

    async def batch(self) -> Sequence[MemoryRecord]:
        """See `Tail.batch`. Always gives the event loop a turn, so that a reader far behind does not hold it up."""
        if self._ready:
            await asyncio.sleep(0)
        while self._open:
            if self._ready:
                return self._next_batch()
            self._wake_up = asyncio.get_running_loop().create_future()
            await self._wake_up
        raise TailClosed("this tail is closed")

    def positions(self) -> dict[int, int]:
        """See `Tail.positions`."""
        return {number: cursor.offset for number, cursor in self._cursors.items()}

    async def add(self, partition: int, offset: int) -> None:
        """See `Tail.add`."""
        check_partitions(self._spec, (partition,))
        old = self._cursors.get(partition)
        cursor = self._cursors[partition] = Cursor(self, self._partitions[partition], offset)
        if self._open:
            if old is not None:
                self._leave(old)
            self._enter(cursor)

    def ready(self, cursor: Cursor) -> None:
        """Called by a partition when `cursor` has records again."""
        self._ready.append(cursor)
        self._wake()

    def close(self) -> None:
        """End a `batch` that waits, and stop counting as a reader."""
        self._open = False
        for cursor in self._cursors.values():
            cursor.partition.detach(cursor)
        self._wake()

    async def __aenter__(self) -> Self:
        self._open = True
        for cursor in self._cursors.values():
            self._enter(cursor)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_batch(self) -> Sequence[MemoryRecord]:
        cursor = self._ready.popleft()
        try:
            records = cursor.take(BATCH_RECORDS)
        except PositionLost:
            self._ready.append(cursor)
            raise
        self._park(cursor)
        return records

    def _enter(self, cursor: Cursor) -> None:
        cursor.partition.attach(cursor)
        self._park(cursor)
        self._wake()

    def _leave(self, cursor: Cursor) -> None:
        cursor.partition.detach(cursor)
        if cursor in self._ready:
            self._ready.remove(cursor)

    def _park(self, cursor: Cursor) -> None:
        if cursor.at_end:
            cursor.partition.tell_when_there_is_more(cursor)
        else:
            self._ready.append(cursor)

    def _wake(self) -> None:
        if self._wake_up is not None and not self._wake_up.done():
            self._wake_up.set_result(None)
