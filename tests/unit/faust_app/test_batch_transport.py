"""What is handed out, what may be committed, and what a rebalance makes of it; the broker's side is scripted."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP, ConsumerMessage

from streams.app.batch_transport import BatchConsumer, BatchTransport
from streams.app.faust_app import AppOptions, build_app

P0, P1 = TP("trades", 0), TP("trades", 1)


def records(tp: TP, first: int, last: int) -> list[ConsumerRecord[Any, Any]]:
    return [
        ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"k", b"v", None, 1, 1, ())
        for offset in range(first, last + 1)
    ]


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


class ScriptedThread(AIOKafkaConsumerThread):
    """The broker: what it has committed, what a fetch brings, and what is asked of it."""

    consumer: "ScriptedConsumer"

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        return await self.consumer.broker.fetch()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        self.consumer.broker.asked.append("seek to committed")
        return {tp: self.consumer.broker.committed.get(tp) for tp in self.assignment()}  # type: ignore[misc]

    async def seek_to_beginning(self, *partitions: Any) -> None:
        self.consumer.broker.asked.append(f"seek to beginning {[tp.partition for tp in partitions]}")

    async def commit(self, tps: Mapping[TP, int]) -> bool:
        self.consumer.broker.committed.update(tps)
        return True

    def assignment(self) -> set[TP]:
        return set(self.consumer.broker.assigned)


class Broker:
    def __init__(self) -> None:
        self.assigned: set[TP] = {P0, P1}
        self.committed: dict[TP, int] = {}
        self.asked: list[str] = []
        self.fetches: list[Mapping[TP, list[Any]]] = []
        self.during_a_fetch: Callable[[], Awaitable[None]] | None = None

    async def fetch(self) -> Mapping[TP, list[Any]]:
        brought = self.fetches.pop(0) if self.fetches else {}
        if self.during_a_fetch:
            meanwhile, self.during_a_fetch = self.during_a_fetch, None
            await meanwhile()
        return brought


class ScriptedConsumer(BatchConsumer):
    broker: Broker

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return ScriptedThread(self, loop=self.loop, beacon=self.beacon)


class ScriptedTransport(BatchTransport):
    Consumer = ScriptedConsumer


class Bench:
    """A consumer in generation 1 with both partitions, whose flow is on."""

    def __init__(self, listener: Listener | None = None) -> None:
        self.listener = listener or Listener()
        self.broker = Broker()
        self.app = build_app(AppOptions("group", "127.0.0.1:1", rest_seconds=0), {}, self.listener)
        self.app.transport = ScriptedTransport(
            self.app.conf.broker_consumer, self.app, listener=self.listener, rest_seconds=0
        )
        self.consumer: ScriptedConsumer = self.app.consumer  # type: ignore[assignment]
        self.consumer.broker = self.broker
        self.app.topics.acking_topics.add("trades")

    async def begin(self, generation: int = 1) -> None:
        """What Faust does when a rebalance has ended."""
        self.app.consumer_generation_id = generation
        await self.consumer.on_partitions_assigned(set(self.broker.assigned), generation)
        self.consumer.resume_partitions(self.broker.assigned)
        await self.consumer.perform_seek()
        self.app.flow_control.resume()
        self.consumer.resume_flow()

    async def fetch(self, *brought: Mapping[TP, list[Any]]) -> list[ConsumerMessage]:
        self.broker.fetches.extend(brought)
        messages = [message async for _, message in self.consumer.getmany(timeout=0.1)]
        for message in messages:
            message.incref()
        return messages


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
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
