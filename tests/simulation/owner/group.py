"""A consumer group with one partition: who is assigned, who still believes to be, and what is handed to whom."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from storage.log.port import LogUnavailable
from streams.owner.ports import CommandOwner
from tests.simulation.owner.faults import Process
from tests.simulation.owner.simulated_log import Broker


class Group:
    """The present generation belongs to one process. `committed` is the hint that nobody may begin at."""

    def __init__(self, broker: Broker, commands: str) -> None:
        self.broker, self.commands = broker, commands
        self.generation = 0
        self.member: Process | None = None
        self.committed = 0
        self.commits: list[tuple[int, int]] = []  # (committed, length of the records then)
        self.seats: list[Seat] = []
        self.records_length: Callable[[], int] = lambda: 0

    def assign(self, seat: "Seat") -> None:
        """A rebalance: from now on the partition is that seat's; the others hear of it when they hear anything."""
        self.generation += 1
        self.member = seat.process
        for other in self.seats:
            if other is not seat:
                other.lose()
        seat.gain(self.generation)

    def commit(self, generation: int, offset: int) -> bool:
        """Whether it was taken."""
        if generation != self.generation:
            return False
        self.committed = offset
        self.commits.append((offset, self.records_length()))
        return True


class Seat:
    """The batch transport of one process: asks its owner where to begin, hands over, commits."""

    def __init__(self, group: Group, process: Process, owner: CommandOwner) -> None:
        self.group, self.process, self.owner = group, process, owner
        self._work: asyncio.Task[None] | None = None
        self._news: asyncio.Queue[int | None] = asyncio.Queue()
        self.task = asyncio.create_task(self._live())
        group.seats.append(self)

    def gain(self, generation: int) -> None:
        self._news.put_nowait(generation)

    def lose(self) -> None:
        self._news.put_nowait(None)

    def start_of(self, answer: int) -> int:
        """Where it begins to read: where the owner says (a test double begins elsewhere)."""
        return answer

    async def _live(self) -> None:
        while True:
            generation = await self._news.get()
            await self.process.travel()
            if generation is None and self._news.empty():
                await asyncio.sleep(self.process.random.choice((0.0, 0.5, 2.0)))  # it hears late that it has lost
            await self.process.gate()
            await self._stop()
            if generation is None:
                await self.owner.revoked(0)
            else:
                self._work = asyncio.create_task(self._serve(generation))
                self._work.add_done_callback(_raise)

    async def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
            self._work = None

    async def _serve(self, generation: int) -> None:
        membership = Membership(self, generation)
        position = self.start_of(await self.owner.assigned(0, membership))
        commands = self.group.broker.records[self.group.commands]
        while True:
            await self.process.gate()
            records = commands[position : position + self.process.random.randint(1, 6)]
            if not records:
                await self.group.broker.arrival(self.group.commands)
                await self.process.travel()
                continue
            position = records[-1].offset + 1
            await self.owner.take(0, records, lambda after=position: self.group.commit(generation, after))


class Membership:
    """Asks by a commit with the generation."""

    def __init__(self, seat: Seat, generation: int) -> None:
        self._seat, self._generation = seat, generation

    async def still_mine(self) -> bool:
        process = self._seat.process
        await process.gate()
        await process.travel()
        if process.meets("log_fails"):
            raise LogUnavailable("simulated")
        mine = self._seat.group.generation == self._generation
        await process.travel()
        await process.gate()
        return mine


def _raise(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and task.exception() is not None:
        raise task.exception()
