"""What is handed out, what may be committed, and what a rebalance makes of it; the broker's side is scripted."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.faust_app.scripted_broker import P0, P1, Bench, records


class Listener:
    """Remembers what it was told, and may do something when it is to drain."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.on_drain: Callable[[], object] = lambda: None

    async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> None:
        self.told.append(("assigned", topic, partition, generation, committed))

    async def drain(self) -> None:
        self.told.append(("drain",))
        self.on_drain()

    async def revoked(self) -> None:
        self.told.append(("revoked",))


@pytest.fixture
async def bench() -> Bench:
    made = Bench(Listener())
    await made.begin()
    return made


async def test_a_fetch_gives_one_message_a_partition_whose_value_is_the_records(bench: Bench) -> None:
    first, second = await bench.fetch({P0: records(P0, 5, 9), P1: records(P1, 0, 2)})
    assert (first.tp, first.offset, first.generation_id) == (P0, 9, 1)
    assert [record.offset for record in first.value] == [5, 6, 7, 8, 9]  # type: ignore[attr-defined, union-attr]
    assert (second.tp, second.offset, len(second.value or ())) == (P1, 2, 3)


async def test_the_commit_follows_the_leading_acknowledged_batches_only(bench: Bench) -> None:
    a, b, c = [(await bench.fetch({P0: records(P0, start, start + 9)}))[0] for start in (0, 10, 20)]
    c.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {}
    a.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 10}
    b.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 30}


async def test_a_hole_in_the_offsets_neither_stops_nor_hurries_the_commit(bench: Bench) -> None:
    (before,) = await bench.fetch({P0: records(P0, 0, 9)})
    (after,) = await bench.fetch({P0: records(P0, 50, 59)})
    await bench.consumer._add_gap(P0, 10, 49)
    await bench.consumer.commit()
    assert bench.broker.committed == {}
    before.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 10}
    after.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 60}


async def test_an_acknowledged_batch_lets_go_of_its_records(bench: Bench) -> None:
    (message,) = await bench.fetch({P0: records(P0, 0, 9)})
    message.ack(bench.consumer)
    assert message.value is None


async def test_a_fetch_that_outlives_its_generation_is_dropped_and_read_again(bench: Bench) -> None:
    async def rebalance() -> None:
        await bench.consumer.hand_back()
        await bench.begin(generation=2)

    bench.broker.during_a_fetch = rebalance
    assert await bench.fetch({P0: records(P0, 0, 9)}) == []
    assert bench.broker.asked.count("seek to committed") == 3  # the start, the rebalance, and to read again
    (again,) = await bench.fetch({P0: records(P0, 0, 9)})
    assert again.generation_id == 2


async def test_a_fetch_that_ends_after_the_seek_of_a_rebalance_and_before_its_end_is_read_again(bench: Bench) -> None:
    """Its records were fetched from where the seek had gone: nothing else would bring them again."""

    async def sought_but_not_resumed() -> None:
        await bench.consumer.hand_back()
        bench.app.consumer_generation_id = 2
        await bench.consumer.on_partitions_assigned({P0, P1}, 2)
        bench.consumer.resume_partitions({P0, P1})
        await bench.consumer.perform_seek()

    bench.broker.during_a_fetch = sought_but_not_resumed
    assert await bench.fetch({P0: records(P0, 0, 9)}) == []
    bench.app.flow_control.resume()
    bench.consumer.resume_flow()
    assert await bench.fetch() == []
    assert bench.broker.asked.count("seek to committed") == 3  # the start, the rebalance, and to read again
    (again,) = await bench.fetch({P0: records(P0, 0, 9)})
    assert (again.generation_id, again.offset) == (2, 9)


async def test_a_fetch_that_ends_before_the_seek_of_a_rebalance_is_brought_again_by_that(bench: Bench) -> None:
    bench.broker.during_a_fetch = bench.consumer.hand_back
    assert await bench.fetch({P0: records(P0, 0, 9)}) == []
    await bench.begin(generation=2)
    (again,) = await bench.fetch({P0: records(P0, 0, 9)})
    assert again.offset == 9
    assert bench.broker.asked.count("seek to committed") == 2


async def test_a_rebalance_that_begins_between_two_partitions_of_a_fetch_ends_it(bench: Bench) -> None:
    bench.broker.fetches.append({P0: records(P0, 0, 9), P1: records(P1, 0, 9)})
    seen = []
    async for tp, _ in bench.consumer.getmany(timeout=0.1):
        seen.append(tp)
        await bench.consumer.hand_back()
    assert seen == [P0]


async def test_a_seek_tells_the_listener_where_each_partition_begins_before_records_flow(bench: Bench) -> None:
    assert bench.broker.asked == ["seek to committed", "seek to beginning [0, 1]"]
    assert bench.listener.told == [("assigned", "trades", 0, 1, None), ("assigned", "trades", 1, 1, None)]
    bench.broker.committed = {P0: 40}
    bench.broker.asked.clear()
    bench.listener.told.clear()
    await bench.begin(generation=2)
    assert bench.broker.asked == ["seek to committed", "seek to beginning [1]"]
    assert bench.listener.told == [("assigned", "trades", 0, 2, 40), ("assigned", "trades", 1, 2, None)]


async def test_what_is_read_again_within_an_assignment_is_committed_once_it_is_acknowledged_again(bench: Bench) -> None:
    await bench.fetch({P0: records(P0, 0, 9)})
    await bench.consumer.perform_seek()
    (again,) = await bench.fetch({P0: records(P0, 0, 14)})
    again.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 15}


async def test_handing_back_drains_commits_and_only_then_ends_the_partitions(bench: Bench) -> None:
    (message,) = await bench.fetch({P0: records(P0, 0, 9)})
    bench.listener.told.clear()
    bench.listener.on_drain = lambda: message.ack(bench.consumer)
    await bench.consumer.on_partitions_revoked({P0, P1})
    assert bench.listener.told == [("drain",), ("revoked",)]
    assert bench.broker.committed == {P0: 10}
    assert not bench.app.flow_control.is_active()


async def test_an_acknowledgement_after_the_end_of_its_assignment_commits_nothing(bench: Bench) -> None:
    old, older = [(await bench.fetch({P0: records(P0, start, start + 9)}))[0] for start in (0, 10)]
    await bench.consumer.on_partitions_revoked({P0, P1})
    old.ack(bench.consumer)
    older.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {}


async def test_an_acknowledgement_of_an_earlier_assignment_does_not_stand_for_the_same_offsets_in_this_one(
    bench: Bench,
) -> None:
    (old,) = await bench.fetch({P0: records(P0, 0, 9)})
    await bench.consumer.on_partitions_revoked({P0, P1})
    await bench.begin(generation=2)
    (same, following) = [(await bench.fetch({P0: records(P0, start, start + 9)}))[0] for start in (0, 10)]
    old.ack(bench.consumer)
    following.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {}
    same.ack(bench.consumer)
    await bench.consumer.commit()
    assert bench.broker.committed == {P0: 20}


async def test_a_seek_that_a_rebalance_overtakes_tells_of_no_more_partitions() -> None:
    class EndsItself(Listener):
        async def assigned(self, topic: str, partition: int, generation: int, committed: int | None) -> None:
            await super().assigned(topic, partition, generation, committed)
            await bench.consumer.hand_back()

    bench = Bench(EndsItself())
    await bench.begin()
    assert bench.listener.told == [("assigned", "trades", 0, 1, None), ("drain",), ("revoked",)]
