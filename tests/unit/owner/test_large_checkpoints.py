"""Checkpoints of large states: a few at a time, one that no document can hold left out, a store that refuses survived."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.ownership import Checkpoint, ClaimHistory, Floor
from storage.mongo.connect import Store, connect
from storage.mongo.failures import WriteRefused
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.owner.checkpoints import AT_ONCE_BYTES, LARGEST_BYTES, Checkpointer
from streams.owner.claiming import Standing
from streams.owner.owner import Owner
from streams.owner.ports import Charge, OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.uncovered import Uncovered
from tests.simulation.owner.ledger import Account, Ask, Ledger, message_of

TOPICS = OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS)


class NoControls:
    version = 1

    async def catch_up(self) -> None: ...


class Sized(Ledger):
    """The snapshot of an account has `total` bytes."""

    def snapshot(self, state: Account) -> bytes:
        return bytes(state.total)


class RefusingCheckpoints:
    """Takes nothing, however often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def write(self, checkpoints: Sequence[Checkpoint]) -> list[bytes]:
        self.asked += 1
        raise WriteRefused("too large")

    async def of_partition(self, partition: int) -> list[Checkpoint]:
        return []

    async def furthest(self, keys: Sequence[bytes]) -> int:
        return -1


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = connect("mongomock://", "large")
    yield opened
    opened.close()


def ports_over(store: Store) -> OwnerPorts:
    database, log = store.database, MemoryLog(Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1}))
    return OwnerPorts(
        log,
        Checkpoints(database, ORDER_EVENTS),
        Floors(database, ORDER_EVENTS),
        ClaimHistories(database, ORDER_EVENTS),
        NoControls(),
        SystemClock(),
        SystemIdentifiers(),
    )


def checkpointer(ports: OwnerPorts) -> Checkpointer:
    standing: Standing[Account] = Standing({}, -1, 0, Uncovered(), Floor(0), ClaimHistory(0, 0, (0,)))
    return Checkpointer(Charge(0, Sized(), ports, TOPICS, OwnerOptions()), standing, 0)


def accounts(*sizes: int) -> dict[bytes, Account]:
    return {b"a%d" % number: Account(f"a{number}", total=size) for number, size in enumerate(sizes)}


async def test_states_that_are_large_together_are_kept_a_few_at_a_time(store: Store) -> None:
    ports = ports_over(store)
    keeper, states = checkpointer(ports), accounts(*[AT_ONCE_BYTES // 2] * 5)
    for offset, key in enumerate(states, start=1):
        keeper.acknowledged(key, offset, offset, offset)
    kept = []
    for floor in (2, 4, 5):
        taken = keeper.take(states)
        await keeper.write(taken)
        kept.append([checkpoint.key for checkpoint in taken.checkpoints])
        assert (await ports.floors.get(0)).upto == floor
    assert kept == [[b"a0", b"a1"], [b"a2", b"a3"], [b"a4"]]


@pytest.mark.parametrize(("size", "rests"), [(10, 1.0), (AT_ONCE_BYTES * 7 // 2, 3.5), (LARGEST_BYTES, 6.0)])
async def test_the_larger_a_state_the_longer_until_the_next_checkpoint(store: Store, size: int, rests: float) -> None:
    keeper, states = checkpointer(ports_over(store)), accounts(size)
    keeper.acknowledged(b"a0", 1, 1, 1)
    assert keeper.take(states).rests == rests


async def test_a_state_that_no_document_can_hold_keeps_the_floor_and_nobody_else(store: Store) -> None:
    ports = ports_over(store)
    keeper, states = checkpointer(ports), accounts(10, LARGEST_BYTES + 1, 10)
    for offset, key in enumerate(states, start=1):
        keeper.acknowledged(key, offset, offset, offset)
    taken = keeper.take(states)
    await keeper.write(taken)
    assert [checkpoint.key for checkpoint in taken.checkpoints] == [b"a0", b"a2"]
    assert (await ports.floors.get(0)).upto == 1

    states[b"a1"] = Account("a1", total=10)  # it has forgotten most of it
    await keeper.write(keeper.take(states))
    assert (await ports.floors.get(0)).upto == 3


async def test_a_store_that_refuses_checkpoints_ends_no_owner(store: Store) -> None:
    refusing = RefusingCheckpoints()
    ports = replace(ports_over(store), checkpoints=refusing)
    owner = Owner(Ledger(), ports, TOPICS, OwnerOptions(checkpoint_seconds=0.01))
    runner, stop = MemoryOwnerRunner(ports.log, ORDER_COMMANDS, owner, "orders"), asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    await runner.ready()
    async with asyncio.timeout(10):
        for number in range(3):
            wanted = refusing.asked + 1
            command: Message = message_of(Ask(f"c{number}", "a", "add", 1))
            await ports.log.append(ORDER_COMMANDS, command)
            while refusing.asked < wanted or runner.positions()[0] <= number:  # noqa: ASYNC110  (tells nobody)
                await asyncio.sleep(0.005)
    stop.set()
    await running
    assert not owner.failure.done()
