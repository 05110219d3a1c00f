"""The memory runner: offsets committed after the flush, resumed from, a clean stop, and an error that shows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from ops.runtime.clock import SystemClock
from storage.log.memory import MemoryLog
from storage.log.port import Message, Record
from storage.topics import TRADES, Topics
from streams.app.memory_runner import MemoryRunner, RunnerFailed


@dataclass
class Recording:
    """A processor that remembers its calls and says when it has flushed so many records."""

    until: int
    name: str = "recording"
    topic: str = TRADES
    break_in: str = ""
    calls: list[str] = field(default_factory=list)
    folded: list[tuple[int, int]] = field(default_factory=list)
    flushed: list[tuple[int, int]] = field(default_factory=list)
    ticks: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def assign(self, partition: int, committed: int | None) -> None:
        self.calls.append(f"assign {partition} {committed}")
        if self.break_in == "assign":
            raise ValueError("no")

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        if self.break_in == "fold":
            raise ValueError("no")
        self.folded += [(partition, record.offset) for record in records]

    async def flush(self) -> None:
        if self.break_in == "flush":
            raise ValueError("no")
        self.flushed, self.folded = self.flushed + self.folded, []
        if len(self.flushed) >= self.until:
            self.done.set()

    async def tick(self, now: int) -> None:
        self.ticks.set()

    async def revoke(self, partition: int) -> None:
        self.calls.append(f"revoke {partition}")


@pytest.fixture
async def log() -> MemoryLog:
    return MemoryLog(Topics({"trades": 2}), SystemClock())


async def append(log: MemoryLog, count: int) -> None:
    await log.append_many(TRADES, [Message(b"%d" % number, b"{}") for number in range(count)])


async def run_until(log: MemoryLog, processor: Recording, *events: asyncio.Event) -> MemoryRunner:
    runner, stop = MemoryRunner(log, [processor], SystemClock(), flush_seconds=0.01), asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    async with asyncio.timeout(5):
        for event in events:
            await event.wait()
        stop.set()
        await running
    return runner


async def test_everything_is_folded_in_order_flushed_and_only_then_committed(log: MemoryLog) -> None:
    await append(log, 3_000)
    processor = Recording(3_000)
    await run_until(log, processor, processor.done)
    ends = {number: bounds.next for number, bounds in (await log.bounds(TRADES)).items()}
    assert await log.committed("recording", TRADES) == ends
    assert sorted(processor.flushed) == [(number, offset) for number in (0, 1) for offset in range(ends[number])]
    for number in (0, 1):
        offsets = [offset for partition, offset in processor.flushed if partition == number]
        assert offsets == sorted(offsets)
    assert processor.calls == ["assign 0 None", "assign 1 None", "revoke 0", "revoke 1"]


async def test_a_second_run_goes_on_where_the_first_committed(log: MemoryLog) -> None:
    await append(log, 100)
    first = Recording(100)
    await run_until(log, first, first.done)
    await append(log, 50)
    second = Recording(50)
    runner = await run_until(log, second, second.done)
    assert not set(first.flushed) & set(second.flushed)
    assert len(second.flushed) == 50
    assert runner.positions() == {"recording": await log.committed("recording", TRADES)}


async def test_it_ticks_without_records(log: MemoryLog) -> None:
    processor = Recording(0)
    await run_until(log, processor, processor.ticks)
    assert processor.ticks.is_set()


@pytest.mark.parametrize("where", ["assign", "fold", "flush"])
async def test_a_processor_that_raises_ends_the_run_uncommitted_and_says_so(log: MemoryLog, where: str) -> None:
    await append(log, 10)
    steady, broken = Recording(10, name="steady"), Recording(10, break_in=where)
    runner = MemoryRunner(log, [steady, broken], SystemClock(), flush_seconds=0.01)
    async with asyncio.timeout(5):
        with pytest.raises(RunnerFailed, match="processor recording: ValueError: no") as raised:
            await runner.run(asyncio.Event())
    assert isinstance(raised.value.__cause__, ValueError)
    assert await log.committed("recording", TRADES) == {}


async def test_ready_waits_for_every_processor(log: MemoryLog) -> None:
    processor = Recording(0)
    runner, stop = MemoryRunner(log, [processor], SystemClock()), asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    async with asyncio.timeout(5):
        await runner.ready()
        assert processor.calls == ["assign 0 None", "assign 1 None"]
        stop.set()
        await running
