"""Topic -> processors over a log in this process: what Faust is to the cluster, in one event loop without a group."""

import asyncio
from collections.abc import Sequence
from typing import Final

from ops.runtime.clock import Clock
from storage.log.port import Log, Record
from streams.app.topic_runner import FLUSH_RECORDS
from streams.processor import Processor

_TICK_SECONDS: Final = 0.1
_REST_SECONDS: Final = 0.02
_BUSY_RECORDS: Final = 500


class RunnerFailed(Exception):
    """A processor has raised: what it had not committed is read again at the next start."""


class MemoryRunner:
    """Runs each processor as the only member of the group `processor.name`. `run` may be called once.

    After a batch of fewer than 500 records a processor rests for 20 ms, so that low rates cost little.
    """

    def __init__(
        self, log: Log, processors: Sequence[Processor], clock: Clock, *, flush_seconds: float = _TICK_SECONDS
    ) -> None:
        self._readings = [_Reading(log, processor, clock, flush_seconds) for processor in processors]

    async def ready(self) -> None:
        """Return when every processor has loaded its partitions and reads."""
        for reading in self._readings:
            await reading.assigned.wait()

    def positions(self) -> dict[str, dict[int, int]]:
        """For each processor by name, for each partition, the next offset that is not yet folded, flushed and committed."""
        return {reading.name: dict(reading.committed) for reading in self._readings}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then flush and commit what was folded.

        Raises `RunnerFailed`, its cause what was raised, as soon as one processor raises; the others end with it.
        """
        work = [asyncio.create_task(reading.run(stop), name=reading.name) for reading in self._readings]
        try:
            ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_EXCEPTION)
            for task in ended:
                error = task.exception()
                if error is not None:
                    raise RunnerFailed(f"processor {task.get_name()}: {type(error).__name__}: {error}") from error
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


class _Reading:
    """One processor and its place in its topic."""

    def __init__(self, log: Log, processor: Processor, clock: Clock, flush_seconds: float) -> None:
        self.name = processor.name
        self.assigned = asyncio.Event()
        self.committed: dict[int, int] = {}
        self._log = log
        self._processor = processor
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._folded: dict[int, int] = {}
        self._unflushed = 0
        self._flush_at = clock.monotonic() + flush_seconds
        self._tick_at = clock.monotonic() + _TICK_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Assign, read, fold, flush, commit; returns after `stop`."""
        await self._assign()
        stopping = asyncio.create_task(stop.wait())
        coming: asyncio.Task[Sequence[Record]] | None = None
        try:
            async with self._log.tail(self._processor.topic, self.committed) as tail:
                self.assigned.set()
                while not stopping.done():
                    coming = coming or asyncio.create_task(tail.batch())
                    coming = await self._turn(coming, stopping)
                await self._flush()
            for partition in self.committed:
                await self._processor.revoke(partition)
        finally:
            await _end(stopping, coming)

    async def _assign(self) -> None:
        topic = self._processor.topic
        committed = await self._log.committed(self.name, topic)
        for partition, bounds in sorted((await self._log.bounds(topic)).items()):
            await self._processor.assign(partition, committed.get(partition))
            self.committed[partition] = committed.get(partition, bounds.first)

    async def _turn(
        self, coming: asyncio.Task[Sequence[Record]], stopping: asyncio.Task[bool]
    ) -> asyncio.Task[Sequence[Record]] | None:
        """Wait for records, the clock or the end, and do what is due; the read that is still under way, if one is."""
        await asyncio.wait({coming, stopping}, timeout=self._until_due(), return_when=asyncio.FIRST_COMPLETED)
        left: asyncio.Task[Sequence[Record]] | None = coming
        if coming.done():
            left = None
            records = coming.result()
            await self._fold(records)
            if len(records) < _BUSY_RECORDS and not stopping.done():
                await asyncio.wait({stopping}, timeout=min(_REST_SECONDS, self._until_due()))
        await self._do_what_is_due()
        return left

    def _until_due(self) -> float:
        """How many seconds the next flush or tick is away."""
        return max(0.0, min(self._flush_at, self._tick_at) - self._clock.monotonic())

    async def _fold(self, records: Sequence[Record]) -> None:
        partition = records[0].partition
        await self._processor.fold(partition, records)
        self._folded[partition] = records[-1].offset + 1
        self._unflushed += len(records)

    async def _do_what_is_due(self) -> None:
        now = self._clock.monotonic()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            await self._processor.tick(self._clock.now())
        if self._unflushed >= FLUSH_RECORDS or now >= self._flush_at:
            self._flush_at = now + self._flush_seconds
            await self._flush()

    async def _flush(self) -> None:
        await self._processor.flush()
        if self._folded:
            await self._log.commit(self.name, self._processor.topic, self._folded)
            self.committed.update(self._folded)
            self._folded = {}
            self._unflushed = 0


async def _end(*tasks: asyncio.Task[object] | None) -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
