"""Batches -> the owner, partition by partition: one whose owner has no room holds up no other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from streams.app.batch import Batch, Progress
from streams.owner.ports import CommandOwner


class Gate(Protocol):
    """Lets the batches of a partition come, or not."""

    def hold(self, partition: int) -> None: ...
    def release(self, partition: int) -> None: ...


class OwnerIntake:
    """A `BatchTaker` over a `CommandOwner`. A partition that has a batch waiting is held, so what waits is bounded by the
    batches that were on their way then (16 in Faust's buffer, and one fetch).
    """

    def __init__(
        self, topic: str, owner: CommandOwner, gate: Gate, on_failure: Callable[[BaseException], None]
    ) -> None:
        self.topic = topic
        self.records = 0
        self._owner, self._gate, self._on_failure = owner, gate, on_failure
        self._partitions: dict[int, Progress] = {}
        self._lanes: dict[int, _Lane] = {}

    @property
    def partitions(self) -> dict[int, Progress]:
        """Those that are claimed and read up; `durable` is the offset after the last whose record is acknowledged."""
        return dict(self._partitions)

    def begin(self, partition: int, generation: int, start: int) -> None:
        """Batches of the partition follow, from `start` on, in this generation."""
        if partition in self._lanes:
            self._lanes.pop(partition).task.cancel()
        self._partitions[partition] = Progress(generation, start, start)
        lane = self._lanes[partition] = _Lane(partition, self._hand_over, self._gate)
        lane.task.add_done_callback(self._look)

    async def take(self, batch: Batch) -> None:
        """Returns at once: the owner is waited for beside."""
        progress = self._partitions.get(batch.partition)
        if progress is not None and progress.generation == batch.generation:
            progress.read = batch.records[-1].offset + 1
            self._lanes[batch.partition].put(batch)

    async def end(self) -> None:
        """Hand over nothing more; what the owner has is not taken from it."""
        tasks = [lane.task for lane in self._lanes.values()]
        self._lanes.clear()
        self._partitions.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _hand_over(self, batch: Batch) -> None:
        await self._owner.take(batch.partition, batch.records, partial(self._done, batch))

    def _done(self, batch: Batch) -> None:
        self.records += len(batch.records)
        progress = self._partitions.get(batch.partition)
        if progress is not None:
            progress.durable = max(progress.durable, batch.records[-1].offset + 1)
        batch.acknowledge()

    def _look(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)


class _Lane:
    """Batches of one partition that wait for its owner, in order."""

    def __init__(self, partition: int, hand_over: Callable[[Batch], Awaitable[None]], gate: Gate) -> None:
        self._partition, self._hand_over, self._gate = partition, hand_over, gate
        self._waiting: deque[Batch] = deque()
        self._work = asyncio.Event()
        self._busy = self._held = False
        self.task = asyncio.create_task(self._run(), name=f"intake of partition {partition}")

    def put(self, batch: Batch) -> None:
        """Hand it over after those before it."""
        self._waiting.append(batch)
        self._work.set()
        if self._busy or len(self._waiting) > 1:
            self._held = True
            self._gate.hold(self._partition)

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            self._busy = True
            while self._waiting:
                await self._hand_over(self._waiting.popleft())
            self._busy = False
            if self._held:
                self._held = False
                self._gate.release(self._partition)
