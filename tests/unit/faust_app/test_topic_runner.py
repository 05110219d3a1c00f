"""The order of fold, flush and acknowledgement, and what an assignment that has ended may still do: nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from storage.log.port import Record
from streams.app.batch import Batch
from streams.app.topic_runner import RecordsMissing, RunnerBroken, TopicRunner


@dataclass
class FakeRecord:
    offset: int
    topic: str = "trades"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class FoldingProcessor:
    """Remembers what it folded and what it made durable; raises where it is told to."""

    name: str = "folding"
    topic: str = "trades"
    calls: list[str] = field(default_factory=list)
    folded: list[tuple[int, int]] = field(default_factory=list)
    durable: list[tuple[int, int]] = field(default_factory=list)
    raise_in: str = ""

    async def assign(self, partition: int, committed: int | None) -> None:
        self._called(f"assign {partition} {committed}")

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        await asyncio.sleep(0)
        self._called("fold")
        self.folded += [(partition, record.offset) for record in records]

    async def flush(self) -> None:
        await asyncio.sleep(0)
        self._called("flush")
        self.durable += self.folded
        self.folded = []

    async def tick(self, now: int) -> None:
        self._called("tick")

    async def revoke(self, partition: int) -> None:
        self._called(f"revoke {partition}")
        self.folded = [held for held in self.folded if held[0] != partition]

    def _called(self, what: str) -> None:
        if self.raise_in and what.startswith(self.raise_in):
            raise ValueError(f"no {what}")
        self.calls.append(what)


class Bench:
    """A runner, its processors, and what was acknowledged, in order."""

    def __init__(self, *processors: FoldingProcessor, flush_records: int = 5_000) -> None:
        self.processors = processors or (FoldingProcessor(),)
        self.failures: list[Exception] = []
        self.acknowledged: list[int] = []
        self.clock = ManualClock()
        self.runner = TopicRunner("trades", self.processors, self.clock, self.failures.append, flush_records)

    def batch(self, first: int, last: int, generation: int = 1, partition: int = 0) -> Batch:
        records = [FakeRecord(offset, partition=partition) for offset in range(first, last + 1)]
        return Batch(partition, generation, records, lambda: self.acknowledged.append(last))


async def test_a_batch_is_acknowledged_only_after_every_processor_has_flushed() -> None:
    bench = Bench(FoldingProcessor(), FoldingProcessor())
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(0, 9))
    assert bench.acknowledged == []
    await bench.runner.flush()
    assert bench.acknowledged == [9]
    assert [len(processor.durable) for processor in bench.processors] == [10, 10]
    assert bench.runner.records == 10


async def test_it_flushes_by_itself_after_so_many_records() -> None:
    bench = Bench(flush_records=20)
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(0, 9))
    assert bench.acknowledged == []
    await bench.runner.take(bench.batch(10, 19))
    assert bench.acknowledged == [9, 19]


async def test_the_committed_offset_reaches_the_processor_and_earlier_records_do_not() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, 5)
    await bench.runner.take(bench.batch(0, 9))
    assert bench.processors[0].calls[0] == "assign 0 5"
    assert bench.processors[0].folded == [(0, offset) for offset in range(5, 10)]


async def test_a_seek_within_an_assignment_neither_loads_again_nor_folds_again() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(0, 9))
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(0, 14))
    await bench.runner.flush()
    assert [call for call in bench.processors[0].calls if call.startswith("assign")] == ["assign 0 None"]
    assert bench.processors[0].durable == [(0, offset) for offset in range(15)]


async def test_a_hole_between_two_batches_ends_the_process_before_anything_after_it_is_folded() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(50, 59))  # the log begins there
    with pytest.raises(RecordsMissing, match="trades-0: 60 to 69"):
        await bench.runner.take(bench.batch(70, 79))
    assert bench.processors[0].folded == [(0, offset) for offset in range(50, 60)]
    assert [type(error) for error in bench.failures] == [RecordsMissing]


async def test_a_batch_of_an_earlier_generation_is_dropped_unfolded_and_unacknowledged() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, None)
    await bench.runner.revoke()
    await bench.runner.assign(0, 2, None)
    await bench.runner.take(bench.batch(100, 109, generation=1))
    await bench.runner.take(bench.batch(0, 9, generation=2))
    await bench.runner.flush()
    assert bench.processors[0].durable == [(0, offset) for offset in range(10)]
    assert bench.acknowledged == [9]


async def test_a_batch_of_a_partition_that_is_not_assigned_is_dropped() -> None:
    bench = Bench()
    await bench.runner.take(bench.batch(0, 9))
    await bench.runner.flush()
    assert (bench.processors[0].calls, bench.acknowledged) == ([], [])


async def test_revoking_forgets_what_was_not_flushed() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, None)
    await bench.runner.take(bench.batch(0, 9))
    await bench.runner.revoke()
    await bench.runner.flush()
    assert (bench.processors[0].durable, bench.acknowledged) == ([], [])
    assert bench.processors[0].calls[-1] == "revoke 0"
    assert bench.runner.partitions == {}


@pytest.mark.parametrize("broken", ["fold", "flush"])
async def test_after_a_processor_raised_nothing_is_folded_flushed_or_acknowledged(broken: str) -> None:
    bench = Bench(FoldingProcessor(), FoldingProcessor(raise_in=broken))
    await bench.runner.assign(0, 1, None)

    async def take_and_flush() -> None:
        await bench.runner.take(bench.batch(0, 9))
        await bench.runner.flush()

    with pytest.raises(ValueError, match=f"no {broken}"):
        await take_and_flush()
    with pytest.raises(RunnerBroken):
        await bench.runner.flush()
    with pytest.raises(RunnerBroken):
        await bench.runner.take(bench.batch(10, 19))
    assert bench.acknowledged == []
    assert [str(failure) for failure in bench.failures] == [f"no {broken}"]


async def test_a_call_that_is_cancelled_half_way_breaks_the_runner() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, None)
    taking = asyncio.create_task(bench.runner.take(bench.batch(0, 9)))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    with pytest.raises(RunnerBroken):
        await bench.runner.flush()
    assert bench.failures == []


async def test_progress_says_what_is_read_and_what_is_durable() -> None:
    bench = Bench()
    await bench.runner.assign(0, 1, 3)
    await bench.runner.take(bench.batch(3, 9))
    assert (bench.runner.partitions[0].read, bench.runner.partitions[0].durable) == (10, 3)
    await bench.runner.flush()
    assert bench.runner.partitions[0].durable == 10


async def test_ticks_reach_every_processor_while_a_partition_is_assigned() -> None:
    bench = Bench(FoldingProcessor(), FoldingProcessor())
    await bench.runner.tick()
    await bench.runner.assign(0, 1, None)
    await bench.runner.tick()
    assert [processor.calls.count("tick") for processor in bench.processors] == [1, 1]


@given(st.lists(st.sampled_from(["take", "again", "flush", "rebalance", "stale"]), max_size=40), st.integers(1, 30))
def test_no_acknowledgement_is_ever_ahead_of_what_is_durable(steps: list[str], flush_records: int) -> None:
    """Whatever the order of batches, repeats, flushes and rebalances: what is acknowledged is durable, and in order."""

    async def run() -> None:
        bench = Bench(flush_records=flush_records)
        generation, following = 1, 0
        await bench.runner.assign(0, generation, None)
        for step in steps:
            if step == "take":
                await bench.runner.take(bench.batch(following, following + 6, generation))
                following += 7
            elif step == "again":
                following = max(bench.acknowledged, default=-1) + 1
            elif step == "stale":
                await bench.runner.take(bench.batch(following + 50, following + 60, generation - 1))
            elif step == "flush":
                await bench.runner.flush()
            else:
                await bench.runner.revoke()
                generation += 1
                following = max(bench.acknowledged, default=-1) + 1
                await bench.runner.assign(0, generation, following)
            durable = [offset for _, offset in bench.processors[0].durable]
            assert durable == list(range(len(durable)))
            assert all(last < len(durable) for last in bench.acknowledged)

    asyncio.run(run())
