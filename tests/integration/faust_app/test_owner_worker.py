"""Owners in workers over a real Kafka: where records begin, whose a partition is, and what a claim that takes long holds up."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from ops.runtime.clock import SystemClock
from storage.log.kafka import KafkaLog
from storage.log.port import Bounds, Message, PositionLost, Record
from storage.topics import ORDER_COMMANDS, Topics
from streams.app.faust_app import AppOptions
from streams.app.owner_worker import OwnerWorker, WorkerFailed
from streams.owner.ports import Membership

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(90)]
PARTITIONS = {ORDER_COMMANDS: 2, "order-events": 2}


class Keeper:
    """An owner that begins where it is told, acknowledges at once, and remembers."""

    def __init__(self, starts: dict[int, int] | None = None) -> None:
        self.starts = starts or {}
        self.claims = {0: asyncio.Event(), 1: asyncio.Event()}
        self.memberships: dict[int, list[Membership]] = {0: [], 1: []}
        self.seen: dict[int, list[int]] = {0: [], 1: []}
        self.revoked_ones: list[int] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for claim in self.claims.values():
            claim.set()

    async def assigned(self, partition: int, membership: Membership) -> int:
        self.memberships[partition].append(membership)
        await self.claims[partition].wait()
        seen = self.seen[partition]
        return seen[-1] + 1 if seen else self.starts.get(partition, 0)

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        self.seen[partition] += [record.offset for record in records]
        acknowledge()

    async def drain(self) -> None: ...

    async def revoked(self, partition: int) -> None:
        self.revoked_ones.append(partition)


class Running:
    """A worker in a task of its own."""

    def __init__(self, log: KafkaLog, keeper: Keeper) -> None:
        options = AppOptions(
            "orders", log.bootstrap, log.topics.prefix, rest_seconds=0, session_seconds=6.0, heartbeat_seconds=0.5
        )
        self.keeper, self.stop = keeper, asyncio.Event()
        self.worker = OwnerWorker(options, ORDER_COMMANDS, keeper, log, SystemClock(), failure=keeper.failure)
        self.task = asyncio.create_task(self.worker.run(self.stop))

    @property
    def owned(self) -> list[int]:
        return [held.partition for held in self.worker.state.partitions]

    async def end(self) -> None:
        self.stop.set()
        await self.task


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not reached():  # noqa: ASYNC110  (it is another thread that knows)
            await asyncio.sleep(0.02)


@pytest.fixture
async def log(kafka_address: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(kafka_address, Topics(PARTITIONS, prefix=f"owner-{uuid.uuid4().hex[:8]}-"))
    await log.start()
    await log.admin().create([ORDER_COMMANDS])
    yield log
    await log.close()


async def produce(log: KafkaLog, count: int) -> dict[int, int]:
    """So many commands; how many each partition has now."""
    await log.append_many(ORDER_COMMANDS, [Message(b"%d" % number, b"{}") for number in range(count)])
    return {partition: bounds.next for partition, bounds in (await log.bounds(ORDER_COMMANDS)).items()}


async def test_records_begin_where_the_owner_says_whatever_is_committed(log: KafkaLog) -> None:
    ends = await produce(log, 100)
    await log.commit("orders", ORDER_COMMANDS, {0: 30, 1: 5})
    running = Running(log, Keeper({0: 11, 1: 20}))
    await until(lambda: sum(map(len, running.keeper.seen.values())) == ends[0] - 11 + ends[1] - 20)
    assert running.keeper.seen == {0: list(range(11, ends[0])), 1: list(range(20, ends[1]))}
    more = await produce(log, 20)
    await until(lambda: running.keeper.seen[1][-1] == more[1] - 1)
    assert running.worker.state.joined
    assert running.keeper.revoked_ones == []
    await running.end()
    assert await log.committed("orders", ORDER_COMMANDS) == more
    assert sorted(running.keeper.revoked_ones) == [0, 1]
    assert running.worker.state.partitions == ()


async def test_a_partition_is_his_who_has_the_newest_assignment(log: KafkaLog) -> None:
    await produce(log, 10)
    first = Running(log, Keeper())
    await until(lambda: first.owned == [0, 1])
    before = {partition: held[-1] for partition, held in first.keeper.memberships.items()}
    assert [await before[0].still_mine(), await before[1].still_mine()] == [True, True]

    second = Running(log, Keeper())
    await until(lambda: len(first.owned) == len(second.owned) == 1)
    [kept], [moved] = first.owned, second.owned
    assert [await before[0].still_mine(), await before[1].still_mine()] == [False, False]
    assert await first.keeper.memberships[kept][-1].still_mine()
    assert await second.keeper.memberships[moved][-1].still_mine()
    assert first.keeper.revoked_ones == [moved]  # what it kept was never given up
    assert (await log.committed("orders", ORDER_COMMANDS))[kept] == first.keeper.seen[kept][-1] + 1
    await second.end()
    await until(lambda: first.owned == [0, 1])
    ends = await produce(log, 20)
    await until(lambda: {p: len({*first.keeper.seen[p], *second.keeper.seen[p]}) for p in (0, 1)} == ends)
    await first.end()


async def test_a_claim_that_takes_longer_than_the_session_holds_up_neither_heartbeats_nor_other_partitions(
    log: KafkaLog,
) -> None:
    keeper = Keeper()
    keeper.claims[0].clear()
    running = Running(log, keeper)
    await until(lambda: running.owned == [1])
    ends = await produce(log, 50)
    await until(lambda: len(keeper.seen[1]) == ends[1])
    await asyncio.sleep(8.0)  # longer than the session
    assert (running.worker.state.joined, running.worker.state.claiming, keeper.seen[0]) == (True, (0,), [])
    assert await keeper.memberships[0][-1].still_mine()
    keeper.claims[0].set()
    await until(lambda: len(keeper.seen[0]) == ends[0])
    assert (len(keeper.memberships[0]), running.worker.state.claiming) == (1, ())
    await running.end()


async def test_the_failure_of_the_owner_ends_the_worker(log: KafkaLog) -> None:
    running = Running(log, Keeper())
    await until(lambda: running.owned == [0, 1])
    running.keeper.failure.set_exception(ValueError("offset 3 cannot be decided"))
    with pytest.raises(WorkerFailed, match=r"^group orders: ValueError: offset 3 cannot be decided$"):
        await running.task
    assert sorted(running.keeper.revoked_ones) == [0, 1]


async def test_commands_that_the_log_has_lost_before_they_were_decided_are_not_passed_over(log: KafkaLog) -> None:
    class Shortened(KafkaLog):
        async def bounds(self, topic: str) -> dict[int, Bounds]:
            return dict.fromkeys((0, 1), Bounds(50, 60))

    shortened = Shortened(log.bootstrap, log.topics)
    running = Running(shortened, Keeper({0: 49, 1: 50}))
    with pytest.raises(WorkerFailed, match="order-commands-0 holds offsets 50 to 59, not 49") as failed:
        await running.task
    assert isinstance(failed.value.__cause__, PositionLost)
