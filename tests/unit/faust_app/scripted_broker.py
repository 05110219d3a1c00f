"""The broker's side of the transports, scripted: what it has committed, what a fetch brings, what is asked of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP, ConsumerMessage

from streams.app.batch_transport import BatchConsumer, BatchTransport
from streams.app.faust_app import AppOptions, build_app
from streams.app.owned_transport import OwnedConsumer, OwnedTransport

P0, P1 = TP("trades", 0), TP("trades", 1)


def records(tp: TP, first: int, last: int) -> list[ConsumerRecord[Any, Any]]:
    return [
        ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"k", b"v", None, 1, 1, ())
        for offset in range(first, last + 1)
    ]


class ScriptedThread(AIOKafkaConsumerThread):
    """What the consumer asks of the broker."""

    consumer: "ScriptedConsumer | ScriptedOwnedConsumer"

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        self.consumer.broker.fetched.append(set(active_partitions or ()))
        return await self.consumer.broker.fetch()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.consumer.broker.sought.update(partitions)

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
        self.sought: dict[TP, int] = {}
        self.fetches: list[Mapping[TP, list[Any]]] = []
        self.fetched: list[set[TP]] = []
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


class ScriptedOwnedConsumer(OwnedConsumer):
    broker: Broker

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return ScriptedThread(self, loop=self.loop, beacon=self.beacon)


class ScriptedOwnedTransport(OwnedTransport):
    Consumer = ScriptedOwnedConsumer


class Bench:
    """A consumer in generation 1 with both partitions, whose flow is on."""

    def __init__(self, listener: Any, transport: type[BatchTransport] = ScriptedTransport) -> None:
        self.listener = listener
        self.broker = Broker()
        self.app = build_app(AppOptions("group", "127.0.0.1:1", rest_seconds=0), {}, listener)
        self.app.transport = transport(self.app.conf.broker_consumer, self.app, listener=listener, rest_seconds=0)
        self.consumer: Any = self.app.consumer
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
