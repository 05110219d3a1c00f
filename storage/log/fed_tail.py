"""A tail that is fed inside its process with records that somebody else has got already, and reads from the log alone what
was not fed: what lay there before, gaps, and what came while its reader was slow.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self, cast

from storage.log.port import Log, Record, TailClosed
from storage.log.requests import check_partitions
from storage.topics import TopicSpec

HELD_RECORDS: Final = 5_000
"""That are fed and not taken yet; of what comes then, it is noted how far it goes, and it is read from the log."""


class Feeder(Protocol):
    """Feeds tails of one topic."""

    async def begin(self, tail: "FedTail", partition: int) -> None:
        """Feed it everything of the partition that comes from now on. Raises `LogUnavailable`."""
        ...

    def end(self, tail: "FedTail") -> None:
        """Feed it no more."""
        ...


class _Reading(NamedTuple):
    """A range of the log that is being read, and how often offsets had been moved when that began."""

    partition: int
    moves: int
    stop: int
    records: AsyncGenerator[Sequence[Record]]


class FedTail:
    """See `storage.log.port.Tail`: what it delivers is what a tail of the log would. For one task at a time."""

    def __init__(self, log: Log, spec: TopicSpec, start: Mapping[int, int], feeder: Feeder) -> None:
        self._log, self._spec, self._feeder = log, spec, feeder
        self._positions = dict(start)
        self._next = dict(start)  # the offset that would follow what was delivered and what is held
        self._known = dict(start)  # the log is known to reach up to here
        self._held: deque[Sequence[Record]] = deque()
        self._count: dict[int, int] = dict.fromkeys(start, 0)
        self._wake_up = asyncio.Event()
        self._reading: _Reading | None = None
        self._log_first = False
        self._moves = 0  # how often a partition was given another offset
        self._added: set[int] = set()  # and not fed yet
        self._entered = self._closed = False

    def feed(self, partition: int, records: Sequence[Record]) -> None:
        """The next records of a partition, one after the other without a gap between them (one before them may be)."""
        if partition not in self._next:
            return
        after = records[-1].offset + 1
        self._known[partition] = max(self._known[partition], after)
        following = self._next[partition]
        if records[0].offset <= following < after and sum(self._count.values()) < HELD_RECORDS:
            fresh = [record for record in records if record.offset >= following]
            self._held.append(fresh)
            self._count[partition] += len(fresh)
            self._next[partition] = after
        self._wake_up.set()

    def reaches(self, partition: int, offset: int) -> None:
        """The log is known to hold everything of a partition that stands before `offset`."""
        if partition in self._known:
            self._known[partition] = max(self._known[partition], offset)
            self._wake_up.set()

    async def batch(self) -> Sequence[Record]:
        """See `Tail.batch`. Raises `LogUnavailable` too, where something has to be read and cannot be."""
        await asyncio.sleep(0)
        while True:
            if self._closed:
                raise TailClosed("this tail is closed")
            if self._added:
                await self._begin_added()
            behind = self._behind()
            if self._held and not (behind is not None and self._log_first):
                self._log_first = True
                return self._take()
            if behind is not None:
                self._log_first = False
                if records := await self._read(behind):
                    return records
                continue
            self._wake_up.clear()
            await self._wake_up.wait()

    def positions(self) -> dict[int, int]:
        """See `Tail.positions`."""
        return dict(self._positions)

    async def add(self, partition: int, offset: int) -> None:
        """See `Tail.add`. It is the next `batch` that asks to be fed: who adds may be cut short, who reads goes on."""
        check_partitions(self._spec, (partition,))
        # What is being read of it meanwhile, by whoever waits for a batch, counts no more.
        self._moves += 1
        self._held = deque(records for records in self._held if records[0].partition != partition)
        self._count[partition] = 0
        self._positions[partition] = self._next[partition] = self._known[partition] = offset
        if self._entered:
            self._added.add(partition)
            self._wake_up.set()

    def end(self) -> None:
        """End a `batch` that waits; every later one raises `TailClosed`."""
        self._feeder.end(self)
        self._closed = True
        self._held.clear()
        self._wake_up.set()

    async def __aenter__(self) -> Self:
        self._entered = True
        try:
            await self._begin(list(self._next))
        except BaseException:
            self._feeder.end(self)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        await self._stop_reading()

    async def _begin_added(self) -> None:
        added = list(self._added)
        await self._begin(added)
        self._added.difference_update(added)

    async def _begin(self, partitions: Sequence[int]) -> None:
        """Be fed, and only then ask how far the log reaches, so that nothing lies between."""
        for partition in partitions:
            await self._feeder.begin(self, partition)
        bounds = await self._log.bounds(self._spec.name)
        for partition in partitions:
            # A start that the log does not hold is to be read too: reading it raises `PositionLost`.
            held = bounds[partition]
            lost = self._next[partition] < held.first or self._next[partition] > held.next
            self.reaches(partition, max(held.next, self._next[partition] + 1) if lost else held.next)

    def _behind(self) -> int | None:
        """A partition of which something has to be read from the log, after all that is held of it was taken."""
        for partition, following in self._next.items():
            if following < self._known[partition] and not self._count[partition]:
                return partition
        return None

    def _take(self) -> Sequence[Record]:
        records = self._held.popleft()
        partition = records[0].partition
        self._count[partition] -= len(records)
        self._positions[partition] = records[-1].offset + 1
        return records

    async def _read(self, partition: int) -> Sequence[Record] | None:
        """The next records out of the log; None at the end of what is known to be there, or if `add` has come between."""
        if self._reading is None or self._reading[:2] != (partition, self._moves):
            await self._stop_reading()
            stop = self._known[partition]
            records_of = self._log.read(self._spec.name, partition, self._next[partition], stop)
            generator = cast("AsyncGenerator[Sequence[Record]]", records_of)
            self._reading = _Reading(partition, self._moves, stop, generator)
        reading = self._reading
        try:
            records = await anext(reading.records, None)
            end = min(reading.stop, (await self._log.bounds(self._spec.name))[partition].next) if records is None else 0
        except BaseException:
            self._reading = None
            raise
        if reading.moves != self._moves:
            return None
        if records is None:  # the last records before the end may have been compacted away
            self._reading = None
            self._next[partition] = self._positions[partition] = max(self._next[partition], end)
            return None
        self._next[partition] = self._positions[partition] = records[-1].offset + 1
        return records

    async def _stop_reading(self) -> None:
        if self._reading is not None:
            reading, self._reading = self._reading, None
            await reading.records.aclose()
