"""The owner over the memory log, as the local profile runs it: decide, restart, asides, and rules that do not keep their word."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.log.valid_records import ValidRecords
from storage.models.ownership import claim_headers
from storage.mongo.connect import Store, connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from tests.simulation.owner.ledger import Ask, Happened, Ledger, happened, message_of


class NoControls:
    version = 1

    async def catch_up(self) -> None: ...


class Place:
    """A log, a store, and owners that come and go."""

    def __init__(self, store: Store) -> None:
        self.log = MemoryLog(Topics({ORDER_COMMANDS: 2, ORDER_EVENTS: 2}))
        database = store.database
        self.floors, self.checkpoints = Floors(database, ORDER_EVENTS), Checkpoints(database, ORDER_EVENTS)
        self.ports = OwnerPorts(
            self.log,
            self.checkpoints,
            self.floors,
            ClaimHistories(database, ORDER_EVENTS),
            NoControls(),
            SystemClock(),
            SystemIdentifiers(),
        )

    def owner(self, rules: Ledger | None = None) -> Owner:
        options = OwnerOptions(checkpoint_seconds=0.02)
        return Owner(rules or Ledger(), self.ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), options)

    async def run(self, owner: Owner, until: Callable[[MemoryOwnerRunner], bool]) -> None:
        """Run until the condition holds, then stop."""
        runner, stop = MemoryOwnerRunner(self.log, ORDER_COMMANDS, owner, "orders"), asyncio.Event()
        running = asyncio.create_task(runner.run(stop))
        await runner.ready()
        async with asyncio.timeout(10):
            while not until(runner):  # noqa: ASYNC110  (what is waited for tells nobody)
                await asyncio.sleep(0.005)
        stop.set()
        await running

    async def events(self) -> list[Happened]:
        found = []
        for partition, bounds in (await self.log.bounds(ORDER_EVENTS)).items():
            judge = ValidRecords()
            async for records in self.log.read(ORDER_EVENTS, partition, 0, bounds.next):
                found += [happened(record) for record in judge.take(records)]
        return found


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    store = connect("mongomock://", "owner")
    yield Place(store)
    store.close()


async def test_each_command_gets_one_record_and_a_restart_goes_on(place: Place) -> None:
    asks = [Ask(f"c{number}", f"account{number % 5}", "add", 1) for number in range(40)]
    await place.log.append_many(ORDER_COMMANDS, [message_of(ask) for ask in asks[:25]])
    await place.run(place.owner(), lambda runner: sum(runner.positions().values()) == 25)
    await place.log.append_many(ORDER_COMMANDS, [message_of(ask) for ask in [*asks[25:], *asks[:10]]])
    await place.run(place.owner(), lambda runner: sum(runner.positions().values()) == 50)

    events = await place.events()
    assert len(events) == 50
    assert [event.effect for event in events].count("repeated") == 10
    assert {event.account: event.total for event in events} == {f"account{number}": 8 for number in range(5)}
    for account in range(5):
        seqs = [event.seq for event in events if event.account == f"account{account}"]
        assert seqs == list(range(1, 11))
    assert {event.controls for event in events} == {1}


async def test_checkpoints_and_the_floor_follow_what_stands(place: Place) -> None:
    await place.log.append_many(ORDER_COMMANDS, [message_of(Ask(f"c{n}", f"account{n}", "add", 1)) for n in range(30)])
    owner = place.owner()
    runner, stop = MemoryOwnerRunner(place.log, ORDER_COMMANDS, owner, "orders"), asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    ends = {}
    async with asyncio.timeout(10):
        while not ends or any([(await place.floors.get(p)).upto != end for p, end in ends.items()]):
            await asyncio.sleep(0.01)
            if sum(runner.positions().values()) == 30:
                ends = {p: bounds.next - 1 for p, bounds in (await place.log.bounds(ORDER_EVENTS)).items()}
    stop.set()
    await running
    assert sum([len(await place.checkpoints.of_partition(partition)) for partition in (0, 1)]) == 30
    floor = await place.floors.get(0)
    assert (floor.claim, floor.cause) == (0, (await place.log.bounds(ORDER_COMMANDS))[0].next - 1)


async def test_follow_ups_and_deadlines_come_back_as_commands(place: Place) -> None:
    now = SystemClock().now()
    asks = [Ask("fan", "a", "fan", 3), Ask("arm", "a", "arm", name="api", due=now + 50_000_000)]
    await place.log.append_many(ORDER_COMMANDS, [message_of(ask) for ask in asks])
    await place.run(place.owner(), lambda runner: sum(runner.positions().values()) == 6)
    events = await place.events()
    assert [event.kind for event in events] == ["fan", "arm", "asked", "asked", "asked", "fire"]
    assert {event.effect for event in events} == {"applied"}


async def test_what_comes_from_elsewhere_than_the_log_may_go_without_a_record(place: Place) -> None:
    owner = place.owner()
    done = []

    def offer(runner: MemoryOwnerRunner) -> bool:
        if not done:
            done.append(owner.aside(0, [Ask("quote", "a", "add", 1), Ask("quote", "a", "add", 1)]))
        return len(place.log._partitions[ORDER_EVENTS][0].records) == 2

    await place.run(owner, offer)
    [event] = await place.events()
    assert (event.cause, event.total) == (None, 1)


async def test_rules_that_give_a_command_no_record_end_the_owner(place: Place) -> None:
    class Silent(Ledger):
        def decide(self, state, command, moment):
            return None

    await place.log.append_many(ORDER_COMMANDS, [message_of(Ask("c", "a", "add"))])
    owner = place.owner(Silent())
    await place.run(owner, lambda runner: owner.failure.done())
    with pytest.raises(TypeError, match="the command at 0 got no record"):
        owner.failure.result()


async def test_a_report_names_partition_claim_and_controls(place: Place) -> None:
    owner = place.owner()
    reports = []
    await place.run(owner, lambda runner: bool(reports.extend(owner.reports()) or reports))
    assert sorted(reports) == [(0, 0, 1), (1, 0, 1)]
    assert owner.reports() == []


async def test_a_no_to_an_assignment_of_before_does_not_end_the_owner_of_a_newer_one(place: Place) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Before:
        async def still_mine(self) -> bool:
            asked.set()
            await answer.wait()
            return False

    class Now:
        async def still_mine(self) -> bool:
            return True

    owner = place.owner()
    assert await owner.assigned(0, Before()) == 0
    await (await place.log.writer(ORDER_EVENTS, 0)).append([Message(b"claim", b"", claim_headers("another"))])
    key = next(f"a{n}" for n in range(99) if place.log._topics.partition(ORDER_COMMANDS, b"a%d" % n) == 0)
    await place.log.append(ORDER_COMMANDS, message_of(Ask("c", key, "add", 1)))
    records = [record async for batch in place.log.read(ORDER_COMMANDS, 0, 0, 1) for record in batch]
    done = []
    await owner.take(0, records, lambda: done.append(1))
    await asked.wait()
    await owner.assigned(0, Now())
    answer.set()
    async with asyncio.timeout(5):
        await owner.drain()
    assert done == [1]
    assert len(await place.events()) == 1
    await owner.revoked(0)
