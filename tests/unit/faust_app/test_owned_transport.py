"""Where owned partitions begin, what is handed out of them meanwhile, and what a rebalance makes of it; a scripted broker."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from tests.unit.faust_app.scripted_broker import P0, P1, Bench, ScriptedOwnedTransport, records


class Owners:
    """Answers where a partition begins once it is let; remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.starts = {0: 0, 1: 0}
        self.claimed = {0: asyncio.Event(), 1: asyncio.Event()}
        self.errors: list[BaseException] = []
        self.refuse: Exception | None = None

    async def keeps(self, partitions: Collection[int]) -> None:
        self.told.append(("keeps", *sorted(partitions)))

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> int:
        self.told.append(("assigned", partition, generation))
        await self.claimed[partition].wait()
        if self.refuse is not None:
            raise self.refuse
        self.told.append(("claimed", partition, generation))
        return self.starts[partition]

    async def drain(self) -> None:
        self.told.append(("drain",))

    async def revoked(self) -> None:
        self.told.append(("revoked",))

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)

    def let(self, *partitions: int) -> None:
        for partition in partitions:
            self.claimed[partition].set()


@pytest.fixture
async def bench() -> Bench:
    made = Bench(Owners(), ScriptedOwnedTransport)
    await made.begin()
    return made


async def begun(bench: Bench, *partitions: Any) -> None:
    async with asyncio.timeout(5):
        while set(bench.consumer._begun) != set(partitions):  # noqa: ASYNC110  (the transport tells nobody)
            await asyncio.sleep(0)


async def test_all_partitions_are_claimed_at_once_and_each_begins_where_its_owner_says(bench: Bench) -> None:
    await asyncio.sleep(0)
    assert bench.listener.told == [("keeps", 0, 1), ("assigned", 0, 1), ("assigned", 1, 1)]
    bench.listener.starts = {0: 0, 1: 17}
    bench.listener.let(1)
    await begun(bench, P1)
    assert bench.broker.sought == {P1: 17}
    (message,) = await bench.fetch({P1: records(P1, 17, 19)})
    assert (message.tp, bench.broker.fetched) == (P1, [{P1}])
    bench.listener.let(0)
    await begun(bench, P0, P1)
    assert len(await bench.fetch({P0: records(P0, 0, 2), P1: records(P1, 20, 20)})) == 2


async def test_an_owner_may_begin_before_what_is_committed(bench: Bench) -> None:
    bench.broker.committed = {P0: 40}
    await bench.consumer.hand_back()
    await bench.begin(generation=2)
    bench.listener.starts[0] = 12
    bench.listener.let(0)
    await begun(bench, P0)
    (message,) = await bench.fetch({P0: records(P0, 12, 14)})
    message.ack(bench.consumer)
    await bench.consumer.commit()
    assert (bench.broker.sought[P0], bench.broker.committed) == (12, {P0: 40})
    (message,) = await bench.fetch({P0: records(P0, 15, 49)})
    message.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 50}


async def test_what_was_fetched_of_a_partition_before_it_was_begun_again_is_dropped_and_read_again(
    bench: Bench,
) -> None:
    bench.listener.let(0, 1)
    await begun(bench, P0, P1)

    async def seek() -> None:
        bench.listener.starts[0] = 8
        await bench.consumer.perform_seek()
        await begun(bench, P0, P1)

    bench.broker.during_a_fetch = seek
    assert await bench.fetch({P0: records(P0, 0, 9)}) == []
    bench.broker.sought.clear()
    await begun(bench, P0, P1)
    assert bench.broker.sought[P0] == 8
    (message,) = await bench.fetch({P0: records(P0, 8, 9)})
    message.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 10}


async def test_a_rebalance_ends_claims_that_are_under_way_and_says_what_stays(bench: Bench) -> None:
    bench.listener.let(0)
    await begun(bench, P0)
    bench.listener.told.clear()
    await bench.consumer.on_partitions_revoked({P0, P1})
    bench.broker.assigned = {P0}
    await bench.begin(generation=2)
    await begun(bench, P0)
    bench.listener.let(1)
    await asyncio.sleep(0.01)
    assert bench.listener.told == [("drain",), ("revoked",), ("keeps", 0), ("assigned", 0, 2), ("claimed", 0, 2)]
    assert set(bench.consumer._begun) == {P0}


async def test_an_empty_assignment_keeps_nothing(bench: Bench) -> None:
    await bench.consumer.on_partitions_revoked({P0, P1})
    bench.listener.told.clear()
    bench.broker.assigned = set()
    await bench.consumer.on_partitions_assigned(set(), 2)
    assert bench.listener.told == [("keeps",)]


async def test_a_partition_that_cannot_be_begun_is_told(bench: Bench) -> None:
    bench.listener.refuse = ValueError("a checkpoint cannot be read")
    bench.listener.let(0)
    async with asyncio.timeout(5):
        while not bench.listener.errors:  # noqa: ASYNC110  (the listener is told by a callback)
            await asyncio.sleep(0)
    assert [str(error) for error in bench.listener.errors] == ["a checkpoint cannot be read"]


async def test_a_held_partition_is_not_fetched_but_what_was_on_its_way_comes(bench: Bench) -> None:
    bench.listener.let(0, 1)
    await begun(bench, P0, P1)

    async def hold() -> None:
        bench.consumer.hold(P0)

    bench.broker.during_a_fetch = hold
    messages = await bench.fetch({P0: records(P0, 0, 4), P1: records(P1, 0, 4)})
    assert [message.tp for message in messages] == [P0, P1]
    await bench.fetch({P1: records(P1, 5, 5)})
    bench.consumer.release(P0)
    await bench.fetch({P0: records(P0, 5, 5)})
    assert bench.broker.fetched == [{P0, P1}, {P1}, {P0, P1}]


async def test_an_assignment_that_has_ended_is_nobodys(bench: Bench) -> None:
    assert not await bench.consumer.still_mine(P0, 7)
    await bench.consumer.hand_back()
    assert not await bench.consumer.still_mine(P0, 1)
