"""A log with the faults of a real one: appends that get lost, stand late, or stand without their writer knowing."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

from storage.log.memory_partition import MemoryRecord
from storage.log.port import AppendUnknown, Bounds, LogUnavailable, Message, Position, PositionLost
from tests.simulation.owner.faults import Process

TIMEOUT = 0.5


class Broker:
    """The topics, one partition each, as they are. `landed` is called with the topic after each append."""

    def __init__(self, *topics: str) -> None:
        self.records: dict[str, list[MemoryRecord]] = {topic: [] for topic in topics}
        self.landed: Callable[[str], None] = lambda topic: None
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def land(self, topic: str, messages: Sequence[Message]) -> list[int]:
        """Put them on the log, side by side."""
        records = self.records[topic]
        first = len(records)
        records.extend(MemoryRecord(topic, 0, first + index, 0, *message) for index, message in enumerate(messages))
        for told in self._waiting.pop(topic, ()):
            if not told.done():
                told.set_result(None)
        self.landed(topic)
        return list(range(first, len(records)))

    def arrival(self, topic: str) -> "asyncio.Future[None]":
        """Done with the next append to the topic."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, []).append(told)
        return told


class SimulatedLog:
    """The log as one process sees it: `storage.log.port.Log`, as far as an owner and a relay use it."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self.broker, self.process = broker, process

    async def writer(self, topic: str, partition: int) -> "SimulatedWriter":
        await self._ask()
        return SimulatedWriter(self, topic)

    async def append(self, topic: str, message: Message) -> Position:
        return (await self.append_many(topic, [message]))[0]

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        process = self.process
        await process.gate()
        await process.travel()
        if process.meets("log_fails"):
            raise LogUnavailable("simulated")
        if process.meets("append_late"):
            asyncio.get_running_loop().call_later(
                TIMEOUT + process.random.uniform(0, 1.5), self.broker.land, topic, messages
            )
            await self._told_nothing(topic)
        if process.meets("append_lost"):
            landed = messages[: process.random.randrange(len(messages))]
            self.broker.land(topic, landed)
            await self._told_nothing(topic)
        offsets = self.broker.land(topic, messages)
        if process.meets("acknowledgement_lost"):
            await self._told_nothing(topic)
        await process.travel()
        await process.gate()
        return [Position(0, offset) for offset in offsets]

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        await self._ask()
        records = self.broker.records[topic]
        if not 0 <= start <= len(records):
            raise PositionLost(topic, partition, start, Bounds(0, len(records)))
        for first in range(start, min(stop, len(records)), 3):
            yield records[first : min(first + 3, stop)]
            if self.process.chance(0.2):
                await self._ask()

    async def bounds(self, topic: str) -> dict[int, Bounds]:
        await self._ask()
        return {0: Bounds(0, len(self.broker.records[topic]))}

    async def ends(self, topics: Collection[str]) -> dict[str, dict[int, int]]:
        return {topic: {0: (await self.bounds(topic))[0].next} for topic in topics}

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Nobody relies on it."""
        await self._ask()
        return {}

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> "SimulatedTail":
        return SimulatedTail(self, topic, start[0])

    async def _ask(self) -> None:
        process = self.process
        await process.gate()
        await process.travel()
        await process.gate()
        if process.meets("log_fails"):
            raise LogUnavailable("simulated")

    async def _told_nothing(self, topic: str) -> None:
        await asyncio.sleep(TIMEOUT)
        await self.process.gate()
        raise AppendUnknown(f"simulated, {topic}")


class SimulatedTail:
    """Reads some records at a time, and hears of new ones a little later."""

    def __init__(self, log: SimulatedLog, topic: str, start: int) -> None:
        self._log, self._topic, self._next = log, topic, start

    async def batch(self) -> Sequence[MemoryRecord]:
        records = self._log.broker.records[self._topic]
        while True:
            await self._log.process.gate()
            if self._next < len(records):
                found = records[self._next : self._next + self._log.process.random.randint(1, 5)]
                self._next += len(found)
                return found
            await self._log.broker.arrival(self._topic)
            await self._log.process.travel()

    def positions(self) -> Mapping[int, int]:
        return {0: self._next}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SimulatedWriter:
    """One producer id: its appends land in order, and after one that failed for its writer nothing more does."""

    def __init__(self, log: SimulatedLog, topic: str) -> None:
        self._log, self._topic, self._process = log, topic, log.process
        self._waiting: deque[tuple[Sequence[Message], asyncio.Future[list[int]]]] = deque()
        self._broken = False
        self._work = asyncio.Event()
        self._told = 0.0
        self._sending = asyncio.create_task(self._send_all())

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        told: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        if self._broken:
            told.set_exception(AppendUnknown("broken before"))
            told.exception()
        else:
            self._waiting.append((messages, told))
            self._work.set()
        return told

    async def close(self) -> None:
        await self._process.gate()
        self._break()

    async def _send_all(self) -> None:
        while not self._broken:
            while not self._waiting and not self._broken:
                self._work.clear()
                await self._work.wait()
            await self._process.gate()
            if self._waiting:
                await self._send(*self._waiting.popleft())

    async def _send(self, messages: Sequence[Message], told: "asyncio.Future[list[int]]") -> None:
        process = self._process
        await process.travel()
        if process.meets("append_lost"):
            self._fail(told)
        elif process.meets("append_late"):
            self._fail(told)
            await asyncio.sleep(TIMEOUT + process.random.uniform(0, 1.5))
            self._log.broker.land(self._topic, messages)
        elif process.meets("acknowledgement_lost"):
            self._log.broker.land(self._topic, messages)
            self._fail(told)
        else:
            offsets = self._log.broker.land(self._topic, messages)
            loop = asyncio.get_running_loop()
            self._told = max(self._told, loop.time() + process.delay())
            loop.call_at(self._told, self._tell, told, offsets)

    def _tell(self, told: "asyncio.Future[list[int]]", offsets: list[int]) -> None:
        if self._process.crashed and not self._process.ended:
            return
        if not self._process.runs and not self._process.ended:
            asyncio.get_running_loop().call_later(0.05, self._tell, told, offsets)
        elif not told.done():
            told.set_result(offsets)

    def _fail(self, told: "asyncio.Future[list[int]]") -> None:
        loop = asyncio.get_running_loop()
        self._told = max(self._told, loop.time() + TIMEOUT)
        self._break()
        loop.call_at(self._told, self._tell_unknown, told)

    def _break(self) -> None:
        self._broken = True
        self._work.set()
        for _, told in self._waiting:
            self._tell_unknown(told)
        self._waiting.clear()

    def _tell_unknown(self, told: "asyncio.Future[list[int]]") -> None:
        if self._process.crashed and not self._process.ended:
            return
        if not self._process.runs and not self._process.ended:
            asyncio.get_running_loop().call_later(0.05, self._tell_unknown, told)
        elif not told.done():
            told.set_exception(AppendUnknown("simulated"))
            told.exception()
