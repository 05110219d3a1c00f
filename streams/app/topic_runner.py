"""Runs the processors of one topic over whole batches: fold, flush, and only then acknowledge. Knows no Faust."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ops.runtime.clock import Clock
from storage.log.port import Record
from streams.app.batch import Batch, Progress
from streams.processor import Processor

FLUSH_RECORDS = 5_000


class RunnerBroken(Exception):
    """A processor has raised before: nothing more is folded, flushed or acknowledged by this process."""


class RecordsMissing(Exception):
    """A batch begins after the record that follows the one before: going on would leave records out without a word. The
    process ends, and what is read again from the committed offset is whole.
    """


class TopicRunner:
    """All processors of one topic behind one lock, so that their calls never overlap.

    What a processor raises is told to `on_failure` once and raised on; from then on (and after a cancellation within
    a call) every call raises `RunnerBroken`.
    """

    def __init__(
        self,
        topic: str,
        processors: Sequence[Processor],
        clock: Clock,
        on_failure: Callable[[Exception], None],
        flush_records: int = FLUSH_RECORDS,
    ) -> None:
        self.topic = topic
        self.records = 0
        self._processors = tuple(processors)
        self._clock = clock
        self._on_failure = on_failure
        self._flush_records = flush_records
        self._lock = asyncio.Lock()
        self._broken = False
        self._partitions: dict[int, Progress] = {}
        self._held: list[Batch] = []
        self._unflushed = 0

    @property
    def partitions(self) -> dict[int, Progress]:
        """The assigned partitions whose state is loaded."""
        return dict(self._partitions)

    async def assign(self, partition: int, generation: int, committed: int | None) -> None:
        """Let every processor load the partition; nothing when it is assigned already (a seek to read again)."""
        async with self._turn():
            if partition in self._partitions:
                return
            for processor in self._processors:
                await processor.assign(partition, committed)
            start = committed or 0
            self._partitions[partition] = Progress(generation, start, start)

    async def take(self, batch: Batch) -> None:
        """Fold the batch. One of an assignment that has ended is dropped; records that were folded in this one are left out."""
        async with self._turn():
            progress = self._partitions.get(batch.partition)
            if progress is None or progress.generation != batch.generation:
                return
            fresh = _from(batch.records, progress.read)
            if fresh:
                if progress.begun and fresh[0].offset != progress.read:
                    raise RecordsMissing(f"{self.topic}-{batch.partition}: {progress.read} to {fresh[0].offset - 1}")
                progress.begun = True
                for processor in self._processors:
                    await processor.fold(batch.partition, fresh)
                progress.read = fresh[-1].offset + 1
                self._unflushed += len(fresh)
            self._held.append(batch)
            if self._unflushed >= self._flush_records:
                await self._flush()

    async def flush(self) -> None:
        """Make everything that was folded durable, then acknowledge it."""
        async with self._turn():
            if self._partitions:
                await self._flush()

    async def tick(self) -> None:
        """Let the processors do what is due by the clock."""
        async with self._turn():
            if self._partitions:
                for processor in self._processors:
                    await processor.tick(self._clock.now())

    async def revoke(self) -> None:
        """Forget all partitions; what was taken and not flushed is never acknowledged."""
        async with self._turn():
            for partition in tuple(self._partitions):
                for processor in self._processors:
                    await processor.revoke(partition)
            self._partitions.clear()
            self._held.clear()
            self._unflushed = 0

    async def _flush(self) -> None:
        for processor in self._processors:
            await processor.flush()
        held, self._held = self._held, []
        self.records += self._unflushed
        self._unflushed = 0
        for batch in held:
            progress = self._partitions[batch.partition]
            progress.durable = batch.records[-1].offset + 1
            batch.acknowledge()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with self._lock:
            if self._broken:
                raise RunnerBroken(self.topic)
            done = False
            try:
                yield
                done = True
            except Exception as error:
                self._on_failure(error)
                raise
            finally:
                self._broken = not done  # also when it was cancelled half-way: what was folded is not whole


def _from(records: Sequence[Record], offset: int) -> Sequence[Record]:
    """The records at `offset` and after it; the same sequence when that is all of them."""
    if records[0].offset >= offset:
        return records
    return [record for record in records if record.offset >= offset]
