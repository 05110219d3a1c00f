"""Halts: answered when the holder of each newest claim applies them, else after the wait with the partitions named."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from ops.processes.controls import halting_of
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.runtime.clock import SystemClock
from ops.runtime.health import Health
from ops.runtime.identifiers import SystemIdentifiers
from storage.controls.claims import NewestClaims
from storage.controls.halting import Halting, NoSuchHalt
from storage.log.port import Message, Tail
from storage.models.controls import Halt
from storage.models.operations import Heartbeat, OwnedPartition, owned_partitions
from storage.models.ownership import ClaimHistory, Floor, record_headers
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS
from streams.app.memory_owner_runner import OnlyMember
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from tests.integration.controls.conftest import PARTITIONS
from tests.integration.controls.place import Place
from tests.simulation.owner.ledger import Ledger

HALT = Halt("hlt_1", "platform", "", "halted", "a test")
EVERY = range(PARTITIONS)


def claims_of(place: Place) -> NewestClaims:
    """Those of order-events."""
    database = place.platform.store.database
    claims, floors = ClaimHistories(database, ORDER_EVENTS), Floors(database, ORDER_EVENTS)
    return NewestClaims(place.platform.log, ORDER_EVENTS, PARTITIONS, claims, floors)


def halting(place: Place, wait_seconds: float) -> Halting:
    """One that waits `wait_seconds` for the owners."""
    beats = Heartbeats(place.platform.store.database)
    return Halting(place.announcer(), claims_of(place), beats, SystemClock(), wait_seconds)


async def beat(place: Place, process: str, owners: Mapping[int, tuple[int, int]]) -> None:
    """A process says of partitions: epoch and version."""
    said = [
        OwnedPartition(topic=ORDER_EVENTS, partition=partition, epoch=epoch, controls_version=version)
        for partition, (epoch, version) in owners.items()
    ]
    now = SystemClock().now()
    heartbeat = Heartbeat(
        process_id=process, role="orders", version="1", host="h", started_at=now, beat_at=now, ready=True, owners=said
    )
    await Heartbeats(place.platform.store.database).beat(heartbeat)


async def test_where_nobody_has_ever_decided_a_halt_holds_at_once(place: Place) -> None:
    outcome = await halting(place, 10).halt(HALT)
    assert (outcome.halt_id, outcome.controls_version, outcome.not_applied) == ("hlt_1", 0, [])
    assert outcome.unclaimed == list(EVERY)
    assert outcome.applied_ms is not None
    assert outcome.applied_ms < 1_000


async def test_a_halt_answers_when_the_holder_of_each_newest_claim_reports_it(place: Place) -> None:
    epochs = {partition: await place.claim(partition) for partition in EVERY}
    await beat(place, "a", {partition: (epoch, -1) for partition, epoch in epochs.items()})
    halted = asyncio.create_task(halting(place, 10).halt(HALT))
    await asyncio.sleep(0.2)
    await beat(place, "a", {partition: (epochs[partition], 0) for partition in (0, 1)})
    await asyncio.sleep(0.2)
    assert not halted.done()
    newer = await place.claim(3)  # after the look-up: its owner has read the halt
    await beat(place, "b", {2: (epochs[2], 0), 3: (newer, 0)})
    outcome = await halted
    assert outcome.not_applied == []
    assert outcome.applied_ms is not None
    assert 400 <= outcome.applied_ms < 5_000


async def test_partitions_that_do_not_apply_it_are_named_with_the_reason(place: Place) -> None:
    epochs = {partition: await place.claim(partition) for partition in EVERY}
    newest = await place.claim(2)
    says = {0: (epochs[0], 9), 1: (epochs[1], -1), 2: (epochs[2], 9)}  # partition 3: nobody
    await beat(place, "orders-1", says)
    outcome = await halting(place, 3).halt(HALT)
    assert (outcome.applied_ms, outcome.controls_version, outcome.not_applied) == (None, 0, [1, 2, 3])
    assert outcome.reasons == {
        1: "its owner, orders-1, is at version -1 of the controls, not 0",
        2: f"no process says that it holds the newest claim (offset {newest})",
        3: f"no process says that it holds the newest claim (offset {epochs[3]})",
    }
    assert [control.document for control in await halting(place, 1).list()] == [HALT]


async def test_a_halt_that_cannot_be_announced_is_stored_and_says_so(place: Place) -> None:
    await place.platform.log.close()
    outcome = await halting(place, 3).halt(HALT)
    assert (outcome.controls_version, outcome.applied_ms, outcome.not_applied) == (None, None, list(EVERY))
    assert all(reason.startswith("it is not announced yet") for reason in outcome.reasons.values())
    assert [stored.document for stored in await place.documents.unannounced(SystemClock().now())] == [HALT]


async def test_a_lifted_halt_is_gone_and_stays_on_record(place: Place) -> None:
    service = halting(place, 2)
    await service.halt(HALT)
    outcome = await service.lift("hlt_1")
    assert (outcome.halt_id, outcome.controls_version, outcome.not_applied) == ("hlt_1", 1, [])
    assert await service.list() == []
    [control] = await service.list(lifted=True)
    assert control.revision == 2
    assert (await service.lift("hlt_1")).controls_version == 1
    tail = await place.tail()
    assert not tail.current.halted
    with pytest.raises(NoSuchHalt, match="hlt_2"):
        await service.lift("hlt_2")


class SpyLog:
    """Notes where readers begin."""

    def __init__(self, place: Place) -> None:
        self._log = place.platform.log
        self.starts: list[Mapping[int, int]] = []
        self.bounds = self._log.bounds

    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> Tail:
        self.starts.append(start)
        return self._log.tail(topic, start)


async def test_newest_claims_are_looked_up_from_what_the_owners_have_noted(place: Place) -> None:
    database = place.platform.store.database
    histories, floors = ClaimHistories(database, ORDER_EVENTS), Floors(database, ORDER_EVENTS)
    for partition in (0, 1, 2):
        await place.claim(partition)
        await place.append(partition, *[Message(b"a", b"", record_headers(0, None, 1, ()))] * 9)
    await floors.raise_to(Floor(0, upto=9, claim=0))  # everything
    await floors.raise_to(Floor(1, upto=4, claim=0))
    await histories.extend_to(ClaimHistory(1, 7, (0,)))  # the further of the two
    await place.claim(1)
    spy = SpyLog(place)
    looked_up = await NewestClaims(spy, ORDER_EVENTS, PARTITIONS, histories, floors).look_up()  # type: ignore[arg-type]
    assert looked_up == {0: 0, 1: 10, 2: 0, 3: -1}
    assert spy.starts == [{1: 8, 2: 0}]


@asynccontextmanager
async def owning_process(place: Place) -> AsyncIterator[Owner]:
    """A process that owns every partition, and says so."""
    platform, tail = place.platform, await place.tail()
    database = platform.store.database
    ports = OwnerPorts(
        platform.log,
        Checkpoints(database, ORDER_EVENTS),
        Floors(database, ORDER_EVENTS),
        ClaimHistories(database, ORDER_EVENTS),
        tail,
        SystemClock(),
        SystemIdentifiers(),
    )
    owner = Owner(Ledger(), ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), OwnerOptions())

    def progress() -> Progress:
        return Progress(owners=owned_partitions(ORDER_EVENTS, owner.reports()))

    await asyncio.gather(*(owner.assigned(partition, OnlyMember()) for partition in EVERY))
    beating = asyncio.create_task(HeartbeatTask(platform, "orders", Health(), progress, owner.reports).run())
    try:
        yield owner
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        for partition in EVERY:
            await owner.revoked(partition)


async def test_owners_that_follow_the_controls_apply_a_halt_long_before_the_next_regular_heartbeat(
    place: Place,
) -> None:
    async with owning_process(place):
        service = halting_of(place.platform)
        await asyncio.sleep(0.6)  # the first heartbeat
        times = []
        for number in range(6):
            outcome = await service.halt(Halt(f"hlt_{number}", "symbol", "AAPL.US", "halted"))
            assert outcome.not_applied == []
            assert outcome.applied_ms is not None
            times.append(outcome.applied_ms)
    print("time to halt, ms:", ", ".join(f"{time:.1f}" for time in times))  # noqa: T201
    assert sorted(times)[2] < 400  # waiting for regular beats alone would take 250 on average, and 500 at worst
    assert await Heartbeats(place.platform.store.database).all(0) == []
